"""Trees, initializers, losses and scalers in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import initializers, losses, tree
from xprnn._sequences.scaling import Scaler
from xprnn.layers import Dense, Recurrent, Stack

LEAVES = st.integers()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
)


@given(TREES)
def test_flatten_and_unflatten_are_inverse(t):
    flat = tree.flatten(t)
    assert tree.unflatten(flat, like=t) == t
    assert tree.leaves(t) == list(flat.values())
    assert tree.map(lambda a: a, t) == t
    assert tree.leaves(tree.map(lambda a, b: a + b, t, t)) == [2 * a for a in tree.leaves(t)]


def test_unflatten_names_what_does_not_fit():
    with pytest.raises(ValueError, match=r"missing \['b'\], unknown \['c'\]"):
        tree.unflatten({"a": 1, "c": 2}, like={"a": 0, "b": 0})


def test_trees_of_two_structures_are_an_error():
    with pytest.raises(ValueError, match="zip"):
        tree.map(lambda a, b: a, (1, 2), (1,))


@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("zeros", lambda r, c, H: 0),
        ("normal", lambda r, c, H: 0.1),
        ("uniform", lambda r, c, H: 1 / np.sqrt(3 * H)),
        ("glorot_uniform", lambda r, c, H: np.sqrt(2 / (r + c))),
        ("glorot_normal", lambda r, c, H: np.sqrt(2 / (r + c))),
        ("lecun_normal", lambda r, c, H: 1 / np.sqrt(r)),
        ("orthogonal", lambda r, c, H: 1 / np.sqrt(max(r, c))),
    ],
)
@pytest.mark.parametrize("shape", [(400, 100), (100, 400), (200, 200)])
def test_mean_and_spread(name, std, shape):
    H = 50
    a = initializers.get(name)(np.random.default_rng(1), shape, H)
    assert a.shape == shape
    assert a.dtype == np.float64
    expected = std(*shape, H)
    assert a.std() == pytest.approx(expected, rel=0.02)
    assert abs(a.mean()) <= 5 * expected / np.sqrt(a.size)
    if "uniform" in name:
        assert np.abs(a).max() <= np.sqrt(3) * expected * (1 + 1e-12)


@given(rows=st.integers(1, 8), columns=st.integers(1, 8), seed=st.integers(0, 2**32 - 1))
def test_orthogonal(rows, columns, seed):
    q = initializers.Orthogonal()(np.random.default_rng(seed), (rows, columns), columns)
    small = q @ q.T if rows <= columns else q.T @ q
    np.testing.assert_allclose(small, np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_has_no_preferred_sign():
    draws = [
        initializers.Orthogonal()(np.random.default_rng(s), (2, 2), 2)[0, 0] for s in range(200)
    ]
    assert 0.4 < np.mean(np.array(draws) > 0) < 0.6


class TwoGates:
    gates, states = 2, 1

    def forward(self, p, q, state, *, xp): ...
    def backward(self, dstate, memo, *, xp): ...


def test_each_gate_is_drawn_by_itself():
    params, _ = Recurrent(5, TwoGates()).init(np.random.default_rng(0), 3)
    assert {n: a.shape for n, a in params.items()} == {"W": (3, 10), "U": (5, 10), "b": (1, 10)}
    for gate in (params["U"][:, :5], params["U"][:, 5:]):
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-12)


def test_names_of_a_deep_stack():
    network = Stack((Recurrent(2), Recurrent(3), Dense(1, bias=False)))
    params, outputs = network.init(np.random.default_rng(0), 4)
    shapes = {name: a.shape for name, a in tree.flatten(params).items()}
    assert outputs == 1
    assert shapes == {
        "0.W": (4, 2), "0.U": (2, 2), "0.b": (1, 2),
        "1.W": (2, 3), "1.U": (3, 3), "1.b": (1, 3),
        "2.W": (3, 1),
    }  # fmt: skip


def test_layers_compare_and_print():
    assert Recurrent(3) == Recurrent(3)
    assert Recurrent(3) != Recurrent(4)
    assert "hidden_size=3" in repr(Stack((Recurrent(3),)))


@pytest.mark.parametrize("name", sorted(losses.TABLE))
def test_losses_by_their_formula(place, rng, name):
    """Which means are taken: over 4 steps and 3 sequences, and over the 2 outputs or their sum."""
    y_hat, y = 2 * rng.standard_normal((2, 4, 3, 2))
    if name.endswith("cross_entropy"):
        y = (y > 0).astype("float64")
    if name in ("cross_entropy", "gaussian_nll"):  # two outputs for one target
        y = y[..., :1]
    e = y_hat - y
    chosen = np.where(y > 0, 1, -1) * (y_hat[..., 1:] - y_hat[..., :1])
    expected = {
        "half_mse": 0.5 * np.mean(np.sum(e**2, axis=-1)),
        "mse": np.mean(e**2),
        "mae": np.mean(np.abs(e)),
        "huber": np.mean(np.where(np.abs(e) <= 1, 0.5 * e**2, np.abs(e) - 0.5)),
        "pinball": 0.5 * np.mean(np.abs(e)),
        "gaussian_nll": 0.5 * np.mean(y_hat[..., 1:] + e[..., :1] ** 2 / np.exp(y_hat[..., 1:])),
        "cross_entropy": np.mean(np.log1p(np.exp(-chosen))),
        "binary_cross_entropy": np.mean(np.log1p(np.exp(np.where(y > 0, -1, 1) * y_hat))),
    }[name]
    loss = losses.get(name)
    value, _ = loss(place.array(y_hat), place.array(y), None, xp=place.xp)
    assert float(value) == pytest.approx(expected, rel=1e-13)
    kept = np.array([[1, 1, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)[..., None]
    few = [
        float(loss(place.array(y_hat[t, b][None, None]), place.array(y[t, b][None, None]), None,
                   xp=place.xp)[0])
        for t, b in np.argwhere(kept[..., 0])
    ]  # fmt: skip
    value, dy_hat = loss(place.array(y_hat), place.array(y), place.mask(kept), xp=place.xp)
    assert float(value) == pytest.approx(np.mean(few), rel=1e-12)
    assert (place.host(dy_hat)[~kept[..., 0]] == 0).all()


def test_the_lectures_msse():
    """L = ½ Σ_t (ŷ - y)² / T for one sequence of one output, divided by T once (mistake 7)."""
    y_hat, y = np.arange(5.0).reshape(5, 1, 1), np.zeros((5, 1, 1))
    value, _ = losses.HalfMSE()(y_hat, y, None, xp=np)
    assert float(value) == 0.5 * (0 + 1 + 4 + 9 + 16) / 5


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e6), shift=st.floats(-1e6, 1e6))
def test_scaler(place, seed, scale, shift):
    x = shift + scale * np.random.default_rng(seed).standard_normal((6, 2, 3))
    x[..., 2] = shift
    scaler = Scaler.of(place.array(x), xp=place.xp)
    z = place.host(scaler.apply(place.array(x)))
    np.testing.assert_allclose(z[..., :2].mean((0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(z[..., :2].std((0, 1)), 1, atol=1e-6)
    np.testing.assert_allclose(z[..., 2], 0, atol=1e-6)
    back = place.host(scaler.invert(place.array(z)))
    np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-9 * scale)
