"""Compare loops with the reference, on the machine that runs them, before their first use."""

from typing import Any

import numpy as np

from xprnn import _ops
from xprnn._typing import Array, Namespace
from xprnn.cells import Cell
from xprnn.recurrence import REFERENCE, Unroll

TOLERANCES = {"float32": 1e-5, "float64": 1e-11}
"""The largest difference from the reference that passes, relative to the result's norm.

Emulated kernels and compiled loops, for all cells and 1 to 200 units, differed by at most 7e-7 in
float32 and 2e-15 in float64. Weights rounded to 11 bits gave 1e-4 and more in float32; leaving out
a single weight gave 1e-2.
"""

STEPS = 3

SMALL = 0.1
"""The random numbers are about 1, so a result below this has lost digits to cancellation."""


def measure_difference(
    unroll: Unroll, cell: Cell, size: int, batch: int, dtype: Any, *, xp: Namespace
) -> float:
    """Return the difference of a loop's results from the reference, relative to their norm.

    The loop runs three steps, forward and backward. A mask removes one step from each sequence.
    Dropout scales the units but silences none, since the weights of a silent unit would not be
    tested. The largest difference of all results counts; a NaN makes it infinite.

    The reference computes in float64. CuPy with ``CUPY_TF32=1`` computes products of float32 in
    TF32; the only such product here is x W, and its factors are exact in TF32.

    Parameters
    ----------
    unroll : Unroll
    cell : Cell
    size, batch : int
        H and B.
    dtype : dtype
    xp : namespace
        The loop's namespace, which converts NumPy arrays with ``asarray``.
    """
    rng = np.random.default_rng(0)

    def draw(*shape: int, scale: float = 1.0) -> Array:
        return (scale * rng.standard_normal(shape)).astype(dtype)

    def round_bits(array: Array) -> Array:
        return array.astype("float16").astype(dtype)

    columns = cell.gates * size
    vectors = getattr(cell, "weights", 0)
    params = {"W": round_bits(draw(1, columns)), "U": draw(size, columns, scale=size**-0.5)}
    params["b"] = draw(1, columns)
    x, dy = round_bits(draw(STEPS, batch, 1)), draw(STEPS, batch, size)
    state = tuple(draw(n, size) for n in [batch] * cell.states + [1] * vectors)
    dstate = (*(draw(batch, size) for _ in range(cell.states)), *[np.zeros((1, size))] * vectors)
    mask = (np.arange(STEPS)[:, None, None] + np.arange(batch)[:, None]) % STEPS != 1
    keep = (0.5 + rng.random((batch, size))).astype(dtype)
    x, dy = _ops.apply_mask(x, mask, xp=np), _ops.apply_mask(dy, mask, xp=np)

    def compute(loop: Unroll, dtype: Any) -> list[Array]:
        def convert(array: Array) -> Array:
            return xp.asarray(array.astype(dtype))

        weights = {name: convert(array) for name, array in params.items()}
        start, slopes = (tuple(map(convert, arrays)) for arrays in (state, dstate))
        options = {"mask": xp.asarray(mask), "keep": convert(keep), "xp": xp}
        h, _, end, memo = loop.forward(cell, weights, convert(x), start, **options)
        dp, dq, before = loop.backward(cell, weights, convert(dy), slopes, memo, **options)
        before = [_ops.sum_to(d, s.shape, xp=xp) for d, s in zip(before, start, strict=True)]
        return [xp.astype(a, xp.float64) for a in (h, *end, dp, dq, *before)]

    def measure(a: Array) -> float:
        return float(xp.sqrt(xp.mean(a * a)))

    pairs = zip(compute(unroll, dtype), compute(REFERENCE, "float64"), strict=True)
    errors = [measure(result - right) / max(measure(right), SMALL) for result, right in pairs]
    return max(d if np.isfinite(d) else np.inf for d in errors)
