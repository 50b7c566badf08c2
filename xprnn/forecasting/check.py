"""Check the options of a forecaster."""

from typing import Any

from xprnn._fields import check_choice, flag, show, whole
from xprnn.losses import Pinball

STRATEGIES = ("recursive", "direct")
CHOSEN = {"differencing": "auto", "calibration": None}
"""The options that may be a number, with the value that chooses one automatically."""


def check(forecaster: Any) -> None:
    """Raise ValueError or TypeError unless the forecaster's own options are consistent."""
    for name, least in (("horizon", 1), ("members", 1), ("differencing", 0), ("calibration", 0)):
        value = getattr(forecaster, name)
        if name not in CHOSEN or value != CHOSEN[name]:
            whole(name, value, least)
    check_choice("strategy", forecaster.strategy, STRATEGIES)
    if not isinstance(forecaster.past_columns, tuple | list):
        raise TypeError(
            f"past_columns must be a tuple of columns, got {show(forecaster.past_columns)}"
        )
    lags = forecaster.lags
    if lags is None:
        _check_without_lags(forecaster)
    elif isinstance(lags, tuple):
        for i, each in enumerate(lags):
            whole(f"lags[{i}]", each)
        if not lags or len(set(lags)) < len(lags):
            raise ValueError(f"lags must be windows of different lengths, got {show(lags)}")
    elif isinstance(lags, list):
        raise TypeError(f"lags must be a tuple for several windows, such as (8, 16), got {lags}")
    elif lags != "auto":
        whole("lags", lags)
    if forecaster.center is not None:
        flag("center", forecaster.center)
    if forecaster.center and (lags in (None, 1) or (isinstance(lags, tuple) and 1 in lags)):
        raise ValueError(
            "center=True is valid only with windows of at least 2 steps, got lags="
            f"{forecaster.lags}: a window of one step minus its mean is zero"
        )
    if forecaster.quantiles is not None:
        quantiles = Pinball(forecaster.quantiles).quantiles
        if 0.5 not in quantiles or len(set(quantiles)) < len(quantiles):
            raise ValueError(
                f"quantiles must hold 0.5, the forecast, and no value twice, got {show(quantiles)}"
            )
        if forecaster.loss != "half_mse":
            raise ValueError("loss has no effect with quantiles, whose loss is Pinball")
    if forecaster.strategy == "recursive" and forecaster.quantiles is not None:
        raise ValueError(
            "quantiles are valid only for strategy='direct': a recursive forecast is fed back as "
            "if it were certain, so the quantiles of later steps would be wrong"
        )
    if forecaster.strategy == "recursive" and forecaster.past_columns:
        raise ValueError(
            "past_columns are valid only for strategy='direct': a recursive forecast needs its "
            "inputs at every step ahead"
        )


def _check_without_lags(forecaster: Any) -> None:
    """Raise ValueError if the network would see the steps that it has to forecast."""
    if forecaster.bidirectional:
        raise ValueError(
            "bidirectional is valid only with lags, got lags=None: reading the whole series "
            "backward would show the network the steps that it has to forecast"
        )
    if forecaster.pool is not None:
        raise ValueError("pool is valid only with lags, whose windows it pools, got lags=None")
    if getattr(forecaster.network, "time", None) == "whole":
        raise ValueError(
            "network must be able to run step by step with lags=None: a network that needs whole "
            "sequences would see the steps that it has to forecast"
        )
