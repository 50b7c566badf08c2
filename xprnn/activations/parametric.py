"""Activations with parameters: slopes, thresholds, bounds.

The names and defaults are those of ONNX's operators; `ScaledTanh` has no defaults there.
"""

from dataclasses import dataclass, fields
from typing import Any

from xprnn._fields import check_fields, not_negative, number, set_fields
from xprnn.activations.table import get


@dataclass(frozen=True)
class _Shaped:
    """A base of activations whose fields are numbers."""

    def __post_init__(self):
        check_fields(self, **{field.name: number for field in fields(self)})


@dataclass(frozen=True)
class Affine(_Shaped):
    """f(z) = α z + β, f'(z) = α."""

    alpha: float = 1.0
    beta: float = 0.0

    def forward(self, z, *, xp):
        return self.alpha * z + self.beta

    def backward(self, dy, z, y, *, xp):
        return self.alpha * dy


@dataclass(frozen=True)
class LeakyReLU(_Shaped):
    """f(z) = z for z ≥ 0, else α z; f'(z) = 1 for z ≥ 0, else α."""

    alpha: float = 0.01

    def forward(self, z, *, xp):
        return xp.where(z >= 0, z, self.alpha * z)

    def backward(self, dy, z, y, *, xp):
        return xp.where(z >= 0, dy, self.alpha * dy)


@dataclass(frozen=True)
class ThresholdedReLU(_Shaped):
    """f(z) = z for z ≥ α, else 0; f'(z) = 1 for z ≥ α, else 0."""

    alpha: float = 1.0

    def forward(self, z, *, xp):
        return xp.where(z >= self.alpha, z, xp.zeros_like(z))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z >= self.alpha, dy, xp.zeros_like(dy))


@dataclass(frozen=True)
class ScaledTanh(_Shaped):
    """f(z) = α tanh(β z), f'(z) = α β (1 - tanh²(β z))."""

    alpha: float
    beta: float

    def forward(self, z, *, xp):
        return self.alpha * xp.tanh(self.beta * z)

    def backward(self, dy, z, y, *, xp):
        t = xp.tanh(self.beta * z)
        return self.alpha * self.beta * (dy * (1 - t * t))


@dataclass(frozen=True)
class HardSigmoid(_Shaped):
    """f(z) = α z + β between 0 and 1, else 0 or 1; f'(z) = α or 0."""

    alpha: float = 0.2
    beta: float = 0.5

    def forward(self, z, *, xp):
        zero = xp.zeros_like(z)
        return xp.minimum(xp.maximum(self.alpha * z + self.beta, zero), zero + 1)

    def backward(self, dy, z, y, *, xp):
        return xp.where((y > 0) & (y < 1), self.alpha * dy, xp.zeros_like(dy))


@dataclass(frozen=True)
class Clipped:
    """f(clip(z, -c, c)), like the ``clip`` of ONNX's recurrent nodes.

    The derivative is f'(z) within the bounds and 0 outside.

    Parameters
    ----------
    activation : Activation
        f.
    threshold : float
        c, at least 0.
    """

    activation: Any
    threshold: float

    def __post_init__(self):
        set_fields(self, activation=get(self.activation))
        check_fields(self, threshold=not_negative)

    def _clip(self, z, xp):
        bound = xp.zeros_like(z) + self.threshold
        return xp.minimum(xp.maximum(z, -bound), bound)

    def forward(self, z, *, xp):
        return self.activation.forward(self._clip(z, xp), xp=xp)

    def backward(self, dy, z, y, *, xp):
        dz = self.activation.backward(dy, self._clip(z, xp), y, xp=xp)
        return xp.where(xp.abs(z) < self.threshold, dz, xp.zeros_like(dz))
