"""What makes the forecasts of a fitted forecaster: its networks and the series that they know."""

import math
from typing import NamedTuple

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
"""How many paths make an interval."""
TINY = 1e-9
"""The least spread, in the scale of the series."""


class OneStep(NamedTuple):
    """Forecasts of the next step of known steps, (N, O)."""

    forecast: Array
    truth: Array
    before: Array
    """The step before the one that was forecast."""


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
    """Which columns of X are known ahead, (K,)."""
    own_quantiles: tuple[float, ...] | None
    """The quantiles that the networks give, if they were trained on them."""
    seed: int
    calibration: Calibration | None = None

    @property
    def names_ahead(self) -> tuple[object, ...]:
        """The columns of X that are known ahead."""
        return tuple(name for name, k in zip(self.panel.inputs, self.known, strict=True) if k)

    def pasts(self, later: tuple[Array, ...] | None = None) -> list[Past]:
        """Return every series with its inputs; `later` are those after its end, (n, K_2)."""
        pasts = []
        for i, (y, x, scaler) in enumerate(
            zip(self.panel.y, self.panel.x, self.scalers, strict=True)
        ):
            ahead = x[:, self.known]
            if later is not None:
                ahead = np.concatenate([ahead, later[i]])
            pasts.append(Past(y, x[:, ~self.known], ahead, scaler.mean, scaler.scale))
        return pasts

    def forecast(self, steps: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the next steps of every series, (steps, O): the mean of the members' forecasts."""
        if self.own_quantiles is not None:
            middle = int(np.searchsorted(np.sort(self.own_quantiles), 0.5))
            return list(self._ask_quantiles(steps, later)[:, middle])
        pasts = self.pasts(later)
        if self.layout.steps > 1:
            each = [
                [v[0] for v in paths.direct(model, pasts, self.layout)] for model in self.models
            ]
        else:
            no_noise = np.zeros((len(pasts), 1, steps, pasts[0].y.shape[1]))
            each = [
                paths.recursive(model, pasts, self.layout, no_noise)[:, 0] for model in self.models
            ]
        return [y[:steps] for y in np.mean(each, axis=0)]

    def quantiles(
        self, levels: tuple[float, ...], steps: int, later: tuple[Array, ...]
    ) -> list[list[Array]]:
        """Return the quantiles of the next steps, (steps, O), for each level and series."""
        if self.calibration is not None:
            return self._calibrate(self.calibration, levels, steps, later)
        if self.own_quantiles is None:
            simulated = self._simulate(steps, later)
            return [list(y) for y in np.quantile(simulated, levels, axis=1)]
        own = np.sort(self.own_quantiles)
        places = [np.flatnonzero(np.abs(own - level) < 1e-9) for level in levels]
        if not all(place.size for place in places):
            raise ValueError(
                f"the network was trained for the quantiles {own.tolist()}, and "
                f"{[round(float(level), 9) for level in levels]} are needed: give the forecaster "
                "all of them as quantiles="
            )
        series = self._ask_quantiles(steps, later)
        return [[y[place[0]] for y in series] for place in places]

    def _calibrate(
        self,
        calibration: Calibration,
        levels: tuple[float, ...],
        steps: int,
        later: tuple[Array, ...],
    ) -> list[list[Array]]:
        """Return ŷ ± c σ for each level and series, (steps, O)."""
        centre, quantiles = self.forecast(steps, later), []
        for level in levels:
            halves = calibration.half_widths(abs(2 * level - 1), steps)
            sign = math.copysign(1, level - 0.5)
            quantiles.append([y + sign * half for y, half in zip(centre, halves, strict=True)])
        return quantiles

    def spreads(self, steps: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the spread that the networks expect at each step, (steps, O) for each series.

        It is the standard deviation of the simulated paths, or half the distance between the
        outermost quantiles; never zero, so that errors can be divided by it.
        """
        if self.own_quantiles is None:
            simulated = self._simulate(steps, later)
            with quiet():
                spreads = list(simulated.std(axis=1))
        else:
            spreads = [(y[-1] - y[0]) / 2 for y in self._ask_quantiles(steps, later)]
        return [np.maximum(y, TINY * s.scale) for y, s in zip(spreads, self.scalers, strict=True)]

    def _simulate(self, steps: int, later: tuple[Array, ...]) -> Array:
        """Return paths that the series could take, (S, P, steps, O)."""
        rng = generator((self.seed, len(self.models)))
        return paths.simulated(self.models, self.pasts(later), self.layout, steps, PATHS, rng)

    def _ask_quantiles(self, steps: int, later: tuple[Array, ...]) -> Array:
        """Return the quantiles that the networks give, sorted, (S, Q, steps, O)."""
        pasts = self.pasts(later)
        each = [paths.direct(model, pasts, self.layout) for model in self.models]
        # Sorting swaps quantiles that cross: Chernozhukov et al., 2010.
        return np.sort(np.mean(each, axis=0), axis=1)[:, :, :steps]

    def one_step(self, longer: Panel) -> OneStep:
        """Return forecasts of the next step at every step of `longer` that is new.

        The networks were trained on the steps before, and read the new ones as they come.
        """
        parts = []
        pairs = zip(self._replace(panel=longer).pasts(), self.panel.lengths, strict=True)
        for past, length in pairs:
            t = self.layout.times(past)
            new = t >= length - 1
            v = np.mean([self._next_step(model, past, t) for model in self.models], axis=0)
            y = self.layout.bases(past, t, 1)[:, 0] + past.scale * v
            parts.append((y[new], past.y[t + 1][new], past.y[t][new]))
        return OneStep(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _next_step(self, model: Model, past: Past, t: Array) -> Array:
        at = 0 if self.own_quantiles is None else self.own_quantiles.index(0.5)
        return paths.blocks(model, past, t, self.layout)[:, at, 0]
