"""Forecasts of the past, scored beside forecasts that need no model."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xprnn import baselines, metrics
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn._validate import unknown, warn, whole
from xprnn.forecasting import fit
from xprnn.forecasting.checks import tails
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import OneStep

WINDOWS = ("expanding", "sliding")
OURS = "RNNForecaster"
LATE = 0.5
"""A forecast is late if its error against y(t-1) is below this part of that against y(t)."""
SHOWN = 5
"""How many constant series the note below the table names."""
ENOUGH = 8
"""The least number of forecasts that tells whether they are late."""


@dataclass(frozen=True, repr=False)
class Backtest:
    """The scores and forecasts of a backtest; prints as a table.

    Attributes
    ----------
    scores : dict
        By forecast, then by score: ``"MAE"`` and ``"RMSE"`` in the units of y, ``"MASE"``
        in those of the naive forecast's error before each fold, ``"sMAPE"`` from 0 to 2,
        and ``"coverage"``, the share of the steps that fell into the interval, NaN
        where there is none. Each is over all folds, steps, series and columns, except the
        MASE, which leaves out those that are `unscaled` and is NaN if all are.
    forecasts : dict
        By forecast, a tuple with one for each fold, like y.
    truth, lower, upper : tuple
        What came, and the bounds of the interval, one for each fold, like y.
    folds, horizon, season : int
    coverage : float or None
        What the interval was to cover.
    window : str
    unscaled : tuple of str
        The series and columns that are constant before a fold. The naive forecast makes
        no error there, so MASE has no unit.
    """

    scores: dict[str, dict[str, float]]
    forecasts: dict[str, tuple[Any, ...]]
    truth: tuple[Any, ...]
    lower: tuple[Any, ...]
    upper: tuple[Any, ...]
    folds: int
    horizon: int
    season: int
    coverage: float | None
    window: str
    unscaled: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return a table of the scores."""
        names = [*self.scores[OURS]]
        rows = [["", *names]]
        for forecast, scores in self.scores.items():
            rows.append([forecast, *(_written(scores[name]) for name in names)])
        first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
        lines = [
            "  ".join(
                [row[0].ljust(first), *(c.rjust(w) for c, w in zip(row[1:], others, strict=True))]
            ).rstrip()
            for row in rows
        ]
        interval = "" if self.coverage is None else f", interval for {self.coverage:g}"
        lines.append(
            f"{self.folds} fold(s) of {self.horizon} step(s), {self.window} window, "
            f"season {self.season}{interval}"
        )
        if self.unscaled:
            more = f" and {len(self.unscaled) - SHOWN} more" if len(self.unscaled) > SHOWN else ""
            lines.append(
                f"MASE without {', '.join(self.unscaled[:SHOWN])}{more}: constant before a fold"
            )
        return "\n".join(lines)


def _written(score: float) -> str:
    return "–" if math.isnan(score) else f"{score:.4g}"


class Fold(NamedTuple):
    """One piece: what was known, what came, and the forecasts of it, (horizon, O) each."""

    past: Panel
    truth: Panel
    forecasts: dict[str, list[Array]]
    bounds: tuple[list[Array], ...]


def run(
    forecaster: Any,
    panel: Panel,
    *,
    folds: int,
    horizon: int,
    window: str,
    season: int | None,
    coverage: float | None,
) -> Backtest:
    """Return the backtest of a forecaster; see `RNNForecaster.backtest`."""
    folds, horizon = whole("folds", folds), whole("horizon", horizon)
    if window not in WINDOWS:
        raise unknown("window", window, WINDOWS)
    if forecaster.strategy == "direct" and horizon != forecaster.horizon:
        raise ValueError(
            f"horizon must be {forecaster.horizon}, that of the direct forecaster, got {horizon}"
        )
    levels = () if coverage is None else tails(coverage)
    least = max(forecaster.layout.least, 3) + folds * horizon
    if min(panel.lengths) < least:
        raise ValueError(
            f"y must have at least {least} steps, {least - folds * horizon} to train and {folds} "
            f"fold(s) of {horizon}, got {min(panel.lengths)}"
        )
    pieces = fit.hold_out(panel, folds, horizon, sliding=window == "sliding")
    season = _season(forecaster.differencing, pieces[0][0], season)
    results: list[Fold] = []
    for past, truth in pieces:
        predictor = fit.fit(forecaster, past)
        if not results:
            _warn_if_late(predictor.one_step(panel))
        later = tuple(x[:, predictor.known] for x in truth.x)
        forecasts = {OURS: predictor.forecast(horizon, later), **_rules(past, horizon, season)}
        bounds = tuple(predictor.quantiles(levels, horizon, later)) if levels else ()
        results.append(Fold(past, truth, forecasts, bounds))
    names = [*results[0].forecasts]
    lower, upper = (
        tuple(fold.truth.here(fold.bounds[side]) for fold in results if fold.bounds)
        for side in range(2)
    )
    return Backtest(
        scores={name: _score(results, name) for name in names},
        forecasts={
            name: tuple(fold.truth.here(fold.forecasts[name]) for fold in results) for name in names
        },
        truth=tuple(fold.truth.here(list(fold.truth.y)) for fold in results),
        lower=lower,
        upper=upper,
        folds=folds,
        horizon=horizon,
        season=season,
        coverage=coverage,
        window=window,
        unscaled=_constant_columns(panel, results),
    )


def _season(differencing: int, past: Panel, season: int | None) -> int:
    """Return the season asked for, that of the differencing, or the best one of the past."""
    if season is None:
        if differencing > 1:
            return differencing
        y = next((y for y in past.y if _varies(y).any()), past.y[0])
        return baselines.best_period(Scaler.of(y, xp=np).apply(y))
    season = whole("season", season)
    if season > min(past.lengths):
        raise ValueError(
            f"season must be at most {min(past.lengths)}, the steps before the first fold, "
            f"got {season}"
        )
    return season


def _rules(past: Panel, horizon: int, season: int) -> dict[str, list[Array]]:
    """Return the forecasts that need no model."""
    return {
        "naive": [baselines.naive(y, horizon) for y in past.y],
        "seasonal naive": [baselines.seasonal_naive(y, horizon, season) for y in past.y],
        "drift": [baselines.drift(y, horizon) for y in past.y],
    }


def _score(folds: list[Fold], name: str) -> dict[str, float]:
    """Return all scores of one forecast."""
    truth = [y for fold in folds for y in fold.truth.y]
    train = [y for fold in folds for y in fold.past.y]
    forecasts = [y for fold in folds for y in fold.forecasts[name]]
    scores = {
        "MAE": metrics.mae(truth, forecasts),
        "RMSE": metrics.rmse(truth, forecasts),
        "MASE": _mase(truth, forecasts, train),
        "sMAPE": metrics.smape(truth, forecasts),
    }
    if folds[0].bounds:
        lower, upper = ([y for fold in folds for y in fold.bounds[side]] for side in range(2))
        ours = name == OURS
        scores["coverage"] = metrics.coverage(truth, lower, upper) if ours else math.nan
    return scores


def _mase(truth: list[Array], forecasts: list[Array], train: list[Array]) -> float:
    """Return the MASE of the columns that vary in training, NaN if none does."""
    columns = [
        (y[:, [j]], y_hat[:, [j]], past[:, [j]])
        for y, y_hat, past in zip(truth, forecasts, train, strict=True)
        for j in np.flatnonzero(_varies(past))
    ]
    if not columns:
        return math.nan
    y, y_hat, past = map(list, zip(*columns, strict=True))
    return metrics.mase(y, y_hat, train=past)


def _constant_columns(panel: Panel, folds: list[Fold]) -> tuple[str, ...]:
    """Return the names of the columns that are constant before a fold."""
    return tuple(
        panel.name(i, j)
        for i, y in enumerate(panel.y)
        for j in range(y.shape[1])
        if not all(_varies(fold.past.y[i])[j] for fold in folds)
    )


def _varies(y: Array) -> Array:
    """Return which columns of a series (T, O) are not constant."""
    return np.ptp(y, axis=0) > 0


def _warn_if_late(steps: OneStep) -> None:
    """Warn if forecasts of the next step are nearer to the step before it."""
    change = np.abs(steps.truth - steps.before).mean(axis=0)
    moving = change > 0
    if len(steps.truth) < ENOUGH or not moving.any():
        return

    def distance(y: Array) -> float:
        """Return how far the forecasts are from y, in units of the mean change."""
        return float((np.abs(steps.forecast - y).mean(axis=0)[moving] / change[moving]).mean())

    late, right = distance(steps.before), distance(steps.truth)
    if late < LATE * right:
        warn(
            "the forecast is a lagged copy of the series: in units of its mean change, the "
            f"forecasts of the next step are {late:.2g} from the step before and {right:.2g} from "
            "the one they are of; what the last value does not say was not learnt, or is not there"
        )
