"""The loops in C, the workspace they run in and its threads, held to the reference and to NumPy."""

import contextlib
import functools
import importlib
import importlib.util
import itertools
import math
import os
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import _ops, kernels, losses, recurrence, tree, value_and_grad
from xprnn._noise import Noise
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.gradients.objective import apply
from xprnn.kernels import compiled, compiler
from xprnn.kernels.workers import LOOKS, Workers, _serve
from xprnn.layers import Dense, Dropout, Pool, Recurrent, Stack

ground = importlib.import_module("xprnn.kernels.workspace")

FEW = settings(max_examples=max(5, settings.default.max_examples // 3))
SEEDS = st.integers(0, 2**32 - 1)
ELMANS = [Elman(f) for f in ("tanh", "relu", "sigmoid", "identity")]
CELLS = [*ELMANS, LSTM(), GRU()]
SMOOTH = [cell for cell in CELLS if cell != Elman("relu")]
"""Without a kink, where rounding would decide between two gradients."""

SHAPES = {"x": (1, 1, 1), "U": (1, 1)}


def names(cells):
    return [f"{type(cell).__name__} {type(cell.activation).__name__}" for cell in cells]


@pytest.fixture
def threads():
    """Two threads at most in every workspace, however many processors there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground, "thread_count", lambda: 2)
        yield


FREE = SimpleNamespace(hold=lambda owner: True, release=lambda owner: None)
"""A BLAS that any number of workspaces may hold, and that keeps its threads."""


@pytest.fixture
def workspaces(loops):
    """Return workspaces of one, two and three threads, though BLAS may keep its own."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(ground, "_can_share", lambda: True)
        patch.setattr(ground, "BLAS", FREE)
        made = [kernels.Workspace(count) for count in (1, 2, 3)]
        for one in made:
            one.open()
            stack.callback(one.close)
        yield made


@pytest.fixture
def shared_early(monkeypatch):
    """Share out loops of any size; return the axes along which that was done."""
    for name in ("LOOP", "APART", "PACKED"):
        monkeypatch.setattr(compiled, name, 1)
    cut, seen = compiled._cut, []

    def watched(*args):
        seen.append(cut(*args))
        return seen[-1]

    monkeypatch.setattr(compiled, "_cut", watched)
    return seen


TIMEOUT = 20
"""Seconds after which threads are said to hang."""


# The loops


def draw(
    seed,
    cell,
    *,
    lead=(),
    leads=None,
    steps=4,
    batch=3,
    hidden=5,
    features=3,
    masked=False,
    dropped=False,
    dtype="float64",
):
    """Return what a recurrence takes, with small numbers so that no cell is saturated."""
    rng, columns = np.random.default_rng(seed), cell.gates * hidden
    leads = leads or {}

    def array(name, *shape, scale=0.5):
        return (scale * rng.standard_normal((*leads.get(name, lead), *shape))).astype(dtype)

    params = {
        "W": array("W", features, columns),
        "U": array("U", hidden, columns, scale=1 / np.sqrt(hidden)),
        "b": array("b", 1, columns),
    }
    rows = [batch] * cell.states + [1] * getattr(cell, "weights", 0)
    return {
        "cell": cell,
        "params": params,
        "x": array("x", steps, batch, features, scale=1),
        "state": tuple(array("state", n, hidden) for n in rows),
        "mask": rng.random((steps, batch, 1)) < 0.7 if masked else None,
        "keep": ((rng.random((*lead, batch, hidden)) > 0.4) / 0.6).astype(dtype)
        if dropped
        else None,
    }


def run(case, loop=compiled.COMPILED, xp=np, between=lambda: None):
    """Return the values of a recurrence and the gradients of ½ Σ y² + ½ Σ state(T)²."""
    cell = case["cell"]
    y, end, cache = recurrence.forward(**case, unroll=loop, xp=xp)
    between()
    end = (*end[: cell.states], *case["state"][cell.states :])
    back = recurrence.backward(cell, case["params"], y, end, cache, xp=xp)
    return tree.flatten({"y": y, "end": end, "gradient": back})


def as_float64(case):
    return tree.map(
        lambda a: a.astype("float64") if getattr(a, "dtype", None) == "float32" else a, case
    )


def assert_close(found, expected, limit):
    """Raise unless arrays are near others, compared to these or, if smaller, to tenths."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        distance = np.linalg.norm(found[name] - array)
        assert distance <= limit * max(np.linalg.norm(array), 0.1 * array.size**0.5), name


def assert_same(found, expected):
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


SIZES = {
    "models": {"lead": st.just((3,)), "batch": st.integers(1, 4)},
    "batch": {"lead": st.sampled_from([(), (1,)]), "batch": st.integers(12, 20)},
    "units": {"lead": st.just(()), "batch": st.just(1)},
}
AXES = {"models": compiled.MODELS, "batch": compiled.BATCH, "units": compiled.UNITS}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("axis", AXES)
@given(data=st.data())
def test_the_loops_are_the_references_and_the_same_bits_on_any_number_of_threads(
    axis, dtype, data, loops, workspaces, shared_early
):
    """Whatever is shared out; float32 is held to the reference in float64."""
    options = {
        "steps": st.integers(1, 8),
        "hidden": st.integers(1, 70),
        "features": st.integers(1, 9),
        "masked": st.booleans(),
        "dropped": st.booleans(),
        **SIZES[axis],
    }
    cell = data.draw(st.sampled_from(CELLS if dtype == "float64" else SMOOTH))
    case = draw(data.draw(SEEDS), cell, **data.draw(st.fixed_dictionaries(options)), dtype=dtype)
    found = []
    for xp in workspaces:
        del shared_early[:]
        found.append(run(case, xp=xp))
        cuts = {(AXES[axis] if xp.threads > 1 else compiled.MODELS, xp.threads > 1)}
        assert {(cut, parts > 1) for cut, parts in shared_early} == cuts
    expected = run(as_float64(case), recurrence.REFERENCE)
    assert_close(found[0], expected, 1e-11 if dtype == "float64" else 1e-5)
    assert all(array.dtype == dtype for array in found[0].values())
    for other in found[1:]:
        assert_same(other, found[0])


LEADS = st.sampled_from([(), (1,), (3,), (1, 1), (2, 1), (1, 3), (2, 3)])


@given(
    cell=st.sampled_from([Elman(), LSTM(), GRU()]),
    leads=st.fixed_dictionaries(dict.fromkeys(("x", "W", "U", "b", "state"), LEADS)),
    seed=SEEDS,
)
def test_the_leading_axes_of_all_are_broadcast(cell, leads, seed, loops):
    case = draw(seed, cell, leads=leads)
    assert_close(run(case), run(case, recurrence.REFERENCE), 1e-11)


@pytest.mark.parametrize("cell", CELLS, ids=names(CELLS))
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_not_finite_comes_out_as_in_the_reference(cell, bad, dtype, loops):
    """In the values and in every gradient; no clamp hides it."""
    case = draw(1, cell, batch=8, hidden=9, dtype=dtype)
    case["x"][1, 2, 0] = bad
    with np.errstate(all="ignore"):
        found, expected = run(case), run(case, recurrence.REFERENCE)
    assert not all(np.isfinite(array).all() for array in found.values())
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


ZEROS = [0.0, -0.0, 1.0, -1.0]
ODD = st.sampled_from([*ZEROS, *ZEROS, *ZEROS, np.inf, -np.inf, np.nan])
"""With such numbers every product is exact, so that no zero is a matter of rounding."""


def kinds(array):
    """Return for every number whether it is NaN, infinite, zero and, unless NaN, negative."""
    negative = np.signbit(array) & ~np.isnan(array)
    return np.stack([np.isnan(array), np.isinf(array), array == 0, negative])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("cell", CELLS, ids=names(CELLS))
@given(data=st.data())
def test_nan_infinity_and_the_sign_of_zero_are_where_the_reference_has_them(
    cell, dtype, data, loops
):
    """Whatever is in weights, states, data and slopes; at padding there is none of them."""
    steps, batch, size = (data.draw(st.integers(1, top)) for top in (4, 3, 3))
    columns = cell.gates * size

    def drawn(*shape, of=ODD):
        count = math.prod(shape)
        numbers = data.draw(st.lists(of, min_size=count, max_size=count))
        return np.array(numbers, dtype).reshape(shape)

    mask = None
    if data.draw(st.booleans()):
        mask = drawn(steps, batch, 1, of=st.booleans()).astype(bool)
    keep = drawn(batch, size, of=st.sampled_from([0.0, 2.0])) if data.draw(st.booleans()) else None
    # A sum of nothing but -0 may be a zero of any sign: only b has a say in that.
    params = {"W": drawn(1, columns), "U": drawn(size, columns), "b": 0.0 + drawn(1, columns)}
    x = _ops.apply_mask(drawn(steps, batch, 1), mask, xp=np)
    dy = _ops.apply_mask(drawn(steps, batch, size), mask, xp=np)
    rows = [batch] * cell.states + [1] * getattr(cell, "weights", 0)
    state = tuple(drawn(n, size) for n in rows[: cell.states])
    state += tuple(0.0 + drawn(n, size) for n in rows[cell.states :])
    dstate = tuple(drawn(n, size) for n in rows[: cell.states])
    dstate += tuple(np.zeros((n, size), dtype) for n in rows[cell.states :])

    def results(loop):
        h, _, end, memo = loop.forward(cell, params, x, state, mask=mask, keep=keep, xp=np)
        dp, dq, start = loop.backward(cell, params, dy, dstate, memo, mask=mask, keep=keep, xp=np)
        if mask is not None:
            for array in (dp, dq):
                assert not np.where(mask, 0, array).any()
        return {
            "h": h,
            "end": end[: cell.states],
            "dp": dp,
            "dq": dq,
            "start": start[: cell.states],
        }

    with np.errstate(all="ignore"):
        found, expected = (
            tree.flatten(results(loop)) for loop in (compiled.COMPILED, recurrence.REFERENCE)
        )
    for name, array in expected.items():
        np.testing.assert_array_equal(kinds(found[name]), kinds(array), err_msg=name)


@pytest.mark.parametrize("cell", [*CELLS, GRUResetBefore()], ids=names([*CELLS, GRUResetBefore()]))
@pytest.mark.parametrize("loop", [compiled.COMPILED, recurrence.REFERENCE], ids=["C", "reference"])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_at_padding_nothing_is_multiplied_by_a_weight(bad, loop, cell, loops):
    """A sequence that is padding alone has the gradient of its state, whatever the weights are."""
    case = draw(0, cell, masked=True, dropped=True)
    if kernels.lookup(cell, np, SHAPES, np.float64) is not compiled.COMPILED:
        loop = recurrence.REFERENCE
    case["mask"][...], (h, *_) = False, case["state"]
    for array in case["params"].values():
        array[...] = bad
    with np.errstate(all="ignore"):
        y, _, cache = recurrence.forward(**case, unroll=loop, xp=np)
        args = case["params"], np.ones_like(y), case["state"], cache
        grads, _, (dh, *_) = recurrence.backward(cell, *args, input_grad=False, xp=np)
    np.testing.assert_array_equal(dh, h)
    for name, array in {"y": y, **grads}.items():
        np.testing.assert_array_equal(array, np.zeros_like(array), err_msg=name)


def through(activation, p):
    """Return f(p) by a loop of one step without recurrence."""
    unit = np.eye(32, dtype=p.dtype)
    params = {"W": unit, "U": 0 * unit, "b": np.zeros((1, 32), p.dtype)}
    x = p.reshape(1, -1, 32)
    state = (np.zeros(x.shape[1:], p.dtype),)
    y, _, _ = recurrence.forward(
        Elman(activation), params, x, state, None, unroll=compiled.COMPILED, xp=np
    )
    return y.reshape(p.shape)


def grid(dtype):
    """Return numbers of every size, 0 and those below the smallest normal one too."""
    tiny = np.finfo(dtype).smallest_subnormal
    powers = np.geomspace(np.finfo(dtype).tiny, 1000, 2000)
    special = [0, tiny, 5 * tiny, 1e-30, 20, np.nextafter(20, 21), 800, np.finfo(dtype).max]
    numbers = np.concatenate([np.linspace(0, 25, 6000), powers, special])
    numbers = np.concatenate([numbers, -numbers]).astype(dtype)
    return np.resize(numbers, -(-numbers.size // 32) * 32)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tanh_and_sigmoid_are_right_to_the_last_digits(dtype, loops):
    """tanh to 4 of the last digit, of numbers of any size; sigmoid to 2 eps."""
    p = grid(dtype)
    exact, found = np.tanh(p.astype(np.longdouble)), through("tanh", p)
    assert (np.abs(found - exact) <= 4 * np.spacing(np.abs(exact).astype(dtype))).all()
    assert (np.abs(found) <= 1).all()
    np.testing.assert_array_equal(through("tanh", -p), -found)
    assert (np.sign(found) == np.sign(p)).all()
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-p.astype(np.longdouble)))
    found = through("sigmoid", p)
    assert (np.abs(found - exact) <= 2 * np.finfo(dtype).eps).all()
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_array_equal(through("relu", p), np.maximum(p, 0))
    np.testing.assert_array_equal(through("identity", p), p)


MIXED = list(itertools.product(["float32", "float64"], repeat=4))


@pytest.mark.parametrize("cell", [Elman(), LSTM(), GRU()], ids=["elman", "lstm", "gru"])
def test_dtypes_may_be_mixed(cell, loops):
    """As in the reference: no number is read as another one."""
    network, rng = Stack((Recurrent(20, cell), Dense(1))), np.random.default_rng(0)
    drawn, _ = network.init(rng, 2)
    x, y = rng.standard_normal((6, 3, 2)), rng.standard_normal((6, 3, 1))
    for of_x, of_y, of_weights, of_u in MIXED:
        params = tree.map(lambda a, t=of_weights: a.astype(t), drawn)
        params[0]["U"] = params[0]["U"].astype(of_u)
        args = network, losses.HalfMSE(), params, x.astype(of_x), y.astype(of_y)
        value, grads, _ = value_and_grad(*args, xp=np)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XPRNN_KERNELS", "reference")
            expected, slopes, _ = value_and_grad(*args, xp=np)
        found, wanted = (
            tree.flatten({"value": np.asarray(v), "grads": g})
            for v, g in ((value, grads), (expected, slopes))
        )
        assert_close(found, wanted, 1e-5)
        assert {n: a.dtype for n, a in found.items()} == {n: a.dtype for n, a in wanted.items()}


@pytest.mark.parametrize("cell", [Elman(), LSTM(), GRU()], ids=["elman", "lstm", "gru"])
@pytest.mark.parametrize("narrow", ["dy", "state"])
def test_slopes_may_be_narrower_than_the_states(narrow, cell, loops):
    case = draw(0, cell)

    def gradients(loop):
        y, end, cache = recurrence.forward(**case, unroll=loop, xp=np)
        given = {"dy": y, "state": end} | {
            narrow: tree.map(lambda a: a.astype("float32"), {"dy": y, "state": end}[narrow])
        }
        args = cell, case["params"], given["dy"], given["state"], cache
        return tree.flatten({"gradient": recurrence.backward(*args, xp=np)})

    assert_close(gradients(compiled.COMPILED), gradients(recurrence.REFERENCE), 1e-12)


# The widths of vectors


NEEDS = {"-march=x86-64": ["__x86_64__"], "-march=haswell": ["__AVX2__", "__FMA__"]}


@pytest.mark.parametrize("flag", NEEDS)
def test_narrower_vectors_give_the_references_values(flag, compilations, monkeypatch):
    command = [*compiler.compiler(), "-march=native", "-dM", "-E", "-x", "c", os.devnull]
    about = subprocess.run(command, capture_output=True, text=True).stdout
    if not all(f"#define {macro} 1" in about for macro in NEEDS[flag]):
        pytest.skip(f"this processor does not run what is compiled with {flag}")
    monkeypatch.setattr(compiler, "TUNED", ((flag,),))
    assert_the_loops_are_the_references()
    assert any(flag in command for command in compilations)


def assert_the_loops_are_the_references():
    cases = [(Elman(), "float32"), (LSTM(), "float32"), (GRU(), "float64")]
    for seed, (cell, dtype) in enumerate([*itertools.product(ELMANS, ["float64"]), *cases]):
        sizes = {"hidden": 37, "batch": 7, "features": 2, "lead": (2,)}
        case = draw(seed, cell, **sizes, masked=True, dropped=True, dtype=dtype)
        expected = run(as_float64(case), recurrence.REFERENCE)
        assert_close(run(case), expected, 1e-11 if dtype == "float64" else 1e-5)


def test_ziglang_compiles_the_loops_too(own_cache, fresh, monkeypatch):
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler, "ON_PATH", ())
    assert "ziglang" in compiler.compiler()
    assert kernels.unavailable() is None
    assert_the_loops_are_the_references()


# Memory


@pytest.fixture
def kept(monkeypatch):
    """Keep the memory of small arrays too."""
    monkeypatch.setattr(ground, "KEPT", 1)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["new", "new", "drop", "view"]), st.integers(0, 999)), max_size=60
)


@given(actions=ACTIONS)
def test_memory_that_something_refers_to_is_not_handed_out(actions, kept):
    """Nor what only a view of a view refers to."""
    xp, held = kernels.Workspace(1), {}
    for number, (action, draw) in enumerate(actions):
        if action == "new":
            dtype = ["float32", "float64", "int8"][draw % 3]
            shape = (1 + draw % 7, 1 + draw % 11)
            array = xp.empty(shape, dtype=dtype)
            assert (array.shape, array.dtype) == (shape, dtype)
            assert array.flags.c_contiguous
            assert array.flags.writeable
            assert array.ctypes.data % 64 == 0
            array[...] = number
            held[number] = array
        elif held:
            chosen = sorted(held)[draw % len(held)]
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
    case = draw(3, cell, **sizes, masked=True, dropped=True, dtype=dtype)
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


# Threads


def at_once(*works):
    """Run functions in threads of their own; raise what they raised, or if one hangs."""
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=TIMEOUT)
    assert not any(thread.is_alive() for thread in threads)
    for error in failures:
        raise error


def start(script, **environment):
    """Start a Python of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE)


def finish(process):
    """Wait for it; raise what it raised, or if it hangs."""
    try:
        _, errors = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 0, errors.decode()


@pytest.fixture
def workers(loops):
    """Return what makes workers, which end with the test."""
    with contextlib.ExitStack() as stack:

        def make(count):
            made = Workers(count)
            stack.callback(at_once, made.close)
            assert made.start() == count
            return made

        yield make


def test_every_part_is_done_once_and_before_the_owner_goes_on(workers):
    """Two thousand times in a row."""
    three, done = workers(2), np.zeros((2000, 3), int)

    def work(part, number):
        done[number, part] += 1

    for number in range(len(done)):
        parts = 1 + number % 3
        three.share(functools.partial(work, number=number), parts)
        assert done[number].tolist() == [1] * parts + [0] * (3 - parts)


def test_parts_are_done_at_the_same_time(workers):
    """Each waits for the others."""
    met = threading.Barrier(3)
    workers(2).share(lambda part: met.wait(timeout=TIMEOUT), 3)


@pytest.mark.parametrize("looks", [LOOKS, 0.0])
def test_workers_that_fell_asleep_wake(looks, workers, monkeypatch):
    monkeypatch.setattr("xprnn.kernels.workers.LOOKS", looks)
    two, done = workers(1), []

    def owner():
        for number in range(30):
            two.share(lambda part: done.append((number, part)), 2)  # noqa: B023
            time.sleep(20 * LOOKS * (number % 3))

    at_once(owner)
    assert sorted(done) == [(number, part) for number in range(30) for part in (0, 1)]


@pytest.mark.parametrize(
    "failing", [some for n in (1, 2, 3) for some in itertools.combinations(range(3), n)]
)
def test_the_owner_raises_what_a_part_raised(failing, workers):
    """After all parts have ended, and once: what is shared next is done."""
    three, ended = workers(2), []

    def work(part):
        if part:
            time.sleep(0.002 * part)
        ended.append(part)
        if part in failing:
            raise ZeroDivisionError(part)

    with pytest.raises(ZeroDivisionError) as caught:
        three.share(work, 3)
    assert caught.value.args[0] in failing
    assert sorted(ended) == [0, 1, 2]
    for _ in range(3):
        del ended[:]
        three.share(ended.append, 3)
        assert sorted(ended) == [0, 1, 2]


def running():
    """Return the threads of ours that run; `threading` does not know them."""
    return {
        thread
        for thread, frame in sys._current_frames().items()
        for inner, _ in traceback.walk_stack(frame)
        if inner.f_code is _serve.__code__
    }


def settled(threads):
    """Whether these threads of ours run and no others, at the latest after a while."""
    for _ in range(TIMEOUT * 1000):
        if running() == threads:
            return True
        time.sleep(0.001)
    return False


def test_threads_end_with_their_workers(loops):
    before = running()
    some = Workers(3)
    some.share(lambda part: None, 4)
    assert len(running()) == len(before) + 3
    some.close()
    assert settled(before)
    with kernels.workspace(np) as xp:
        xp.share(lambda part: None, xp.threads)
        assert len(running()) == len(before) + xp.threads - 1
    assert settled(before)


def test_what_was_shared_is_not_held(workers):
    """Memory is free again as soon as the work is done."""
    two, held = workers(1), [np.zeros(3)]
    before = sys.getrefcount(held[0])
    two.share(functools.partial(lambda part, a: None, a=held[0]), 2)
    after = sys.getrefcount(held[0])
    assert after == before


def test_what_an_interrupt_left_undone_is_done_once_and_first(workers, monkeypatch):
    """Ctrl-C comes between the posting of work and the waking of the worker."""
    two, done = workers(1), []

    def interrupted(crew, number):
        raise KeyboardInterrupt

    asleep = two._crew.boards[0, 2:3]
    for _ in range(TIMEOUT * 1000):
        if asleep[0]:
            break
        time.sleep(0.001)
    with monkeypatch.context() as patch:
        patch.setattr(two, "_wake", interrupted)
        with pytest.raises(KeyboardInterrupt):
            two.share(lambda part: done.append(("old", part)), 2)
    two.share(lambda part: done.append(("new", part)), 2)
    assert done[0] == ("old", 1)
    assert sorted(done[1:]) == [("new", 0), ("new", 1)]


def test_two_workspaces_in_two_threads_do_not_hinder_one_another(workspaces, shared_early):
    cases = [draw(seed, GRU(), batch=9, hidden=20) for seed in range(2)]
    expected = [run(case) for case in cases]

    def work(xp, case, wanted):
        for _ in range(50):
            assert_same(run(case, xp=xp), wanted)

    both = zip(workspaces[1:], cases, expected, strict=True)
    at_once(*(functools.partial(work, *each) for each in both))


INTERRUPTED = """
import importlib, itertools, sys, time, types
import numpy as np
from xprnn import kernels, recurrence
from xprnn.cells import Elman
from xprnn.kernels import compiled, workers

ground = importlib.import_module("xprnn.kernels.workspace")
ground._can_share = lambda: True
ground.BLAS = types.SimpleNamespace(hold=lambda owner: True, release=lambda owner: None)
compiled.LOOP = 1

def interrupts(number):
    count = itertools.count()

    def inside(frame, event, _):
        if event == "opcode" and next(count) == number:
            raise KeyboardInterrupt
        return inside

    def trace(frame, *_):
        files = frame.f_code.co_filename, frame.f_back.f_code.co_filename
        if files[0].endswith("threading.py") or any(f.endswith("workers.py") for f in files):
            frame.f_trace_opcodes = True
            return inside

    return trace

one, U = np.ones((1, 256)), np.random.default_rng(0).standard_normal((256, 256)) / 16
args = Elman(), {"W": one, "U": U, "b": one}, np.ones((3, 1, 1)), (one,), None

def run(xp):
    return recurrence.forward(*args, unroll=compiled.COMPILED, xp=xp)[0]

expected = run(np)
for looks in (0, 1):
    workers.LOOKS = float(looks)
    xp = kernels.Workspace(2)
    xp.open()
    for number in itertools.count():
        run(xp)
        time.sleep(0 if looks else 0.0005)  # the worker looks for work still, or it sleeps
        sys.settrace(interrupts(number))
        try:
            run(xp)
            break
        except KeyboardInterrupt:
            sys.settrace(None)
        np.testing.assert_array_equal(run(xp), expected)
    sys.settrace(None)
    xp.close()
    assert number > 30, number
"""


def test_an_interrupt_leaves_no_thread_waiting(loops):
    """Whatever the owner is about to do when Ctrl-C comes; what is shared next is done."""
    finish(start(INTERRUPTED))


# The threads of BLAS


@pytest.fixture
def limits(threads):
    """Return what limits the threads of BLAS for a while, and gives what tells their number."""
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def count():
        pools = threadpoolctl.threadpool_info()
        return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}

    @contextlib.contextmanager
    def limit(number):
        with threadpoolctl.threadpool_limits(number, user_api="blas"):
            yield count

    return limit


@pytest.fixture
def blas(limits):
    """Give BLAS three threads; return what tells how many it has."""
    with limits(3) as count:
        if count() != {3}:
            pytest.skip(f"NumPy's BLAS can't be told to use 3 threads: it has {count()}")
        yield count


def test_blas_has_one_thread_in_a_workspace_and_its_own_afterwards(blas, loops):
    with kernels.workspace(np) as xp:
        assert xp.threads == 2
        assert blas() == {1}
    assert blas() == {3}


def test_blas_has_its_own_threads_after_an_exception(blas, loops):
    seen = []
    with contextlib.suppress(ZeroDivisionError), kernels.workspace(np):
        seen.append(blas())
        raise ZeroDivisionError
    assert seen == [{1}]
    assert blas() == {3}


@given(order=st.permutations([0, 0, 1, 1, 2, 2]))
def test_blas_has_one_thread_as_long_as_there_is_a_workspace(order, blas, loops):
    """However the times of several overlap."""
    entered = {}
    for number in order:
        if number in entered:
            entered.pop(number).__exit__(None, None, None)
        else:
            entered[number] = kernels.workspace(np)
            entered[number].__enter__()
        assert blas() == ({1} if entered else {3})


def test_while_a_thread_holds_blas_a_workspace_of_another_has_one_thread(blas, loops):
    """And BLAS has its own again when the one that holds it ends."""
    seen = []

    def other():
        with kernels.workspace(np) as xp:
            seen.append((xp.threads, blas()))
        seen.append(blas())

    with ThreadPoolExecutor(1) as pool:
        with kernels.workspace(np) as xp:
            pool.submit(other).result(timeout=TIMEOUT)
            assert xp.threads == 2
        assert blas() == {3}
    assert seen == [(1, {1}), {1}]


@pytest.mark.parametrize("here", ["first", "second", "neither"])
def test_workspaces_of_two_threads_that_overlap_leave_blas_as_it_was(here, blas, loops):
    """In whichever the last one ends; and while one shares its work, BLAS has one thread."""
    meeting = threading.Barrier(2, timeout=TIMEOUT)

    def fits(xp):
        return xp.threads == 1 or blas() == {1}

    def first():
        with kernels.workspace(np) as xp:
            assert fits(xp)
            meeting.wait()
            meeting.wait()
            assert fits(xp)
        meeting.wait()

    def second():
        meeting.wait()
        with kernels.workspace(np) as xp:
            assert fits(xp)
            meeting.wait()
            meeting.wait()
            assert fits(xp)
        assert blas() == {3}

    if here == "neither":
        at_once(first, second)
    else:
        mine, other = (first, second) if here == "first" else (second, first)
        with ThreadPoolExecutor(1) as pool:
            its = pool.submit(other)
            mine()
            its.result(timeout=TIMEOUT)
    assert blas() == {3}


def threads_of_a_workspace():
    with kernels.workspace(np) as xp:
        return xp.threads


def test_a_workspace_that_has_ended_leaves_blas_to_others(limits, loops):
    """To their workspaces, and to those who set the number of its threads."""
    assert threads_of_a_workspace() == 2
    for number in (3, 2):
        with limits(number) as count:
            assert count() == {number}
    assert threads_of_a_workspace() == 2


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


def test_a_layer_with_the_references_loop_takes_the_threads_from_nobody(blas, loops, monkeypatch):
    """Its products are shared out as all others are."""
    monkeypatch.setattr(kernels.seam, "_SMALL", 0)
    network = Stack((Recurrent(3, Elman("elu")), Dense(1)))
    seen = []

    class Watched(losses.HalfMSE):
        def __call__(self, *args, **options):
            seen.append((options["xp"].threads, blas()))
            return super().__call__(*args, **options)

    x = np.ones((4, 2, 1))
    params, _ = network.init(np.random.default_rng(0), 1)
    value_and_grad(network, Watched(), params, x, x, xp=np)
    assert seen == [(2, {1})]


def test_a_layer_with_the_references_loop_beside_one_with_ours(blas, loops, monkeypatch):
    network, rng = Stack((Recurrent(9, Elman("elu")), Recurrent(9))), np.random.default_rng(0)
    params, x = network.init(rng, 2)[0], rng.standard_normal((7, 5, 2))

    def found(xp):
        y, end, cache = network.forward(params, x, None, None, xp=xp)
        grads, *_ = network.backward(params, y, end, cache, xp=xp)
        return tree.flatten({"y": y, "grads": grads})

    with kernels.workspace(np) as xp:
        mixed = found(xp)
        assert xp.threads == 2
        assert blas() == {1}
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    assert_close(mixed, found(np), 1e-12)


def test_an_interrupt_while_a_workspace_ends_leaves_blas_its_threads(blas, loops, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    own = kernels.Workspace(2)
    own.open()
    own.share(lambda part: None, own.threads)
    with monkeypatch.context() as patch:
        patch.setattr(own._workers, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            own.close()
    assert blas() == {3}
    own.close()
    assert threads_of_a_workspace() == 2


def test_the_status_advises_only_what_helps(blas, loops):
    assert "pip install" not in kernels.status()
    with kernels.workspace(np), ThreadPoolExecutor(1) as pool:
        said = pool.submit(kernels.status).result(timeout=TIMEOUT)
        assert "1 thread(s)" in said
        assert "pip install" not in said


def test_without_threadpoolctl_there_is_one_thread(blas, loops, fresh, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "threadpoolctl" else find(name, *a),
    )
    assert "pip install threadpoolctl" in kernels.status()
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
        assert blas() == {3}


def test_the_environment_says_how_many_threads_there_are(monkeypatch, loops):
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    for text, count in {
        "1": 1,
        "": processors,
        "0": processors,
        "many": processors,
        "9999": processors,
        "1,1": 1,
        " 1 , 8": 1,
    }.items():
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert ground.thread_count() == count
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with kernels.workspace(np) as xp:
        assert xp.threads == 1


def test_numpy_alone_becomes_a_workspace(place):
    with kernels.workspace(place.xp) as xp:
        assert isinstance(xp, kernels.Workspace) == (place.backend.name == "numpy")
        assert isinstance(xp, kernels.Workspace) != (xp is place.xp)


def test_a_workspace_stays_itself():
    with kernels.workspace(np) as outer, kernels.workspace(outer) as inner:
        assert inner is outer


# Which loop runs


def example():
    """Return the loss and the gradients of a small network."""
    network, rng = Stack((Recurrent(4, "lstm"), Dense(1))), np.random.default_rng(0)
    x = rng.standard_normal((5, 2, 1))
    value, grads, _ = value_and_grad(
        network, losses.HalfMSE(), network.init(rng, 1)[0], x, x, xp=np
    )
    return tree.flatten({"value": np.asarray(value), "grads": grads})


def test_the_environment_switches_the_loops_off(loops, monkeypatch):
    monkeypatch.delenv("XPRNN_KERNELS", raising=False)
    for cell in CELLS:
        assert kernels.lookup(cell, np, SHAPES, np.float64) is compiled.COMPILED
    with_loops = example()
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    for cell in CELLS:
        assert kernels.lookup(cell, np, SHAPES, np.float64) is recurrence.REFERENCE
    assert "switched off" in kernels.status()
    assert_close(example(), with_loops, 1e-12)
    monkeypatch.setenv("XPRNN_KERNELS", "fast")
    with pytest.raises(ValueError, match="XPRNN_KERNELS must be 'reference'"):
        example()


OTHERS = [
    Elman("elu"),
    LSTM(peepholes=True),
    LSTM(activation="relu"),
    LSTM(output_activation="relu"),
    LSTM(coupled=True),
    LSTM(gate_activation="softsign"),
    GRU(activation="relu"),
    type("Own", (Elman,), {})(),
]


@pytest.mark.parametrize("cell", OTHERS, ids=repr)
def test_a_cell_of_other_equations_has_the_reference(cell):
    assert kernels.lookup(cell, np, SHAPES, np.float64) is recurrence.REFERENCE


def test_other_dtypes_and_namespaces_have_the_reference(place, loops):
    for dtype in (np.float16, np.longdouble, np.complex128):
        assert kernels.lookup(Elman(), np, SHAPES, dtype) is recurrence.REFERENCE
    found = kernels.lookup(Elman(), place.xp, SHAPES, place.xp.float64)
    assert (found is compiled.COMPILED) == (place.backend.name == "numpy")


@pytest.mark.parametrize("where", ["x", "W", "U", "b", "state"])
def test_one_wider_array_has_the_reference(where, loops):
    """The loops would read it as what it is not."""
    layer, rng = Recurrent(5), np.random.default_rng(0)
    arrays = {"x": rng.standard_normal((3, 2, 4)), "state": np.ones((2, 5))} | layer.init(rng, 4)[0]
    arrays[where] = arrays[where].astype(np.longdouble)
    x, state = arrays.pop("x"), arrays.pop("state")
    y, _, cache = layer.forward(arrays, x, (state,), None, xp=np)
    assert cache[0].unroll is recurrence.REFERENCE
    assert y.dtype == np.longdouble


@pytest.fixture
def no_compiler(fresh, monkeypatch, tmp_path):
    """Take away every compiler, and the cache."""
    find = importlib.util.find_spec
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ziglang" else find(name, *a)
    )


def test_without_a_compiler_the_reference_runs(no_compiler, blas):
    """And nobody is warned of it."""
    assert kernels.lookup(Elman(), np, SHAPES, np.float64) is recurrence.REFERENCE
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
        assert blas() == {3}
    assert "there is no C compiler" in kernels.status()
    found = example()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XPRNN_KERNELS", "reference")
        assert_same(example(), found)


# What is made of weights


def test_weights_are_laid_out_once_while_they_are_unchanged(loops, monkeypatch):
    """And anew when they may have changed, in place too."""
    lay_out, seen = compiled._pack, []

    def watched(*args, xp):
        seen.append(args)
        return lay_out(*args, xp=xp)

    monkeypatch.setattr(compiled, "_pack", watched)
    case, other = draw(0, LSTM()), draw(1, LSTM())
    once, its = run(case), run(other)
    each = len(seen) // 2
    with kernels.workspace(np) as xp:
        for _ in range(2):
            del seen[:]
            with kernels.unchanged(xp):
                for _ in range(3):
                    assert_same(run(case, xp=xp), once)
                    assert_same(run(other, xp=xp), its)
            assert len(seen) == 2 * each
        for array in case["params"].values():
            array *= 2
        changed = run(case)
        assert_same(run(case, xp=xp), changed)
        with kernels.unchanged(xp):
            assert_same(run(case, xp=xp), changed)
    assert np.abs(changed["y"] - once["y"]).max() > 0.01


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


# All together


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
@pytest.mark.parametrize("options", [{}, {"batch_size": 2, "num_layers": 2}, {"tbptt": 4}])
def test_training_with_the_loops_is_training_without(cell, options, loops, monkeypatch):
    wave = np.sin(0.3 * np.arange(120)).reshape(4, 30, 1)
    fit = functools.partial(
        xprnn.fit, wave[:, :-1], wave[:, 1:], cell=cell, hidden_size=9, epochs=5, **options
    )
    with_loops = fit()
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    without = fit()
    np.testing.assert_allclose(with_loops.history.loss, without.history.loss, rtol=1e-9)
    for name, array in with_loops.named().items():
        np.testing.assert_allclose(array, without.named()[name], rtol=1e-7, atol=1e-9, err_msg=name)
