"""Standardisation: every feature to mean 0 and standard deviation 1."""

from typing import NamedTuple

from xprnn._typing import Array, Namespace

__all__ = ["Scaler"]


class Scaler(NamedTuple):
    """Mean and standard deviation of every feature of the training data.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.scaling import Scaler
    >>> scaler = Scaler.of(np.array([[[1.0]], [[3.0]]]), xp=np)
    >>> scaler.apply(np.array([2.0, 4.0])).tolist()
    [0.0, 2.0]
    """

    mean: Array
    """(F,)"""
    scale: Array
    """(F,); 1 for a feature that is constant."""

    @classmethod
    def of(cls, x: Array, *, xp: Namespace) -> "Scaler":
        """Measure the data x (T, B, F) over steps and batch."""
        over = (0, 1)
        mean = xp.mean(x, axis=over)
        varies = xp.max(x, axis=over) > xp.min(x, axis=over)
        far = xp.where(varies, xp.max(xp.abs(x - mean), axis=over), xp.ones_like(mean))
        scale = far * xp.std((x - mean) / far, axis=over)  # no square over- or underflows
        return cls(mean, xp.where(varies, scale, xp.ones_like(mean)))

    def apply(self, x: Array) -> Array:
        """Return (x - mean) / scale for x (..., F)."""
        return (x - self.mean) / self.scale

    def invert(self, x: Array) -> Array:
        """Return x · scale + mean for x (..., F)."""
        return x * self.scale + self.mean
