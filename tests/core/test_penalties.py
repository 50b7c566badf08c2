"""Penalties and their gradient, the bound on the norm, and which weight is of which kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import gradients, tree
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.penalties import Penalty, Weights

SEEDS = st.integers(0, 2**32 - 1)
FACTORS = st.sampled_from([0.0, 1e-4, 0.5, 3.0])
MODELS = st.sampled_from([(), (2,), (2, 3)])
WEIGHTS = st.builds(Weights, FACTORS, FACTORS)
PENALTIES = st.builds(Penalty, WEIGHTS, WEIGHTS, WEIGHTS)


def draw(seed, models=(), scale=1.0):
    """Return the parameters of a network, so many models side by side."""
    rng = np.random.default_rng(seed)
    params, _ = Stack((Recurrent(3), Dense(2))).init(rng, 4)
    return tree.map(lambda a: scale * rng.standard_normal((*models, *a.shape)), params)


@given(penalty=PENALTIES, models=MODELS, seed=SEEDS)
def test_the_value_is_the_sum_over_all_weights_of_a_model(place, penalty, models, seed):
    params = draw(seed, models)
    kinds = {"W": penalty.input, "U": penalty.recurrent, "b": penalty.bias}
    expected = np.zeros(models)
    for name, a in tree.flatten(params).items():
        for k in np.ndindex(models):
            l1, l2 = kinds[name[-1]].l1, kinds[name[-1]].l2
            expected[k] += sum(l1 * abs(t) + l2 * t**2 for t in a[k].flat)
    value = place.host(penalty.value(place.tree(params), xp=place.xp))
    assert value.shape == models
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@given(penalty=PENALTIES, models=MODELS, seed=SEEDS)
def test_the_gradient_is_that_of_the_value(place, penalty, models, seed):
    params, xp = place.tree(draw(seed, models)), place.xp
    found = penalty.gradient(params, xp=xp)
    report = gradients.compare(lambda p: penalty.value(p, xp=xp), params, found, xp=xp)
    assert report.ok, report


def test_the_gradient_at_zero_is_zero(place):
    params = place.tree({"W": [[0.0, -0.0]]})
    found = Penalty(input=Weights(l1=1.0, l2=1.0)).gradient(params, xp=place.xp)
    np.testing.assert_array_equal(place.host(found["W"]), [[0.0, 0.0]])


@given(
    bounds=st.tuples(*[st.none() | st.floats(0.01, 10)] * 3),
    models=MODELS,
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=SEEDS,
)
def test_the_bound_on_the_norm(place, bounds, models, scale, seed):
    """Columns within the bound are left to the last bit, others keep their direction."""
    penalty = Penalty(*(Weights(max_norm=bound) for bound in bounds))
    params = draw(seed, models, scale)
    bounded = place.host(penalty.constrain(place.tree(params), xp=place.xp))
    for name, a in tree.flatten(params).items():
        bound, b = bounds["WUb".index(name[-1])], tree.flatten(bounded)[name]
        norm = np.sqrt((a * a).sum(axis=-2, keepdims=True))
        within = np.broadcast_to(norm <= (np.inf if bound is None else bound), a.shape)
        np.testing.assert_array_equal(b[within], a[within])
        if bound is not None:
            np.testing.assert_allclose(b[~within], (a * bound / norm)[~within], rtol=1e-12)
            assert (np.sqrt((b * b).sum(axis=-2)) <= bound * (1 + 1e-12)).all()


@given(seed=SEEDS)
def test_models_side_by_side_are_bounded_alone(place, seed):
    penalty = Penalty(*[Weights(max_norm=0.7)] * 3)
    params = draw(seed, (3,))
    both = place.host(penalty.constrain(place.tree(params), xp=place.xp))
    for k in range(3):
        one = place.tree(tree.map(lambda a, k=k: a[k], params))
        one = place.host(penalty.constrain(one, xp=place.xp))
        tree.map(lambda a, b, k=k: np.testing.assert_array_equal(a[k], b), both, one)


def test_kinds_go_by_the_last_part_of_the_name():
    params = {"U": {"W": 0, "b": 0}, "W": ({"U": 0, "v": 0},), "g": 0}
    params = tree.map(lambda _: np.ones((1, 1)), params)
    penalty = Penalty(Weights(l1=1.0), Weights(l1=2.0), Weights(l1=3.0))
    found = {name: a.item() for name, a in tree.flatten(penalty.gradient(params, xp=np)).items()}
    assert found == {"U.W": 1.0, "U.b": 3.0, "W.0.U": 2.0, "W.0.v": 3.0, "g": 3.0}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_structure_stay(place, dtype):
    params, penalty = place.tree(draw(0), dtype), Penalty(*[Weights(0.1, 0.1, 0.5)] * 3)
    for found in (
        penalty.gradient(params, xp=place.xp),
        penalty.constrain(params, xp=place.xp),
    ):
        shapes = tree.map(lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), params, found)
        assert all(tree.leaves(shapes))
    assert penalty.value(params, xp=place.xp).dtype == getattr(place.xp, dtype)


def test_nothing_is_asked_for():
    """And a weight that is not finite stays so."""
    params = draw(1)
    assert Penalty().value(params, xp=np) == 0
    assert all((g == 0).all() for g in tree.leaves(Penalty().gradient(params, xp=np)))
    assert all(map(np.array_equal, *map(tree.leaves, (params, Penalty().constrain(params, xp=np)))))
    with np.errstate(invalid="ignore"):
        bounded = Weights(max_norm=1).constrain(np.array([[np.inf], [1.0]]), xp=np)
    assert not np.isfinite(bounded).all()


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Weights(l1=-1), ValueError, "l1 must be a finite number at least 0, got -1"),
        (lambda: Weights(l2=float("nan")), ValueError, "l2 must be a finite number at least 0"),
        (lambda: Weights(max_norm=0), ValueError, "max_norm must be a finite number above 0"),
        (lambda: Weights(max_norm="x"), TypeError, "max_norm must be a number, got 'x'"),
        (lambda: Penalty(0.1), TypeError, "input must be a penalties.Weights, got 0.1"),
        (lambda: Penalty(recurrent={"l1": 1}), TypeError, "recurrent must be a penalties.Weights"),
        (lambda: Penalty(bias=None), TypeError, "bias must be a penalties.Weights, got None"),
    ],
)
def test_bad_options(build, error, message):
    with pytest.raises(error, match=f"^{message}"):
        build()
