"""A kernel that fails is switched off, alone and with one warning; and what the proof can see."""

import shutil
import sys
import warnings
from pathlib import Path

import array_api_compat
import numpy as np
import pytest

from xprnn import BackendUnavailableError, kernels
from xprnn.cells import GRU, LSTM, Elman
from xprnn.kernels.cuda import failures, fused
from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.layout import read_loops
from xprnn.kernels.proof import TOLERANCES, measure_difference
from xprnn.recurrence import REFERENCE, Unroll

sys.path.insert(0, str(Path(__file__).parents[1] / "cuda"))

import emulation
import failing
import tf32

pytestmark = pytest.mark.slow

emulated = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("g++"), reason="the emulation needs Linux and g++"
)

CELLS = {
    "tanh": Elman(),
    "relu": Elman("relu"),
    "lstm": LSTM(),
    "peepholes": LSTM(peepholes=True),
    "gru": GRU(),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cuda")


@pytest.fixture(autouse=True)
def nothing_failed(monkeypatch):
    monkeypatch.setattr(failures, "OFF", {})
    monkeypatch.setattr(fused, "PROVEN", {})


# The proof


def distance(launcher, cell, size, dtype="float32", xp=np):
    """Return what the proof says of the kernels that the planner chooses."""
    shapes = {"x": (3, 2, 1), "U": (size, cell.gates * size)}
    one = Fused(launcher)
    forward, backward = (one.make(g, cell).plan for g in read_loops(cell, shapes, dtype))
    fixed = Fused(launcher, lambda _, given: forward if given.forward else backward)
    unroll = Unroll(fixed.unroll, fixed.unroll_backward)
    with np.errstate(all="ignore"):
        return measure_difference(unroll, cell, size, forward.rows + 1, np.dtype(dtype), xp=xp)


@emulated
@pytest.mark.parametrize("name", CELLS)
def test_the_proof_does_not_take_tf32_for_a_mistake(name, folder):
    """CuPy makes products of float32 in TF32 with ``CUPY_TF32=1``; the kernels never do."""
    launcher, xp = emulation.Emulated(folder), tf32.Namespace()
    for size in (1, 5, 33):
        found = distance(launcher, CELLS[name], size, xp=xp)
        assert found == distance(launcher, CELLS[name], size)
        assert found < TOLERANCES["float32"] / 10
        assert distance(launcher, CELLS[name], size, "float64", xp) < TOLERANCES["float64"] / 1000


def test_the_emulated_tf32_has_eleven_digits():
    """Else the test above says nothing."""
    a = np.linspace(1, 2, 100, dtype="float32").reshape(10, 10)
    xp = tf32.Namespace()
    for product in (xp.matmul(a, a), xp.asarray(a) @ xp.asarray(a)):
        error = np.linalg.norm(np.asarray(product) - a @ a) / np.linalg.norm(a @ a)
        assert 1e-5 < error < 1e-3
    wide = a.astype("float64")
    np.testing.assert_array_equal(xp.matmul(wide, wide), wide @ wide)
    assert (
        measure_difference(REFERENCE, GRU(), 33, 3, np.dtype("float32"), xp=xp)
        > TOLERANCES["float32"]
    )


MISTAKES = {
    "a lane sums with itself": ("given[lane ^ bit]", "given[lane]"),
    "the mask is ignored": ("valid[k] ? after[s] : state[k][s]", "after[s]"),
    "dropout is ignored": ("factor[k] * state[k][0]", "state[k][0]"),
    "dropout is ignored in the gradient": ("factor[k] * me.sums", "me.sums"),
    "dropout is ignored at the first step": ("? keep[at] * start[at] :", "? start[at] :"),
    "a slope is dropped": ("dstate[k][0] += dy_t[k];", ""),
    "the last slope is dropped": ("= given[s * one_state + at]", "= 0"),
    "a column of the weights is left out": ("+ WARP * i < columns", "+ WARP * i + 1 < columns"),
    "a single weight is left out": (
        "if (inside) weight",
        "if (inside && (unit || me.lane != 1)) weight",
    ),
    "weights have eleven digits": (
        "weight[k][i] = row[WARP * i];",
        "{ const real many = row[WARP * i] * 8193; weight[k][i] = many - (many - row[WARP * i]); }",
    ),
}  # fmt: skip


@emulated
@pytest.mark.parametrize("name", MISTAKES)
def test_the_proof_sees_mistakes(name, folder):
    old, new = MISTAKES[name]
    launcher = failing.Changed(folder, old, new)
    for cell in (Elman(), GRU()):
        found = distance(launcher, cell, 5)
        assert found > 10 * TOLERANCES["float32"], (cell, found)
    assert launcher.changed


# What follows from a failure

ELMAN = Elman()


@pytest.fixture
def using(monkeypatch):
    """Return what makes `kernels.lookup` and the rest use a launcher, on arrays of NumPy."""
    monkeypatch.delenv("XPRNN_KERNELS", raising=False)
    monkeypatch.setattr(array_api_compat, "is_cupy_namespace", lambda xp: True)
    twins = {name: twin for name, twin in kernels.TWINS.items() if name != "compiled"}
    monkeypatch.setattr(kernels.seam, "TWINS", twins)

    def use(launcher):
        monkeypatch.setattr(fused, "obstacle", Fused(launcher).obstacle)
        monkeypatch.setattr(fused, "about", Fused(launcher).about)
        return launcher

    return use


def looked_up(cell=ELMAN, size=6, steps=10, batch=4, dtype="float32"):
    """Return the name of the loop that runs."""
    shapes = {"x": (steps, batch, 2), "U": (size, cell.gates * size)}
    found = kernels.lookup(cell, np, shapes, np.dtype(dtype))
    return next(name for name, twin in kernels.TWINS.items() if twin.unroll is found)


def look_up_with_a_warning(match, **case):
    with pytest.warns(RuntimeWarning, match=match) as told:
        assert looked_up(**case) == "reference"
    assert len(told) == 1, [str(one.message) for one in told]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert looked_up(**case) == "reference"


def only_for(text):
    """Return a condition that programs fulfil which have a text in them."""
    return lambda program: text in program.text


LSTMS = only_for("STATES = 2;")


@emulated
def test_a_kernel_that_is_wrong_is_switched_off_alone(using, folder):
    using(failing.Changed(folder, "after[s] : state", "state[k][s] : state", LSTMS))
    look_up_with_a_warning(
        r"kernel for LSTM\(.*, 6 units, float32, on emulated is switched off: the results of .* "
        r"differ from those of the reference by .*The slower reference runs.*=reference",
        cell=LSTM(),
    )
    assert looked_up(Elman()) == looked_up(GRU()) == "cuda"
    (reason,) = kernels.cuda.switched_off()
    assert "LSTM" in reason


@emulated
def test_a_program_that_does_not_compile_is_switched_off_alone(using, folder):
    using(failing.Launcher(folder, RuntimeError("line 7: expected a ;"), LSTMS))
    look_up_with_a_warning("LSTM.*is switched off: line 7: expected a ;", cell=LSTM())
    assert looked_up(Elman()) == looked_up(GRU()) == "cuda"
    for other in ({"size": 5}, {"dtype": "float64"}):
        look_up_with_a_warning("LSTM.*is switched off: line 7", cell=LSTM(), **other)
    assert len(kernels.cuda.switched_off()) == 3


@emulated
def test_a_failure_is_remembered_for_all_steps_and_batches(using, folder):
    """Whose programs may be others: they have the same mistake, or a warning each would tell of."""
    launcher = using(failing.Launcher(folder, RuntimeError("no"), LSTMS))
    look_up_with_a_warning("switched off: no", cell=LSTM())
    asked = len(launcher.asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for steps, batch in ((3, 4), (10, 1), (10, 64), (500, 7)):
            assert looked_up(LSTM(), steps=steps, batch=batch) == "reference"
    assert len(launcher.asked) == asked, "a program was compiled for what failed before"
    assert len(kernels.cuda.switched_off()) == 1


@pytest.mark.parametrize("error", [ImportError("libnvrtc.so.13"), AttributeError("occupancy")])
def test_where_no_kernel_works_all_are_switched_off(using, folder, error):
    launcher = using(failing.Launcher(folder, error, lambda program: True))
    look_up_with_a_warning(f"even the smallest fails: {error}", cell=LSTM())
    asked = len(launcher.asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert looked_up(Elman()) == looked_up(GRU(), 9, dtype="float64") == "reference"
    assert len(launcher.asked) == asked
    (reason,) = kernels.cuda.switched_off()
    assert str(error) in reason


def test_a_device_that_cannot_be_described_is_no_crash(using, folder, monkeypatch):
    """As the properties of a GPU that is not NVIDIA's."""
    launcher = using(emulation.Emulated(folder))
    monkeypatch.setattr(launcher, "device", lambda: {}["cooperativeLaunch"])
    look_up_with_a_warning("even the smallest fails: 'cooperativeLaunch'")


@emulated
def test_explain_says_what_is_switched_off_and_why(using, folder):
    using(failing.Launcher(folder, RuntimeError("line 7"), LSTMS))
    sizes = {"steps": 10, "batch": 2, "hidden_size": 6}
    with pytest.warns(RuntimeWarning):
        _, cuda, reference = kernels.explain("lstm", **sizes).splitlines()
    assert cuda.startswith("cuda: no, xprnn's CUDA kernel for LSTM(")
    assert cuda.endswith("6 units, float32, on emulated is switched off: line 7")
    assert reference.startswith("reference: ")
    assert "cuda: one launch on emulated" in kernels.explain("elman", **sizes)
    assert "cuda: one launch on H100" in kernels.explain("lstm", **sizes, device="H100")


@emulated
def test_no_memory_is_no_fault_of_a_kernel(using, folder):
    launcher = using(failing.Launcher(folder, MemoryError("2 GB"), lambda program: True))
    assert looked_up() == "reference"
    assert "there is no memory for it: 2 GB" in kernels.explain(
        "elman", steps=10, batch=4, hidden_size=6
    )
    assert not kernels.cuda.switched_off()
    launcher.fails = lambda program: False
    assert looked_up() == "cuda"


@emulated
def test_no_memory_for_the_smallest_kernel_leaves_the_others_on(using, folder):
    launcher = using(failing.Launcher(folder, RuntimeError("line 7"), LSTMS))
    launcher.more = only_for("STATES = 1;"), MemoryError("2 GB")
    look_up_with_a_warning("LSTM.*is switched off: line 7", cell=LSTM())


@emulated
@pytest.mark.parametrize("at", ["every program", "this program", "the smallest"])
def test_a_lost_device_is_no_kernel_switched_off(using, folder, at):
    """Nor does it promise that the reference runs, where nothing can."""
    lost = failing.cuda_error(719)
    fails = LSTMS if at == "this program" else lambda program: True
    launcher = using(failing.Launcher(folder, lost, fails))
    if at == "the smallest":
        launcher.error = RuntimeError("line 7")
        launcher.more = lambda program: len(launcher.asked) > 1, lost
    with pytest.raises(BackendUnavailableError, match="can no longer use it") as told:
        looked_up(LSTM())
    assert told.value.__cause__ is lost
    assert not kernels.cuda.switched_off()
