"""Hold out the ends of the series from a first training run, and use them to judge it.

The held-out steps decide between the networks and the linear maps that these start from, and the
errors on them set the prediction intervals.
"""

import math
from typing import Any

import numpy as np

from xprnn import baselines
from xprnn._fields import warn
from xprnn._typing import Array
from xprnn.forecasting.choose import find_least, may_stay_linear, name_network_options
from xprnn.forecasting.layout import Layout
from xprnn.forecasting.networks import train_networks
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import TINY, Predictor

ENOUGH = 20
"""The least number of steps to hold out, if a series is long enough."""
WORTH = 0.95
"""To be used, a trained network must have at most this many times the linear maps' error."""
WORSE = 1.25
"""Warn if the networks' error is more than this many times that of the naive rule."""
STARTS = 50
"""The most held-out steps from which to forecast."""


def fit_with_errors(forecaster: Any, panel: Panel, layouts: tuple[Layout, ...]) -> Predictor:
    """Train without the ends of the series to measure the errors there, then train on all.

    Unless training improves the forecasts of those ends, the linear maps replace the networks. The
    mean is subtracted from the errors, because the networks that forecast know those steps. This
    reduces the variance: n errors about their own mean have (n - 1) / n of it, and a new error
    about that mean has (n + 1) / n.
    """
    least = find_least(layouts)
    lengths = [_shorten(y, least, forecaster.horizon) for y in panel.y]
    if lengths == [*panel.lengths]:  # nothing to hold out
        predictor = train_networks(forecaster, panel, layouts)
        return predictor._replace(
            members=tuple(member._replace(held_out=[]) for member in predictor.members)
        )
    seen, linear = panel.until(lengths), False
    before = train_networks(forecaster, seen, layouts)
    if may_stay_linear(forecaster, panel) and panel.lengths[0] - lengths[0] >= before.steps:
        maps = train_networks(forecaster, seen, layouts, linear=True)
        trained, untrained = (
            _measure_far_errors(each, panel, lengths[0], forecaster.horizon)
            for each in (before, maps)
        )
        linear = trained > WORTH * untrained
        if linear:
            before = maps
            _warn_of_options(forecaster)
    errors = before.measure_errors(panel, lengths)
    _warn_if_worse_than_naive(before, panel, lengths, errors)
    predictor = train_networks(forecaster, panel, layouts, linear=linear)
    members = []
    for old, new, parts in zip(before.members, predictor.members, errors, strict=True):
        every = np.concatenate(parts)
        mean, n = every.mean(axis=0), len(every)
        widen = math.sqrt((n + 1) / max(n - 1, 1))
        ratios = [a.scale / b.scale for a, b in zip(old.scalers, new.scalers, strict=True)]
        parts = [widen * r * (part - mean) for part, r in zip(parts, ratios, strict=True)]
        members.append(new._replace(held_out=parts))
    return predictor._replace(members=tuple(members))


def _warn_of_options(forecaster: Any) -> None:
    """Warn about options of the networks, which have no effect on the linear maps."""
    names = name_network_options(forecaster)
    if names:
        warn(
            f"the linear maps forecast alone, and {', '.join(names)} had no effect: training "
            f"did not make the forecasts of held-out steps {1 - WORTH:.0%} better; a number "
            "for skip= keeps the networks"
        )


def _measure_far_errors(predictor: Predictor, panel: Panel, length: int, horizon: int) -> float:
    """Return the mean error of forecasts of a series that start after its first `length` steps.

    Each forecast covers the horizon, or the steps left after `length` if they are fewer.
    """
    (y,), longer, each = panel.y, predictor._replace(panel=panel), []
    steps = min(horizon, len(y) - length)
    ends = np.unique(np.linspace(length, len(y) - steps, STARTS).astype(int))
    for member in predictor.members:
        (past,) = longer.pasts(member.scalers)
        pasts = [past.until(end)._replace(ahead=past.ahead) for end in ends]
        each.append(member.follow(pasts, np.zeros((len(ends), 1, steps, y.shape[1])))[:, 0])
    truth = np.stack([y[end : end + steps] for end in ends])
    scale = predictor.members[0].scalers[0].scale
    return float(np.mean(np.abs(truth - np.mean(each, axis=0)) / scale))


def _warn_if_worse_than_naive(
    predictor: Predictor, panel: Panel, lengths: list[int], errors: list[list[Array]]
) -> None:
    """Warn if repeating the last season would have done better on the held-out steps."""
    network, naive = [], []
    for i, (y, length) in enumerate(zip(panel.y, lengths, strict=True)):
        season = baselines.find_season(y[:length])
        scale = predictor.members[0].scalers[i].scale
        naive.append((y[length:] - y[length - season : -season])[: len(errors[0][i])] / scale)
        parts = zip(errors, predictor.members, strict=True)
        each = [part[i][:, 0] * member.scalers[i].scale / scale for part, member in parts]
        network.append(np.mean(each, axis=0))
    ours, rule = (float(np.abs(np.concatenate(each)).mean()) for each in (network, naive))
    count = sum(map(len, network))
    if count >= ENOUGH and ours > max(WORSE * rule, TINY):
        times = f"{ours / rule:.2g} times those" if rule else "above zero, those"
        warn(
            f"on {count} steps at the end of y, which the networks did not see, their errors one "
            f"step ahead are {times} of a forecast that repeats the last "
            f"season{'' if rule else ' are zero'}; try more epochs or a longer y, or look at "
            "backtest"
        )


def _shorten(y: Array, least: int, horizon: int) -> int:
    """Return the number of steps of a series to train on if its end is held out."""
    examples = len(y) - least + 1
    return len(y) - min(max(2 * horizon, len(y) // 5, ENOUGH), examples // 2)


def hold_out(
    panel: Panel, count: int, horizon: int, least: int, what: str, *, sliding: bool = False
) -> list[tuple[Panel, Panel]]:
    """Return the last `count` pieces of a panel, each with `horizon` steps, and their pasts.

    A past starts at the first step; with `sliding`, all pasts have the same length.

    Raises
    ------
    ValueError
        If the first past has fewer than `least` steps; `what` describes the pieces in the message.
    """
    if min(panel.lengths) < least + count * horizon:
        raise ValueError(
            f"y must have at least {least + count * horizon} steps, {least} to train and {what} "
            f"of {horizon}, got {min(panel.lengths)}"
        )
    pieces = []
    for i in range(count):
        left = (count - i) * horizon
        past = panel.rows(slice(i * horizon if sliding else 0, -left))
        pieces.append((past, panel.rows(slice(-left, horizon - left or None))))
    return pieces
