"""The forecaster, as its users see it: its options and its methods."""

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
        How many steps to forecast.
    lags : int, tuple of int, "auto" or None
        The network reads windows of this many steps. With a tuple there are networks for each
        length, and the forecast is the mean of theirs. With None the network reads the whole
        series from the first step on and remembers it in its state. "auto" is one season and
        two, or two and three for several series, of the season that
        `xprnn.baselines.find_season` finds; but at least 8 steps, and at most a third of the
        shortest series. If that is below 8, it is None, or the third if an option needs
        windows. Where `differencing` and `center` are left out too, there are three kinds of
        windows: the short one less its mean, the changes in the short one, and the long one
        as it is.
    strategy : {"recursive", "direct"}
        With "recursive" the network gives the next step, which becomes an input of the step
        after it; with "direct" it gives all steps of the horizon at once.
    differencing : int or "auto"
        With 0 the network learns the series itself, with 1 the change from step to step, and
        with the season m the change from the same step of the season before, m steps ago.
        "auto" is 0 for windows of a given length, and 1 for whole series.
    center : bool, optional
        Whether to take the mean off each window before the network reads it and to add it to
        what the network says. Forecasts then follow the level of the series. Left out, windows
        of 8 or more steps are centred if there is no differencing.
    past_columns : tuple
        The columns of X, by name or position, that are not known ahead. Valid only for
        ``strategy="direct"``.
    quantiles : tuple of float, optional
        Train on the pinball loss of these quantiles. They must include 0.5, which is the
        forecast. Valid only for ``strategy="direct"``.
    members : int
        How many networks to train side by side, for each kind of windows. Their first weights
        differ: member i draws its own from ``seed + i``. The forecast is the mean of the
        members' forecasts.
    calibration : int, optional
        Where intervals come from. Left out, from errors on steps that the networks did not see:
        a second training leaves out the last fifth of every series, at least 2 · `horizon`
        steps, which doubles the time of `fit`. With 0, from the errors in training, which are
        too small if the networks overfit. Above 0, this many pieces of `horizon` steps at the
        end of y are held out, and each is forecast by networks trained on the steps before it;
        these errors set the width of the intervals. The networks that forecast are trained on
        all of y in each case.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout, \
recurrent_dropout, pool, skip, loss, optimizer, learning_rate, penalty, epochs, batch_size, \
tbptt, checkpoint_every, early_stopping, validation_fraction, clip_norm, standardize, seed, \
backend, dtype, callbacks, progress
        As for `xprnn.fit`, with other defaults, which benchmarks/defaults.py chose: a small GRU
        beside a linear map of the last steps, where the training begins.

        A `skip` of "auto" is the whole window, or one season of a whole series. The training
        on a single series is then kept only if it makes the forecasts of the steps that
        ``calibration=None`` holds out at least 5 % better; otherwise the linear map forecasts
        alone. A number for `skip`, and `callbacks`, which watch a training, keep it in any case.

        A sequence of a batch is a window or a whole series. A `batch_size` of "auto" is 16
        series, or 32 windows, but at least as many as a window has steps, and a hundredth of
        all. `bidirectional` and `pool` are valid only with windows. `standardize` also scales
        every series on its own. With several members, callbacks see the mean of their curves.
        `validation_fraction` holds out the last steps of every series, at least as many as the
        network gives at once, and `early_stopping` alone the last tenth.

    Attributes
    ----------
    models_ : tuple of Model
        The networks, with their histories: the members for the first of `layouts_`, then those
        for the next.
    layouts_ : tuple of Layout
        What the networks read: `lags`, `steps` (how many they give at once), `differencing` and
        `center`.
    linear_ : bool
        Whether the networks stayed at the linear maps that they begin as: then there is one for
        each of `layouts_`, and its history is empty.

    Raises
    ------
    ValueError, TypeError
        If an option is out of its range, or two options contradict each other.

    Notes
    -----
    Means and scales are those of the y of `fit`, without what `validation_fraction` holds out,
    and never change with later steps.

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
        """How series become what the networks read, once for each kind of windows."""
        return tuple(dict.fromkeys(member.layout for member in self._need_predictor().members))

    @property
    def linear_(self) -> bool:
        """Whether the networks stayed at the linear maps that they begin as."""
        return not any(len(model.history) for model in self.models_)

    def fit(self, y: Any, X: Any = None) -> "RNNForecaster":
        """Train on series; forecasts continue them.

        Parameters
        ----------
        y : array, Series or DataFrame, (T,) or (T, O), or list of them
            The network reads and forecasts all columns together. A list holds series with the
            same columns and of any lengths, from which one network learns. Columns of
            DataFrames are matched by name, in the order of the first DataFrame. An index must
            have even steps; rows out of order are sorted by time, with a warning.
        X : array or DataFrame, (T, K), or list of them, optional
            Inputs at the steps of y, of the type of y and with its index. Columns of a
            DataFrame are matched by name here, in `update` and in `predict`.

        Returns
        -------
        RNNForecaster
            Itself.

        Raises
        ------
        ValueError, TypeError
            If y or X has another type or is too short, if a pandas index can't be continued,
            and as `xprnn.fit`.

        Warns
        -----
        UserWarning
            If the linear maps forecast alone, and options of the networks made no difference.
            If the forecasts of held-out steps are worse than the last season, repeated.
        """
        self._predictor = fit(self, panel.read(y, X))
        return self

    def update(self, y: Any, X: Any = None) -> "RNNForecaster":
        """Continue longer series with the same networks and scales.

        Parameters
        ----------
        y, X
            The series of `fit` from their first step on, followed by the new steps: the same
            type, names, columns, order and numbers.

        Returns
        -------
        RNNForecaster
            Itself.

        Raises
        ------
        ValueError, TypeError
            If the series, columns or inputs are not those of `fit`, or if a series does not
            begin like that of `fit`; the message says where.
        """
        predictor = self._need_predictor()
        longer = panel.read(y, X, predictor.trained_on)
        panel.check_continues(longer, predictor.trained_on)
        self._predictor = predictor._replace(panel=longer)
        return self

    def predict(self, horizon: int | None = None, X: Any = None) -> Any:
        """Return the steps after the last of y.

        Parameters
        ----------
        horizon : int, optional
            Left out, the forecaster's; for a direct forecaster at most that.
        X : array or DataFrame, (horizon, K), or list of them
            The inputs known ahead at those steps, if the forecaster was fitted with any. A
            direct forecaster always needs them for its whole horizon.

        Returns
        -------
        array, Series or DataFrame, (horizon,) or (horizon, O), or list of them
            Of the type of y, with its name or columns, and its index continued.

        Raises
        ------
        ValueError, TypeError
            If X or the horizon does not fit.
        """
        predictor, horizon, later = self._read_horizon(horizon, X)
        return predictor.panel.continue_forms(predictor.forecast(horizon, later))

    def predict_interval(
        self, coverage: float = 0.9, horizon: int | None = None, X: Any = None
    ) -> Interval:
        """Return bounds between which a share `coverage` of the steps is expected.

        With `quantiles` the networks give the bounds, averaged over the members. Without, the
        bounds are quantiles of 1000 simulated paths. Each path is a forecast of one member plus
        random errors of its like, which are fed back (Hyndman and Athanasopoulos, "Forecasting:
        Principles and Practice", 3rd edition, sections 5.5 and 12.4). The errors are those of
        networks that did not see the end of y, less their mean; with ``calibration=0`` they
        are those in training.

        With `calibration` above 0 the bounds are the forecast ± c σ_j. σ_j is the spread that the
        networks expect at step j, and c the smallest factor that covers a share `coverage` of
        the held-out pieces: split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and
        Wasserman, "Distribution-Free Predictive Inference for Regression", 2018). The horizon
        is then at most the forecaster's, and `coverage` may have any value, even with
        `quantiles`.

        Parameters
        ----------
        coverage : float
            Between 0 and 1.
        horizon, X
            As for `predict`.

        Returns
        -------
        Interval
            ``lower, upper``, each in the form in which `predict` returns its forecast.

        Raises
        ------
        ValueError
            If the network was trained on quantiles without (1 - coverage) / 2 and
            (1 + coverage) / 2, if y was too short to hold two steps out, and as `predict`.
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
        """Train and forecast at several points of the past, and compare with simple rules.

        The last ``folds · horizon`` steps are forecast in pieces of `horizon`, each by a
        forecaster with the same options, trained on the steps before the piece.

        Parameters
        ----------
        y, X
            As for `fit`; X holds the inputs known ahead too.
        folds : int
        horizon : int, optional
            Left out, the forecaster's.
        window : {"expanding", "sliding"}
            Train on all steps before the piece, or on as many as before the first piece.
        season : int, optional
            The season of the seasonal naive forecast, in steps. Left out, `differencing` if it
            is a number above 1, else the `baselines.find_season` of the steps before the first
            fold, in the first series that varies there.
        coverage : float or None
            The share that the interval is to cover; with None there is no interval.

        Returns
        -------
        Backtest
            All scores and forecasts. It prints as a table, which names the series that have
            no MASE because they are constant before a fold.

        Raises
        ------
        ValueError, TypeError
            If y is too short, and as `fit` and `predict`.

        Warns
        -----
        UserWarning
            If the forecasts follow the series one step late, as copies of the last value.

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
        """Return the predictor, the horizon, and the inputs known ahead at its steps."""
        predictor = self._need_predictor()
        if getattr(horizon, "shape", ()):
            raise TypeError(
                f"horizon must be an integer, got {show(horizon)}: a forecast continues the y of "
                "fit or update, and update takes longer ones; inputs at the steps ahead are X="
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
            raise ValueError("the forecaster is not fitted yet: expected fit(y) before")
        return self._predictor


RNNForecaster.__init__ = suggest_keywords(RNNForecaster.__init__)  # type: ignore[method-assign]
