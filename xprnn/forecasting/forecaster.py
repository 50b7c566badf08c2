"""The forecaster: its hyper-parameters, and what can be asked of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from xprnn._validate import shown, whole
from xprnn.activations import Activation
from xprnn.backend import Backend
from xprnn.cells import Cell
from xprnn.forecasting import backtest as backtests
from xprnn.forecasting import checks, fitting, panel
from xprnn.forecasting.backtest import Backtest
from xprnn.forecasting.fitted import Fitted
from xprnn.forecasting.layout import Layout
from xprnn.forecasting.paths import Interval
from xprnn.keywords import hinting
from xprnn.layers import Layer
from xprnn.losses import Loss, Pinball
from xprnn.model import Model
from xprnn.optimizers import Optimizer
from xprnn.penalties import Penalty
from xprnn.schedules import Schedule

__all__ = ["RNNForecaster"]


@dataclass(kw_only=True, repr=False)
class RNNForecaster:
    """A recurrent network that continues series.

    Parameters
    ----------
    horizon : int
        How many steps to forecast.
    lags : int, optional
        The network reads windows of so many steps; left out, the whole series from its
        first step on, and its state is all that it remembers.
    strategy : {"recursive", "direct"}
        Give the next step, which is then an input of the one after it, as often as
        needed; or give all steps of the horizon at once.
    differencing : int
        0: none. 1: the network learns the change from step to step, m: that from the
        same step of the season before, m steps ago.
    past_columns : tuple
        The columns of X, by name or position, that are not known ahead; for
        ``strategy="direct"``.
    quantiles : tuple of float, optional
        Train on the pinball loss of these quantiles. They must hold 0.5, which is the
        forecast; for ``strategy="direct"``.
    members : int
        How many networks, which differ in their first weights, to train side by side.
        The forecast is their mean. Member i is drawn from ``seed + i``.
    calibration : int
        0: intervals of what the networks missed in training. Above: so many pieces of
        `horizon` steps at the end of y are held out and forecast, each from what came
        before it, by networks trained for that; intervals get as wide as these errors
        ask for. The forecaster is then trained on all of y.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout, \
recurrent_dropout, pool, loss, optimizer, learning_rate, penalty, epochs, batch_size, \
tbptt, checkpoint_every, clip_norm, standardize, seed, backend, dtype, callbacks, progress
        As for `xprnn.fit`. `bidirectional` and `pool` need `lags`. A sequence of a batch
        is a window or, without `lags`, a series. `standardize` also brings every series
        to a scale of its own. Callbacks of several members see the mean of their curves.

    Attributes
    ----------
    models_ : tuple of Model
        The trained networks, one for each member, with their histories.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its range, or two don't go together.

    Notes
    -----
    Nothing is measured beyond the last step of the y of `fit`: no mean, no scale.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.forecasting import RNNForecaster
    >>> y = np.sin(np.arange(0, 30, 0.25))
    >>> forecaster = RNNForecaster(horizon=8, lags=12, hidden_size=16, epochs=100)
    >>> ahead = forecaster.fit(y).predict()
    >>> bool(np.abs(ahead - np.sin(np.arange(30, 32, 0.25))).max() < 0.3)
    True
    """

    horizon: int
    lags: int | None = None
    strategy: str = "recursive"
    differencing: int = 0
    past_columns: tuple[Any, ...] = ()
    quantiles: tuple[float, ...] | None = None
    members: int = 1
    calibration: int = 0

    network: Layer | None = None
    cell: str | Cell = "elman"
    hidden_size: int = 64
    num_layers: int = 1
    activation: str | Activation = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    pool: str | None = None
    loss: str | Loss = "half_mse"
    optimizer: str | Optimizer | None = None
    learning_rate: float | Schedule | None = None
    penalty: Penalty | None = None
    epochs: int = 300
    batch_size: int | None = None
    tbptt: int | None = None
    checkpoint_every: int | None = None
    clip_norm: float | None = 1.0
    standardize: bool = True
    seed: int = 0
    backend: str | Backend | None = None
    dtype: str | None = None
    callbacks: Iterable[Callable[..., Any]] = ()
    progress: bool | None = None

    _fitted: Fitted | None = field(default=None, init=False, compare=False)

    def __post_init__(self) -> None:
        checks.check(self)

    def __repr__(self) -> str:
        """Return the hyper-parameters that are not the defaults."""
        given = [(f.name, getattr(self, f.name), f.default) for f in fields(self) if f.init]
        told = [f"{name}={value!r}" for name, value, default in given if value != default]
        return f"RNNForecaster({', '.join(told)})"

    @property
    def models_(self) -> tuple[Model, ...]:
        """The trained networks, one for each member."""
        return self._trained().models

    @property
    def known_ahead(self) -> tuple[Any, ...]:
        """The columns of X that `predict` needs."""
        return self._trained().names_ahead

    @property
    def layout(self) -> Layout:
        """How series become sequences."""
        steps = self.horizon if self.strategy == "direct" else 1
        return Layout(self.lags, steps, self.differencing)

    def fit(self, y: Any, X: Any = None) -> "RNNForecaster":
        """Train on series; the forecast is what follows on them.

        Parameters
        ----------
        y : array, Series or DataFrame, (T,) or (T, O), or list of them
            A column is a quantity that the network reads and forecasts together with the
            others. A list holds series of the same quantities and of any lengths, for
            which there is one network. Columns of DataFrames are found by their names and
            put in the order of the first DataFrame. An index must have even steps; rows
            that are not in the order of time are sorted, with a warning.
        X : array or DataFrame, (T, K), or list of them, optional
            Inputs at the steps of y, of the type of y and with its index. Columns of a
            DataFrame are found by their names here, in `update` and in `predict`.

        Returns
        -------
        RNNForecaster
            Itself.

        Raises
        ------
        ValueError, TypeError
            If y or X is not what was said, or too short; if a pandas index can't be
            continued; and as `xprnn.fit`.
        """
        self._fitted = fitting.fit(self, panel.read(y, X))
        return self

    def update(self, y: Any, X: Any = None) -> "RNNForecaster":
        """Go on from longer series, with the networks and the scales that there are.

        Parameters
        ----------
        y, X
            The series of `fit`, from their first step on, followed by what came since:
            the same type, names, columns, order and numbers.

        Returns
        -------
        RNNForecaster
            Itself.

        Raises
        ------
        ValueError, TypeError
            If there are other series, columns or inputs than in `fit`, or if a series does
            not begin with what `fit` was given; the message says where.
        """
        fitted = self._trained()
        given = panel.read(y, X, fitted.trained_on)
        panel.check_goes_on(given, fitted.trained_on)
        self._fitted = fitted._replace(panel=given)
        return self

    def predict(self, horizon: int | None = None, X: Any = None) -> Any:
        """Return the steps after the last of y.

        Parameters
        ----------
        horizon : int, optional
            Left out, that of the forecaster; a direct forecast has no more.
        X : array or DataFrame, (horizon, K), or list of them
            The inputs at those steps, if there are such that are known ahead. A direct
            forecast always needs those of the forecaster's own horizon.

        Returns
        -------
        array, Series or DataFrame, (horizon,) or (horizon, O), or list of them
            Of the type of y, with its name or columns, and the index continued.

        Raises
        ------
        ValueError, TypeError
            If X or the horizon does not fit.
        """
        fitted, steps, later = self._asked(horizon, X)
        return fitted.panel.after(fitted.forecast(steps, later))

    def predict_interval(
        self, coverage: float = 0.9, horizon: int | None = None, X: Any = None
    ) -> Interval:
        """Return bounds between which a share `coverage` of the steps is expected.

        With `quantiles` they are the network's own, the mean of the members'. Else they
        are those of 1000 paths that could come: forecasts of the members by turns, to
        which what each member missed in training is added, drawn at random, and fed
        back (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd
        edition, sections 5.5 and 12.4). A network that knows its series by heart missed
        nothing, and then they are too narrow: `backtest` measures it.

        With `calibration` they are the forecast ± c σ_j, where σ_j is the spread that the
        networks expect at step j, and c what covered the share `coverage` of the pieces
        held out: split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and
        Wasserman, "Distribution-Free Predictive Inference for Regression", 2018). Then the
        horizon is at most the forecaster's, and any coverage can be asked of `quantiles`.

        Parameters
        ----------
        coverage : float
            Between 0 and 1.
        horizon, X
            As for `predict`.

        Returns
        -------
        Interval
            ``lower, upper``, each like what `predict` returns.

        Raises
        ------
        ValueError
            If the network was trained on other quantiles than (1 - coverage) / 2 and
            (1 + coverage) / 2, and as `predict`.
        """
        return Interval(*self.predict_quantiles(checks.tails(coverage), horizon, X))

    def predict_quantiles(
        self, quantiles: Iterable[float], horizon: int | None = None, X: Any = None
    ) -> list[Any]:
        """Return for each of the quantiles what `predict` returns; see `predict_interval`."""
        levels = Pinball(tuple(quantiles)).quantiles
        fitted, steps, later = self._asked(horizon, X)
        return [fitted.panel.after(y) for y in fitted.quantiles(levels, steps, later)]

    def backtest(
        self,
        y: Any,
        folds: int = 5,
        h: int | None = None,
        X: Any = None,
        window: str = "expanding",
        *,
        season: int | None = None,
        coverage: float | None = 0.9,
    ) -> Backtest:
        """Train and forecast at several points of the past, beside forecasts without a model.

        The last ``folds · h`` steps are forecast in pieces of h, each by a forecaster of
        these hyper-parameters that was trained on what came before the piece.

        Parameters
        ----------
        y, X
            As for `fit`; at each origin the inputs known ahead are those of X.
        folds : int
        h : int, optional
            Left out, the forecaster's horizon.
        window : {"expanding", "sliding"}
            Train on all that came before, or on as much of it as the first fold has.
        season : int, optional
            The period of the seasonal naive forecast; left out, `differencing` if it is
            above 1, else what `baselines.best_period` finds before the first fold in the
            first series that is not constant there.
        coverage : float or None
            Of the interval whose coverage is counted; None: of none.

        Returns
        -------
        Backtest
            All scores and forecasts; prints as a table, which names the series that are
            constant before a fold and so have no MASE.

        Raises
        ------
        ValueError, TypeError
            If y is too short, and as `fit` and `predict`.

        Warns
        -----
        UserWarning
            If the forecasts follow the series a step late, as copies of the last value.

        Examples
        --------
        >>> from xprnn import datasets
        >>> from xprnn.forecasting import RNNForecaster
        >>> _, numbers = datasets.sunspots()
        >>> forecaster = RNNForecaster(horizon=11, lags=22, hidden_size=8, epochs=50)
        >>> print(forecaster.backtest(numbers, folds=2))
                         MAE   RMSE   MASE   sMAPE  coverage
        RNNForecaster    ...
        naive            ...
        seasonal naive   ...
        drift            ...
        2 fold(s) of 11 step(s), expanding window, season 11, interval for 0.9
        """
        return backtests.run(self, panel.read(y, X), folds, h, window, season, coverage)

    def _asked(self, horizon: int | None, X: Any) -> tuple[Fitted, int, Any]:
        """Return what was fitted, how many steps are wanted, and the inputs at them."""
        fitted = self._trained()
        if getattr(horizon, "shape", ()):
            raise TypeError(
                f"horizon must be an integer, got {shown(horizon)}: a forecast follows on the y of "
                "fit or update, which takes longer ones; inputs at the steps ahead are X="
            )
        steps = whole("horizon", self.horizon if horizon is None else horizon)
        if self.strategy == "direct" and steps > fitted.layout.steps:
            raise ValueError(
                f"horizon must be at most {fitted.layout.steps}, for which the direct forecaster "
                f"was fitted, got {steps}"
            )
        needed = max(steps, fitted.layout.steps)
        return fitted, steps, panel.future(X, fitted.panel, fitted.names_ahead, needed)

    def _trained(self) -> Fitted:
        if self._fitted is None:
            raise ValueError("the forecaster has seen no series yet: expected fit(y) before")
        return self._fitted


RNNForecaster.__init__ = hinting(RNNForecaster.__init__)  # type: ignore[method-assign]
