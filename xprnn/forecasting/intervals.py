"""Prediction intervals, calibrated on held-out errors: split conformal prediction.

Each of the last pieces of the series is forecast from the steps before it. σ_j is the spread that
the networks expect at step j of the horizon, averaged over the pieces. The score of a step is its
error in units of this spread::

    s = |y - ŷ| / σ_j

The interval for a coverage p is ŷ ± c σ_j, where c is the ⌈(n + 1) p⌉-th smallest of the n scores
(Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-Free Predictive Inference for
Regression", 2018, sections 2.2 and 5.2). It covers a share p of steps that are exchangeable with
the held-out ones; the later steps of a series are so only approximately.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from xprnn._fields import number
from xprnn._typing import Array


class Interval(NamedTuple):
    """The bounds of a prediction interval, in the form of the series."""

    lower: Any
    upper: Any


def bound_quantiles(coverage: float) -> tuple[float, float]:
    """Return the quantiles that bound an interval with coverage `coverage`."""
    number("coverage", coverage, above=0, below=1)
    return (1 - coverage) / 2, (1 + coverage) / 2


class Calibration(NamedTuple):
    """The scores of held-out pieces, and the spreads that are the units of the scores."""

    scores: Array
    """The scores of all steps, sorted, (N,)."""
    spreads: tuple[Array, ...]
    """σ of every series, (horizon, O)."""

    @classmethod
    def of(cls, errors: list[list[Array]], spreads: list[list[Array]]) -> "Calibration":
        """Calibrate on |y - ŷ| and the spreads of every piece and series."""
        means = tuple(np.mean(each, axis=0) for each in zip(*spreads, strict=True))
        scores = [
            (error / spread).ravel()
            for piece in errors
            for error, spread in zip(piece, means, strict=True)
        ]
        return cls(np.sort(np.concatenate(scores)), means)

    def quantiles(self, forecast: list[Array], levels: tuple[float, ...]) -> list[list[Array]]:
        """Return ŷ ± c σ for each level and series, (horizon, O)."""
        horizon, most = len(forecast[0]), len(self.spreads[0])
        if horizon > most:
            raise ValueError(
                f"horizon must be at most {most}, the horizon for which the intervals were "
                f"calibrated, got {horizon}"
            )
        factors = [choose_factor(self.scores, abs(2 * level - 1)) for level in levels]
        signed = [math.copysign(c, level - 0.5) for c, level in zip(factors, levels, strict=True)]
        pairs = [*zip(forecast, self.spreads, strict=True)]
        return [[y + c * spread[:horizon] for y, spread in pairs] for c in signed]


def choose_factor(scores: Array, share: float) -> float:
    """Return c, the half-width of an interval that covers `share`, in units of the spread.

    Parameters
    ----------
    scores : array, (N,)
        The scores, sorted.
    share : float
        The share to cover, at least 0 and below 1.

    Raises
    ------
    ValueError
        If there are too few scores for this share.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.forecasting.intervals import choose_factor
    >>> choose_factor(np.arange(1.0, 10.0), 0.8)
    8.0
    """
    rank = math.ceil(round((len(scores) + 1) * share, 9))
    if rank > len(scores):
        needed = math.ceil(round(share / (1 - share), 9))
        raise ValueError(
            f"coverage {share:.4g} needs at least {needed} held-out steps for calibration, got "
            f"{len(scores)}: set a larger calibration="
        )
    return float(scores[rank - 1]) if rank else 0.0
