"""Comparison of a gradient with finite differences; the method is on the package's page."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from xprnn import tree
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import whole
from xprnn.backend import dtype_name, generator, of, quiet
from xprnn.gradients.report import Report, Row

__all__ = ["compare"]


class _Quotient(NamedTuple):
    """A directional derivative by finite differences, where there is one."""

    value: float
    rounding: float
    step: float


def _numeric(along: Callable[[float], tuple[float, float]], eps: float) -> _Quotient | None:
    """Differentiate `along`, which gives L and Σ|L_i|, at 0; None if a kink is always in reach."""
    centre, size = along(0.0)
    found = _first(along, eps, centre, eps * size)
    if found is None:
        shaken = (abs(along(k * eps)[0] - centre) for k in (-4, -3, -2, -1, 1, 2, 3, 4))
        found = _first(along, eps, centre, max(shaken))
    return found


def _first(along, eps, centre, noise) -> _Quotient | None:
    """Return D at the first step that counts, where L is rounded by `noise` at least."""
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
    """Hold a gradient against finite differences of its function.

    Parameters
    ----------
    function : callable
        Takes a tree like `point`, returns an array; the sum of its terms is what is
        differentiated.
    point : tree of arrays
        Where to differentiate; float64 unless the tolerance of float32 is enough.
    gradient : tree of arrays
        What is to be proven, shaped like `point`.
    directions : int
        How many random directions for each array.
    seed : int
        Of the directions.
    xp : namespace
        The standard namespace of the arrays.

    Returns
    -------
    Report
        One row for each array and direction; the module's page says how each is
        computed and judged.

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
    with quiet():
        rng = generator(seed)
        rows = []
        for name, array in flat.items():
            if array.shape != slopes[name].shape:
                raise ValueError(
                    f"the gradient of {name} has shape {slopes[name].shape}, expected {array.shape}"
                )
            rows += [
                _row(function, point, name, array, slopes[name], rng, xp) for _ in range(directions)
            ]
        return Report(tuple(rows))


def _row(function, point, name, array, slope, rng, xp) -> Row:
    """Compare along one direction, another one where the first meets a kink."""
    flat = tree.flatten(point)
    eps = float(xp.finfo(array.dtype).eps)
    for _ in range(4):
        draw = rng.standard_normal(array.shape)
        draw = draw / ((draw * draw).sum() ** 0.5 or 1.0)
        direction = of(array).asarray(draw, dtype_name(array))

        def along(s, direction=direction):
            moved = tree.unflatten({**flat, name: array + s * direction}, like=point)
            terms = function(moved)
            return float(xp.sum(terms)), float(xp.sum(xp.abs(terms)))

        analytic = float(xp.sum(slope * direction))
        if not (math.isfinite(analytic) and math.isfinite(along(0.0)[0])):
            return Row(name, analytic, math.nan, math.nan, math.nan, math.nan, "nan")
        found = _numeric(along, eps)
        if found:
            larger = max(abs(analytic), abs(found.value))
            distance = abs(analytic - found.value)
            tolerance = eps ** (2 / 3) * larger + found.rounding
            error = distance / larger if larger else 0.0
            verdict = "ok" if distance <= tolerance else "wrong"
            return Row(name, analytic, found.value, error, tolerance, found.step, verdict)
    return Row(name, analytic, math.nan, math.nan, math.nan, math.nan, "kink")
