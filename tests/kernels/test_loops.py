"""The loops in C, held to the reference: values, gradients, odd numbers, other vectors."""

import functools
import importlib
import importlib.util
import itertools
import math
import os
import subprocess

import numpy as np
import pytest
from cases import (
    CELLS,
    ELMANS,
    SHAPES,
    as_float64,
    assert_close,
    assert_same,
    draw,
    names,
    run,
)
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import _ops, kernels, losses, recurrence, tree, value_and_grad
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.kernels import compiled, compiler
from xprnn.layers import Dense, Recurrent, Stack

SEEDS = st.integers(0, 2**32 - 1)

SMOOTH = [cell for cell in CELLS if cell != Elman("relu")]
"""Without a kink, where rounding would decide between two gradients."""

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
    case = draw(
        cell, seed=data.draw(SEEDS), **data.draw(st.fixed_dictionaries(options)), dtype=dtype
    )
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
    case = draw(cell, seed=seed, leads=leads)
    assert_close(run(case), run(case, recurrence.REFERENCE), 1e-11)


@pytest.mark.parametrize("cell", CELLS, ids=names(CELLS))
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_not_finite_comes_out_as_in_the_reference(cell, bad, dtype, loops):
    """In the values and in every gradient; no clamp hides it."""
    case = draw(cell, seed=1, batch=8, hidden=9, dtype=dtype)
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
    case = draw(cell, masked=True, dropped=True)
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
    case = draw(cell)

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
    command = [*compiler.find_compiler(), "-march=native", "-dM", "-E", "-x", "c", os.devnull]
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
        case = draw(cell, seed=seed, **sizes, masked=True, dropped=True, dtype=dtype)
        expected = run(as_float64(case), recurrence.REFERENCE)
        assert_close(run(case), expected, 1e-11 if dtype == "float64" else 1e-5)


def test_ziglang_compiles_the_loops_too(own_cache, fresh, monkeypatch):
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler, "ON_PATH", ())
    assert "ziglang" in compiler.find_compiler()
    assert kernels.unavailable() is None
    assert_the_loops_are_the_references()


# What is made of weights


def test_weights_are_laid_out_once_while_they_are_unchanged(loops, monkeypatch):
    """And anew when they may have changed, in place too."""
    lay_out, seen = compiled._pack, []

    def watched(*args, xp):
        seen.append(args)
        return lay_out(*args, xp=xp)

    monkeypatch.setattr(compiled, "_pack", watched)
    case, other = draw(LSTM()), draw(LSTM(), seed=1)
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
