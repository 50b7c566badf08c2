"""The class `RNNForecaster` as an sktime forecaster (extra ``sktime``).

It takes series, inputs and the horizon like any sktime forecaster, and works in sktime's
pipelines, searches and evaluations::

    from sktime.forecasting.base import ForecastingHorizon
    from xprnn.forecasting.sktime import RNNForecaster

    forecaster = RNNForecaster(members=5)
    forecaster.fit(y, fh=ForecastingHorizon(range(1, 13)))
    forecaster.predict()

It has the options of `xprnn.forecasting.RNNForecaster` except the horizon, which is sktime's
``fh``; with ``strategy="direct"``, `fit` needs it. The class is created on first use, because it
derives from an sktime class.
"""

from typing import Any

import numpy as np

from xprnn.errors import MissingExtraError
from xprnn.forecasting import times
from xprnn.forecasting.forecaster import RNNForecaster as _Forecaster

__all__ = ["RNNForecaster"]  # noqa: F822


def __getattr__(name: str) -> Any:
    """Create the class on first use."""
    if name != "RNNForecaster":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _make_class()
    return globals()[name]


def _make_class() -> type:
    """Return the class, derived from sktime's `BaseForecaster`."""
    try:
        import pandas as pd
        from sktime.datatypes import update_data
        from sktime.forecasting.base import BaseForecaster, ForecastingHorizon
    except ImportError as error:
        raise MissingExtraError(
            "xprnn.forecasting.sktime needs sktime: pip install sktime"
        ) from error

    class RNNForecaster(BaseForecaster):
        """A recurrent network that continues series, for sktime.

        Parameters
        ----------
        lags, strategy, differencing, center, past_columns, quantiles, members, calibration, \
network, cell, hidden_size, num_layers, activation, bidirectional, dropout, \
recurrent_dropout, pool, skip, loss, optimizer, learning_rate, penalty, epochs, batch_size, \
tbptt, checkpoint_every, early_stopping, validation_fraction, clip_norm, standardize, seed, \
backend, dtype, callbacks, progress
            See `xprnn.forecasting.RNNForecaster`.

        Attributes
        ----------
        forecaster_ : xprnn.forecasting.RNNForecaster
            The fitted forecaster, with its networks in ``models_``.

        Examples
        --------
        >>> from sktime.datasets import load_airline
        >>> from xprnn.forecasting.sktime import RNNForecaster
        >>> forecaster = RNNForecaster()
        >>> forecaster.fit(load_airline(), fh=[1, 2, 3]).predict().shape
        (3,)
        """

        _tags = {  # noqa: RUF012
            "authors": ["xprnn"],
            "maintainers": ["xprnn"],
            "y_inner_mtype": "pd.DataFrame",
            "X_inner_mtype": "pd.DataFrame",
            "capability:multivariate": True,
            "capability:exogenous": True,
            "capability:non_contiguous_X": False,
            "capability:missing_values": False,
            "capability:insample": False,
            "capability:pred_int": True,
            "capability:pred_int:insample": False,
            "capability:update": True,
            "requires-fh-in-fit": False,
            "X-y-must-have-same-index": True,
        }

        def __init__(
            self,
            lags="auto",
            strategy="recursive",
            differencing="auto",
            center=None,
            past_columns=(),
            quantiles=None,
            members=1,
            calibration=None,
            network=None,
            cell="gru",
            hidden_size=16,
            num_layers=1,
            activation="tanh",
            bidirectional=False,
            dropout=0.0,
            recurrent_dropout=0.0,
            pool=None,
            skip="auto",
            loss="half_mse",
            optimizer=None,
            learning_rate=None,
            penalty=None,
            epochs=10,
            batch_size="auto",
            tbptt=None,
            checkpoint_every=None,
            early_stopping=False,
            validation_fraction=None,
            clip_norm=1.0,
            standardize=True,
            seed=0,
            backend=None,
            dtype=None,
            callbacks=(),
            progress=None,
        ):
            for name, value in list(locals().items()):
                if name not in ("self", "__class__"):
                    setattr(self, name, value)
            super().__init__()
            if strategy == "direct":
                self.set_tags(**{"requires-fh-in-fit": True})

        def _fit(self, y, X, fh):
            """Train on y (T, O) with X (T, K)."""
            self._series = y, X
            steps = 1 if fh is None else max(int(self._ahead(fh).max()), 1)
            forecaster = _Forecaster(horizon=steps, **self.get_params(deep=False))
            self.forecaster_ = forecaster.fit(_number_rows("y", y), _number_rows("X", X))
            return self

        def _update(self, y, X=None, update_params=True):
            """Retrain on all data so far, or take the new data with the same networks."""
            before, _ = self._series
            y, X = (update_data(old, new) for old, new in zip(self._series, (y, X), strict=True))
            y = y[before.columns]  # sktime orders columns like those of the new data
            if update_params:
                return self._fit(y, X, self._fh)
            self.forecaster_.update(_number_rows("y", y), _number_rows("X", X))
            self._series = y, X
            return self

        def _predict(self, fh, X):
            """Return the forecast at fh."""
            ahead = self._ahead(fh)
            forecast = self.forecaster_.predict(int(ahead.max()), self._later(ahead, X))
            return self._frame(forecast.to_numpy()[ahead - 1], fh, self._series[0].columns)

        def _predict_quantiles(self, fh, X, alpha):
            """Return the quantiles alpha at fh, in columns (variable, alpha)."""
            ahead = self._ahead(fh)
            quantiles = self.forecaster_.predict_quantiles(
                alpha, int(ahead.max()), self._later(ahead, X)
            )
            names = [*self._get_varnames()]  # in the column order of the last y
            if len(names) > 1:
                quantiles = [y[names] for y in quantiles]
            rows = np.stack([y.to_numpy() for y in quantiles], axis=2)  # (steps, O, alpha)
            rows = rows[ahead - 1]
            columns = pd.MultiIndex.from_product([names, alpha])
            return self._frame(rows.reshape(len(rows), -1), fh, columns)

        def _ahead(self, fh):
            """Return the horizon in steps after the end of y."""
            return np.asarray(fh.to_relative(self.cutoff).to_pandas()).astype(int)

        def _later(self, ahead, X):
            """Return the inputs at the steps ahead, with rows numbered after those of y."""
            forecaster = self.forecaster_
            if not forecaster.known_ahead:
                return None
            steps = forecaster.horizon if forecaster.strategy == "direct" else 1
            y, needed = self._series[0], max(int(ahead.max()), steps)
            times_ahead = ForecastingHorizon(range(1, needed + 1)).to_absolute_index(self.cutoff)
            missing = times_ahead[~times_ahead.isin(X.index)]
            if len(missing):
                raise ValueError(
                    f"X must hold the {needed} step(s) after the last of y, {times_ahead[0]} to "
                    f"{times_ahead[-1]}, and has no row for {missing[0]}"
                )
            later = X.loc[times_ahead, list(forecaster.known_ahead)]
            return later.set_axis(pd.RangeIndex(len(y), len(y) + len(later)))

        def _frame(self, values, fh, columns):
            """Return rows as a DataFrame with the index that sktime expects."""
            index = fh.to_absolute_index(self.cutoff)
            return pd.DataFrame(values, index=index, columns=columns)

        @classmethod
        def get_test_params(cls, parameter_set="default"):
            """Return small networks for sktime's own checks."""
            small = {"hidden_size": 2, "epochs": 2, "progress": False}
            return [
                {"lags": 3, "differencing": 1, "members": 2, **small},
                {"strategy": "direct", "cell": "gru", **small},
            ]

    RNNForecaster.__module__ = __name__
    RNNForecaster.__qualname__ = "RNNForecaster"
    return RNNForecaster


def _number_rows(argument: str, frame: Any) -> Any:
    """Return a DataFrame with its rows numbered from 0; sktime handles the index.

    Raises
    ------
    ValueError
        If a time is missing or occurs twice, or if an index of integers has a step other
        than 1, the unit of sktime's horizon.
    """
    if frame is None or frame.shape[1] == 0:
        return None
    times.check_even(argument, frame.index)
    step = 1 if hasattr(frame.index, "freq") else times.measure_step(frame.index)
    if step != 1:
        raise ValueError(
            f"{argument} has an index of integers in steps of {step}, and sktime's horizon counts "
            f"in steps of 1: {argument} = {argument}.reset_index(drop=True)"
        )
    return frame.reset_index(drop=True)
