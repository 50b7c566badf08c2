"""Forecasts of the past, scored and compared with forecasts without a model."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xprnn import baselines, metrics
from xprnn._fields import check_choice, warn, whole
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.forecasting.choose import choose_layouts, find_least
from xprnn.forecasting.fit import fit
from xprnn.forecasting.held_out import hold_out
from xprnn.forecasting.intervals import bound_quantiles
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import OneStep

WINDOWS = ("expanding", "sliding")
OURS = "RNNForecaster"
LATE = 0.5
"""Forecasts are late if their error against y(t-1) is below this share of that against y(t)."""
SHOWN = 5
"""The most constant columns to name below the table."""
ENOUGH = 8
"""The least number of forecasts that can show a delay."""


@dataclass(frozen=True, repr=False)
class Backtest:
    """The scores and forecasts of a backtest; it prints as a table.

    Attributes
    ----------
    scores : dict
        The scores by forecast, then by name: ``"MAE"`` and ``"RMSE"`` in the units of y,
        ``"MASE"`` in units of the naive forecast's error before each fold, ``"sMAPE"`` from 0 to
        2, and ``"coverage"``, the share of steps inside the interval, or NaN for a forecast
        without one. Each score is over all folds, steps, series and columns. MASE leaves out the
        `unscaled` columns, and is NaN if every column is unscaled.
    forecasts : dict
        The forecasts by name: a tuple with one item for each fold, in the form of y.
    truth, lower, upper : tuple
        The true values and the bounds of the interval, one for each fold, in the form of y.
    folds, horizon, season : int
    coverage : float or None
        The share of steps that the interval should cover.
    window : str
    unscaled : tuple of str
        The series and columns that are constant before a fold. The naive forecast's error is zero
        there, so MASE is undefined.
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
        columns = [["", *self.scores]]
        for name in names:
            cells = [name, *(_format(scores[name]) for scores in self.scores.values())]
            columns.append([cell.rjust(max(map(len, cells))) for cell in cells])
        columns[0] = [name.ljust(max(map(len, columns[0]))) for name in columns[0]]
        lines = ["  ".join(row) for row in zip(*columns, strict=True)]
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


def _format(score: float) -> str:
    return "–" if math.isnan(score) else f"{score:.4g}"


class Fold(NamedTuple):
    """One fold: the steps before it, its true values and its forecasts."""

    past: Panel
    truth: Panel
    forecasts: dict[str, list[Array]]
    """The forecasts by name, (horizon, O) for each series."""
    bounds: list[list[Array]]
    """The lower and upper bounds, (horizon, O) for each series; [] without an interval."""


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
    """Run the backtest of a forecaster; see `RNNForecaster.backtest`."""
    folds, horizon = whole("folds", folds), whole("horizon", horizon)
    check_choice("window", window, WINDOWS)
    if forecaster.strategy == "direct" and horizon != forecaster.horizon:
        raise ValueError(
            f"horizon must be {forecaster.horizon}, the horizon of the direct forecaster, got "
            f"{horizon}"
        )
    levels = () if coverage is None else bound_quantiles(coverage)
    layouts = choose_layouts(forecaster, panel)
    least, what = max(find_least(layouts), 3), f"{folds} fold(s)"
    pieces = hold_out(panel, folds, horizon, least, what, sliding=window == "sliding")
    season = _choose_season(forecaster.differencing, pieces[0][0], season)
    results: list[Fold] = []
    for past, truth in pieces:
        predictor = fit(forecaster, past)
        if not results:
            _warn_if_late(predictor.one_step(panel))
        later = predictor.select_ahead(truth)
        forecasts = {
            OURS: predictor.forecast(horizon, later),
            "naive": [baselines.naive(y, horizon) for y in past.y],
            "seasonal naive": [baselines.seasonal_naive(y, horizon, season) for y in past.y],
            "drift": [baselines.drift(y, horizon) for y in past.y],
        }
        bounds = predictor.quantiles(levels, horizon, later) if levels else []
        results.append(Fold(past, truth, forecasts, bounds))
    return Backtest(
        scores={name: _score(results, name) for name in results[0].forecasts},
        forecasts={
            name: tuple(fold.truth.apply_forms(fold.forecasts[name]) for fold in results)
            for name in results[0].forecasts
        },
        truth=tuple(fold.truth.apply_forms(list(fold.truth.y)) for fold in results),
        lower=tuple(fold.truth.apply_forms(fold.bounds[0]) for fold in results if levels),
        upper=tuple(fold.truth.apply_forms(fold.bounds[1]) for fold in results if levels),
        folds=folds,
        horizon=horizon,
        season=season,
        coverage=coverage,
        window=window,
        unscaled=_name_constant_columns(panel, results),
    )


def _choose_season(differencing: Any, past: Panel, season: int | None) -> int:
    """Return `season`, or by default the differencing's season or the one found in the past."""
    if season is None:
        if differencing != "auto" and differencing > 1:
            return int(differencing)
        y = next((y for y in past.y if _varies(y).any()), past.y[0])
        return baselines.find_season(Scaler.of(y, xp=np).apply(y))
    season = whole("season", season)
    if season > min(past.lengths):
        raise ValueError(
            f"season must be at most {min(past.lengths)}, the steps before the first fold, "
            f"got {season}"
        )
    return season


def _score(folds: list[Fold], name: str) -> dict[str, float]:
    """Return all scores of one forecast."""
    truth = [y for fold in folds for y in fold.truth.y]
    train = [y for fold in folds for y in fold.past.y]
    forecasts = [y for fold in folds for y in fold.forecasts[name]]
    scores = {
        "MAE": metrics.mae(truth, forecasts),
        "RMSE": metrics.rmse(truth, forecasts),
        "MASE": _score_mase(truth, forecasts, train),
        "sMAPE": metrics.smape(truth, forecasts),
    }
    if folds[0].bounds:
        lower, upper = ([y for fold in folds for y in fold.bounds[side]] for side in range(2))
        ours = name == OURS
        scores["coverage"] = metrics.coverage(truth, lower, upper) if ours else math.nan
    return scores


def _score_mase(truth: list[Array], forecasts: list[Array], train: list[Array]) -> float:
    """Return the MASE of the columns that vary in training, or NaN if none does."""
    columns = [
        (y[:, [j]], y_hat[:, [j]], past[:, [j]])
        for y, y_hat, past in zip(truth, forecasts, train, strict=True)
        for j in np.flatnonzero(_varies(past))
    ]
    if not columns:
        return math.nan
    y, y_hat, past = map(list, zip(*columns, strict=True))
    return metrics.mase(y, y_hat, train=past)


def _name_constant_columns(panel: Panel, folds: list[Fold]) -> tuple[str, ...]:
    """Return the names of the columns that are constant before a fold."""
    return tuple(
        panel.name(i, j)
        for i, y in enumerate(panel.y)
        for j in range(y.shape[1])
        if not all(_varies(fold.past.y[i])[j] for fold in folds)
    )


def _varies(y: Array) -> Array:
    """Return whether each column of a series (T, O) varies, (O,)."""
    return np.ptp(y, axis=0) > 0


def _warn_if_late(steps: OneStep) -> None:
    """Warn if forecasts of the next step are closer to the step before it."""
    change = np.abs(steps.truth - steps.before).mean(axis=0)
    moving = change > 0
    if len(steps.truth) < ENOUGH or not moving.any():
        return

    def measure(y: Array) -> float:
        """Return the distance of the forecasts from y, in units of the mean change."""
        return float((np.abs(steps.forecast - y).mean(axis=0)[moving] / change[moving]).mean())

    before, truth = measure(steps.before), measure(steps.truth)
    if before < LATE * truth:
        warn(
            "the forecast is a lagged copy of the series: in units of its mean change, forecasts "
            f"of the next step are {before:.2g} from the step before it and {truth:.2g} from the "
            "step itself; the network learnt nothing beyond the last value, or there is nothing "
            "to learn"
        )
