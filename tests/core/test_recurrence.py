"""What must hold of the recurrence whatever the numbers are."""

import array_api_compat
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xprnn import kernels, losses, recurrence, tree, value_and_grad
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.launcher import CuPy
from xprnn.kernels.cuda.plan import Plan
from xprnn.layers import Dense, Recurrent, Stack

SEEDS = st.integers(0, 2**32 - 1)
CELL = Elman()
CELLS = st.sampled_from([Elman(), LSTM(), LSTM(peepholes=True), GRU(), GRUResetBefore()])


def draw(place, seed, steps, *, cell=CELL, lead=(), batch=3, features=2, hidden=4):
    """Return params, x and a state, with the cell's own weights, for one recurrent layer."""
    rng = np.random.default_rng(seed)
    columns = cell.gates * hidden
    shapes = {"W": (features, columns), "U": (hidden, columns), "b": (1, columns)}
    params = {n: place.array(rng.standard_normal((*lead, *s))) for n, s in shapes.items()}
    x = place.array(rng.standard_normal((*lead, steps, batch, features)))
    rows = [batch] * cell.states + [1] * getattr(cell, "weights", 0)
    state = [place.array(rng.standard_normal((*lead, n, hidden))) for n in rows]
    return params, x, tuple(state)


def kept(place, seed, dropped, *shape):
    """Return what dropout on the recurrent state multiplies with, or None."""
    draws = np.random.default_rng(seed).random(shape)
    return place.array((draws > 0.4) / 0.6) if dropped else None


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def step(cell, p, q, state, product):
    """One step of a cell's equations, in NumPy; `product` multiplies h with the candidate's U."""
    h, *rest = state
    p, q = (np.split(a, cell.gates, axis=-1) for a in (p, q))
    if isinstance(cell, Elman):
        return (np.tanh(p[0] + q[0]),)
    if isinstance(cell, LSTM):
        c, *v = rest
        v_i, v_f, v_o = v or (0, 0, 0)
        i, f = sigmoid(p[0] + q[0] + v_i * c), sigmoid(p[1] + q[1] + v_f * c)
        c = f * c + i * np.tanh(p[2] + q[2])
        return sigmoid(p[3] + q[3] + v_o * c) * np.tanh(c), c, *v
    r, z = sigmoid(p[0] + q[0]), sigmoid(p[1] + q[1])
    if isinstance(cell, GRU):
        n = np.tanh(p[2] + r * (q[2] + rest[0]))
    else:
        n = np.tanh(p[2] + product(r))
    return (1 - z) * n + z * h, *rest


@given(cell=CELLS, steps=st.integers(1, 6), dropped=st.booleans(), seed=SEEDS)
def test_it_is_the_equation(place, cell, steps, dropped, seed):
    """p(t) = x(t) W + b and q(t) = k h(t-1) U go into the cell, step by step in NumPy."""
    params, x, state = draw(place, seed, steps, cell=cell)
    keep = kept(place, seed, dropped, 3, 4)
    y, end, _ = recurrence.forward(cell, params, x, state, None, keep=keep, xp=place.xp)
    p, x, now = place.host(params), place.host(x), place.host(state)
    k = 1 if keep is None else place.host(keep)
    for t in range(steps):
        seen = k * now[0]
        now = step(
            cell,
            x[t] @ p["W"] + p["b"],
            seen @ p["U"],
            now,
            lambda r, seen=seen: (r * seen) @ p["U"][:, 8:],
        )
        np.testing.assert_allclose(place.host(y)[t], now[0], rtol=1e-11, atol=1e-13)
    for ours, expected in zip(place.host(end), now, strict=True):
        expected = np.broadcast_to(expected, ours.shape)
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-13)


@given(
    cell=CELLS,
    steps=st.integers(2, 7),
    cut=st.integers(1, 6),
    masked=st.booleans(),
    dropped=st.booleans(),
    seed=SEEDS,
)
def test_in_pieces_it_is_the_whole(place, cell, steps, cut, masked, dropped, seed):
    """Values, and gradients when the state's gradient is handed back from piece to piece."""
    cut, xp = min(cut, steps - 1), place.xp
    params, x, state = draw(place, seed, steps, cell=cell)
    keep = kept(place, seed, dropped, 3, 4)
    mask = None
    if masked:
        mask = place.mask(np.random.default_rng(seed).random((steps, 3, 1)) < 0.7)
    parts = [slice(0, cut), slice(cut, steps)]
    masks = [None if mask is None else mask[part, ...] for part in parts]

    def run(x, state, mask):
        return recurrence.forward(cell, params, x, state, mask, keep=keep, xp=xp)

    def back(dy, dstate, cache):
        return recurrence.backward(cell, params, dy, dstate, cache, xp=xp)

    y, end, cache = run(x, state, mask)
    grads, dx, dstate = back(y, end, cache)
    first, middle, cache1 = run(x[parts[0], ...], state, masks[0])
    second, last, cache2 = run(x[parts[1], ...], middle, masks[1])
    grads2, dx2, dmiddle = back(second, last, cache2)
    grads1, dx1, dstart = back(first, dmiddle, cache1)

    def same(a, b):
        np.testing.assert_allclose(place.host(a), place.host(b), rtol=1e-11, atol=1e-12)

    same(y, xp.concat([first, second], axis=0))
    same(dx, xp.concat([dx1, dx2], axis=0))
    for k in range(len(state)):
        same(end[k], last[k])
        same(dstate[k], dstart[k])
    for name in grads:
        same(grads[name], grads1[name] + grads2[name])


@given(lead=st.sampled_from([(3,), (2, 2), (1,)]), steps=st.integers(1, 5), seed=SEEDS)
def test_models_side_by_side_are_each_model_alone(place, lead, steps, seed):
    """A whole training step: loss, gradients, clipping and the update."""
    from xprnn.optimizers import SGD, clip_by_global_norm

    rng, xp = np.random.default_rng(seed), place.xp
    network, loss, sgd = Stack((Recurrent(4), Dense(2))), losses.HalfMSE(), SGD(0.1, momentum=0.9)
    drawn, _ = network.init(rng, 3)
    many = tree.map(lambda a: rng.standard_normal((*lead, *a.shape)), drawn)
    x, y = rng.standard_normal((steps, 2, 3)), rng.standard_normal((*lead, steps, 2, 2))

    def step(params, y):
        params, y = place.tree(params), place.array(y)
        state = network.initial_state(params, 2, xp=xp)
        value, grads, end = value_and_grad(
            network, loss, params, place.array(x), y, state=state, xp=xp
        )
        grads, norm = clip_by_global_norm(grads, 0.5, xp=xp)
        params, _ = sgd.update(grads, sgd.init(params, xp=xp), params, xp=xp)
        return place.host({"value": value, "norm": norm, "params": params, "end": end})

    together = step(many, y)
    assert together["value"].shape == lead
    for index in np.ndindex(*lead):
        alone = step(tree.map(lambda a: a[index], many), y[index])  # noqa: B023
        for name, array in tree.flatten(alone).items():
            np.testing.assert_allclose(
                tree.flatten(together)[name][index], array, rtol=1e-12, atol=1e-14
            )


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), seed=SEEDS)
def test_a_padded_row_is_the_short_row_alone(place, lengths, seed):
    steps, xp = max(lengths), place.xp
    params, x, state = draw(place, seed, steps, batch=len(lengths))
    mask = place.mask(np.arange(steps)[:, None, None] < np.array(lengths)[None, :, None])
    y, end, cache = recurrence.forward(CELL, params, x, state, mask, xp=xp)
    grads, dx, dstate = recurrence.backward(CELL, params, y, end, cache, xp=xp)
    total = {name: np.zeros(g.shape) for name, g in grads.items()}
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        y1, end1, cache1 = recurrence.forward(
            CELL, params, x[:length, one, :], (state[0][one, :],), None, xp=xp
        )
        grads1, dx1, dstate1 = recurrence.backward(CELL, params, y1, end1, cache1, xp=xp)
        for whole, alone in (
            (y[:length, one, :], y1),
            (end[0][one, :], end1[0]),
            (dx[:length, one, :], dx1),
            (dstate[0][one, :], dstate1[0]),
        ):
            np.testing.assert_allclose(place.host(whole), place.host(alone), rtol=1e-11, atol=1e-13)
        assert (place.host(y)[length:, row] == 0).all()
        assert (place.host(dx)[length:, row] == 0).all()
        total = {name: total[name] + place.host(g) for name, g in grads1.items()}
    for name, g in grads.items():
        np.testing.assert_allclose(place.host(g), total[name], rtol=1e-10, atol=1e-12)


@given(activation=st.sampled_from(["tanh", "relu", "elu"]), seed=SEEDS)
@pytest.mark.parametrize("first", ["dense", "recurrent"])
def test_what_padding_holds_makes_no_difference(place, first, activation, seed):
    """NaN, infinity or anything in the padding of x and y: the same bits come out."""
    rng, xp = np.random.default_rng(seed), place.xp
    cell = Elman(activation)
    below = (Dense(3),) if first == "dense" else ()
    network = Stack((*below, Recurrent(3, cell), Recurrent(2, cell), Dense(2)))
    params = place.tree(network.init(rng, 2)[0])
    kept = rng.random((5, 3, 1)) < 0.6
    kept[0] = True
    x, y = rng.standard_normal((5, 3, 2)), rng.standard_normal((5, 3, 2))

    def run(filling):
        value, grads, end = value_and_grad(
            network,
            losses.Huber(),
            params,
            place.array(np.where(kept, x, filling)),
            place.array(np.where(kept, y, filling)),
            state=network.initial_state(params, 3, xp=xp),
            mask=place.mask(kept),
            xp=xp,
        )
        return tree.flatten(place.host({"value": value, "grads": grads, "end": end}))

    clean = run(0.0)
    for filling in (np.nan, np.inf, 1e300):
        for name, array in run(filling).items():
            assert np.isfinite(array).all()
            np.testing.assert_array_equal(array, clean[name])


def test_nothing_is_written_in_place_and_no_dtype_is_left(place):
    """float32 in, float32 out, on the device of the input; the fixture's arrays are read-only."""
    rng, xp = np.random.default_rng(0), place.xp
    network = Stack((Recurrent(3), Dense(1)))
    params = place.tree(network.init(rng, 2)[0], "float32")
    x = place.array(rng.standard_normal((4, 2, 2)), "float32")
    y = place.array(rng.standard_normal((4, 2, 1)), "float32")
    state = network.initial_state(params, 2, xp=xp)
    value, grads, end = value_and_grad(network, losses.HalfMSE(), params, x, y, state=state, xp=xp)
    for array in tree.leaves((value, grads, end, state)):
        assert array.dtype == xp.float32
        assert xprnn_backend_of(array) == place.backend


def xprnn_backend_of(array):
    from xprnn.backend import of

    return of(array) if not isinstance(array, np.generic) else of(np.asarray(array))


@pytest.mark.parametrize("twin", sorted(set(kernels.TWINS) - {"reference"}))
@given(
    cell=CELLS | st.sampled_from([Elman("relu"), Elman("sigmoid")]),
    lead=st.sampled_from([(), (2,)]),
    masked=st.booleans(),
    dropped=st.booleans(),
    steps=st.integers(1, 6),
    batch=st.integers(1, 4),
    hidden=st.integers(1, 6),
    seed=SEEDS,
)
def test_every_twin_gives_the_references_values_and_gradients(
    place, twin, cell, lead, masked, dropped, steps, batch, hidden, seed
):
    obstacle, unroll, _ = kernels.TWINS[twin]
    xp, more = place.xp, {"cell": cell, "lead": lead, "batch": batch, "hidden": hidden}
    params, x, _ = draw(place, seed, steps, **more)
    shapes = {"x": x.shape, "U": params["U"].shape}
    reason = obstacle(CELL, xp, shapes, x.dtype)
    assert not kernels.cuda.switched_off()  # where it should run
    if reason:
        pytest.skip(f"{twin}, on {place}: {reason}")
    assume(obstacle(cell, xp, shapes, x.dtype) is None)
    assert not kernels.cuda.switched_off()
    assert_twin(place, unroll, seed, steps, masked, dropped, **more)


@pytest.mark.parametrize("layout", [(1, 2, 2, 32), (2, 3, 1, 64), (1, 5, 4, 32)])
@given(
    cell=st.sampled_from([Elman(), LSTM(), LSTM(peepholes=True), GRU()]),
    lead=st.sampled_from([(), (2,)]),
    masked=st.booleans(),
    dropped=st.booleans(),
    steps=st.integers(1, 6),
    batch=st.integers(1, 4),
    seed=SEEDS,
)
def test_blocks_of_a_gpu_exchange_what_they_should(
    place, layout, cell, lead, masked, dropped, steps, batch, seed
):
    """Layers as narrow as those above would have a block for themselves."""
    if not array_api_compat.is_cupy_namespace(place.xp):
        pytest.skip(f"cuda, on {place}: it is for arrays of CuPy")
    fused = Fused(CuPy(), lambda device, given: Plan(*layout))
    unroll = recurrence.Unroll(fused.unroll, fused.unroll_backward)
    more = {"cell": cell, "lead": lead, "batch": batch, "hidden": 5}
    assert_twin(place, unroll, seed, steps, masked, dropped, **more)


def assert_twin(place, unroll, seed, steps, masked, dropped, *, cell, lead, batch, hidden):
    """Hold a loop to the reference."""
    xp, more = place.xp, {"cell": cell, "lead": lead, "batch": batch, "hidden": hidden}
    params, x, state = draw(place, seed, steps, **more)
    keep, mask = kept(place, seed, dropped, *lead, batch, hidden), None
    if masked:
        mask = place.mask(np.random.default_rng(seed).random((steps, batch, 1)) < 0.7)
    results = []
    for loop in (unroll, recurrence.REFERENCE):
        y, end, cache = recurrence.forward(
            cell, params, x, state, mask, keep=keep, unroll=loop, xp=xp
        )
        assert cache.unroll is loop
        end = (*end[: cell.states], *state[cell.states :])
        back = recurrence.backward(cell, params, y, end, cache, xp=xp)
        results.append(tree.flatten(place.host((y, end, *back))))
    for name, array in results[0].items():
        least = 1e-13 * max(1.0, np.max(np.abs(results[1][name]), initial=0.0))  # sums cancel
        np.testing.assert_allclose(array, results[1][name], rtol=1e-12, atol=least)


def test_lookup_prefers_the_first_twin_that_supports_the_case(monkeypatch):
    other = recurrence.Unroll(None, None)

    def not_relu(cell, xp, shapes, dtype):
        return None if cell == Elman("relu") else "it is not relu"

    relu = kernels.Twin(not_relu, other, lambda *case: "")
    monkeypatch.setattr(kernels.seam, "TWINS", {"relu": relu, **kernels.TWINS})
    shapes = {"x": (1, 1, 1), "U": (1, 1)}
    assert kernels.lookup(Elman("relu"), np, shapes, np.float64) is other
    assert kernels.lookup(Elman("elu"), np, shapes, np.float64) is recurrence.REFERENCE
