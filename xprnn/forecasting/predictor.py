"""The fitted part of a forecaster: its networks, and the series that they continue.

A forecast is a path of each series. An interval comes from many paths with noise, or from the
quantiles that the networks give.
"""

from collections.abc import Iterable
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.backend import generator, quiet
from xprnn.forecasting.intervals import Calibration
from xprnn.forecasting.layout import Layout, Past
from xprnn.forecasting.panel import Panel

PATHS = 1000
"""The number of paths that make an interval."""
FEW = 2
"""The fewest held-out steps that make an interval."""
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
    held_out: tuple[list[Array], ...] = ()
    """The scaled errors of each network, or of its like, on steps that it was not trained on,
    (N_i, k, O) for each series; empty if intervals are made of the errors in training."""
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
        each = [self._follow(model, pasts, no_noise) for model in self.models]
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

    def one_step(self, longer: Panel) -> OneStep:
        """Return forecasts one step ahead at every step of `longer` that is new.

        The networks read the new steps, but were trained on the steps before them.
        """
        quantile = 0 if self.own_quantiles is None else self.own_quantiles.index(0.5)
        parts = []
        pasts = self._replace(panel=longer).pasts()
        for past, length in zip(pasts, self.panel.lengths, strict=True):
            t = self.layout.times(past)
            v = np.mean([self._predict(model, past, t) for model in self.models], axis=0)
            y = self.layout.bases(past, t, 1)[:, 0] + past.scale * v[:, quantile, 0]
            new = t >= length - 1
            parts.append((y[new], past.y[t + 1][new], past.y[t][new]))
        return OneStep(*map(np.concatenate, zip(*parts, strict=True)))

    def measure_errors(self, longer: Panel, lengths: Iterable[int]) -> tuple[list[Array], ...]:
        """Return the scaled errors of each network, (N_i, k, O) for each series of `longer`.

        They are those of the targets after the first `lengths` steps.
        """
        parts = []
        pasts = self._replace(panel=longer).pasts()
        for past, length in zip(pasts, lengths, strict=True):
            t = self.layout.times(past)
            t = t[t >= length - 1]
            targets = self.layout.targets(past, t)
            parts.append([targets - self._predict(model, past, t)[:, 0] for model in self.models])
        return tuple(map(list, zip(*parts, strict=True)))

    def _forecast_quantiles(self, horizon: int, later: tuple[Array, ...]) -> Array:
        """Return the quantiles that the networks give, sorted, (S, Q, horizon, O)."""
        pasts = self.pasts(later)
        each = [self._forecast_at_once(model, pasts) for model in self.models]
        # Sorting swaps quantiles that cross: Chernozhukov et al., 2010.
        return np.sort(np.mean(each, axis=0), axis=1)[:, :, :horizon]

    def _simulate(self, horizon: int, later: tuple[Array, ...]) -> Array:
        """Return at least `PATHS` paths that each series could take, (S, P, horizon, O).

        Each is a forecast of one of the models, to which scaled errors of that model are added,
        drawn with replacement: one at every step, or a row of k steps at once.
        """
        if self.held_out and sum(map(len, self.held_out[0])) < FEW:
            raise ValueError(
                f"y has {max(self.trained_on.lengths)} steps, and an interval needs {FEW} that "
                "are held out; calibration=0 makes intervals of the errors in training"
            )
        rng, pasts = generator((self.seed, len(self.models))), self.pasts(later)
        each, rows = -(-PATHS // len(self.models)), -(-horizon // self.layout.steps)
        every = self.held_out or self.measure_errors(self.panel, [0] * len(pasts))
        paths = []
        for model, parts in zip(self.models, every, strict=True):
            errors = np.concatenate(parts)
            draws = rng.integers(len(errors), size=(len(pasts), each, rows))
            noise = errors[draws].reshape(len(pasts), each, -1, errors.shape[-1])
            paths.append(self._follow(model, pasts, noise[:, :, :horizon]))
        return np.concatenate(paths, axis=1)

    def _predict(self, model: Model, past: Past, t: Array) -> Array:
        """Return the scaled outputs of a network at successive times t, (N, Q, k, O).

        Q is the number of quantiles, in the order of the loss; 1 for any other loss.
        """
        x = self.layout.sequences(past, t)
        return model.predict(x).reshape(len(t), -1, self.layout.steps, past.y.shape[1])

    def _forecast_at_once(self, model: Model, pasts: list[Past]) -> list[Array]:
        """Return the next k steps of each series at once, (Q, k, O), in the units of y."""
        layout, forecasts = self.layout, []
        for past in pasts:
            last = len(past.y) - 1
            first = layout.differencing if layout.lags is None else last
            v = self._predict(model, past, np.arange(first, last + 1))[-1]
            base = layout.bases(past, np.asarray([last]), layout.steps)[0]
            forecasts.append(base + past.scale * v)
        return forecasts

    def _follow(self, model: Model, pasts: list[Past], noise: Array) -> Array:
        """Return P paths of each of S series, (S, P, horizon, O), in the units of y.

        The scaled noise ε is of that shape too, and zero for a forecast. A network that gives
        several steps gives the horizon at once. One that gives the next step reads it as the
        input of the step after it::

            z(t+1) = v_1(t) + ε(t+1),  y(t+1) = b_1(t) + s z(t+1)
        """
        S, P, horizon, O = noise.shape  # noqa: E741
        if self.layout.steps > 1:
            parts = zip(self._forecast_at_once(model, pasts), pasts, noise, strict=True)
            return np.stack([y[:1, :horizon] + past.scale * e for y, past, e in parts])
        ahead = np.stack([past.ahead[len(past.y) + 1 :][: horizon - 1] for past in pasts])
        ahead, noise = np.repeat(ahead, P, axis=0), noise.reshape(S * P, horizon, O)
        v, memory = self._read_pasts(model, pasts)
        v, memory = np.repeat(v, P, axis=0), [np.repeat(a, P, axis=0) for a in memory]
        z = [v + noise[:, 0]]
        for j in range(1, horizon):
            row = np.concatenate([z[-1], ahead[:, j - 1]], axis=1)[:, None]
            v, memory = self._read_row(model, row, memory)
            z.append(v + noise[:, j])
        paths = np.stack(z, axis=1).reshape(S, P, horizon, O)
        return np.stack([self._unscale(past, z) for past, z in zip(pasts, paths, strict=True)])

    def _read_pasts(self, model: Model, pasts: list[Past]) -> tuple[Array, list[Array]]:
        """Return v after the last step of every series, (S, O), and the memory for the next."""
        if self.layout.lags is None:
            first = self.layout.differencing
            rows = [self.layout.inputs(past, np.arange(first, len(past.y))) for past in pasts]
            outputs, state = model.predict(rows, return_state=True)
            return np.stack([v[-1] for v in outputs]), list(state)
        last = [self.layout.windows(past, np.asarray([len(past.y) - 1])) for past in pasts]
        return self._read_windows(model, np.concatenate(last))

    def _read_row(self, model: Model, row: Array, memory: list[Array]) -> tuple[Array, list[Array]]:
        """Return v after one more row (B, 1, F) of inputs, and the memory for the next."""
        if self.layout.lags is None:
            v, state = model.predict(row, state=tuple(memory), return_state=True)
            return v[:, 0], list(state)
        windows = np.concatenate([memory[0][:, 1:], row], axis=1)
        return self._read_windows(model, windows)

    def _read_windows(self, model: Model, windows: Array) -> tuple[Array, list[Array]]:
        """Return v after windows that are not centred, and the memory for the next."""
        x, means = self.layout.center_windows(windows, self.panel.y[0].shape[1])
        return means + model.predict(x), [windows]

    def _unscale(self, past: Past, z: Array) -> Array:
        """Return y(t) = b(t) + s z(t) after the end of a series, for paths (P, horizon, O)."""
        m = self.layout.differencing
        if not m:
            return past.mean + past.scale * z
        y = list(past.y[-m:])
        for j in range(z.shape[1]):
            y.append(y[j] + past.scale * z[:, j])
        return np.stack(y[m:], axis=1)
