"""Fit a forecaster."""

from typing import Any

import numpy as np

from xprnn.forecasting.check import check
from xprnn.forecasting.choose import choose_layouts, find_least
from xprnn.forecasting.held_out import fit_with_errors, hold_out
from xprnn.forecasting.intervals import Calibration
from xprnn.forecasting.networks import train_networks
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import Predictor


def fit(forecaster: Any, panel: Panel) -> Predictor:
    """Train on a panel, and measure the errors that set the prediction intervals.

    Raises
    ------
    ValueError
        If a series is too short.
    """
    check(forecaster)
    layouts = choose_layouts(forecaster, panel)
    count, horizon = forecaster.calibration, forecaster.horizon
    if count is None and forecaster.quantiles is None:
        return fit_with_errors(forecaster, panel, layouts)
    if not count:
        return train_networks(forecaster, panel, layouts)
    errors, spreads, least = [], [], find_least(layouts)
    for past, truth in hold_out(panel, count, horizon, least, f"calibration={count} pieces"):
        predictor = train_networks(forecaster, past, layouts)
        later = predictor.select_ahead(truth)
        forecasts = predictor.forecast(horizon, later)
        errors.append([np.abs(y - f) for y, f in zip(truth.y, forecasts, strict=True)])
        spreads.append(predictor.spreads(horizon, later))
    calibration = Calibration.of(errors, spreads)
    return train_networks(forecaster, panel, layouts)._replace(calibration=calibration)
