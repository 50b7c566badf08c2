"""Intervals as wide as held-out errors ask for: split conformal prediction.

The last pieces of the series are forecast, each from what came before it. σ_j is the spread
that the networks expect at step j ahead, the mean over the pieces. The score of a step is its
error in these spreads::

    s = |y - ŷ| / σ_j

The bounds of an interval that is to cover a share p are ŷ ± c σ_j, where c is the
⌈(n + 1) p⌉-th smallest of the n scores (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman,
"Distribution-Free Predictive Inference for Regression", 2018, sections 2.2 and 5.2). They
cover the share p of steps that are exchangeable with those held out. The steps of a series
are so only nearly.
"""

import math
from typing import NamedTuple

import numpy as np

from xprnn._typing import Array


class Calibration(NamedTuple):
    """The errors of forecasts of held-out pieces, and the spreads to measure them in."""

    scores: Array
    """The scores of all steps, sorted, (N,)."""
    spreads: tuple[Array, ...]
    """σ of every series, (horizon, O)."""

    @classmethod
    def of(cls, errors: list[list[Array]], spreads: list[list[Array]]) -> "Calibration":
        """Return the calibration by |y - ŷ| and the spreads of every piece and series."""
        expected = tuple(np.mean(each, axis=0) for each in zip(*spreads, strict=True))
        scores = [
            (error / spread).ravel()
            for piece in errors
            for error, spread in zip(piece, expected, strict=True)
        ]
        return cls(np.sort(np.concatenate(scores)), expected)

    def half_widths(self, share: float, steps: int) -> list[Array]:
        """Return c σ of every series, (steps, O), for an interval that covers a share."""
        horizon = len(self.spreads[0])
        if steps > horizon:
            raise ValueError(
                f"horizon must be at most {horizon}, for which the intervals were calibrated, "
                f"got {steps}"
            )
        c = width(self.scores, share)
        return [c * spread[:steps] for spread in self.spreads]


def width(scores: Array, share: float) -> float:
    """Return c, the half-width in spreads of an interval that covers a share.

    Parameters
    ----------
    scores : array, (N,)
        Sorted.
    share : float
        From 0 to below 1.

    Raises
    ------
    ValueError
        If there are too few scores to tell.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.forecasting.calibration import width
    >>> width(np.arange(1.0, 10.0), 0.8)
    8.0
    """
    rank = math.ceil(round((len(scores) + 1) * share, 9))
    if rank > len(scores):
        needed = math.ceil(round(share / (1 - share), 9))
        raise ValueError(
            f"coverage {share:.4g} needs at least {needed} held-out steps to be calibrated, got "
            f"{len(scores)}: give the forecaster a larger calibration="
        )
    return float(scores[rank - 1]) if rank else 0.0
