"""Forecasts of series, with prediction intervals and backtests.

`RNNForecaster` turns series into x and y for `xprnn.fit`, and the network's outputs into forecasts
with the units and the index of the series. It imports pandas only for pandas objects.
``xprnn.forecasting.sktime`` has the same forecaster as an sktime estimator.
"""

from xprnn.forecasting.backtest import Backtest
from xprnn.forecasting.forecaster import RNNForecaster
from xprnn.forecasting.intervals import Interval

__all__ = ["Backtest", "Interval", "RNNForecaster"]
