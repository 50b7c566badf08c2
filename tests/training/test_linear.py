"""The linear way past the network starts at a ridge regression."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn.training import Method, Network, linear, prepare
from xprnn.training.epoch import apply

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed, rows=60, columns=5, outputs=2):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((rows, columns)) * rng.uniform(0.01, 10, columns)
    return A, A @ rng.standard_normal((columns, outputs)) + 3 * rng.standard_normal((rows, outputs))


def unit(A):
    """The unit of the penalties, per row."""
    return np.mean((A - A.mean(axis=0)) ** 2)


@given(seed=SEEDS, outputs=st.integers(1, 3))
def test_the_regression_is_that_of_scikit_learn(seed, outputs):
    ridge = pytest.importorskip("sklearn.linear_model", reason="needs scikit-learn")
    A, y = draw(seed, outputs=outputs)
    W, b = linear.solve_ridge(A, y, np.ones((60, 1)), np)
    alphas = [alpha * len(A) * unit(A) for alpha in linear.ALPHAS]
    theirs = ridge.RidgeCV(alphas).fit(A, y)
    np.testing.assert_allclose(W, np.reshape(theirs.coef_, W.T.shape).T, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(b[0], np.ravel(theirs.intercept_), rtol=1e-6, atol=1e-9)


@given(seed=SEEDS)
def test_the_penalty_has_the_least_error_of_leave_one_out(seed):
    """By leaving out one after the other."""
    A, y = draw(seed, rows=12, columns=3)
    W, _ = linear.solve_ridge(A, y, np.ones((12, 1)), np)
    errors, maps = [], []
    for alpha in linear.ALPHAS:
        left_out = []
        for i in range(12):
            rest = np.arange(12) != i
            part, mean = A[rest] - A[rest].mean(axis=0), y[rest].mean(axis=0)
            gram = part.T @ part + 12 * alpha * unit(A) * np.eye(3)
            own = np.linalg.solve(gram, part.T @ (y[rest] - mean))
            left_out.append(y[i] - mean - (A[i] - A[rest].mean(axis=0)) @ own)
        errors.append(np.mean(np.square(left_out)))
        centred = A - A.mean(axis=0)
        gram = centred.T @ centred + 12 * alpha * unit(A) * np.eye(3)
        maps.append(np.linalg.solve(gram, centred.T @ (y - y.mean(axis=0))))
    best = int(np.argmin(errors))
    np.testing.assert_allclose(W, maps[best], rtol=1e-6, atol=1e-9)


@given(seed=SEEDS, exponent=st.integers(-9, 9))
def test_units_of_x_change_nothing(seed, exponent):
    A, y = draw(seed)
    W, b = linear.solve_ridge(A, y, np.ones((60, 1)), np)
    other, same = linear.solve_ridge(10.0**exponent * A, y, np.ones((60, 1)), np)
    np.testing.assert_allclose(10.0**exponent * other, W, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(same, b, rtol=1e-6, atol=1e-9)


def test_an_x_that_never_changes_is_worth_nothing():
    W, b = linear.solve_ridge(np.ones((5, 2)), np.arange(5.0)[:, None], np.ones((5, 1)), np)
    assert (W == 0).all()
    assert b == 2


@given(seed=SEEDS)
def test_a_weight_is_as_many_rows(seed):
    """For the fit itself, with one penalty; leave-one-out leaves a row or all its copies."""
    A, y = draw(seed)
    w = np.random.default_rng(seed).integers(1, 4, (60, 1)).astype(float)
    whole = linear.ALPHAS
    try:
        linear.ALPHAS = [0.1]
        weighted = linear.solve_ridge(A, y, w, np)
        rows = np.repeat(np.arange(60), w[:, 0].astype(int))
        repeated = linear.solve_ridge(A[rows], y[rows], np.ones((len(rows), 1)), np)
    finally:
        linear.ALPHAS = whole
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("mode", ["many_to_many", "many_to_one"])
def test_a_network_starts_as_the_regression(place, mode):
    """The output before training is A W + b, whatever the seed, and steps past the first too."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 12, 2))
    y = x[..., :1].cumsum(axis=1) if mode == "many_to_many" else x[:, -3:].sum(axis=1)[:, :1]
    lengths = rng.integers(4, 13, 9) if mode == "many_to_many" else None
    setup = prepare(
        x, y, Network(skip=4, hidden_size=3), Method(epochs=1), mode=mode, lengths=lengths,
        backend=place.backend,
    )  # fmt: skip
    data = setup.data
    X, Y = place.host(data.x), place.host(data.y)
    padded = np.concatenate([np.zeros((3, 9, 2)), X])
    A = np.stack([padded[t : t + 4].transpose(1, 0, 2).reshape(9, 8) for t in range(12)])
    valid = np.ones((12, 9), bool) if data.valid is None else np.asarray(data.valid)
    if mode == "many_to_one":
        A, valid = A[-1:], valid[-1:]
    W, b = linear.solve_ridge(A[valid], Y[valid], np.ones((valid.sum(), 1)), np)
    start, _ = apply(
        setup.network, setup.params, data.x, mask=data.mask(setup.place), xp=setup.place.xp
    )
    np.testing.assert_allclose(place.host(start)[valid], A[valid] @ W + b, rtol=1e-5, atol=1e-6)
    together = setup.stacked([1, 2])
    for params in (together.params[1], together.params[0][-1]):
        for array in xprnn.tree.leaves(params):
            one, other = place.host(array)
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_labels_start_at_random(loss):
    x, labels = np.random.default_rng(0).standard_normal((20, 6, 1)), np.arange(20) % 2
    setup = prepare(x, labels, Network(skip=3), Method(loss=loss))
    assert setup.linear is None
    assert np.ptp(setup.params[0][-1]["W"]) > 0


def test_a_linear_process_is_learnt_before_the_first_epoch():
    rng = np.random.default_rng(0)
    y = np.zeros(500)
    for t in range(2, 500):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + 0.1 * rng.standard_normal()
    model = xprnn.fit(y[:-1], y[1:], skip=2, hidden_size=4, epochs=1, progress=False)
    assert xprnn.metrics.rmse(y[1:], model.predict(y[:-1])) < 0.11
