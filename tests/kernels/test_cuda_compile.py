"""NVRTC compiles the kernels for GPUs that are not there, and they keep within their registers."""

import contextlib
import importlib
import itertools
import sys
from pathlib import Path

import pytest

from xprnn.cells import GRU, LSTM, Elman
from xprnn.kernels.cuda.device import KNOWN
from xprnn.kernels.cuda.expressions import write_step
from xprnn.kernels.cuda.layout import (
    REGISTERS,
    Plan,
    Unplannable,
    count_needs,
    read_loop,
    read_loops,
)
from xprnn.kernels.cuda.plan import choose, shortlist
from xprnn.kernels.cuda.source import write_program

sys.path.insert(0, str(Path(__file__).parents[1] / "cuda"))

import nvrtc

if nvrtc.library() is None:
    pytest.skip("NVRTC is not installed (pip install nvidia-cuda-nvrtc)", allow_module_level=True)

DEVICES = ["A100", "H100", "B200", "RTX 5090"]
CELLS = {
    "tanh": Elman(),
    "relu": Elman("relu"),
    "sigmoid": Elman("sigmoid"),
    "lstm": LSTM(),
    "peepholes": LSTM(peepholes=True),
    "gru": GRU(),
}
CASES = {"one sequence": (300, 1), "few units": (64, 40), "a batch": (256, 32)}
"""H and B."""

MORE = 40
"""Registers that the compiler takes beyond the plan's estimate where there is room for them."""


def planned(device, cell, dtype, size, batch, forward):
    """Return the program of the plan, and what it is said to need."""
    given = read_loop(
        steps=100, batch=batch, size=size, gates=cell.gates, forward=forward, dtype=dtype, models=1
    )
    made = choose(KNOWN[device], given)
    return write_program(write_step(cell), given, made), count_needs(given, made)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CELLS)
def test_every_kernel_compiles_and_keeps_to_its_registers(name, device):
    """No plan of the planner's makes a thread put its numbers into memory."""
    cases = [*CASES.values()]
    for number, (dtype, forward) in enumerate(
        (dtype, forward) for dtype in ("float32", "float64") for forward in (True, False)
    ):
        size, batch = cases[(number + len(name)) % len(cases)]
        source, needed = planned(device, CELLS[name], dtype, size, batch, forward)
        made = nvrtc.build(source, KNOWN[device].architecture)
        assert (made.spilled, made.local) == (0, 0), (source.name, dtype, size, batch, needed)
        assert made.registers <= min(needed.registers + MORE, REGISTERS), (source.name, needed)


def listed(device, cell, dtype, forward):
    """Yield the loops of many widths with each layout of their short lists."""
    for size in (1, 16, 100, 128, 256, 384, 512, 640, 1024, 2048):
        given = read_loop(
            steps=1, batch=1, size=size, gates=cell.gates, forward=forward, dtype=dtype, models=1
        )
        with contextlib.suppress(Unplannable):
            yield from ((given, one.layout) for one in shortlist(KNOWN[device], given))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CELLS)
def test_the_fullest_layouts_that_may_be_chosen_spill_nothing(name, device):
    """Those that are said to need the most registers, of all widths and batches."""
    for dtype, forward in itertools.product(("float32", "float64"), (True, False)):
        every = listed(device, CELLS[name], dtype, forward)
        case = max(every, key=lambda one: count_needs(*one).registers)
        made = nvrtc.build(
            write_program(write_step(CELLS[name]), *case), KNOWN[device].architecture
        )
        assert (made.spilled, made.local) == (0, 0), (case, count_needs(*case))


@pytest.mark.parametrize("size", [1024, 2048])
def test_the_largest_layers_keep_their_weights_in_registers(size):
    for forward in (True, False):
        source, _ = planned("H100", Elman(), "float32", size, 1, forward)
        made = nvrtc.build(source, "sm_90")
        assert (made.spilled, made.local) == (0, 0)


def test_a_plan_of_too_many_weights_would_be_seen():
    """That nothing is spilled says something: here there is no other way."""
    given = read_loop(steps=1, batch=1, size=512, gates=4, forward=True, dtype="float32", models=1)
    made = nvrtc.build(write_program(write_step(LSTM()), given, Plan(1, 4, 1, 256)), "sm_90")
    assert made.spilled > 0


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_the_kernels_that_the_benchmark_measures_compile(cell, monkeypatch):
    """For an H100, on which a case that does not compile would cost borrowed minutes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    cases = importlib.import_module("_gpu.cases").CASES
    device, built = KNOWN["H100"], 0
    for case in (case for case in cases if case.cell == cell):
        for one in read_loops(case.object, case.shapes, "float32"):
            made = choose(device, one)
            found = nvrtc.build(
                write_program(write_step(case.object), one, made), device.architecture
            )
            assert (found.spilled, found.local) == (0, 0), (case, made)
            built += 1
    assert built == 2 * sum(case.cell == cell for case in cases) > 0
