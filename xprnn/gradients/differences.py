"""Proof that a gradient is right: comparison with finite differences.

`compare` holds a gradient against the values of the function it belongs to;
`check` does so for a whole network (or a cell of one's own in a `Recurrent`
layer), on random parameters, data and masks::

    from xprnn import gradients, layers
    print(gradients.check(layers.Stack((layers.Recurrent(4), layers.Dense(1)))))

**What is compared.** For each array θ and a random direction v of norm 1, the
analytic number Σ v ∂L/∂θ with the numeric one, D(s) = (4 d(s/2) - d(s)) / 3. Here
d(s) = (L(θ + s v) - L(θ - s v)) / 2s is the central difference, and D Richardson's
extrapolation of it, whose truncation error falls as s⁴.

**The tolerance** is eps^(2/3) of the larger number (4e-11 in float64), plus what
rounding alone can do to D at that step, 64 eps Σ|L_i| / s over the terms L_i of L.

**The step** s starts at eps^(1/5), where truncation and rounding balance. No
difference quotient across a kink (of relu, of an absolute value) means anything.
So D(s) counts only if D(s), D(s/2) and D(s/4) agree to the tolerance, and if the
quotients to the right and to the left differ in proportion to the step, as they
do where there is a derivative. Otherwise s is divided by 8, so that it no longer
reaches the kink. If six steps fail, they are tried once more with what L changes by
when θ moves by its own rounding, in the place of eps Σ|L_i|, for it may be more where
large numbers cancel; then another direction is tried. If four directions fail, the
verdict is "kink", which is not a pass: the function has no gradient at that point.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from xprnn import losses, tree
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import whole
from xprnn.backend import dtype_name, generator, host, of, resolve
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.noise import Noise

__all__ = ["Report", "Row", "check", "compare"]


class Row(NamedTuple):
    """The comparison for one array along one direction."""

    name: str
    analytic: float
    numeric: float
    error: float
    """|analytic - numeric| over the larger of the two, 0 if both are 0."""
    tolerance: float
    """The largest |analytic - numeric| that passes."""
    step: float
    verdict: str
    """``"ok"``, ``"wrong"``, ``"nan"`` (a number is not finite) or ``"kink"``."""


@dataclass(frozen=True)
class Report:
    """What a gradient check found; prints as a table."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether every row is ``"ok"``, and there is one."""
        return bool(self.rows) and all(row.verdict == "ok" for row in self.rows)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names whose gradient is wrong or not finite."""
        return tuple(dict.fromkeys(r.name for r in self.rows if r.verdict in ("wrong", "nan")))

    def __str__(self) -> str:
        width = max(len(name) for name in ("name", *(row.name for row in self.rows)))
        head = (
            f"{'name':<{width}} {'analytic':>23} {'numeric':>23} {'rel. error':>10} {'step':>8}"
            "  verdict"
        )
        lines = [
            f"{r.name:<{width}} {r.analytic:>23.15e} {r.numeric:>23.15e} {r.error:>10.1e} "
            f"{r.step:>8.1e}  {r.verdict}"
            for r in self.rows
        ]
        return "\n".join([head, *lines])


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


def check(
    network: Layer,
    *,
    features: int = 3,
    steps: int = 5,
    batch: int = 2,
    models: tuple[int, ...] = (),
    masked: bool = False,
    training: bool = True,
    own_state: bool = False,
    loss: str | Loss = "half_mse",
    backend: str = "numpy",
    directions: int = 2,
    seed: int = 0,
) -> Report:
    """Check every gradient of a network at a random point, in float64.

    What is differentiated is L = loss(ŷ, y) + ½ Σ state(T)², for every
    parameter, for x and for the initial state. A cell's own weights v and a learnt
    initial state are parameters.

    Parameters
    ----------
    network : Layer
        Any layer or stack; ``Recurrent(4, cell=MyCell())`` checks a cell of your own.
    features, steps, batch : int
        F, T and B of the random x (T, B, F).
    models : tuple of int
        Leading axes: so many models side by side, each with its own parameters.
    masked : bool
        Make about a third of the steps padding that holds NaN.
    training : bool
        Whether dropout drops, always the same numbers.
    own_state : bool
        Start from the network's own initial state, which may be learnt, and not from a
        random one that is checked as well.
    loss : str or Loss
    backend : str
        Where to compute, as for `fit`.
    directions : int
        How many random directions for each array.
    seed : int
        Of the parameters, the data, the mask and the directions.

    Returns
    -------
    Report
        ``report.ok`` is the verdict; printed, it is a table.

    Examples
    --------
    >>> from xprnn import gradients
    >>> from xprnn.layers import Dense, Recurrent, Stack
    >>> report = gradients.check(Stack((Recurrent(4), Dense(1))), directions=1)
    >>> report.ok
    True
    >>> [row.name for row in report.rows][:4]
    ['params.0.W', 'params.0.U', 'params.0.b', 'params.1.W']
    """
    loss = losses.get(loss)
    place = resolve(backend)
    xp, rng = place.xp, generator(seed)

    def move(a):
        return place.asarray(a, "float64")

    with place.active():
        drawn, _ = network.init(rng, features)
        params = tree.map(lambda a: move(a + 0.3 * rng.standard_normal((*models, *a.shape))), drawn)
        x = rng.standard_normal((*models, steps, batch, features))
        mask = None
        if masked:
            kept = rng.random((steps, batch, 1)) < 0.67
            kept[0, 0] = True
            x = host.where(kept, x, host.nan)
            mask = xp.asarray(move(kept), dtype=xp.bool)
        x = move(x)
        own = {"noise": Noise((seed,)) if training else None, "xp": xp}
        y_hat, end, _ = network.forward(params, x, None, mask, **own)
        loss_mask = mask if network.keeps_steps else None
        y = rng.standard_normal(y_hat.shape)
        y = move(y if loss_mask is None else host.where(kept, y, host.nan))
        state = tree.map(lambda s: move(0.5 * rng.standard_normal(s.shape)), end)

        def objective(point):
            y_hat, end, cache = network.forward(
                point["params"], point["x"], point.get("state"), mask, **own
            )
            value, dy = loss(y_hat, y, loss_mask, xp=xp)
            value = xp.sum(value) + sum(xp.sum(s * s) for s in tree.leaves(end)) / 2
            return value, dy, end, cache

        point = {"params": params, "x": x} | ({} if own_state else {"state": state})
        _, dy, end, cache = objective(point)
        dparams, dx, dstate = network.backward(params, dy, end, cache, xp=xp)
        gradient = {"params": dparams, "x": dx} | ({} if own_state else {"state": dstate})
        return compare(
            lambda p: objective(p)[0], point, gradient, directions=directions, seed=seed, xp=xp
        )
