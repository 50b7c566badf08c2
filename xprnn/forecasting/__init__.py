"""Forecasts of series, with intervals and honest scores.

`RNNForecaster` makes x and y for `xprnn.fit` from series, and makes forecasts in the units
and with the index of the series from the network's outputs. It imports pandas only for
pandas objects. ``xprnn.forecasting.sktime`` has the same forecaster as an sktime estimator.
"""

from xprnn.forecasting.backtest import Backtest
from xprnn.forecasting.forecaster import RNNForecaster
from xprnn.forecasting.intervals import Interval

__all__ = ["Backtest", "Interval", "RNNForecaster"]
