"""Compare a gradient with finite differences; the package's docstring describes the method."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from xprnn import tree
from xprnn._fields import whole
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import dtype_name, generator, of, quiet
from xprnn.gradients.report import Report, Row


class _Quotient(NamedTuple):
    """A directional derivative by finite differences."""

    value: float
    rounding: float
    step: float


def _differentiate(along: Callable[[float], tuple[float, float]], eps: float) -> _Quotient | None:
    """Differentiate `along`, which returns L and Σ|L_i|, at 0; None if every step meets a kink."""
    centre, size = along(0.0)
    quotient = _shrink_step(along, eps, centre, eps * size)
    if quotient is None:
        changes = (abs(along(k * eps)[0] - centre) for k in (-4, -3, -2, -1, 1, 2, 3, 4))
        quotient = _shrink_step(along, eps, centre, max(changes))
    return quotient


def _shrink_step(
    along: Callable[[float], tuple[float, float]], eps: float, centre: float, noise: float
) -> _Quotient | None:
    """Return D at the first step that counts, given that rounding changes L by at least `noise`."""
    step = eps**0.2
    for _ in range(6):
        probes = [(k, along(step / k), along(-step / k)) for k in (1, 2, 4, 8)]
        central = [(right - left) * k / (2 * step) for k, (right, _), (left, _) in probes]
        bend = [(right + left - 2 * centre) * k / step for k, (right, _), (left, _) in probes]
        better = [(4 * narrow - wide) / 3 for wide, narrow in pairwise(central)]
        noise = max(noise, *(eps * n for _, *two in probes for _, n in two))
        rounding = 64 * noise / step
        tolerance = eps ** (2 / 3) * max(map(abs, better)) + rounding
        if max(better) - min(better) <= tolerance and abs(bend[0] - 4 * bend[2]) <= tolerance:
            return _Quotient(better[1], rounding, step)
        step /= 8
    return None


def compare(
    function: Callable[[Tree], Array],
    point: Tree,
    gradient: Tree,
    *,
    directions: int = 2,
    seed: int = 0,
    xp: Namespace,
) -> Report:
    """Compare a gradient with finite differences of its function.

    Parameters
    ----------
    function : callable
        A function of a tree like `point` that returns an array; its sum is differentiated.
    point : tree of arrays
        The point at which to differentiate; float64 unless the tolerance of float32 is enough.
    gradient : tree of arrays
        The gradient to check, a tree like `point`.
    directions : int
        The number of random directions for each array.
    seed : int
        Seed for the directions.
    xp : namespace
        The standard namespace of the arrays.

    Returns
    -------
    Report
        The result, with a row for each array and direction; the module's docstring says how each
        is computed and judged.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import gradients
    >>> x = np.array([[1.0, 2.0]])
    >>> gradients.compare(lambda p: p["x"] ** 3, {"x": x}, {"x": 3 * x**2}, xp=np).ok
    True
    >>> gradients.compare(lambda p: p["x"] ** 3, {"x": x}, {"x": x}, xp=np).wrong
    ('x',)
    """
    whole("directions", directions)
    flat, slopes = tree.flatten(point), tree.flatten(gradient)
    rng, rows = generator(seed), []

    def evaluate(name: str, change: Array) -> tuple[float, float]:
        """Return L and Σ|L_i| at the point, after a change to one array."""
        terms = function(tree.unflatten({**flat, name: flat[name] + change}, like=point))
        return float(xp.sum(terms)), float(xp.sum(xp.abs(terms)))

    with quiet():
        for name, array in flat.items():
            slope = slopes[name]
            if array.shape != slope.shape:
                raise ValueError(
                    f"the gradient of {name} has shape {slope.shape}, expected {array.shape}"
                )
            change = partial(evaluate, name)
            for _ in range(directions):
                rows.append(_compare_one(name, array, slope, change, rng, xp=xp))
        return Report(tuple(rows))


def _compare_one(
    name: str,
    array: Array,
    slope: Array,
    evaluate: Callable[[Array], tuple[float, float]],
    rng: Any,
    *,
    xp: Namespace,
) -> Row:
    """Compare along a random direction, or along another if that one meets a kink."""
    eps = float(xp.finfo(array.dtype).eps)
    for _ in range(4):
        draw = rng.standard_normal(array.shape)
        draw = draw / ((draw * draw).sum() ** 0.5 or 1.0)
        direction = of(array).asarray(draw, dtype_name(array))

        def along(s: float, direction: Array = direction) -> tuple[float, float]:
            return evaluate(s * direction)

        analytic = float(xp.sum(slope * direction))
        if not (math.isfinite(analytic) and math.isfinite(along(0.0)[0])):
            return Row(name, analytic, verdict="nan")
        quotient = _differentiate(along, eps)
        if quotient:
            numeric = quotient.value
            larger, distance = max(abs(analytic), abs(numeric)), abs(analytic - numeric)
            tolerance = eps ** (2 / 3) * larger + quotient.rounding
            return Row(
                name,
                analytic,
                numeric,
                error=distance / larger if larger else 0.0,
                tolerance=tolerance,
                step=quotient.step,
                verdict="ok" if distance <= tolerance else "wrong",
            )
    return Row(name, analytic, verdict="kink")
