"""What the hyper-parameters of a forecaster may be."""

from typing import Any

from xprnn._validate import number, show, unknown, whole
from xprnn.losses import Pinball

STRATEGIES = ("recursive", "direct")


def check(forecaster: Any) -> None:
    """Raise unless the hyper-parameters that are the forecaster's own fit one another."""
    whole("horizon", forecaster.horizon)
    whole("members", forecaster.members)
    whole("differencing", forecaster.differencing, least=0)
    whole("calibration", forecaster.calibration, least=0)
    if forecaster.strategy not in STRATEGIES:
        raise unknown("strategy", forecaster.strategy, STRATEGIES)
    if not isinstance(forecaster.past_columns, tuple | list):
        raise TypeError(
            f"past_columns must be a tuple of columns, got {show(forecaster.past_columns)}"
        )
    if forecaster.lags is None:
        _check_without_lags(forecaster)
    else:
        whole("lags", forecaster.lags)
    if forecaster.quantiles is not None:
        found = Pinball(forecaster.quantiles).quantiles
        if 0.5 not in found or len(set(found)) < len(found):
            raise ValueError(
                f"quantiles must hold 0.5, the forecast, and each one once, got {show(found)}"
            )
        if forecaster.loss != "half_mse":
            raise ValueError("loss has no effect with quantiles, whose loss is Pinball")
    if forecaster.strategy == "recursive" and forecaster.quantiles is not None:
        raise ValueError(
            "quantiles need strategy='direct': a forecast that is fed back gives the quantiles "
            "of the step after it as if it were certain"
        )
    if forecaster.strategy == "recursive" and forecaster.past_columns:
        raise ValueError(
            "past_columns need strategy='direct': a recursive forecast needs its inputs at "
            "every step ahead"
        )


def _check_without_lags(forecaster: Any) -> None:
    """Raise if the network would see what it is to forecast."""
    if forecaster.bidirectional:
        raise ValueError(
            "bidirectional reads a sequence from its end, and with lags=None the end is what the "
            "network is to forecast: give lags"
        )
    if forecaster.pool is not None:
        raise ValueError("pool makes one step of a window: expected lags, got lags=None")
    if getattr(forecaster.network, "time", None) == "whole":
        raise ValueError(
            "network must run step by step with lags=None, for what sees sequences whole sees "
            "what it is to forecast"
        )


def tails(coverage: float) -> tuple[float, float]:
    """Return the quantiles between which a share lies."""
    number("coverage", coverage, above=0, below=1)
    return (1 - coverage) / 2, (1 + coverage) / 2
