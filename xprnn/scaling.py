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
    >>> scaler = Scaler.of(np.array([[1.0], [3.0]]), xp=np)
    >>> scaler.apply(np.array([2.0, 4.0])).tolist()
    [0.0, 2.0]
    """

    mean: Array
    """(F,)"""
    scale: Array
    """(F,); 1 for a feature that is constant."""

    @classmethod
    def of(cls, x: Array, *, xp: Namespace) -> "Scaler":
        """Measure the data x (N, F)."""
        mean = xp.mean(x, axis=0)
        varies = xp.max(x, axis=0) > xp.min(x, axis=0)
        far = xp.where(varies, xp.max(xp.abs(x - mean), axis=0), xp.ones_like(mean))
        scale = far * xp.std((x - mean) / far, axis=0)  # no square over- or underflows
        return cls(mean, xp.where(varies, scale, xp.ones_like(mean)))

    def apply(self, x: Array) -> Array:
        """Return (x - mean) / scale for x (..., F)."""
        return (x - self.mean) / self.scale

    def invert(self, x: Array) -> Array:
        """Return x · scale + mean for x (..., F)."""
        return x * self.scale + self.mean
