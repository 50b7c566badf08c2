"""The fitted part of a forecaster: its networks, and the series that they continue.

A forecast is one path of each series. A prediction interval comes from many paths with noise, or
from the quantiles that the networks predict.
"""

from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.backend import generator, quiet
from xprnn.forecasting.intervals import Calibration
from xprnn.forecasting.layout import Past
from xprnn.forecasting.member import Member
from xprnn.forecasting.panel import Panel

PATHS = 1000
"""The number of paths behind an interval."""
FEW = 2
"""The least number of held-out steps for an interval."""
ALL = 10
"""The number of a series' errors as which the errors of all series together count."""
TINY = 1e-9
"""The smallest spread, in units of the series' scale."""


class OneStep(NamedTuple):
    """Forecasts one step ahead, (N, O)."""

    forecast: Array
    truth: Array
    before: Array
    """The step before each step of `truth`."""


class Predictor(NamedTuple):
    """Trained networks, and the series that they continue."""

    members: tuple[Member, ...]
    panel: Panel
    trained_on: Panel
    """The series of `fit`; `panel` may have more steps."""
    known: Array
    """Whether each column of X is known ahead, (K,)."""
    own_quantiles: tuple[float, ...] | None
    """The quantiles that the networks predict, if they were trained on quantiles."""
    seed: int
    calibration: Calibration | None = None

    @property
    def steps(self) -> int:
        """The number of steps that the networks predict at once."""
        return self.members[0].layout.steps

    @property
    def names_ahead(self) -> tuple[Any, ...]:
        """The columns of X that are known ahead."""
        return tuple(compress(self.panel.inputs, self.known))

    def select_ahead(self, panel: Panel) -> tuple[Array, ...]:
        """Return the inputs of a panel that are known ahead, (T_i, K_2)."""
        return tuple(x[:, self.known] for x in panel.x)

    def pasts(
        self, scalers: tuple[Scaler, ...], later: tuple[Array, ...] | None = None
    ) -> list[Past]:
        """Return every series with its inputs; `later` holds those after its end, (n, K_2)."""
        ahead = self.select_ahead(self.panel)
        if later is not None:
            ahead = tuple(map(np.concatenate, zip(ahead, later, strict=True)))
        return [
            Past(y, x[:, ~self.known], x_ahead, scaler.mean, scaler.scale)
            for y, x, x_ahead, scaler in zip(
                self.panel.y, self.panel.x, ahead, scalers, strict=True
            )
        ]

    def forecast(self, horizon: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the mean of the members' forecasts of every series, (horizon, O)."""
        if self.own_quantiles is not None:
            middle = int(np.searchsorted(np.sort(self.own_quantiles), 0.5))
            return list(self._forecast_quantiles(horizon, later)[:, middle])
        no_noise = np.zeros((len(self.panel.y), 1, horizon, self.panel.y[0].shape[1]))
        each = [m.follow(self.pasts(m.scalers, later), no_noise) for m in self.members]
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
                f"the network was trained for the quantiles {own.tolist()}, and {needed} are "
                f"needed: set quantiles={every}"
            )
        series = self._forecast_quantiles(horizon, later)
        return [[y[place[0]] for y in series] for place in places]

    def spreads(self, horizon: int, later: tuple[Array, ...]) -> list[Array]:
        """Return the spread that the networks expect at each step of every series, (horizon, O).

        It is the standard deviation of the simulated paths, or half the distance between the
        outermost quantiles. It is never zero, so that errors can be divided by it.
        """
        if self.own_quantiles is None:
            simulated = self._simulate(horizon, later)
            with quiet():
                spreads = list(simulated.std(axis=1))
        else:
            spreads = [(y[-1] - y[0]) / 2 for y in self._forecast_quantiles(horizon, later)]
        least = [TINY * scaler.scale for scaler in self.members[0].scalers]
        return [np.maximum(y, tiny) for y, tiny in zip(spreads, least, strict=True)]

    def one_step(self, longer: Panel) -> OneStep:
        """Return forecasts one step ahead for every new step of `longer`.

        The networks read the new steps, but were trained only on the steps before them.
        """
        quantile = 0 if self.own_quantiles is None else self.own_quantiles.index(0.5)
        lengths = zip(self.panel.lengths, longer.y, strict=True)
        times = [np.arange(length - 1, len(y) - self.steps) for length, y in lengths]
        whole, forecasts = self._replace(panel=longer), []
        for member in self.members:
            pairs = zip(whole.pasts(member.scalers), times, strict=True)
            forecasts.append([member.forecast_next(past, t, quantile) for past, t in pairs])
        forecast = np.mean([np.concatenate(each) for each in forecasts], axis=0)
        truth, before = (
            np.concatenate([y[t + k] for y, t in zip(longer.y, times, strict=True)]) for k in (1, 0)
        )
        return OneStep(forecast, truth, before)

    def measure_errors(self, longer: Panel, lengths: list[int]) -> list[list[Array]]:
        """Return the scaled errors of each member, (N_i, k, O) for each series of `longer`.

        They are the errors on the targets after the first `lengths` steps.
        """
        whole = self._replace(panel=longer)
        return [m.measure_errors(whole.pasts(m.scalers), lengths) for m in self.members]

    def _forecast_quantiles(self, horizon: int, later: tuple[Array, ...]) -> Array:
        """Return the quantiles that the networks predict, sorted, (S, Q, horizon, O)."""
        each = [m.forecast_at_once(self.pasts(m.scalers, later)) for m in self.members]
        # Sorting puts crossing quantiles in order: Chernozhukov et al., 2010.
        return np.sort(np.mean(each, axis=0), axis=1)[:, :, :horizon]

    def _simulate(self, horizon: int, later: tuple[Array, ...]) -> Array:
        """Return at least `PATHS` paths that each series could take, (S, P, horizon, O).

        Each path is one member's forecast plus scaled errors of that member. The errors are drawn
        with replacement from those of all series, one for every step or a row of k steps at once,
        and scaled to the size of the series' own errors.
        """
        rng = generator((self.seed, len(self.members)))
        each, rows = -(-PATHS // len(self.members)), -(-horizon // self.steps)
        paths = []
        for member in self.members:
            pasts, parts = self.pasts(member.scalers, later), member.held_out
            if parts is None:
                parts = member.measure_errors(pasts, [0] * len(pasts))
            elif sum(map(len, parts)) < FEW:
                raise ValueError(
                    f"y has {max(self.trained_on.lengths)} steps, and an interval needs {FEW} "
                    "held-out steps; calibration=0 uses the training errors instead"
                )
            spreads = _measure_spreads(parts)
            errors = np.concatenate([e / spread for e, spread in zip(parts, spreads, strict=True)])
            draws = rng.integers(len(errors), size=(len(pasts), each, rows))
            noise = errors[draws] * spreads[:, None, None, None]
            noise = noise.reshape(len(pasts), each, -1, errors.shape[-1])
            paths.append(member.follow(pasts, noise[:, :, :horizon]))
        return np.concatenate(paths, axis=1)


def _measure_spreads(parts: list[Array]) -> Array:
    """Return the size of the scaled errors (N_i, k, O) of each series, (S, O).

    It is the root mean square, in which all series together count as `ALL` further errors::

        σ_i² = (Σ e_i² + ALL σ²) / (N_i + ALL),    σ² the mean over all series
    """
    squares = [(e**2).mean(axis=1).sum(axis=0) for e in parts]
    mean = np.sum(squares, axis=0) / sum(map(len, parts))
    own = [(s + ALL * mean) / (len(e) + ALL) for s, e in zip(squares, parts, strict=True)]
    return np.where(mean > 0, np.sqrt(own), 1.0)
