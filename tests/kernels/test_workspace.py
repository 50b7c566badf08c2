"""The workspace: where it opens, its memory, its products and sums, its pieces."""

import importlib
import importlib.util
import itertools
import math
import sys
import tracemalloc

import numpy as np
import pytest
from cases import CELLS, assert_same, draw, names, run
from hypothesis import given, settings
from hypothesis import strategies as st

from xprnn import kernels, losses, tree, value_and_grad
from xprnn._noise import Noise
from xprnn.gradients.objective import apply
from xprnn.layers import Dense, Dropout, Pool, Recurrent, Stack

SEEDS = st.integers(0, 2**32 - 1)

ground = importlib.import_module("xprnn.kernels.workspace")

FEW = settings(max_examples=max(5, settings.default.max_examples // 3))


# Where one opens


def test_a_call_opens_a_workspace_unless_it_is_small(loops):
    """By the size of a matrix, and by the size of all products with it."""
    seen = []

    class Watched(losses.HalfMSE):
        def __call__(self, *args, **options):
            seen.append(isinstance(options["xp"], kernels.Workspace))
            return super().__call__(*args, **options)

    for size, steps, opened in ((50, 50, False), (100, 1, True), (50, 200, True)):
        x = np.ones((steps, 1, 1))
        params, _ = (network := Recurrent(size)).init(np.random.default_rng(0), 1)
        value_and_grad(network, Watched(), params, x, np.ones((steps, 1, size)), xp=np)
        assert seen.pop() == opened


def test_numpy_alone_becomes_a_workspace(place):
    with kernels.workspace(place.xp) as xp:
        assert isinstance(xp, kernels.Workspace) == (place.backend.name == "numpy")
        assert isinstance(xp, kernels.Workspace) != (xp is place.xp)


def test_a_workspace_stays_itself():
    with kernels.workspace(np) as outer, kernels.workspace(outer) as inner:
        assert inner is outer


# Memory


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["new", "new", "drop", "view"]), st.integers(0, 999)), max_size=60
)


@given(actions=ACTIONS)
def test_memory_that_something_refers_to_is_not_handed_out(actions, kept):
    """Nor what only a view of a view refers to."""
    xp, held = kernels.Workspace(1), {}
    for number, (action, choice) in enumerate(actions):
        if action == "new":
            dtype = ["float32", "float64", "int8"][choice % 3]
            shape = (1 + choice % 7, 1 + choice % 11)
            array = xp.empty(shape, dtype=dtype)
            assert (array.shape, array.dtype) == (shape, dtype)
            assert array.flags.c_contiguous
            assert array.flags.writeable
            assert array.ctypes.data % 64 == 0
            array[...] = number
            held[number] = array
        elif held:
            chosen = sorted(held)[choice % len(held)]
            if action == "drop":
                del held[chosen]
            else:
                held[chosen] = np.broadcast_to(held[chosen].T[:1][..., :1], (3, 2))
        for value, array in held.items():
            assert (array == value).all()


@given(shapes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=9))
def test_memory_that_nothing_refers_to_is_used_again(shapes, kept):
    xp = kernels.Workspace(1)
    arrays = [xp.empty(shape) for shape in shapes]
    sizes = [block.nbytes for block in xp.blocks]
    assert len(sizes) == len(shapes)
    del arrays
    for _ in range(3):
        arrays = [xp.empty(shape) for shape in sorted(shapes, key=np.prod)]
        assert [block.nbytes for block in xp.blocks] == sizes
        del arrays


def test_small_arrays_are_not_kept():
    xp = kernels.Workspace(1)
    assert xp.empty((3, 4)).shape == (3, 4)
    assert xp.empty(5, dtype=np.float32).shape == (5,)
    assert xp.blocks == []


@pytest.mark.parametrize("cell", CELLS, ids=names(CELLS))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch", [1, 9])
def test_what_memory_held_before_makes_no_difference(
    batch, cell, dtype, loops, workspaces, kept, shared_early
):
    """Fifty times, forward and backward in memory full of NaN, the same bits; none is added."""
    sizes = {"hidden": 37, "batch": batch, "features": 2}
    case = draw(cell, seed=3, **sizes, masked=True, dropped=True, dtype=dtype)
    for xp in workspaces[:2]:

        def spoil(xp=xp):
            free = [
                i for i in range(len(xp.blocks)) if sys.getrefcount(xp.blocks[i]) == ground.UNUSED
            ]
            for i in free:
                xp.blocks[i][:] = 0xFF
            return len(free)

        first = {name: np.array(array) for name, array in run(case, xp=xp).items()}
        blocks = len(xp.blocks)
        for _ in range(50):
            assert spoil() == blocks > 0
            assert_same(run(case, xp=xp, between=spoil), first)
        assert len(xp.blocks) == blocks


def network_of(cell):
    return Stack((Recurrent(64, cell), Dense(1)))


T, B = 200, 16
UNIT = T * B * 64 * 4
"""Bytes of one (T, B, H) array of float32."""


def epoch(network, params, x, y, xp):
    """Do what an epoch does, and return new parameters."""
    _, grads, _ = value_and_grad(network, losses.HalfMSE(), params, x, y, xp=xp)
    return tree.map(lambda p, g: p - np.float32(0.01) * g, params, grads)


@pytest.mark.parametrize("lead", [(), (3,), (2, 1)], ids=["one model", "models", "more axes"])
@pytest.mark.parametrize("pieces", [True, False], ids=["in pieces", "whole"])
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_after_the_first_epoch_no_memory_is_asked_for(cell, pieces, lead, loops, monkeypatch):
    if not pieces:
        monkeypatch.setattr(ground, "PIECE", 1 << 60)
    network, rng = network_of(cell), np.random.default_rng(0)
    x, y = (rng.standard_normal((T, B, 1)).astype("float32") for _ in range(2))
    one = network.init(rng, 1)[0]
    params = tree.map(lambda a: np.tile(a.astype("float32"), (*lead, 1, 1)), one)
    with kernels.workspace(np) as xp:
        params = epoch(network, params, x, y, xp)
        sizes = [block.nbytes for block in xp.blocks]
        peaks = []
        for _ in range(5):
            tracemalloc.start()
            params = epoch(network, params, x, y, xp)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert [block.nbytes for block in xp.blocks] == sizes
        *peaks, _ = sorted(peaks)  # in one epoch Python may enlarge its table of strings
        assert max(peaks) < math.prod(lead) * UNIT / 2


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_a_model_that_is_applied_needs_memory_for_pieces_only(cell, loops):
    network, rng = network_of(cell), np.random.default_rng(0)
    x = rng.standard_normal((10 * T, B, 1)).astype("float32")
    params = tree.map(lambda a: a.astype("float32"), network.init(rng, 1)[0])
    with kernels.workspace(np) as xp:
        tracemalloc.start()
        apply(network, params, x, xp=xp)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10 * UNIT  # of all steps, h alone


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0)])
def test_no_steps_or_no_sequences_are_refused(sizes):
    network, x = network_of("lstm"), np.ones((*sizes, 1))
    params, _ = network.init(np.random.default_rng(0), 1)
    for call in (
        lambda: apply(network, params, x, xp=np),
        lambda: value_and_grad(network, losses.MSE(), params, x, x, xp=np),
        lambda: value_and_grad(network, losses.MSE(), params, x, x, checkpoint_every=2, xp=np),
    ):
        with pytest.raises(ValueError, match="x must have at least one step and one sequence"):
            call()


# Products and sums

SMALL = st.integers(0, 12)
LAYOUTS = {
    "as it is": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "every other": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)[::2, ::2],
    "backward": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
}


@pytest.fixture
def all_shared(monkeypatch, kept):
    """Share out the smallest products and sums."""
    for name in ("SHARED", "WIDE"):
        monkeypatch.setattr(ground, name, 1)


@given(
    sizes=st.tuples(SMALL, SMALL, SMALL),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 2),
    dtypes=st.tuples(*[st.sampled_from(["float32", "float64"])] * 2),
    seed=SEEDS,
)
def test_a_product_is_numpys(sizes, layouts, dtypes, seed, workspaces, all_shared):
    rng, (rows, inner, columns) = np.random.default_rng(seed), sizes
    a, b = rng.standard_normal((rows, inner)), rng.standard_normal((inner, columns))
    a, b = (LAYOUTS[f](m.astype(t)) for f, m, t in zip(layouts, (a, b), dtypes, strict=True))
    expected = np.matmul(a, b)
    for xp in workspaces:
        found = xp.matmul(a, b)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        limit = 1e-12 if expected.dtype == "float64" else 1e-5
        np.testing.assert_allclose(found, expected, rtol=limit, atol=limit)


ALL_SHAPES = [shape for axes in range(4) for shape in itertools.product((1, 2, 3), repeat=axes)]


@pytest.mark.parametrize("name", ["add", "matmul"])
def test_of_any_shapes_it_is_numpys(name, workspaces, all_shared, rng):
    """What NumPy refuses is refused."""
    for shapes in itertools.product(ALL_SHAPES, repeat=2):
        a, b = (rng.standard_normal(shape) for shape in shapes)
        try:
            expected = getattr(np, name)(a, b)
        except ValueError:
            expected = None
        for xp in workspaces[1:]:
            try:
                found = getattr(xp, name)(a, b)
            except ValueError:
                found = None
            assert (found is None) == (expected is None), shapes
            if found is not None:
                assert found.shape == expected.shape, shapes
                assert np.abs(found - expected).max() <= 1e-14, shapes


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, None])
def test_arrays_are_joined_as_by_numpy(axis, all_shared):
    """What NumPy refuses is refused."""
    xp, dtypes = kernels.Workspace(1), itertools.product(["float32", "float64", "int8"], repeat=2)
    for shapes, types in zip(
        itertools.product(ALL_SHAPES, repeat=2), itertools.cycle(list(dtypes)), strict=False
    ):
        arrays = [np.full(*each) for each in zip(shapes, (1, 2), types, strict=True)]
        try:
            expected = np.concat(arrays, axis=axis)
        except ValueError:
            with pytest.raises((ValueError, IndexError)):
                xp.concat(arrays, axis=axis)
        else:
            for found in (xp.concat(arrays, axis=axis), xp.concat(tuple(arrays), axis=axis)):
                assert found.dtype == expected.dtype, shapes
                assert np.array_equal(found, expected), shapes


def test_a_sum_with_a_number_is_numpys(workspaces, all_shared):
    a = np.arange(6.0).reshape(3, 2)
    for xp in workspaces:
        np.testing.assert_array_equal(xp.add(a, 1.0), a + 1)
        np.testing.assert_array_equal(xp.add(2, a), 2 + a)
        assert xp.add(a.astype("float32"), 1.0).dtype == "float32"
        assert xp.add(np.float64(1), np.float64(2)) == 3


# Pieces

PIECED = {
    "elman, lstm": Stack((Recurrent(3), Recurrent(2, "lstm"), Dense(2))),
    "dropout": Stack((Recurrent(3, "gru", recurrent_dropout=0.4), Dropout(0.3), Dense(2))),
    "learnt state": Stack((Recurrent(3, "lstm", learn_initial_state=True), Dense(2))),
    "no loop in C": Stack((Recurrent(3, "gru_reset_before"), Dense(2))),
    "last": Stack((Recurrent(3), Pool("last"), Dense(2))),
    "mean": Stack((Recurrent(3, "gru"), Pool("mean"), Dense(2))),
    "max": Stack((Recurrent(3), Pool("max"), Dense(2))),
}


@pytest.fixture
def counted(monkeypatch):
    """Return the list of how many pieces there were."""
    pieces, counts = kernels.pieces, []

    def watched(*args, **options):
        cuts = pieces(*args, **options)
        counts.append(len(cuts))
        return cuts

    monkeypatch.setattr(kernels, "pieces", watched)
    monkeypatch.setattr(kernels.seam, "_SMALL", 0)
    return counts


@pytest.mark.parametrize("name", PIECED)
@FEW
@given(
    steps=st.integers(2, 9),
    lead=st.sampled_from([(), (3,)]),
    masked=st.booleans(),
    noisy=st.booleans(),
    share=st.floats(0.05, 0.95),
    seed=SEEDS,
)
def test_in_pieces_it_is_the_whole(name, steps, lead, masked, noisy, share, seed, counted):
    """Loss, gradients and states of training, and what is predicted."""
    network, rng, loss = PIECED[name], np.random.default_rng(seed), losses.HalfMSE()
    drawn, _ = network.init(rng, 2)
    params = tree.map(lambda a: a + 0.3 * rng.standard_normal((*lead, *a.shape)), drawn)
    x = rng.standard_normal((steps, 3, 2))
    y = rng.standard_normal((*lead, steps if network.keeps_steps else 1, 3, 2))
    mask = None
    if masked:
        mask = rng.random((steps, 3, 1)) < 0.7
        mask[rng.integers(steps)] = True
    noise = Noise((seed,)) if noisy else None
    args = network, loss, params, x, y

    def results(bytes_of_a_piece, **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ground, "PIECE", bytes_of_a_piece)
            value, grads, state = value_and_grad(*args, mask=mask, noise=noise, xp=np, **options)
            predicted = apply(network, params, x, mask=mask, xp=np)
        return tree.flatten(
            {"value": np.asarray(value), "grads": grads, "state": state, "predicted": predicted}
        )

    whole = results(1 << 60)
    assert counted[-1] == 1
    largest = max(a.shape[-1] for a in tree.leaves(params))
    everything = (lead or (1,))[0] * steps * 3 * 8 * largest
    pieces = results(int(share * everything))
    assert 1 < counted[-1] <= steps
    for found in (pieces, results(1 << 60, checkpoint_every=2)):
        for key, array in whole.items():
            np.testing.assert_allclose(found[key], array, rtol=1e-11, atol=1e-12, err_msg=key)


@settings(max_examples=10 * settings.default.max_examples)
@given(
    steps=st.integers(1, 500),
    batch=st.integers(1, 50),
    width=st.integers(1, 50),
    lead=st.sampled_from([(), (4,)]),
)
def test_there_are_as_few_pieces_as_their_size_allows(steps, batch, width, lead):
    x, weights = np.zeros((steps, batch, 1)), [np.zeros((*lead, 3, width)), np.zeros((1, 1))]
    one = 8 * batch * max(width, 1) * (lead or (1,))[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground, "PIECE", 10_000)
        cuts = kernels.pieces(x, weights, xp=kernels.Workspace(1))
        assert kernels.pieces(x, weights, xp=np) == [slice(0, steps)]
    sizes = [cut.stop - cut.start for cut in cuts]
    assert [t for cut in cuts for t in range(steps)[cut]] == list(range(steps))
    largest, count = max(10_000 // one, math.isqrt(steps // 3), 1), len(cuts)
    assert max(sizes) <= largest
    assert count == 1 or -(-steps // (count - 1)) > largest
    assert max(sizes) - min(sizes) <= 1
