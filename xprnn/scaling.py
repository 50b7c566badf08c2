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
    def of(cls, x: Array, weights: Array | None = None, *, xp: Namespace) -> "Scaler":
        """Measure the data x (N, F), whose rows may have weights (N,) above 0."""
        if weights is None:
            mean = xp.mean(x, axis=0)
        else:
            share = xp.reshape(weights / xp.sum(weights), (-1, 1))
            mean = xp.sum(share * x, axis=0)
        varies = xp.max(x, axis=0) > xp.min(x, axis=0)
        far = xp.where(varies, xp.max(xp.abs(x - mean), axis=0), xp.ones_like(mean))
        apart = (x - mean) / far  # no square over- or underflows
        if weights is None:
            scale = far * xp.std(apart, axis=0)
        else:
            scale = far * xp.sqrt(xp.sum(share * apart * apart, axis=0))
        return cls(mean, xp.where(varies, scale, xp.ones_like(mean)))

    def apply(self, x: Array) -> Array:
        """Return (x - mean) / scale for x (..., F)."""
        return (x - self.mean) / self.scale

    def invert(self, x: Array) -> Array:
        """Return x · scale + mean for x (..., F)."""
        return x * self.scale + self.mean
