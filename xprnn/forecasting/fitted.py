"""What a forecaster's `fit` leaves behind, and the forecasts that come from it."""

from typing import NamedTuple

import numpy as np

from xprnn._typing import Array
from xprnn.backend import generator
from xprnn.forecasting import paths
from xprnn.forecasting.layout import Layout, Past
from xprnn.forecasting.panel import Panel
from xprnn.model import Model
from xprnn.scaling import Scaler

__all__ = ["Fitted", "OneStep"]

PATHS = 1000
"""How many paths make an interval."""


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
    scalers: tuple[Scaler, ...]
    """Of every series that the networks were trained on."""
    layout: Layout
    known: Array
    """Which columns of X are known ahead, (K,)."""
    trained_for: tuple[float, ...] | None
    """The quantiles of the loss."""
    seed: int

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
            return self.quantiles((0.5,), steps, later)[0]
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
        known = self.pasts(later)
        if self.trained_for is None:
            rng = generator((self.seed, len(self.models)))
            drawn = paths.simulated(self.models, known, self.layout, steps, PATHS, rng)
            return [list(y) for y in np.quantile(drawn, levels, axis=1)]
        own = np.sort(self.trained_for)
        where = [np.flatnonzero(np.abs(own - level) < 1e-9) for level in levels]
        if not all(found.size for found in where):
            raise ValueError(
                f"the network was trained for the quantiles {own.tolist()}, and "
                f"{[round(float(level), 9) for level in levels]} are needed: give the forecaster "
                "all of them as quantiles="
            )
        each = [paths.direct(model, known, self.layout) for model in self.models]
        # Quantiles that cross change places: Chernozhukov et al., 2010.
        together = np.sort(np.mean(each, axis=0), axis=1)
        return [[y[found[0], :steps] for y in together] for found in where]

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
