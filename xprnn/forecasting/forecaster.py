"""The public forecaster: its options and methods."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from xprnn._fields import show, whole
from xprnn._keywords import suggest_keywords
from xprnn._model import Model
from xprnn.activations import Activation
from xprnn.backend import Backend
from xprnn.cells import Cell
from xprnn.forecasting import backtest, panel
from xprnn.forecasting.backtest import Backtest
from xprnn.forecasting.check import check
from xprnn.forecasting.fit import fit
from xprnn.forecasting.intervals import Interval, bound_quantiles
from xprnn.forecasting.layout import Layout
from xprnn.forecasting.predictor import Predictor
from xprnn.layers import Layer
from xprnn.losses import Loss, Pinball
from xprnn.optimizers import Optimizer
from xprnn.penalties import Penalty
from xprnn.schedules import Schedule


@dataclass(kw_only=True, repr=False)
class RNNForecaster:
    """A recurrent network that continues series.

    Parameters
    ----------
    horizon : int
        The number of steps to forecast.
    lags : int, tuple of int, "auto" or None
        The length of the windows that the network reads. With a tuple there are networks for each
        length, and the forecast is the mean of their forecasts. With None the network reads the
        whole series from the first step and remembers it in its state. "auto" is one and two
        seasons, or two and three for several series, where `xprnn.baselines.find_season` finds the
        season; but at least 8 steps, and at most a third of the shortest series. If that third is
        below 8 steps, "auto" is None, or the third if an option needs windows. If `differencing`
        and `center` are left out too, there are three kinds of windows: the short window minus its
        mean, the changes in the short window, and the long window unchanged.
    strategy : {"recursive", "direct"}
        With "recursive" the network predicts the next step, which becomes the input for the step
        after it. With "direct" it predicts all steps of the horizon at once.
    differencing : int or "auto"
        With 0 the network learns the series itself, with 1 the change from step to step, and with
        a season m the change from the same step one season, or m steps, earlier. "auto" is 0 for
        windows of a given length, and 1 for whole series.
    center : bool, optional
        Whether to subtract each window's mean before the network reads it, and add it to the
        network's output. Forecasts then follow the level of the series. By default windows of 8 or
        more steps are centred if there is no differencing.
    past_columns : tuple
        The columns of X, by name or position, that are not known ahead. Valid only for
        ``strategy="direct"``.
    quantiles : tuple of float, optional
        Train with the pinball loss of these quantiles. They must include 0.5, which is the
        forecast. Valid only for ``strategy="direct"``.
    members : int
        The number of networks to train side by side for each kind of window. Member i draws its
        initial weights from ``seed + i``. The forecast is the mean of the members' forecasts.
    calibration : int, optional
        The source of the prediction intervals. By default they come from errors on held-out steps:
        a second training holds out the last fifth of every series, at least 2 · `horizon` steps,
        which doubles the time of `fit`. With 0 they come from the training errors, which are too
        small if the networks overfit. Above 0, this many pieces of `horizon` steps at the end of y
        are held out, and networks trained on the steps before each piece forecast it; these errors
        set the width of the intervals. In each case the networks that forecast are trained on all
        of y.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout, \
recurrent_dropout, pool, skip, loss, optimizer, learning_rate, penalty, epochs, batch_size, \
tbptt, checkpoint_every, early_stopping, validation_fraction, clip_norm, standardize, seed, \
backend, dtype, callbacks, progress
        See `xprnn.fit`. The defaults differ and were chosen by benchmarks/defaults.py: a small GRU
        in parallel with a linear map of the last steps, from which the training starts.

        A `skip` of "auto" is the whole window, or one season of a whole series. For a single
        series the trained network is then used only if it forecasts the steps that
        ``calibration=None`` holds out at least 5 % better; otherwise the linear map forecasts
        alone. With a number for `skip`, or with `callbacks`, the trained network is always used.

        A sequence of a batch is a window or a whole series. A `batch_size` of "auto" is 16
        series, or 32 windows, but at least the number of steps in a window and a hundredth of
        all windows. `bidirectional` and `pool` are valid only with windows. `standardize` also
        scales every series separately. With several members, callbacks see the mean of their
        loss curves. `validation_fraction` holds out the last steps of every series, at least as
        many as the network predicts at once; `early_stopping` alone holds out the last tenth.

    Attributes
    ----------
    models_ : tuple of Model
        The networks, with their histories: the members of the first of `layouts_`, then those of
        the next.
    layouts_ : tuple of Layout
        What the networks read and predict: `lags`, `steps` (the number predicted at once),
        `differencing` and `center`.
    linear_ : bool
        Whether only the linear maps that the networks start from are used. There is then one model
        for each of `layouts_`, with an empty history.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, or two options contradict each other.

    Notes
    -----
    Means and scales are measured on the y of `fit`, without the steps that `validation_fraction`
    holds out. Later steps never change them.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.forecasting import RNNForecaster
    >>> y = np.sin(np.arange(0, 30, 0.25))
    >>> forecaster = RNNForecaster(horizon=8)
    >>> ahead = forecaster.fit(y).predict()
    >>> bool(np.abs(ahead - np.sin(np.arange(30, 32, 0.25))).max() < 0.3)
    True
    """

    horizon: int
    lags: int | tuple[int, ...] | str | None = "auto"
    strategy: str = "recursive"
    differencing: int | str = "auto"
    center: bool | None = None
    past_columns: tuple[Any, ...] = ()
    quantiles: tuple[float, ...] | None = None
    members: int = 1
    calibration: int | None = None

    network: Layer | None = None
    cell: str | Cell = "gru"
    hidden_size: int = 16
    num_layers: int = 1
    activation: str | Activation = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    pool: str | None = None
    skip: int | str = "auto"
    loss: str | Loss = "half_mse"
    optimizer: str | Optimizer | None = None
    learning_rate: float | Schedule | None = None
    penalty: Penalty | None = None
    epochs: int = 10
    batch_size: int | str | None = "auto"
    tbptt: int | None = None
    checkpoint_every: int | None = None
    early_stopping: bool = False
    validation_fraction: float | None = None
    clip_norm: float | None = 1.0
    standardize: bool = True
    seed: int = 0
    backend: str | Backend | None = None
    dtype: str | None = None
    callbacks: Iterable[Callable[..., Any]] = ()
    progress: bool | None = None

    _predictor: Predictor | None = field(default=None, init=False, compare=False)

    def __post_init__(self) -> None:
        check(self)

    def __repr__(self) -> str:
        """Return the options that differ from the defaults."""
        options = [(f.name, getattr(self, f.name), f.default) for f in fields(self) if f.init]
        changed = [f"{name}={value!r}" for name, value, default in options if value != default]
        return f"RNNForecaster({', '.join(changed)})"

    @property
    def models_(self) -> tuple[Model, ...]:
        """The trained networks, one for each member."""
        return tuple(member.model for member in self._need_predictor().members)

    @property
    def known_ahead(self) -> tuple[Any, ...]:
        """The columns of X that `predict` needs."""
        return self._need_predictor().names_ahead

    @property
    def layouts_(self) -> tuple[Layout, ...]:
        """How series are turned into network inputs, one layout for each kind of window."""
        return tuple(dict.fromkeys(member.layout for member in self._need_predictor().members))

    @property
    def linear_(self) -> bool:
        """Whether only the linear maps that the networks start from are used."""
        return not any(len(model.history) for model in self.models_)

    def fit(self, y: Any, X: Any = None) -> "RNNForecaster":
        """Train on one or several series, which forecasts then continue.

        Parameters
        ----------
        y : array, Series or DataFrame, (T,) or (T, O), or list of them
            The series. The network reads and forecasts all columns together. A list holds series
            of any lengths with the same columns; one network learns from all of them. Columns of
            DataFrames are matched by name, in the order of the first DataFrame. An index must have
            even steps; rows out of order are sorted by time, with a warning.
        X : array or DataFrame, (T, K), or list of them, optional
            Further inputs at the steps of y, of the same type and with the same index as y.
            Columns of a DataFrame are matched by name here, in `update` and in `predict`.

        Returns
        -------
        RNNForecaster
            The forecaster itself.

        Raises
        ------
        ValueError, TypeError
            If y or X has the wrong type or is too short, if a pandas index can't be continued, and
            as for `xprnn.fit`.

        Warns
        -----
        UserWarning
            If the linear maps forecast alone, so that options of the networks had no effect.
            If the forecasts of held-out steps are worse than repeating the last season.
        """
        self._predictor = fit(self, panel.read(y, X))
        return self

    def update(self, y: Any, X: Any = None) -> "RNNForecaster":
        """Take longer series to forecast from, with the same networks and scales.

        Parameters
        ----------
        y, X
            The series of `fit` from their first step, followed by the new steps. Type, names,
            columns, order and values must be the same.

        Returns
        -------
        RNNForecaster
            The forecaster itself.

        Raises
        ------
        ValueError, TypeError
            If the series, columns or inputs are not those of `fit`, or if a series does not start
            with the one passed to `fit`; the message says where they differ.
        """
        predictor = self._need_predictor()
        longer = panel.read(y, X, predictor.trained_on)
        panel.check_continues(longer, predictor.trained_on)
        self._predictor = predictor._replace(panel=longer)
        return self

    def predict(self, horizon: int | None = None, X: Any = None) -> Any:
        """Forecast the steps after the end of y.

        Parameters
        ----------
        horizon : int, optional
            The number of steps; by default the forecaster's horizon, which is also the maximum for
            a direct forecaster.
        X : array or DataFrame, (horizon, K), or list of them
            The inputs known ahead for those steps, if the forecaster was fitted with any. A direct
            forecaster always needs them for its whole horizon.

        Returns
        -------
        array, Series or DataFrame, (horizon,) or (horizon, O), or list of them
            The forecast, of the same type as y, with the same name or columns and the index
            continued.

        Raises
        ------
        ValueError, TypeError
            If X or the horizon is invalid.
        """
        predictor, horizon, later = self._read_horizon(horizon, X)
        return predictor.panel.continue_forms(predictor.forecast(horizon, later))

    def predict_interval(
        self, coverage: float = 0.9, horizon: int | None = None, X: Any = None
    ) -> Interval:
        """Return a prediction interval that is expected to cover a share `coverage` of the steps.

        With `quantiles` the networks predict the bounds, averaged over the members. Without, the
        bounds are quantiles of 1000 simulated paths. Each path is one member's forecast plus
        random draws from its errors, which are fed back (Hyndman and Athanasopoulos, "Forecasting:
        Principles and Practice", 3rd edition, sections 5.5 and 12.4). The errors are those on
        steps that the networks did not see, minus their mean; with ``calibration=0`` they are the
        training errors.

        With `calibration` above 0 the bounds are the forecast ± c σ_j, where σ_j is the spread
        that the networks expect at step j and c the smallest factor for which the bounds cover a
        share `coverage` of the held-out pieces. This is split conformal prediction (Lei, G'Sell,
        Rinaldo, Tibshirani and Wasserman, "Distribution-Free Predictive Inference for Regression",
        2018). The horizon is then at most the forecaster's, and `coverage` may take any value even
        with `quantiles`.

        Parameters
        ----------
        coverage : float
            The share of steps to cover, between 0 and 1.
        horizon, X
            See `predict`.

        Returns
        -------
        Interval
            ``lower, upper``, each in the form of `predict`'s forecast.

        Raises
        ------
        ValueError
            If the quantiles of the training lack (1 - coverage) / 2 or (1 + coverage) / 2, if y
            was too short to hold out two steps, and as for `predict`.
        """
        return Interval(*self.predict_quantiles(bound_quantiles(coverage), horizon, X))

    def predict_quantiles(
        self, quantiles: Iterable[float], horizon: int | None = None, X: Any = None
    ) -> list[Any]:
        """Return a list of forecasts, one for each quantile; see `predict_interval`."""
        levels = Pinball(tuple(quantiles)).quantiles
        predictor, horizon, later = self._read_horizon(horizon, X)
        forecasts = predictor.quantiles(levels, horizon, later)
        return [predictor.panel.continue_forms(each) for each in forecasts]

    def backtest(
        self,
        y: Any,
        folds: int = 5,
        horizon: int | None = None,
        X: Any = None,
        window: str = "expanding",
        *,
        season: int | None = None,
        coverage: float | None = 0.9,
    ) -> Backtest:
        """Train and forecast at several points in the past, and compare with simple baselines.

        The last ``folds · horizon`` steps are forecast in folds of `horizon` steps, each by a
        forecaster with the same options that is trained on the steps before the fold.

        Parameters
        ----------
        y, X
            As for `fit`; X includes the inputs known ahead.
        folds : int
        horizon : int, optional
            The steps of a fold; by default the forecaster's horizon.
        window : {"expanding", "sliding"}
            Whether to train on all steps before the fold, or on as many as precede the first fold.
        season : int, optional
            The season of the seasonal naive forecast, in steps. The default is `differencing` if
            it is a number above 1; otherwise `baselines.find_season` finds it in the steps before
            the first fold, in the first series that varies there.
        coverage : float or None
            The share of steps that the prediction interval should cover; None for no interval.

        Returns
        -------
        Backtest
            All scores and forecasts. It prints as a table that also names the series without a
            MASE because they are constant before a fold.

        Raises
        ------
        ValueError, TypeError
            If y is too short, and as for `fit` and `predict`.

        Warns
        -----
        UserWarning
            If the forecasts lag one step behind the series, as copies of the last value do.

        Examples
        --------
        >>> from xprnn import datasets
        >>> from xprnn.forecasting import RNNForecaster
        >>> _, numbers = datasets.sunspots()
        >>> forecaster = RNNForecaster(horizon=11)
        >>> print(forecaster.backtest(numbers, folds=2))
                         MAE   RMSE   MASE   sMAPE  coverage
        RNNForecaster    ...
        naive            ...
        seasonal naive   ...
        drift            ...
        2 fold(s) of 11 step(s), expanding window, season 11, interval for 0.9
        """
        return backtest.run(
            self,
            panel.read(y, X),
            folds=folds,
            horizon=self.horizon if horizon is None else horizon,
            window=window,
            season=season,
            coverage=coverage,
        )

    def _read_horizon(self, horizon: int | None, X: Any) -> tuple[Predictor, int, Any]:
        """Return the predictor, the horizon, and the inputs known ahead for its steps."""
        predictor = self._need_predictor()
        if getattr(horizon, "shape", ()):
            raise TypeError(
                f"horizon must be an integer, got {show(horizon)}: a forecast continues the y of "
                "fit or update; pass longer series to update, and inputs for the steps ahead as "
                "X="
            )
        horizon = whole("horizon", self.horizon if horizon is None else horizon)
        least = predictor.steps
        if self.strategy == "direct" and horizon > least:
            raise ValueError(
                f"horizon must be at most {least}, for which the direct forecaster was fitted, "
                f"got {horizon}"
            )
        names = predictor.names_ahead
        later = panel.read_ahead(X, predictor.panel, names, max(horizon, least))
        return predictor, horizon, later

    def _need_predictor(self) -> Predictor:
        if self._predictor is None:
            raise ValueError("the forecaster is not fitted yet: call fit(y) first")
        return self._predictor


RNNForecaster.__init__ = suggest_keywords(RNNForecaster.__init__)  # type: ignore[method-assign]
