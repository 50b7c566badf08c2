"""The fitted part of a forecaster: its networks, and the series that they continue."""

from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.backend import generator, quiet
from xprnn.forecasting import paths
from xprnn.forecasting.calibration import Calibration
from xprnn.forecasting.layout import Layout, Past
from xprnn.forecasting.panel import Panel

PATHS = 1000
"""The number of paths that make an interval."""
TINY = 1e-9
"""The smallest spread, in the scale of the series."""


class OneStep(NamedTuple):
    """Forecasts one step ahead, (N, O)."""

    forecast: Array
    truth: Array
    before: Array
    """The steps before those of `truth`."""


class Predictor(NamedTuple):
    """Trained networks, and the series that they continue."""

    models: tuple[Model, ...]
    panel: Panel
    trained_on: Panel
    """The series of `fit`; `panel` may have more steps."""
    scalers: tuple[Scaler, ...]
    """One for each series."""
    layout: Layout
    known: Array
    """Whether each column of X is known ahead, (K,)."""
    own_quantiles: tuple[float, ...] | None
    """The quantiles that the networks give, if they were trained on them."""
    seed: int
    calibration: Calibration | None = None

    @property
    def names_ahead(self) -> tuple[Any, ...]:
        """The columns of X that are known ahead."""
        return tuple(compress(self.panel.inputs, self.known))

    def select_ahead(self, panel: Panel) -> tuple[Array, ...]:
        """Return the inputs of a panel that are known ahead, (T_i, K_2)."""
        return tuple(x[:, self.known] for x in panel.x)

    def pasts(self, later: tuple[Array, ...] | None = None) -> list[Past]:
        """Return every series with its inputs; `later` are those after its end, (n, K_2)."""
        ahead = self.select_ahead(self.panel)
        if later is not None:
            ahead = tuple(map(np.concatenate, zip(ahead, later, strict=True)))
        return [
            Past(y, x[:, ~self.known], x_ahead, scaler.mean, scaler.scale)
            for y, x, x_ahead, scaler in zip(
                self.panel.y, self.panel.x, ahead, self.scalers, strict=True
            )
        ]

    def forecast(self, horizon: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the mean of the members' forecasts of every series, (horizon, O)."""
        if self.own_quantiles is not None:
            middle = int(np.searchsorted(np.sort(self.own_quantiles), 0.5))
            return list(self._forecast_quantiles(horizon, later)[:, middle])
        pasts = self.pasts(later)
        no_noise = np.zeros((len(pasts), 1, horizon, pasts[0].y.shape[1]))
        each = [paths.follow(model, pasts, self.layout, no_noise) for model in self.models]
        return list(np.mean(each, axis=0)[:, 0])

    def quantiles(
        self, levels: tuple[float, ...], horizon: int, later: tuple[Array, ...]
    ) -> list[list[Array]]:
        """Return the quantiles of the next steps, (horizon, O), for each level and series."""
        if self.calibration is not None:
            return self.calibration.quantiles(self.forecast(horizon, later), levels)
        if self.own_quantiles is None:
            simulated = self._simulate(horizon, later)
            return [list(y) for y in np.quantile(simulated, levels, axis=1)]
        own = np.sort(self.own_quantiles)
        places = [np.flatnonzero(np.abs(own - level) < 1e-9) for level in levels]
        if not all(place.size for place in places):
            needed = [round(float(level), 9) for level in levels]
            every = tuple(sorted({*own.tolist(), *needed}))
            raise ValueError(
                f"the network was trained for the quantiles {own.tolist()}, and "
                f"{needed} are needed: give the forecaster quantiles={every}"
            )
        series = self._forecast_quantiles(horizon, later)
        return [[y[place[0]] for y in series] for place in places]

    def spreads(self, horizon: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the spread that the networks expect at each step of every series, (horizon, O).

        It is the standard deviation of the simulated paths, or half the distance between the
        outermost quantiles; never zero, so that errors can be divided by it.
        """
        if self.own_quantiles is None:
            simulated = self._simulate(horizon, later)
            with quiet():
                spreads = list(simulated.std(axis=1))
        else:
            spreads = [(y[-1] - y[0]) / 2 for y in self._forecast_quantiles(horizon, later)]
        return [np.maximum(y, TINY * s.scale) for y, s in zip(spreads, self.scalers, strict=True)]

    def _simulate(self, horizon: int, later: tuple[Array, ...]) -> Array:
        """Return paths that the series could take, (S, P, horizon, O)."""
        rng = generator((self.seed, len(self.models)))
        return paths.simulate(self.models, self.pasts(later), self.layout, horizon, PATHS, rng)

    def _forecast_quantiles(self, horizon: int, later: tuple[Array, ...]) -> Array:
        """Return the quantiles that the networks give, sorted, (S, Q, horizon, O)."""
        pasts = self.pasts(later)
        each = [paths.forecast_at_once(model, pasts, self.layout) for model in self.models]
        # Sorting swaps quantiles that cross: Chernozhukov et al., 2010.
        return np.sort(np.mean(each, axis=0), axis=1)[:, :, :horizon]

    def one_step(self, longer: Panel) -> OneStep:
        """Return forecasts one step ahead at every step of `longer` that is new.

        The networks read the new steps, but were trained on the steps before them.
        """
        quantile = 0 if self.own_quantiles is None else self.own_quantiles.index(0.5)
        parts = []
        pasts = self._replace(panel=longer).pasts()
        for past, length in zip(pasts, self.panel.lengths, strict=True):
            t = self.layout.times(past)
            each = [paths.predict(model, past, t, self.layout) for model in self.models]
            v = np.mean(each, axis=0)[:, quantile, 0]
            y = self.layout.bases(past, t, 1)[:, 0] + past.scale * v
            new = t >= length - 1
            parts.append((y[new], past.y[t + 1][new], past.y[t][new]))
        return OneStep(*map(np.concatenate, zip(*parts, strict=True)))
