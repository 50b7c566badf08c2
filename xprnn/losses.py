"""Losses with their gradients.

A loss is any callable ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. `y_hat`
and `y` are (..., T, B, O); `mask` is (T, B, 1), True at valid steps, or None.
`value` is (...), one number for each model on the leading axes; `dy_hat` has
the shape of `y_hat` and is zero at padding. Every mean is over valid steps only.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from xprnn import masking
from xprnn._typing import Array, Namespace
from xprnn._validate import chosen, number, settle

__all__ = ["MAE", "MSE", "HalfMSE", "Huber", "Loss", "get"]


class Loss(Protocol):
    """What a loss must be."""

    def __call__(
        self, y_hat: Array, y: Array, mask: Array | None, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return the value (...) and its gradient, shaped like `y_hat`."""


def _error(y_hat, y, mask, xp):
    """Return ŷ - y, zero at padding, and the number of valid steps."""
    error = masking.valid(y_hat - y, mask, xp=xp)
    if mask is None:
        return error, math.prod(error.shape[-3:-1])
    return error, xp.sum(xp.astype(mask, error.dtype))


def _total(a, xp):
    return xp.sum(a, axis=(-3, -2, -1))


@dataclass(frozen=True)
class HalfMSE:
    """L = ½ mean_{t,b} Σ_o (ŷ - y)², the lecture's MSSE.

    Squares are summed over the outputs o, and their mean is taken over the
    steps t and the batch b.
    """

    def __call__(self, y_hat, y, mask, *, xp):
        error, steps = _error(y_hat, y, mask, xp)
        return _total(error * error, xp) / (2 * steps), error / steps


@dataclass(frozen=True)
class MSE:
    """L = mean_{t,b,o} (ŷ - y)², over steps, batch and outputs, as torch and Keras."""

    def __call__(self, y_hat, y, mask, *, xp):
        error, steps = _error(y_hat, y, mask, xp)
        count = steps * error.shape[-1]
        return _total(error * error, xp) / count, 2 * error / count


@dataclass(frozen=True)
class MAE:
    """L = mean_{t,b,o} |ŷ - y|; the gradient at the kink ŷ = y is 0."""

    def __call__(self, y_hat, y, mask, *, xp):
        error, steps = _error(y_hat, y, mask, xp)
        count = steps * error.shape[-1]
        return _total(xp.abs(error), xp) / count, xp.sign(error) / count


@dataclass(frozen=True)
class Huber:
    """L = mean_{t,b,o} of ½ e² where |e| ≤ δ, else δ (|e| - ½ δ); e = ŷ - y.

    Huber, "Robust estimation of a location parameter", 1964.

    Parameters
    ----------
    delta : float
        δ, in the units of y. Where `fit` standardises, the gradient is that of the
        standardised y, with δ in its units, and the loss that is reported that of
        y in its own.
    """

    delta: float = 1.0

    def __post_init__(self):
        settle(self, delta=number("delta", self.delta, above=0))

    def __call__(self, y_hat, y, mask, *, xp):
        error, steps = _error(y_hat, y, mask, xp)
        count = steps * error.shape[-1]
        delta = xp.full_like(error, self.delta)
        slope = xp.maximum(xp.minimum(error, delta), -delta)
        return _total(slope * (error - 0.5 * slope), xp) / count, slope / count


TABLE: dict[str, Loss] = {
    "half_mse": HalfMSE(),
    "huber": Huber(),
    "mae": MAE(),
    "mse": MSE(),
}


def get(loss: str | Loss) -> Loss:
    """Return the loss of that name, or the object itself.

    Raises
    ------
    ValueError
        If there is no loss of that name.
    TypeError
        If the object can't be called.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> y_hat, y = np.array([[[1.0]], [[2.0]]]), np.zeros((2, 1, 1))
    >>> value, dy_hat = losses.get("half_mse")(y_hat, y, None, xp=np)
    >>> float(value), dy_hat.ravel().tolist()
    (1.25, [0.5, 1.0])
    """
    return chosen("loss", loss, TABLE, ("__call__",))
