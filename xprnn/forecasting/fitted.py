"""What a forecaster's `fit` leaves behind, and the forecasts that come from it."""

import math
from typing import NamedTuple

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.backend import generator, quiet
from xprnn.forecasting import paths
from xprnn.forecasting.calibration import Calibration
from xprnn.forecasting.layout import Layout, Past
from xprnn.forecasting.panel import Panel
from xprnn.model import Model

__all__ = ["Fitted", "OneStep"]

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


class Fitted(NamedTuple):
    """Trained networks, and the series on which they go on."""

    models: tuple[Model, ...]
    panel: Panel
    trained_on: Panel
    """The series of `fit`; `panel` may have more steps."""
    scalers: tuple[Scaler, ...]
    """Of every series that the networks were trained on."""
    layout: Layout
    known: Array
    """Which columns of X are known ahead, (K,)."""
    trained_for: tuple[float, ...] | None
    """The quantiles of the loss."""
    seed: int
    calibration: Calibration | None = None

    @property
    def names_ahead(self) -> tuple[object, ...]:
        """The columns of X that are known ahead."""
        return tuple(name for name, k in zip(self.panel.inputs, self.known, strict=True) if k)

    def pasts(self, later: tuple[Array, ...] | None = None) -> list[Past]:
        """Return every series with its inputs, `later` those known beyond its end (n, K_2)."""
        found = []
        for i, (y, x, scaler) in enumerate(
            zip(self.panel.y, self.panel.x, self.scalers, strict=True)
        ):
            ahead = x[:, self.known]
            if later is not None:
                ahead = np.concatenate([ahead, later[i]])
            found.append(Past(y, x[:, ~self.known], ahead, scaler.mean, scaler.scale))
        return found

    def forecast(self, steps: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the next steps of every series, (steps, O), the mean of the members'."""
        if self.trained_for is not None:
            middle = int(np.searchsorted(np.sort(self.trained_for), 0.5))
            return list(self._own_quantiles(steps, later)[:, middle])
        known = self.pasts(later)
        if self.layout.steps > 1:
            each = [
                [v[0] for v in paths.direct(model, known, self.layout)] for model in self.models
            ]
        else:
            still = np.zeros((len(known), 1, steps, known[0].y.shape[1]))
            each = [
                paths.recursive(model, known, self.layout, still)[:, 0] for model in self.models
            ]
        return [y[:steps] for y in np.mean(each, axis=0)]

    def quantiles(
        self, levels: tuple[float, ...], steps: int, later: tuple[Array, ...]
    ) -> list[list[Array]]:
        """Return for each level and series its quantile of the next steps, (steps, O)."""
        if self.calibration is not None:
            return self._calibrated(self.calibration, levels, steps, later)
        if self.trained_for is None:
            drawn = self._drawn(steps, later)
            return [list(y) for y in np.quantile(drawn, levels, axis=1)]
        own = np.sort(self.trained_for)
        where = [np.flatnonzero(np.abs(own - level) < 1e-9) for level in levels]
        if not all(found.size for found in where):
            raise ValueError(
                f"the network was trained for the quantiles {own.tolist()}, and "
                f"{[round(float(level), 9) for level in levels]} are needed: give the forecaster "
                "all of them as quantiles="
            )
        together = self._own_quantiles(steps, later)
        return [[y[found[0]] for y in together] for found in where]

    def _calibrated(
        self,
        calibration: Calibration,
        levels: tuple[float, ...],
        steps: int,
        later: tuple[Array, ...],
    ) -> list[list[Array]]:
        """Return ŷ ± c σ for each level and series, (steps, O)."""
        centre, found = self.forecast(steps, later), []
        for level in levels:
            halves = calibration.half_widths(abs(2 * level - 1), steps)
            sign = math.copysign(1, level - 0.5)
            found.append([y + sign * half for y, half in zip(centre, halves, strict=True)])
        return found

    def spreads(self, steps: int, later: tuple[Array, ...]) -> list[Array]:
        """Return how far apart the networks hold what may come, (steps, O) for each series.

        The standard deviation of the paths, or half the distance of the outermost quantiles;
        never zero, so that a forecast can be measured by it.
        """
        if self.trained_for is None:
            drawn = self._drawn(steps, later)
            with quiet():
                found = list(drawn.std(axis=1))
        else:
            found = [(y[-1] - y[0]) / 2 for y in self._own_quantiles(steps, later)]
        return [np.maximum(y, TINY * s.scale) for y, s in zip(found, self.scalers, strict=True)]

    def _drawn(self, steps: int, later: tuple[Array, ...]) -> Array:
        """Return paths that could come, (S, P, steps, O)."""
        rng = generator((self.seed, len(self.models)))
        return paths.simulated(self.models, self.pasts(later), self.layout, steps, PATHS, rng)

    def _own_quantiles(self, steps: int, later: tuple[Array, ...]) -> Array:
        """Return the quantiles that the networks were trained for, sorted, (S, Q, steps, O)."""
        known = self.pasts(later)
        each = [paths.direct(model, known, self.layout) for model in self.models]
        # Quantiles that cross change places: Chernozhukov et al., 2010.
        return np.sort(np.mean(each, axis=0), axis=1)[:, :, :steps]

    def one_step(self, longer: Panel) -> OneStep:
        """Return forecasts of the next step at every step of `longer` after the own panel.

        The networks read what came, and were trained on what came before.
        """
        found = []
        pairs = zip(self._replace(panel=longer).pasts(), self.panel.lengths, strict=True)
        for past, length in pairs:
            t = self.layout.times(past)
            kept = t >= length - 1
            v = np.mean([self._next_step(model, past, t) for model in self.models], axis=0)
            y = self.layout.bases(past, t, 1)[:, 0] + past.scale * v
            found.append((y[kept], past.y[t + 1][kept], past.y[t][kept]))
        return OneStep(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _next_step(self, model: Model, past: Past, t: Array) -> Array:
        at = 0 if self.trained_for is None else self.trained_for.index(0.5)
        return paths.blocks(model, past, t, self.layout)[:, at, 0]
