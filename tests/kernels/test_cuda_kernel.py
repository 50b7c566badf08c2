"""The kernels of the fused recurrence, compiled by g++ and run on a CPU: tests/cuda/.

This proves what they compute and that their threads wait for one another where they must. It
says nothing of the order in which a GPU's memory shows what was written, beyond that a word
of 64 bits comes whole.
"""

import itertools
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import as_float64, assert_close, draw, run, twin
from hypothesis import given, settings
from hypothesis import strategies as st

from xprnn import activations, kernels, recurrence, tree
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.kernels.cuda import fused
from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.layout import Plan, Unplannable, read_loops
from xprnn.kernels.cuda.plan import list_candidates
from xprnn.recurrence import REFERENCE, Unroll

HERE = Path(__file__).parent
CUDA = HERE.parent / "cuda"
sys.path.insert(0, str(CUDA))

import emulation  # noqa: E402

pytestmark = pytest.mark.slow

if sys.platform != "linux" or not shutil.which("g++"):
    pytest.skip("the emulation needs Linux and g++", allow_module_level=True)

FEW = settings(max_examples=max(4, settings.default.max_examples // 3))
THOROUGH = settings.default.max_examples > 100
SEEDS = st.integers(0, 2**32 - 1)

CELLS = {
    "tanh": Elman(),
    "relu": Elman("relu"),
    "sigmoid": Elman("sigmoid"),
    "lstm": LSTM(),
    "peepholes": LSTM(peepholes=True),
    "gru": GRU(),
}


class Poisoned:
    """NumPy, where what was not written is NaN."""

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, *, dtype):
        return np.full(shape, np.nan, dtype)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cuda")


@pytest.fixture(scope="session")
def emulated(folder):
    return emulation.Emulated(folder)


LAYOUTS = {
    "one block, one warp": ((1, 1, 1, 32), [1, 5, 33]),
    "two blocks of two warps": ((2, 2, 2, 64), [3, 8]),
    "rows that are no power of two": ((1, 3, 3, 32), [7]),
    "more blocks than units": ((1, 4, 1, 64), [2]),
    "more than 32 sums of a warp": ((2, 1, 8, 32), [10]),
}
"""Groups, blocks, rows and threads; and numbers of units."""

CASES = [(layout, size) for layout, sizes in LAYOUTS.values() for size in sizes]


@pytest.mark.parametrize(("layout", "size"), CASES)
@pytest.mark.parametrize("name", CELLS if THOROUGH else ["tanh", "lstm", "peepholes", "gru"])
@FEW
@given(data=st.data())
def test_the_kernels_give_the_references_values_and_gradients(name, layout, size, data, emulated):
    """For any steps, batch, models, mask and dropout; every number of the result is written.

    relu and sigmoid differ from tanh by an expression, and run in one layout unless thorough.
    """
    options = {
        "seed": SEEDS,
        "lead": st.sampled_from([(), (1,), (2,), (2, 1)]),
        "steps": st.integers(1, 5),
        "batch": st.integers(1, 5),
        "masked": st.booleans(),
        "dropped": st.booleans(),
    }
    case = draw(CELLS[name], hidden=size, **data.draw(st.fixed_dictionaries(options)))
    found = run(case, twin(emulated, *layout), Poisoned())
    assert_close(found, run(case, REFERENCE), 1e-12)
    assert all(array.dtype == "float64" for array in found.values())


@pytest.mark.parametrize("name", CELLS)
def test_in_float32_too(name, emulated):
    case = draw(CELLS[name], lead=(2,), hidden=9, masked=True, dropped=True, dtype="float32")
    found = run(case, twin(emulated, 3, 2, 2, 64), Poisoned())
    assert_close(found, run(as_float64(case), REFERENCE), 1e-5)
    assert all(array.dtype == "float32" for array in found.values())


@pytest.mark.parametrize("name", sorted(set(activations.TABLE) - {"tanh"}))
def test_every_activation_runs(name, emulated):
    case = draw(Elman(name), hidden=4)
    assert_close(run(case, twin(emulated, 1, 1, 1, 32)), run(case, REFERENCE), 1e-12)


def test_coupled_gates_run(emulated):
    case = draw(LSTM(peepholes=True, coupled=True, output_activation="softsign"), hidden=4)
    assert_close(run(case, twin(emulated, 1, 2, 2, 32)), run(case, REFERENCE), 1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["tanh", "relu", "lstm", "gru"])
def test_what_is_not_finite_comes_out_as_in_the_reference(name, bad, emulated):
    case = draw(CELLS[name], hidden=4)
    case["x"][1, 2, 0] = bad
    with np.errstate(all="ignore"):
        found = run(case, twin(emulated, 1, 2, 2, 32), Poisoned())
        expected = run(case, REFERENCE)
    assert not all(np.isfinite(array).all() for array in expected.values())
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-9, atol=1e-12, err_msg=key)


def test_in_any_layout_and_order_the_sums_are_the_same_bits(emulated):
    """Rows and blocks share out the work, and no sum; the order of the threads changes nothing."""
    case = draw(GRU(), lead=(2,), batch=5, hidden=6, masked=True)
    layouts = [(1, 1, 1, 32), (1, 1, 1, 32), (2, 2, 2, 32), (4, 3, 1, 64), (1, 2, 4, 32)]
    first, *others = (run(case, twin(emulated, *layout)) for layout in layouts)
    for other in others:
        for name, array in first.items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_a_narrower_slope_is_read_as_what_it_is(emulated):
    """dtypes may be mixed, as in the reference."""
    case = draw(LSTM(), hidden=4)
    gradients = []
    for unroll in (twin(emulated, 1, 1, 1, 32), REFERENCE):
        y, end, cache = recurrence.forward(**case, unroll=unroll, xp=np)
        slopes = tree.map(lambda a: a.astype("float32"), {"y": y, "end": end})
        back = recurrence.backward(
            case["cell"], case["params"], slopes["y"], slopes["end"], cache, xp=np
        )
        gradients.append(tree.flatten(back))
    assert_close(*gradients, 1e-12)


LEADS = st.sampled_from([(), (1,), (2,), (2, 1), (1, 2)])


@FEW
@given(leads=st.tuples(LEADS, LEADS, LEADS), seed=SEEDS)
def test_the_leading_axes_of_all_are_broadcast(leads, seed, emulated):
    drawn = [draw(GRU(), seed=seed, lead=lead, hidden=3) for lead in leads]
    case = drawn[0] | {"params": drawn[1]["params"], "state": drawn[2]["state"]}
    assert_close(run(case, twin(emulated, 2, 1, 2, 32)), run(case, REFERENCE), 1e-12)


# What is no case for it


SHAPES = {"x": (10, 4, 2), "U": (6, 6)}


def test_the_plan_of_the_device_is_what_runs(emulated):
    one = Fused(emulated)
    assert one.obstacle(Elman(), np, SHAPES, np.dtype("float64")) is None
    case = draw(Elman(), steps=10, batch=4, hidden=6)
    assert_close(run(case, Unroll(one.unroll, one.unroll_backward)), run(case, REFERENCE), 1e-12)
    assert emulation.DEVICE.name in one.about(Elman(), np, SHAPES, np.dtype("float64"))


@pytest.mark.parametrize(
    ("cell", "dtype", "reason"),
    [
        (GRUResetBefore(), "float64", "it has an inner part"),
        (Elman(), "float16", "float32 and float64"),
        (Elman(), "int64", "float32 and float64"),
    ],
)
def test_the_obstacle_is_said(cell, dtype, reason, emulated):
    shapes = {"x": (10, 4, 2), "U": (6, cell.gates * 6)}
    assert reason in Fused(emulated).obstacle(cell, np, shapes, np.dtype(dtype))


def test_it_is_for_cupy():
    assert "CuPy" in kernels.cuda.obstacle(Elman(), np, SHAPES, np.float64)


def test_kernels_are_held_to_the_reference_once(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(fused, "PROVEN", {})
    monkeypatch.setattr(
        fused, "measure_difference", lambda *args, **more: asked.append(args) or 0.0
    )
    one = Fused(emulation.Emulated(folder))
    for steps, batch in ((10, 4), (3, 4), (10, 4)):
        shapes = SHAPES | {"x": (steps, batch, 2)}
        assert one.obstacle(Elman(), np, shapes, np.dtype("float64")) is None
    assert len(asked) == 1


def test_blocks_that_would_wait_for_one_another_in_vain_are_not_launched(folder):
    narrow = Fused(emulation.Emulated(folder, resident=2), lambda device, loop: Plan(2, 3, 1, 32))
    reason = narrow.obstacle(Elman(), np, SHAPES, np.dtype("float64"))
    assert reason == "3 blocks wait for one another, and the device has room for 2 at once"
    with pytest.raises(Unplannable, match="3 blocks wait"):
        run(draw(Elman(), hidden=6), Unroll(narrow.unroll, narrow.unroll_backward))


def test_there_are_no_more_groups_than_there_is_room(folder):
    launched = []

    class Watched(emulation.Emulated):
        def load(self, program):
            kernel = super().load(program)

            def watched(blocks, *arguments):
                launched.append(blocks)
                kernel(blocks, *arguments)

            watched.resident = kernel.resident
            return watched

    case = draw(Elman(), batch=5, hidden=6)
    found = run(case, twin(Watched(folder, resident=5), 4, 2, 1, 32))
    assert launched == [4, 4]
    assert_close(found, run(case, REFERENCE), 1e-12)


# Threads


@pytest.mark.parametrize("cell", CELLS)
def test_at_padding_nothing_is_multiplied_by_a_weight(cell, emulated):
    """A sequence that is padding alone has the gradient of its state, whatever the weights are."""
    case = draw(CELLS[cell], masked=True)
    case["mask"][...], (h, *_) = False, case["state"]
    for array in case["params"].values():
        array[...] = np.inf
    with np.errstate(all="ignore"):
        y, _, cache = recurrence.forward(**case, unroll=twin(emulated, 1, 1, 3, 64), xp=np)
        args = case["params"], np.ones_like(y), case["state"], cache
        grads, _, (dh, *_) = recurrence.backward(case["cell"], *args, input_grad=False, xp=np)
    np.testing.assert_array_equal(dh, h)
    for name, array in {"y": y, **grads}.items():
        np.testing.assert_array_equal(array, np.zeros_like(array), err_msg=name)


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import cases, emulation, pathlib
from xprnn.cells import GRU, LSTM, Elman
from xprnn.recurrence import REFERENCE
class Changed(emulation.Emulated):
    def load(self, program):
        if program.name not in {where!r}:
            return super().load(program)
        assert {old!r} in program.text
        return super().load(program._replace(text=program.text.replace({old!r}, {new!r})))
case = cases.draw({cell}, steps=3, masked=True)
launcher = Changed(pathlib.Path({folder!r}), flags=emulation.{flags})
{more}
found = cases.run(case, cases.twin(launcher, 1, {blocks}, 2, 64))
cases.assert_close(found, cases.run(case, REFERENCE), 1e-12)
print("done")
"""


def start(folder, *, cell="GRU()", blocks=2, old="", new="", flags="FIBERS", more="", before=(),
          where=Unroll._fields, **environment):  # fmt: skip
    """Run the kernels, changed, in a process of their own, with two warps a block."""
    paths = [str(HERE), str(CUDA), *sys.path]
    script = SCRIPT.format(**locals() | {"folder": str(folder)})
    command = [*before, sys.executable, "-c", script]
    environment = os.environ | environment | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_a_wait_that_never_ends_is_an_error(folder):
    """As if one block of a group were not there."""
    more = """
def load(program, load=launcher.load):
    kernel = load(program)
    one = lambda blocks, *arguments: kernel(blocks, *arguments[:-1], 3)  # three are awaited
    one.resident = 8
    return one
launcher.load = load
"""
    done = start(folder, old="PATIENCE = 33554432", new="PATIENCE = 1000", more=more)
    assert done.returncode == 3, done
    assert "a word of the ring never came" in done.stderr
    assert "done" not in done.stdout


def sanitizer(name, flags, **options):
    """Return what runs a process under one of g++'s sanitizers, or skip."""
    found = subprocess.run(
        ["g++", f"-print-file-name=lib{name}.so"], capture_output=True, text=True
    )
    library = found.stdout.strip()
    if not os.path.isabs(library):
        pytest.skip(f"g++ has no lib{name}")
    options |= {"LD_PRELOAD": str(Path(library).resolve())}
    before = ("setarch", platform.machine(), "-R") if shutil.which("setarch") else ()
    command = [*before, sys.executable, "-c", "print('fine')"]
    tried = subprocess.run(command, env=os.environ | options, capture_output=True, text=True)
    if tried.stdout.strip() != "fine":
        pytest.skip(f"lib{name} does not run here: {tried.stderr.strip()[:200]}")
    return options | {"before": before, "flags": flags}


@pytest.fixture(scope="session")
def thread_sanitizer():
    return sanitizer("tsan", "THREADS", TSAN_OPTIONS="exitcode=66 halt_on_error=1")


@pytest.fixture(scope="session")
def address_sanitizer():
    return sanitizer("asan", "ADDRESSES", ASAN_OPTIONS="exitcode=66 detect_leaks=0")


@pytest.mark.parametrize("cell", ["Elman()", "GRU()"])
def test_no_two_threads_touch_the_same_without_a_wait_between(cell, folder, thread_sanitizer):
    done = start(folder, cell=cell, **thread_sanitizer)
    assert done.stdout == "done\n", done.stderr[:2000]
    assert done.returncode == 0, done.stderr[:2000]


BARRIERS = {
    "of a step": ("        __syncthreads();\n        real* const old", "        real* const old"),
    "of the sums": ("sum_over_lanes(sum, me);\n    __syncwarp();", "sum_over_lanes(sum, me);"),
    "before a tile": ("__syncthreads();  // nobody", "// nobody"),
    "after the first vector": ("        }\n        __syncthreads();\n\n        for", "}\n for"),
}


@pytest.mark.parametrize("where", Unroll._fields)
@pytest.mark.parametrize("name", BARRIERS)
def test_a_barrier_that_lacks_would_be_seen(name, where, folder, thread_sanitizer):
    old, new = BARRIERS[name]
    done = start(folder, blocks=1, old=old, new=new, where=(where,), **thread_sanitizer)
    assert "data race" in done.stderr, done
    assert done.returncode == 66


@pytest.mark.parametrize("cell", ["Elman()", "LSTM()"])
def test_nothing_is_touched_that_is_not_the_kernels(cell, folder, address_sanitizer):
    done = start(folder, cell=cell, **address_sanitizer)
    assert done.stdout == "done\n", done.stderr[:2000]
    assert done.returncode == 0, done.stderr[:2000]


BOUNDS = {
    "columns": ("me.lane + WARP * i < columns", "true"),
    "units": ("if (unit >= me.last) continue;", ""),
    "rows": ("row < tile.rows && unit < me.last", "unit < me.last"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_that_lacks_would_be_seen(name, folder, address_sanitizer):
    old, new = BOUNDS[name]
    done = start(folder, cell="Elman()", blocks=1, old=old, new=new, **address_sanitizer)
    assert "AddressSanitizer: heap-" in done.stderr, done
    assert done.returncode == 66


def test_all_layouts_of_a_small_loop_agree(emulated):
    """What the planner may choose runs, whatever the cost that it is chosen by."""
    case = draw(LSTM(), batch=3, hidden=5)
    expected = run(case, REFERENCE)
    loop, _ = read_loops(LSTM(), {"x": (4, 3, 2), "U": (5, 20)}, "float64")
    found = list_candidates(emulation.DEVICE, loop)
    for layout in itertools.islice(found, 0, None, max(1, len(found) // 5)):
        small = layout._replace(groups=1)
        if small.blocks * small.threads <= 256:
            assert_close(run(case, twin(emulated, *small)), expected, 1e-12)
