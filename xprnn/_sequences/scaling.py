"""Standardisation of every feature to mean 0 and standard deviation 1."""

from typing import NamedTuple

from xprnn import _ops
from xprnn._typing import Array, Namespace
from xprnn.backend import Backend, dtype_name, quiet


class Scaler(NamedTuple):
    """The mean and standard deviation of every feature of the training data.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import Scaler
    >>> scaler = Scaler.of(np.array([[1.0], [3.0]]), xp=np)
    >>> scaler.apply(np.array([2.0, 4.0])).tolist()
    [0.0, 2.0]
    """

    mean: Array
    """(F,)"""
    scale: Array
    """(F,); 1 for a constant feature."""

    @classmethod
    def of(cls, x: Array, weights: Array | None = None, *, xp: Namespace) -> "Scaler":
        """Measure the scaler on data x (N, F), whose rows may have weights (N,) above 0."""
        with quiet():
            low, high = xp.min(x, axis=0), xp.max(x, axis=0)
            varies, one = high > low, xp.ones_like(low)
            size = xp.maximum(xp.abs(low), xp.abs(high))
            size = xp.where(size > 0, size, one)

            def mean_of(a: Array) -> Array:
                if weights is None:
                    return _ops.total(a, 0, xp=xp) / a.shape[0]
                weighed = xp.reshape(weights, (-1, 1)) * a
                return _ops.total(weighed, 0, xp=xp) / _ops.total(weights, 0, xp=xp)

            mean = size * mean_of(x / size)  # no sum overflows
            mean = mean + size * mean_of((x - mean) / size)  # what rounding left, far from zero
            far = xp.where(varies, xp.max(xp.abs(x - mean), axis=0), one)
            apart = (x - mean) / far  # no square overflows or underflows
            scale = far * xp.sqrt(mean_of(apart * apart))
            return cls(mean, xp.where(varies & (scale > 0), scale, one))

    def on(self, place: Backend, dtype: str | None = None) -> "Scaler":
        """Return the scaler on a backend, in its own dtype or another one."""
        mean, scale = (place.asarray(array, dtype or dtype_name(array)) for array in self)
        return Scaler(mean, scale)

    def apply(self, x: Array) -> Array:
        """Return (x - mean) / scale for x (..., F)."""
        return (x - self.mean) / self.scale

    def invert(self, x: Array) -> Array:
        """Return x · scale + mean for x (..., F)."""
        return x * self.scale + self.mean
