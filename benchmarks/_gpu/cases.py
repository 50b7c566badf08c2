"""What benchmarks/gpu.py measures: cases, and the targets set for them."""

from dataclasses import dataclass

import numpy as np
from _common import tf32

from xprnn import cells
from xprnn.layers import Recurrent

FORWARD, STEP = "forward", "forward + backward"
STRICT = "float32"
"""Every product in float32, in which the targets are."""
OURS_IN = "float32 with products outside the loop in tf32" if tf32() else STRICT
OURS, FIT = f"xprnn, {OURS_IN}", f"fit, {OURS_IN}"
PLAIN = f"xprnn, plain CuPy, {'tf32' if tf32() else STRICT}"
PRECISIONS = (STRICT, "tf32", "float16", "bfloat16")
"""Of torch."""
GRAPHED = ", graph"


@dataclass(frozen=True)
class Case:
    """A recurrent layer and the sizes of its data."""

    cell: str
    T: int
    B: int
    H: int
    models: int = 1
    F: int = 32

    def __str__(self):
        side = f"{self.models} models, " if self.models > 1 else ""
        return f"{self.cell}, {side}T={self.T}, B={self.B}, H={self.H}"

    @property
    def object(self):
        """Return the cell."""
        return cells.get(self.cell)

    @property
    def layer(self):
        """Return the layer."""
        return Recurrent(self.H, self.object)

    @property
    def lead(self):
        """Return the leading axes."""
        return (self.models,) if self.models > 1 else ()

    @property
    def shapes(self):
        """Return the shapes that `kernels.lookup` asks for."""
        return {
            "x": (*self.lead, self.T, self.B, self.F),
            "U": (*self.lead, self.H, self.object.gates * self.H),
        }

    def arrays(self, seed=0):
        """Return params, x, the states with the cell's own weights, dy and dstate, in float64."""
        rng, lead, cell = np.random.default_rng(seed), self.lead, self.object
        width, row = cell.gates * self.H, (*lead, self.B, self.H)

        def draw(*shape):
            return rng.standard_normal((*lead, *shape))

        params = {
            "W": draw(self.F, width) / self.F**0.5,
            "U": draw(self.H, width) / self.H**0.5,
            "b": 0.1 * draw(1, width),
        }
        own = tuple(0.1 * draw(1, self.H) for _ in range(getattr(cell, "weights", 0)))
        state = tuple(rng.standard_normal(row) for _ in range(cell.states))
        dstate = tuple(rng.standard_normal(row) for _ in state)
        x, dy = draw(self.T, self.B, self.F), draw(self.T, self.B, self.H)
        return params, x, (*state, *own), dy, (*dstate, *(np.zeros_like(v) for v in own))


@dataclass(frozen=True)
class Target:
    """How many times faster than torch in strict float32 a case is to be."""

    case: Case
    times: float
    stretch: float


TARGETS = (
    Target(Case("elman", 200, 1, 500), 3, 5),
    Target(Case("elman", 200, 1, 1024), 3, 5),
    Target(Case("elman", 512, 32, 512), 2.5, 4),
    Target(Case("elman", 100, 256, 128), 1, 2),
    Target(Case("elman", 200, 1, 64, models=64), 10, 40),
)

CASES = tuple(target.case for target in TARGETS) + tuple(
    Case(cell, *sizes)
    for cell in ("lstm", "gru")
    for sizes in ((200, 1, 500), (200, 1, 1024), (512, 32, 512), (100, 256, 128))
)
"""The targets first: what comes later may not be reached in time."""

LENGTHS = (50, 100, 200, 400, 800)
"""Steps, to tell what a step costs from what a call costs."""

SMALL = (
    Case("elman", 4, 1, 5, F=2),
    Case("lstm", 3, 2, 4, F=2),
    Case("gru", 3, 2, 4, models=2, F=2),
)
"""For a rehearsal."""

CHECKED = (
    *(Case(cell, 7, 3, 33) for cell in ("elman", "lstm", "gru")),
    *(Case(cell, 1, 1, 1) for cell in ("elman", "lstm", "gru")),
    *(Case(cell, 20, 5, 200, models=2) for cell in ("elman", "lstm", "gru")),
    Case("elman", 40, 1, 500),
    Case("elman", 20, 33, 512),
    Case("lstm", 20, 1, 384),
    Case("gru", 20, 19, 300),
)
"""One step, one row, ragged rows and widths, with an exchange between blocks and without."""

REPEATED = (Case("elman", 50, 1, 500), Case("lstm", 20, 1, 384), Case("gru", 20, 19, 300))
"""Repeated often: their blocks exchange what they know at every step."""
