"""Losses of the error ŷ - y: squared, absolute, or a mixture of both."""

from dataclasses import dataclass
from typing import ClassVar

from xprnn import _ops
from xprnn._fields import check_fields, positive


def difference(y_hat, y, mask, xp):
    """Return ŷ - y, zero at padding steps, and the number of its values at valid steps."""
    error = _ops.apply_mask(y_hat - y, mask, xp=xp)
    return error, _ops.count_steps(error, mask, xp=xp) * error.shape[-1]


@dataclass(frozen=True)
class HalfMSE:
    """L = ½ mean_{t,b} Σ_o (ŷ - y)², the MSSE of Markus Hohle's lecture.

    Squares are summed over the outputs o and averaged over the steps t and the batch b.
    """

    of_errors: ClassVar[bool] = True
    degree: ClassVar[int] = 2

    def __call__(self, y_hat, y, mask, *, xp):
        error, count = difference(y_hat, y, mask, xp)
        steps = count / y_hat.shape[-1]
        return _ops.total(error * error, xp=xp) / (2 * steps), error / steps


@dataclass(frozen=True)
class MSE:
    """L = mean_{t,b,o} (ŷ - y)², over steps, batch and outputs, as in torch and Keras."""

    of_errors: ClassVar[bool] = True
    degree: ClassVar[int] = 2

    def __call__(self, y_hat, y, mask, *, xp):
        error, count = difference(y_hat, y, mask, xp)
        return _ops.total(error * error, xp=xp) / count, error * (2 / count)


@dataclass(frozen=True)
class MAE:
    """L = mean_{t,b,o} |ŷ - y|; the gradient at the kink ŷ = y is 0."""

    of_errors: ClassVar[bool] = True
    degree: ClassVar[int] = 1

    def __call__(self, y_hat, y, mask, *, xp):
        error, count = difference(y_hat, y, mask, xp)
        return _ops.total(xp.abs(error), xp=xp) / count, xp.sign(error) / count


@dataclass(frozen=True)
class Huber:
    """L = mean_{t,b,o} of ½ e² where |e| ≤ δ, else δ (|e| - ½ δ); e = ŷ - y.

    Huber, "Robust estimation of a location parameter", 1964.

    Parameters
    ----------
    delta : float
        δ, in the units of y. When `fit` standardises, the gradient uses δ in units of the
        standardised y, and the reported loss uses δ in the original units of y.
    """

    delta: float = 1.0

    of_errors: ClassVar[bool] = True

    def __post_init__(self):
        check_fields(self, delta=positive)

    def __call__(self, y_hat, y, mask, *, xp):
        error, count = difference(y_hat, y, mask, xp)
        delta = xp.full_like(error, self.delta)
        slope = xp.maximum(xp.minimum(error, delta), -delta)
        return _ops.total(slope * (error - 0.5 * slope), xp=xp) / count, slope / count
