"""The inputs and targets of the network: the forecaster's equations.

At every step t of a series y with inputs X, the network reads z(t), X(t) and the inputs known
ahead, X(t+1) … X(t+k). It predicts k steps at once, v_1(t) … v_k(t)::

    z(t) = (y(t) - b(t)) / s
    v_j(t) = (y(t+j) - b_j(t)) / s,  j = 1 … k

The base b_j(t) is a first guess of y(t+j) from the values known at t. Without differencing it is
the mean of the series. With differencing by m steps it is the last known value at the same step of
the season,

    b_j(t) = y(t + j - m ⌈j / m⌉),     b(t) = b_1(t-1) = y(t-m),

so that the k targets are not sums of one another, and a quantile of the difference gives the
quantile of y(t+j). s is the standard deviation of y(t) - b(t). The mean and s are measured on the
series of `fit`, for each series and column separately.

Windows can be centred: the window's mean z̄(t) is subtracted, and added to the guess again::

    z(u) - z̄(t),  u = t-L+1 … t        v_j(t) = (y(t+j) - b_j(t)) / s - z̄(t)

The network then sees the shape of a window but not its level, and forecasts follow a series to
levels that the training data did not have (Kim et al., "Reversible Instance Normalization for
Accurate Time-Series Forecasting against Distribution Shift", 2022).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xprnn import baselines
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array


class Past(NamedTuple):
    """The known part of a series, with its inputs."""

    y: Array
    """(T, O)"""
    x: Array
    """(T, K_1), the inputs known up to the last step of y."""
    ahead: Array
    """(T', K_2), the inputs known ahead; T' is T in training, and larger in a forecast."""
    mean: Array
    """(O,)"""
    scale: Array
    """(O,)"""

    def until(self, end: int) -> "Past":
        """Return the first steps."""
        return self._replace(y=self.y[:end], x=self.x[:end], ahead=self.ahead[:end])


@dataclass(frozen=True)
class Layout:
    """How to turn series into sequences for the network.

    Parameters
    ----------
    lags : int or None
        The number of steps in a window; with None, the whole series is one sequence.
    steps : int
        k, the number of steps that the network predicts at once.
    differencing : int
        m, the number of steps to difference by; 0 for none.
    center : bool
        Whether windows are centred.
    """

    lags: int | None
    steps: int
    differencing: int
    center: bool

    @property
    def least(self) -> int:
        """The least number of steps of a series that give one example."""
        return self.differencing + (self.lags or 1) + self.steps

    def scaler(self, y: Array, standardize: bool) -> Scaler:
        """Measure the mean and scale of a series."""
        zero, m = np.zeros(y.shape[1]), self.differencing
        if not standardize:
            return Scaler(zero, zero + 1)
        if m:
            return Scaler.of(y[m:] - y[:-m], xp=np)._replace(mean=zero)
        return Scaler.of(y, xp=np)

    def guess(self, past: Past, t: Array, steps: int) -> Array:
        """Return b_1 … b_steps at the times t, (N, steps, O)."""
        m, j = self.differencing, np.arange(1, steps + 1)
        if not m:
            return np.broadcast_to(past.mean, (len(t), steps, past.y.shape[1]))
        return past.y[t[:, None] + j - m * np.ceil(j / m).astype(int)]

    def bases(self, past: Past, t: Array, steps: int) -> Array:
        """Return the values to add to the network's outputs, b and s z̄, (N, steps, O)."""
        bases = self.guess(past, t, steps)
        if not self.center:
            return bases
        _, means = self.center_windows(self.windows(past, t), past.y.shape[1])
        return bases + past.scale * means[:, None]

    def inputs(self, past: Past, t: Array) -> Array:
        """Return the network's input rows at times t, not centred, (N, F)."""
        z = (past.y[t] - self.guess(past, t - 1, 1)[:, 0]) / past.scale
        parts = [z, past.x[t]]
        if past.ahead.shape[1]:
            next_steps = past.ahead[t[:, None] + np.arange(1, self.steps + 1)]
            parts.append(next_steps.reshape(len(t), -1))
        return np.concatenate(parts, axis=1)

    def targets(self, past: Past, t: Array) -> Array:
        """Return the targets of the network at the times t, (N, k, O)."""
        y = past.y[t[:, None] + np.arange(1, self.steps + 1)]
        return (y - self.bases(past, t, self.steps)) / past.scale

    def times(self, past: Past) -> Array:
        """Return the times whose next k steps are known."""
        return np.arange(self.differencing + (self.lags or 1) - 1, len(past.y) - self.steps)

    def windows(self, past: Past, t: Array) -> Array:
        """Return the windows that end at successive times t, not centred, (N, lags, F)."""
        lags = self.lags or 1
        rows = self.inputs(past, np.arange(t[0] - lags + 1, t[-1] + 1))
        return np.lib.stride_tricks.sliding_window_view(rows, lags, axis=0).swapaxes(1, 2)

    def center_windows(self, windows: Array, outputs: int) -> tuple[Array, Array]:
        """Return the windows that the network reads, and z̄ (N, O), zero if they are not centred.

        Parameters
        ----------
        windows : array, (N, lags, F)
        outputs : int
            O, the number of columns of y, which come first.
        """
        if not self.center:
            return windows, np.zeros((len(windows), outputs))
        means = windows[:, :, :outputs].mean(axis=1)
        centered = windows.copy()
        centered[:, :, :outputs] -= means[:, None]
        return centered, means

    def sequences(self, past: Past, t: Array) -> Array:
        """Return the network's inputs up to successive times t: (N, lags, F), or one (N, F)."""
        if self.lags is None:
            return self.inputs(past, t)
        return self.center_windows(self.windows(past, t), past.y.shape[1])[0]

    def examples(self, pasts: list[Past]) -> tuple[Any, Any]:
        """Return x and y for `xprnn.fit`: windows and the steps that follow, or whole series."""
        return self._examples([(past, self.times(past)) for past in pasts])

    def held_out(self, pasts: list[Past], ends: list[int]) -> tuple[Any, Any, Any]:
        """Return x, y and a mask for the validation loss on the steps after `ends`.

        x holds windows whose targets are all after the end of their series; or whole series, with
        a mask (T, S) of the steps whose targets are.
        """
        late = [self.times(past) >= end - 1 for past, end in zip(pasts, ends, strict=True)]
        if self.lags is None:
            mask = np.zeros((max(map(len, late)), len(late)), bool)
            for i, each in enumerate(late):
                mask[: len(each), i] = each
            return *self.examples(pasts), mask
        pairs = zip(pasts, late, strict=True)
        return *self._examples([(past, self.times(past)[each]) for past, each in pairs]), None

    def _examples(self, pairs: list[tuple[Past, Array]]) -> tuple[Any, Any]:
        """Return x and y at successive times of each series."""
        x = [self.sequences(past, t) for past, t in pairs]
        y = [self.targets(past, t).reshape(len(t), -1) for past, t in pairs]
        return (x, y) if self.lags is None else (np.concatenate(x), np.concatenate(y))


SHORTEST = 8
"""The shortest automatic window, and the shortest window that is centred by default."""
SEASONS = (1, 2)
"""The numbers of seasons in the short and the long automatic windows."""
MANY = (2, 3)
"""The same for several series, which have more examples."""


def choose_lags(series: tuple[Array, ...], steps: int, windows: bool) -> tuple[int | None, ...]:
    """Return the numbers of steps in a short and a long window for series (T, O).

    They have at least `SHORTEST` steps, and at most a third of the shortest series. If that is
    below `SHORTEST`, the network reads whole series, unless it must have `windows`.
    """
    season, longest = _find_season(series), _measure_longest(series, steps)
    if longest < SHORTEST:
        return (max(2, longest),) if windows else (None,)
    seasons = MANY if len(series) > 1 else SEASONS
    short, long = (min(max(n * season, SHORTEST), longest) for n in seasons)
    return short, long


def choose_skip(series: tuple[Array, ...]) -> int:
    """Return the number of steps that a linear map reads of whole series: a season, or a third."""
    season = max(_find_season(series), SHORTEST)
    return max(2, min(season, _measure_longest(series, 1)))


def _find_season(series: tuple[Array, ...]) -> int:
    """Return the most frequent season among the series."""
    seasons = [baselines.find_season(y) for y in series]
    return max(sorted(set(seasons)), key=seasons.count)


def _measure_longest(series: tuple[Array, ...], steps: int) -> int:
    """Return the longest allowed window, a third of the shortest series."""
    return (min(map(len, series)) - steps) // 3
