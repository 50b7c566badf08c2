"""The CUDA source of a loop: constants, the step of the cell, and the .cu files here."""

import functools
from pathlib import Path
from typing import NamedTuple

from xprnn.kernels.cuda.expressions import Step
from xprnn.kernels.cuda.layout import WARP, Loop, Plan, count_needs

FOLDER = Path(__file__).parent

HARDWARE = (FOLDER / "hardware.cu").read_text(encoding="utf-8")
"""The GPU functions that the loops need; the tests have the same functions for a CPU."""

OPTIONS = ("--std=c++17",)
"""Options for the compiler."""

PATIENCE = 1 << 25
"""The reads of a word that never arrives before a launch fails: about ten seconds at 0.3 µs."""

ARGUMENTS = {
    "forward": "const real* p, const real* q, real* state, real* kept",
    "backward": "real* dstate, real h_before, real h_after, const real* own, const real* kept, "
    "real* dp, real* dq",
}


class Program(NamedTuple):
    """A loop to compile, and how to launch it."""

    name: str
    """The name of its kernel, ``"forward"`` or ``"backward"``."""
    text: str
    threads: int
    """The number of threads in a block."""
    shared: int
    """The bytes of shared memory of a block."""
    ring: int
    """The number of 64-bit words in the ring of a group; 0 if a group is one block."""


@functools.lru_cache(maxsize=1024)
def write_program(step: Step, loop: Loop, plan: Plan, *, hardware: str = HARDWARE) -> Program:
    """Return the source of a loop in a layout, the same for all T, B and models.

    Parameters
    ----------
    step : Step
        The step of the cell.
    loop : Loop
    plan : Plan
    hardware : str
        Source to use in place of `HARDWARE`.
    """
    alike = loop._replace(steps=1, batch=1, models=1), plan._replace(groups=1)
    return _write_program(step, *alike, hardware)


@functools.lru_cache(maxsize=256)
def _write_program(step: Step, loop: Loop, plan: Plan, hardware: str) -> Program:
    """Do the work of `write_program`, once for all sizes that do not enter the source."""
    name, needed = loop.name, count_needs(loop, plan)
    constants = {
        "THREADS": plan.threads,
        "ROWS": plan.rows,
        "UNITS": needed.units,
        "SUMS": loop.sums,
        "INPUTS": loop.inputs,
        "LENGTH": needed.length,
        "PATIENCE": PATIENCE,
        "GATES": step.gates,
        "STATES": step.states,
        "OWN": step.own,
        "KEPT": step.kept,
    }
    lines = [f"typedef {'float' if loop.words == 1 else 'double'} real;", hardware]
    lines += [f"constexpr int {constant} = {value};" for constant, value in constants.items()]
    lines += [f"constexpr bool SAME = {str(step.same).lower()};", _file("recurrence")]
    statements = getattr(step, name).replace("\n", "\n    ")
    lines += [f"__device__ inline void {name}_step({ARGUMENTS[name]})", f"{{\n    {statements}\n}}"]
    lines += [_file(name)]
    words = 2 * plan.rows * WARP * needed.length * loop.words
    ring = words if plan.blocks > 1 else 0
    return Program(name, "\n".join(lines), plan.threads, needed.shared, ring)


@functools.cache
def _file(name: str) -> str:
    """Return the text of a file."""
    return (FOLDER / f"{name}.cu").read_text(encoding="utf-8")
