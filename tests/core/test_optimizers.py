"""Optimizers and clipping in closed form; torch.optim is held against them in test_oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import optimizers, schedules, tree
from xprnn.optimizers import SGD, Adam, AdamW, NAdam, RMSprop

SEEDS = st.integers(0, 2**32 - 1)


def test_momentum_acts(place):
    """Mistake 6 of the lecture: with buffers zeroed at every step this would be plain descent.

    Under a constant gradient the step grows towards learning_rate / (1 - momentum).
    """
    xp = place.xp
    one = {"W": place.array([[1.0]])}
    params = {"W": place.array([[0.0]])}
    sgd = SGD(0.1, momentum=0.5)
    state, positions = sgd.init(params, xp=xp), []
    for _ in range(4):
        params, state = sgd.update(one, state, params, xp=xp)
        positions.append(float(params["W"][0, 0]))
    steps = -np.diff([0.0, *positions])
    np.testing.assert_allclose(steps, 0.1 * np.array([1, 1.5, 1.75, 1.875]), rtol=1e-12)


def test_decay_counts_updates():
    sgd = SGD(1.0, decay=0.5)
    assert [sgd.rate(i) for i in range(3)] == [1.0, 1 / 1.5, 1 / 2]
    params, state = {"W": np.zeros((1, 1))}, None
    state = sgd.init(params, xp=np)
    for i in range(3):
        before = params["W"]
        params, state = sgd.update({"W": np.ones((1, 1))}, state, params, xp=np)
        assert float((before - params["W"])[0, 0]) == pytest.approx(sgd.rate(i))


def test_adams_first_step_is_the_learning_rate(place):
    params = {"W": place.array([[1.0, -2.0]])}
    grads = {"W": place.array([[1e-3, -50.0]])}
    adam = Adam(0.01)
    new, _ = adam.update(grads, adam.init(params, xp=place.xp), params, xp=place.xp)
    np.testing.assert_allclose(place.host(new["W"]), [[0.99, -1.99]], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(optimizers.TABLE))
def test_every_backend_steps_as_numpy(place, name):
    """At a rate that changes; test_oracle holds NumPy's steps against torch.optim."""
    optimizer = optimizers.get(name, schedules.Exponential(0.1, 0.9))
    assert steps(optimizer, place.xp, place) == pytest.approx(steps(optimizer, np), rel=1e-12)


def steps(optimizer, xp, place=None):
    """Return the numbers of a matrix after some updates."""
    rng = np.random.default_rng(3)
    arrays = [{"W": rng.standard_normal((2, 3))} for _ in range(6)]
    params, *gradients = [place.tree(a) for a in arrays] if place else arrays
    state = optimizer.init(params, xp=xp)
    for grads in gradients:
        params, state = optimizer.update(grads, state, params, xp=xp)
    return (place.host(params) if place else params)["W"].ravel()


@pytest.mark.parametrize("name", sorted(optimizers.TABLE))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_stays(place, name, dtype):
    """And a rate of NumPy's type float64 makes no float64 of a float32 parameter."""
    optimizer = optimizers.get(name, lambda i: np.float64(0.1))
    first = params = place.tree({"W": [[1.0, 2.0]]}, dtype)
    state = optimizer.init(params, xp=place.xp)
    for _ in range(2):
        params, state = optimizer.update(params, state, params, xp=place.xp)
    dtypes = {a.dtype for a in tree.leaves((params, state)) if hasattr(a, "dtype")}
    assert dtypes == {first["W"].dtype}


@pytest.mark.parametrize("name", sorted(optimizers.TABLE))
def test_models_side_by_side_step_alone(place, name, rng):
    optimizer, xp = optimizers.get(name), place.xp
    params, grads = rng.standard_normal((2, 3, 2, 4))
    both, g = {"W": place.array(params)}, {"W": place.array(grads)}
    both, _ = optimizer.update(g, optimizer.init(both, xp=xp), both, xp=xp)
    for k in range(3):
        one, g = {"W": place.array(params[k])}, {"W": place.array(grads[k])}
        one, _ = optimizer.update(g, optimizer.init(one, xp=xp), one, xp=xp)
        np.testing.assert_allclose(place.host(both["W"])[k], place.host(one["W"]), rtol=1e-15)


def test_a_schedule_in_the_place_of_a_rate():
    halved = schedules.Step(0.8, every=2, factor=0.5)
    for optimizer in (SGD(halved), Adam(halved), AdamW(halved), NAdam(halved), RMSprop(halved)):
        assert [optimizer.rate(i) for i in range(5)] == [0.8, 0.8, 0.4, 0.4, 0.2]
    assert SGD(halved, decay=1.0).rate(3) == 0.1
    assert SGD(lambda i: 1 / (i + 1)).rate(3) == 0.25


def test_decay_of_adamw_takes_the_rate_and_not_the_gradient():
    """A large gradient weakens the coupled decay of Adam, and leaves that of AdamW alone."""
    params = {"W": np.array([[2.0]])}
    for size in (1.0, 1e6):
        grads = {"W": np.array([[size]])}
        with_decay, without = (
            AdamW(lambda i: 0.1, weight_decay=d).update(
                grads, AdamW().init(params, xp=np), params, xp=np
            )[0]["W"]
            for d in (0.5, 0.0)
        )
        np.testing.assert_allclose(without - with_decay, 0.1 * 0.5 * 2.0)


def test_a_constant_gradient_has_no_negative_variance():
    """In float32 v - m² falls below 0 by rounding; its root would be NaN."""
    rmsprop = RMSprop(1e-9, alpha=0.5, centered=True)
    params = {"W": np.linspace(0.1, 2.0, 20, dtype="float32")[None]}
    grads, state = params, rmsprop.init(params, xp=np)
    below = False
    for _ in range(50):
        params, state = rmsprop.update(grads, state, params, xp=np)
        below |= bool((state["v"]["W"] - state["m"]["W"] ** 2 < 0).any())
    assert below, "the example no longer meets the case"
    assert np.isfinite(params["W"]).all()


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.05, momentum=0.9, nesterov=True),
        Adam(0.1),
        AdamW(0.1, weight_decay=0.0),
        NAdam(schedules.Cosine(0.1, steps=300, final=1e-3)),
        RMSprop(schedules.Cosine(0.1, steps=300, final=1e-4), momentum=0.5),
    ],
    ids=repr,
)
def test_the_bottom_of_a_bowl_is_found(place, optimizer):
    xp, target = place.xp, place.array([[3.0, -1.0]])
    params = {"W": place.array([[0.0, 0.0]])}
    state = optimizer.init(params, xp=xp)
    for _ in range(300):
        grads = tree.map(lambda w: w - target, params)
        params, state = optimizer.update(grads, state, params, xp=xp)
    np.testing.assert_allclose(place.host(params["W"]), place.host(target), atol=1e-3)


@given(limit=st.floats(1e-3, 1e3), scale=st.floats(1e-6, 1e6), seed=SEEDS)
def test_clipping_by_norm_keeps_the_direction(place, limit, scale, seed):
    rng, xp = np.random.default_rng(seed), place.xp
    grads = {"W": scale * rng.standard_normal((3, 2)), "b": scale * rng.standard_normal((1, 2))}
    clipped, norm = optimizers.clip_by_global_norm(place.tree(grads), limit, xp=xp)
    clipped = place.host(clipped)
    expected = np.sqrt(sum((g**2).sum() for g in grads.values()))
    assert float(norm) == pytest.approx(expected, rel=1e-12)
    factor = min(1.0, limit / expected)
    for name, g in grads.items():
        np.testing.assert_allclose(clipped[name], factor * g, rtol=1e-12)
        if expected <= limit:
            np.testing.assert_array_equal(clipped[name], g)


@given(limit=st.floats(1e-3, 10), seed=SEEDS)
def test_clipping_by_value_bounds_each_component(place, limit, seed):
    g = np.random.default_rng(seed).standard_normal((3, 4))
    clipped = optimizers.clip_by_value({"W": place.array(g)}, limit, xp=place.xp)
    np.testing.assert_array_equal(place.host(clipped["W"]), np.clip(g, -limit, limit))


def test_a_gradient_that_is_not_finite_stays_so():
    """Clipping hides no infinity: torch's turns one inf into NaN in every parameter."""
    grads = {"W": np.array([[np.inf, 1.0]])}
    with np.errstate(invalid="ignore"):
        clipped, norm = optimizers.clip_by_global_norm(grads, 1.0, xp=np)
    assert np.isinf(norm)
    assert not np.isfinite(clipped["W"]).all()


def test_what_comes_in_is_left_alone(place):
    params = place.tree({"W": [[1.0, 2.0]]})
    grads = place.tree({"W": [[3.0, 4.0]]})
    for optimizer in (
        SGD(0.1, momentum=0.9, weight_decay=0.1),
        Adam(0.1, weight_decay=0.1),
        AdamW(0.1, weight_decay=0.1),
        NAdam(0.1, weight_decay=0.1),
        RMSprop(0.1, momentum=0.9, centered=True, weight_decay=0.1),
    ):
        state = optimizer.init(params, xp=place.xp)
        optimizer.update(grads, state, params, xp=place.xp)
        np.testing.assert_array_equal(place.host(params["W"]), [[1.0, 2.0]])
        np.testing.assert_array_equal(place.host(grads["W"]), [[3.0, 4.0]])
        assert state["i"] == 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SGD(0), "learning_rate must be a finite number above 0, got 0"),
        (lambda: SGD(0.1, momentum=1), "momentum must be a finite number at least 0 and below 1"),
        (lambda: SGD(0.1, decay=-1), "decay must be a finite number at least 0, got -1"),
        (lambda: SGD(0.1, weight_decay=float("nan")), "weight_decay must be a finite number"),
        (lambda: SGD(0.1, nesterov=True), "nesterov=True needs momentum above 0"),
        (lambda: Adam(beta1=1.0), "beta1 must be a finite number at least 0 and below 1"),
        (lambda: Adam(eps=0.0), "eps must be a finite number above 0"),
        (lambda: AdamW(weight_decay=-1), "weight_decay must be a finite number at least 0, got -1"),
        (lambda: AdamW(-1), "learning_rate must be a finite number above 0, got -1"),
        (lambda: NAdam(momentum_decay=-1), "momentum_decay must be a finite number at least 0"),
        (lambda: NAdam(beta2=2), "beta2 must be a finite number at least 0 and below 1, got 2"),
        (lambda: RMSprop(float("inf")), "learning_rate must be a finite number above 0, got inf"),
        (lambda: RMSprop(alpha=1), "alpha must be a finite number at least 0 and below 1, got 1"),
        (lambda: RMSprop(eps=0), "eps must be a finite number above 0, got 0"),
        (lambda: RMSprop(momentum=1), "momentum must be a finite number at least 0 and below 1"),
        (lambda: RMSprop(weight_decay=-1), "weight_decay must be a finite number at least 0"),
        (lambda: optimizers.clip_by_value({}, -1, xp=np), "limit must be a finite number above 0"),
    ],
)
def test_bad_numbers(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("optimizer", list(optimizers.TABLE.values()))
@pytest.mark.parametrize("wrong", ["fast", True, None, [0.1], schedules.Cosine, 1j])
def test_a_learning_rate_that_is_none(optimizer, wrong):
    message = r"^learning_rate must be a number or a schedule, a callable of the update i, got "
    with pytest.raises(TypeError, match=message):
        optimizer(wrong)


def test_get():
    assert {name: optimizers.get(name) for name in optimizers.TABLE} == {
        "adam": Adam(),
        "adamw": AdamW(),
        "nadam": NAdam(),
        "rmsprop": RMSprop(),
        "sgd": SGD(),
    }
    cosine = schedules.Cosine(0.1, steps=5)
    assert optimizers.get("nadam", cosine) == NAdam(cosine)
    with pytest.raises(TypeError, match="learning_rate must be a number or a schedule"):
        optimizers.get("sgd", "fast")
    assert optimizers.get(SGD(0.1, momentum=0.9), 0.2) == SGD(0.2, momentum=0.9)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        optimizers.get("adma")
    with pytest.raises(TypeError, match="an object with init, update, rate, got"):
        optimizers.get(SGD)

    class Fixed:
        def init(self, params, *, xp): ...
        def update(self, grads, state, params, *, xp): ...
        def rate(self, i): ...

    fixed = Fixed()
    assert optimizers.get(fixed) is fixed
    with pytest.raises(TypeError, match="learning_rate cannot be set on"):
        optimizers.get(fixed, 0.1)
