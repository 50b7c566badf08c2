"""A member of a forecaster: one network with its layout."""

from typing import NamedTuple

import numpy as np

from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.forecasting.layout import Layout, Past


class Member(NamedTuple):
    """A network, and the layout that turns series into its inputs."""

    model: Model
    layout: Layout
    scalers: tuple[Scaler, ...]
    """The mean and scale of each series."""
    held_out: list[Array] | None = None
    """The scaled errors of the network, or of one trained like it, on steps held out from
    training, (N_i, k, O) for each series; None if intervals use the training errors."""

    def predict(self, past: Past, t: Array) -> Array:
        """Return the scaled outputs of the network at successive times t, (N, Q, k, O).

        Q is the number of quantiles, in the order of the loss; 1 for any other loss.
        """
        layout = self.layout
        first = layout.differencing if layout.lags is None else t[0]
        v = self.model.predict(layout.sequences(past, np.arange(first, t[-1] + 1)))
        return v[t[0] - first :].reshape(len(t), -1, layout.steps, past.y.shape[1])

    def forecast_next(self, past: Past, t: Array, quantile: int) -> Array:
        """Return the forecasts one step after successive times t, (N, O), in the units of y."""
        v = self.predict(past, t)[:, quantile, 0]
        return self.layout.bases(past, t, 1)[:, 0] + past.scale * v

    def measure_errors(self, pasts: list[Past], lengths: list[int]) -> list[Array]:
        """Return the scaled errors of the targets after the first `lengths` steps, (N_i, k, O)."""
        errors = []
        for past, length in zip(pasts, lengths, strict=True):
            t = self.layout.times(past)
            t = t[t >= length - 1]
            error = np.zeros((0, self.layout.steps, past.y.shape[1]))
            if len(t):
                error = self.layout.targets(past, t) - self.predict(past, t)[:, 0]
            errors.append(error)
        return errors

    def forecast_at_once(self, pasts: list[Past]) -> list[Array]:
        """Return the next k steps of each series at once, (Q, k, O), in the units of y."""
        forecasts = []
        for past in pasts:
            last = np.asarray([len(past.y) - 1])
            base = self.layout.bases(past, last, self.layout.steps)[0]
            forecasts.append(base + past.scale * self.predict(past, last)[0])
        return forecasts

    def follow(self, pasts: list[Past], noise: Array) -> Array:
        """Return P paths of each of S series, (S, P, horizon, O), in the units of y.

        The scaled noise ε has the same shape, and is zero for a forecast. A direct network outputs
        the whole horizon at once. A recursive network outputs the next step, and reads it as the
        input for the step after it::

            z(t+1) = v_1(t) + ε(t+1),  y(t+1) = b_1(t) + s z(t+1)
        """
        S, P, horizon, O = noise.shape  # noqa: E741
        if self.layout.steps > 1:
            parts = zip(self.forecast_at_once(pasts), pasts, noise, strict=True)
            return np.stack([y[:1, :horizon] + past.scale * e for y, past, e in parts])
        ahead = np.stack([past.ahead[len(past.y) + 1 :][: horizon - 1] for past in pasts])
        ahead, noise = np.repeat(ahead, P, axis=0), noise.reshape(S * P, horizon, O)
        v, memory = self._read_pasts(pasts)
        v, memory = np.repeat(v, P, axis=0), [np.repeat(a, P, axis=0) for a in memory]
        z = [v + noise[:, 0]]
        for j in range(1, horizon):
            row = np.concatenate([z[-1], ahead[:, j - 1]], axis=1)[:, None]
            v, memory = self._read_row(row, memory)
            z.append(v + noise[:, j])
        paths = np.stack(z, axis=1).reshape(S, P, horizon, O)
        return np.stack([self._unscale(past, z) for past, z in zip(pasts, paths, strict=True)])

    def _read_pasts(self, pasts: list[Past]) -> tuple[Array, list[Array]]:
        """Return v after the last step of every series, (S, O), and the state for the next step."""
        if self.layout.lags is None:
            first = self.layout.differencing
            rows = [self.layout.inputs(past, np.arange(first, len(past.y))) for past in pasts]
            outputs, state = self.model.predict(rows, return_state=True)
            return np.stack([v[-1] for v in outputs]), list(state)
        last = [self.layout.windows(past, np.asarray([len(past.y) - 1])) for past in pasts]
        return self._read_windows(np.concatenate(last))

    def _read_row(self, row: Array, memory: list[Array]) -> tuple[Array, list[Array]]:
        """Return v after one more row (B, 1, F) of inputs, and the state for the next step."""
        if self.layout.lags is None:
            v, state = self.model.predict(row, state=tuple(memory), return_state=True)
            return v[:, 0], list(state)
        windows = np.concatenate([memory[0][:, 1:], row], axis=1)
        return self._read_windows(windows)

    def _read_windows(self, windows: Array) -> tuple[Array, list[Array]]:
        """Return v after windows that are not yet centred, and the state for the next step."""
        x, means = self.layout.center_windows(windows, self.model.outputs)
        return means + self.model.predict(x), [windows]

    def _unscale(self, past: Past, z: Array) -> Array:
        """Return y(t) = b(t) + s z(t) after the end of a series, for paths (P, horizon, O)."""
        m = self.layout.differencing
        if not m:
            return past.mean + past.scale * z
        y = list(past.y[-m:])
        for j in range(z.shape[1]):
            y.append(y[j] + past.scale * z[:, j])
        return np.stack(y[m:], axis=1)
