"""Forecasting: a series in, its next steps out, with intervals and an honest score.

`RNNForecaster` turns series into what `xprnn.fit` takes, and the network's outputs
into forecasts in the units and with the index of the series. pandas is imported if a
pandas object comes in, and not otherwise. ``xprnn.forecasting.sktime`` has the same
forecaster as an sktime estimator.
"""

from xprnn.forecasting.backtest import Backtest
from xprnn.forecasting.forecaster import RNNForecaster
from xprnn.forecasting.intervals import Interval

__all__ = ["Backtest", "Interval", "RNNForecaster"]
