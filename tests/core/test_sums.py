"""Long sums in float32: within 1e-6 of the sum of the magnitudes, wherever one is made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import _ops, losses, optimizers, recurrence
from xprnn._ops import total
from xprnn._sequences.scaling import Scaler
from xprnn.cells import Elman
from xprnn.layers import LayerNorm, Pool
from xprnn.losses.units import Weighted
from xprnn.penalties import Penalty, Weights

LONG = 10_000_000
MANY = 200_000
BOUND = 1e-6


def close(found, terms, axis):
    """Assert that a sum is right, of terms on the host."""
    exact = terms.sum(axis=axis, dtype="float64")
    size = np.abs(terms).sum(axis=axis, dtype="float64")
    assert (np.abs(np.asarray(found, "float64") - exact) <= BOUND * size).all()


def draw(kind, shape, seed=0):
    rng = np.random.default_rng(seed)
    terms = {
        "positive": lambda: rng.random(shape, dtype="float32") + np.float32(0.5),
        "equal": lambda: np.full(shape, 1.7, "float32"),
        "normal": lambda: rng.standard_normal(shape, dtype="float32"),
    }
    return terms[kind]()


@pytest.mark.parametrize("kind", ["positive", "equal", "normal"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((LONG,), 0), ((LONG, 2), 0), ((2, LONG // 4, 2), (-2, -1))]
)
def test_ten_million_terms(kind, shape, axis):
    terms = draw(kind, shape)
    close(total(terms, axis, xp=np), terms, axis)


@pytest.mark.parametrize("kind", ["positive", "equal", "normal"])
def test_half_a_million_terms_on_every_backend(place, kind):
    terms = draw(kind, (LONG // 20, 2))
    close(place.host(total(place.array(terms, "float32"), 0, xp=place.xp)), terms, 0)


@given(
    lead=st.sampled_from([(), (2,)]),
    count=st.integers(1, 9000),
    after=st.sampled_from([(), (1,), (3,), (2, 40)]),
    dtype=st.sampled_from(["float32", "float64"]),
    keepdims=st.booleans(),
)
def test_a_sum_over_any_axis(place, lead, count, after, dtype, keepdims):
    terms = draw("positive", (*lead, count, *after)).astype(dtype)
    axis = len(lead)
    found = total(place.array(terms, dtype), axis, keepdims=keepdims, xp=place.xp)
    assert str(found.dtype).split(".")[-1] == dtype
    assert tuple(found.shape) == terms.sum(axis=axis, keepdims=keepdims).shape
    close(np.reshape(place.host(found), (*lead, *after)), terms, axis)


@given(steps=st.integers(1, 40), batch=st.integers(1, 40), outputs=st.integers(1, 3))
def test_a_sum_over_several_axes(place, steps, batch, outputs):
    terms = draw("positive", (2, steps, batch, outputs))
    axes = (-3, -2, -1)
    found = total(place.array(terms, "float32"), axes, xp=place.xp)
    close(place.host(found), terms, axes)
    kept = total(place.array(terms, "float32"), axes, keepdims=True, xp=place.xp)
    assert tuple(kept.shape) == (2, 1, 1, 1)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_scaler_of_long_data(place, weighted):
    """Of two features: NumPy adds up rows one after the other there."""
    x = np.random.default_rng(0).uniform(250, 320, (LONG // 20, 2)).astype("float32")
    weights = np.linspace(1, 2, len(x), dtype="float32") if weighted else None
    moved = [None if a is None else place.array(a, "float32") for a in (x, weights)]
    mean, scale = place.host(Scaler.of(*moved, xp=place.xp))
    x, weights = x.astype("float64"), None if weights is None else weights.astype("float64")
    exact = np.average(x, axis=0, weights=weights)
    spread = np.sqrt(np.average((x - exact) ** 2, axis=0, weights=weights))
    np.testing.assert_allclose(mean, exact, rtol=2e-7)
    np.testing.assert_allclose(scale, spread, rtol=2e-6)


@pytest.mark.parametrize("factor", [1e-36, 1e36])
def test_the_scaler_of_numbers_whose_sum_overflows(factor):
    x = np.random.default_rng(0).uniform(50, 150, (MANY, 1)).astype("float32")
    mean, scale = Scaler.of(x * np.float32(factor), xp=np)
    np.testing.assert_allclose(mean / np.float32(factor), x.mean(axis=0, dtype="float64"), 1e-6)
    np.testing.assert_allclose(scale / np.float32(factor), x.std(axis=0, dtype="float64"), 1e-5)


def test_weights_that_leave_nothing_of_a_spread_give_no_zero():
    x, weights = np.array([[1.0], [2.0]]), np.array([1.0, 1e-300])
    mean, scale = Scaler.of(1e-305 * x, weights, xp=np)
    assert np.isfinite((1e-305 * x - mean) / scale).all()


@pytest.mark.parametrize("name", ["half_mse", "mse", "mae", "huber", "pinball"])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(place, name, ragged, weighted):
    """The number of valid steps, over 2²⁴ in float32 else, is counted in integers."""
    y = np.stack([draw("equal", (MANY, 2)), draw("positive", (MANY, 2))], axis=-1)
    mask = np.arange(MANY)[:, None, None] % 3 > 0 if ragged else None
    weights = np.full((MANY, 2, 1), 1.0) if weighted else None
    values = []
    for dtype in ("float32", "float64"):
        loss = losses.get(name)
        if weighted:
            loss = Weighted(loss, place.array(weights, dtype))
        value, _ = loss(
            place.array(np.zeros_like(y), dtype),
            place.array(y, dtype),
            None if mask is None else place.mask(mask),
            xp=place.xp,
        )
        values.append(float(value))
    assert values[0] == pytest.approx(values[1], rel=2e-6)


def test_bias_gradients(place):
    dy = draw("positive", (MANY // 4, 4, 3))
    moved, xp = place.array(dy, "float32"), place.xp
    x = place.array(np.zeros((MANY // 4, 4, 1)), "float32")
    params = place.tree({"W": np.zeros((1, 3)), "b": np.zeros((1, 3))}, "float32")
    grads, _ = _ops.affine_backward(params, moved, x, xp=xp)
    close(place.host(grads["b"])[0], dy, (0, 1))
    norm = place.tree({"g": np.ones((1, 3)), "b": np.zeros((1, 3))}, "float32")
    _, _, cache = LayerNorm().forward(norm, moved, (), None, xp=xp)
    grads, _, _ = LayerNorm().backward(norm, moved, (), cache, xp=xp)
    close(place.host(grads["b"])[0], dy, (0, 1))


def test_the_bias_gradient_of_a_recurrent_layer():
    """Its sum is over all steps and sequences; U is zero, so that dp is known."""
    x, dy = np.zeros((500, 400, 1), "float32"), draw("positive", (500, 400, 2))
    shapes = {"W": (1, 2), "U": (2, 2), "b": (1, 2)}
    params = {name: np.zeros(shape, "float32") for name, shape in shapes.items()}
    state = (np.zeros((400, 2), "float32"),)
    cell = Elman("identity")
    _, end, cache = recurrence.forward(cell, params, x, state, None, xp=np)
    zero = tuple(np.zeros_like(s) for s in end)
    grads, _, _ = recurrence.backward(cell, params, dy, zero, cache, xp=np)
    close(grads["b"][0], dy, (0, 1))


class Shift:
    """h(t) = p(t) + v with a weight of its own, of which nothing goes on to the next step."""

    gates, states, weights = 1, 1, 1

    def forward(self, p, q, state, *, xp):
        return (p + state[1], state[1]), None

    def backward(self, dstate, memo, *, xp):
        dh, dv = dstate
        return dh, xp.zeros_like(dh), (xp.zeros_like(dh), dv + dh)


@pytest.mark.parametrize("ragged", [False, True])
def test_the_gradient_of_a_weight_of_a_cells_own(ragged):
    steps, batch = 12_000, 2
    x, dy = np.zeros((steps, batch, 1), "float32"), draw("equal", (steps, batch, 2))
    mask = np.arange(steps)[:, None, None] % 3 > 0 if ragged else None
    mask = None if mask is None else np.broadcast_to(mask, (steps, batch, 1))
    shapes = {"W": (1, 2), "U": (2, 2), "b": (1, 2)}
    params = {name: np.zeros(shape, "float32") for name, shape in shapes.items()}
    state = (np.zeros((batch, 2), "float32"), np.zeros((1, 2), "float32"))
    _, end, cache = recurrence.forward(Shift(), params, x, state, mask, xp=np)
    after = tuple(np.ones_like(s) for s in end)  # from outside, of the last state and of v
    _, _, dstate = recurrence.backward(Shift(), params, dy, after, cache, xp=np)
    terms = (dy if mask is None else np.where(mask, dy, 0)).reshape(-1, 2)
    outside = np.ones((batch + len(after[1]), 2), "float32")
    close(dstate[1][0], np.concatenate([terms, outside]), 0)


def test_the_mean_of_many_steps(place):
    x = draw("positive", (MANY, 1, 3))
    y, _, _ = Pool("mean").forward((), place.array(x, "float32"), None, None, xp=place.xp)
    np.testing.assert_allclose(place.host(y)[0], x.mean(axis=0, dtype="float64"), rtol=2e-6)


def test_norms(place):
    W = draw("positive", (MANY, 3))
    exact = np.sqrt((W.astype("float64") ** 2).sum(axis=0))
    moved = {"W": place.array(W, "float32")}
    norm = optimizers.global_norm(moved, xp=place.xp)
    assert float(norm) == pytest.approx(np.sqrt((exact**2).sum()), rel=2e-6)
    bounded = Penalty(input=Weights(max_norm=1.0)).constrain(moved, xp=place.xp)
    sizes = np.sqrt((place.host(bounded["W"]).astype("float64") ** 2).sum(axis=0))
    np.testing.assert_allclose(sizes, 1, rtol=2e-6)
