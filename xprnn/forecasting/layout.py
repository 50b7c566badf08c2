"""What the network reads and is to give: the equations of the forecaster.

For every step t of a series y, with inputs X beside it::

    z(t) = (y(t) - b(t)) / s                       reads, with X(t) and X(t+1) … X(t+k)
    v(t) = (y(t+j) - b_j(t)) / s,  j = 1 … k       gives, k steps at once

b_j(t) is what is known at t and says something of y(t+j). Without differencing it is the
mean of the series. Differenced by m steps it is the last known value of the same season,

    b_j(t) = y(t + j - m ⌈j / m⌉),     b(t) = b_1(t-1) = y(t-m),

so that the k steps are not sums of one another, and the quantile of a difference is that
of y(t+j). s is the standard deviation of y(t) - b(t). Mean and s are those of the series
that `fit` was given, each series and column for itself.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array


class Past(NamedTuple):
    """A series as far as it is known, and the inputs beside it."""

    y: Array
    """(T, O)"""
    x: Array
    """(T, K_1), the inputs that are known to the last step of y."""
    ahead: Array
    """(T', K_2), those that are known ahead; T' is T in training, and more to forecast."""
    mean: Array
    """(O,)"""
    scale: Array
    """(O,)"""


@dataclass(frozen=True)
class Layout:
    """How series become sequences.

    Parameters
    ----------
    lags : int or None
        The steps of a window; None: the whole series is one sequence.
    steps : int
        k, how many steps the network gives at once.
    season : int
        m, by how many steps to difference, 0 for none.
    """

    lags: int | None
    steps: int
    season: int

    @property
    def least(self) -> int:
        """The fewest steps of a series from which something can be learnt."""
        return self.season + (self.lags or 1) + self.steps

    def scaler(self, y: Array, standardize: bool) -> Scaler:
        """Return the mean and the scale that a series has."""
        zero = np.zeros(y.shape[1])
        if not standardize:
            return Scaler(zero, zero + 1)
        found = Scaler.of(y[self.season :] - y[: -self.season] if self.season else y, xp=np)
        return found._replace(mean=zero) if self.season else found

    def bases(self, past: Past, t: Array, steps: int) -> Array:
        """Return b_1 … b_steps at the times t, (N, steps, O)."""
        if not self.season:
            return np.broadcast_to(past.mean, (len(t), steps, past.y.shape[1]))
        j = np.arange(1, steps + 1)
        return past.y[t[:, None] + j - self.season * np.ceil(j / self.season).astype(int)]

    def inputs(self, past: Past, t: Array) -> Array:
        """Return what the network reads at the times t, (N, F)."""
        z = (past.y[t] - self.bases(past, t - 1, 1)[:, 0]) / past.scale
        parts = [z, past.x[t]]
        if past.ahead.shape[1]:
            next_steps = past.ahead[t[:, None] + np.arange(1, self.steps + 1)]
            parts.append(next_steps.reshape(len(t), -1))
        return np.concatenate(parts, axis=1)

    def targets(self, past: Past, t: Array) -> Array:
        """Return what the network is to give at the times t, (N, k, O)."""
        y = past.y[t[:, None] + np.arange(1, self.steps + 1)]
        return (y - self.bases(past, t, self.steps)) / past.scale

    def times(self, past: Past) -> Array:
        """Return the times whose next k steps are known."""
        return np.arange(self.season + (self.lags or 1) - 1, len(past.y) - self.steps)

    def sequences(self, past: Past, t: Array) -> Array:
        """Return the sequences that end at successive times t: (N, lags, F), or one (N, F)."""
        if self.lags is None:
            return self.inputs(past, t)
        rows = self.inputs(past, np.arange(t[0] - self.lags + 1, t[-1] + 1))
        return np.lib.stride_tricks.sliding_window_view(rows, self.lags, axis=0).swapaxes(1, 2)

    def examples(self, pasts: list[Past]) -> tuple[Any, Any]:
        """Return x and y for `fit`: windows with what follows each, or whole series."""
        times = [self.times(past) for past in pasts]
        x = [self.sequences(past, t) for past, t in zip(pasts, times, strict=True)]
        y = [
            self.targets(past, t).reshape(len(t), -1) for past, t in zip(pasts, times, strict=True)
        ]
        return (x, y) if self.lags is None else (np.concatenate(x), np.concatenate(y))
