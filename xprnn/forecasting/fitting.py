"""What `fit` of a forecaster does: from hyper-parameters and series to trained networks."""

from typing import Any

import numpy as np

from xprnn._validate import shown
from xprnn.forecasting import calibration, checks, members
from xprnn.forecasting.fitted import Fitted
from xprnn.forecasting.panel import Panel
from xprnn.losses import Pinball

__all__ = ["calibrated", "fitted"]


def calibrated(forecaster: Any, given: Panel) -> Fitted:
    """Return what training on a panel gives, and what held-out pieces of it say of intervals."""
    checks.check(forecaster)
    if not forecaster.calibration:
        return fitted(forecaster, given)
    pieces = [
        (fitted(forecaster, past), truth) for past, truth in calibration.cuts(forecaster, given)
    ]
    return fitted(forecaster, given)._replace(calibration=calibration.of(pieces))


def fitted(forecaster: Any, given: Panel) -> Fitted:
    """Return what training on a panel gives."""
    layout = forecaster.layout
    for i, length in enumerate(given.lengths):
        if length < layout.least:
            raise ValueError(
                f"{f'y[{i}]' if given.listed else 'y'} must have at least {layout.least} steps "
                f"for lags={forecaster.lags}, differencing={forecaster.differencing} and "
                f"strategy={forecaster.strategy!r}, got {length}"
            )
    for column in forecaster.past_columns:
        if column not in given.inputs:
            raise ValueError(
                f"past_columns must be columns of X, {shown([*given.inputs])}, got {shown(column)}"
            )
    known = np.asarray([name not in forecaster.past_columns for name in given.inputs], bool)
    scalers = tuple(layout.scaler(y, forecaster.standardize) for y in given.y)
    quantiles = None if forecaster.quantiles is None else Pinball(forecaster.quantiles).quantiles
    untrained = Fitted((), given, given, scalers, layout, known, quantiles, forecaster.seed)
    options = checks.options(forecaster, layout.steps * given.y[0].shape[1])
    x, y = layout.examples(untrained.pasts())
    return untrained._replace(models=members.trained(x, y, forecaster.members, options))
