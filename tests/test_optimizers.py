"""Optimizers and clipping in closed form; torch.optim is held against them in test_oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import optimizers, tree
from xprnn.optimizers import SGD, Adam

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


@pytest.mark.parametrize("optimizer", [SGD(0.05, momentum=0.9, nesterov=True), Adam(0.1)])
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
    for optimizer in (SGD(0.1, momentum=0.9, weight_decay=0.1), Adam(0.1, weight_decay=0.1)):
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
        (lambda: optimizers.clip_by_value({}, -1, xp=np), "limit must be a finite number above 0"),
    ],
)
def test_bad_numbers(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_get():
    assert optimizers.get("adam") == Adam()
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
