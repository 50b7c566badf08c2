"""Activation functions f with their derivatives, pointwise.

An activation is any object with two methods. Both see arrays of any shape::

    forward(z, *, xp)           -> y     y = f(z)
    backward(dy, z, y, *, xp)   -> dz    dz = dy f'(z)

`backward` gets the argument z and the result y, whichever gives the derivative
more cheaply. A user's own object with these two methods can stand wherever a
name can.
"""

from dataclasses import dataclass
from typing import Protocol

from xprnn._typing import Array, Namespace
from xprnn._validate import chosen

__all__ = [
    "ELU",
    "Activation",
    "Identity",
    "ReLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
    "get",
]


class Activation(Protocol):
    """What an activation must have."""

    def forward(self, z: Array, *, xp: Namespace) -> Array:
        """Return f(z)."""

    def backward(self, dy: Array, z: Array, y: Array, *, xp: Namespace) -> Array:
        """Return dy f'(z), where y = f(z)."""


@dataclass(frozen=True)
class Tanh:
    """f(z) = tanh z, f'(z) = 1 - y²."""

    def forward(self, z, *, xp):
        return xp.tanh(z)

    def backward(self, dy, z, y, *, xp):
        return dy * (1 - y * y)


@dataclass(frozen=True)
class Sigmoid:
    """f(z) = 1 / (1 + exp(-z)) = (1 + tanh(z/2)) / 2, f'(z) = y (1 - y).

    The form with tanh overflows nowhere.
    """

    def forward(self, z, *, xp):
        return 0.5 + 0.5 * xp.tanh(0.5 * z)

    def backward(self, dy, z, y, *, xp):
        return dy * (y * (1 - y))


@dataclass(frozen=True)
class ReLU:
    """f(z) = max(z, 0), f'(z) = 1 for z > 0, else 0; the kink at 0 counts as 0."""

    def forward(self, z, *, xp):
        return xp.maximum(z, xp.zeros_like(z))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z > 0, dy, xp.zeros_like(dy))


@dataclass(frozen=True)
class Identity:
    """f(z) = z, f'(z) = 1."""

    def forward(self, z, *, xp):
        return z

    def backward(self, dy, z, y, *, xp):
        return dy


@dataclass(frozen=True)
class Softsign:
    """f(z) = z / (1 + |z|), f'(z) = 1 / (1 + |z|)²."""

    def forward(self, z, *, xp):
        return z / (1 + xp.abs(z))

    def backward(self, dy, z, y, *, xp):
        scale = 1 + xp.abs(z)
        return dy / (scale * scale)


@dataclass(frozen=True)
class Softplus:
    """f(z) = log(1 + exp z), f'(z) = sigmoid(z) = 1 - exp(-y)."""

    def forward(self, z, *, xp):
        return xp.logaddexp(z, xp.zeros_like(z))

    def backward(self, dy, z, y, *, xp):
        return -dy * xp.expm1(-y)


@dataclass(frozen=True)
class ELU:
    """f(z) = z for z > 0, else exp(z) - 1; f'(z) = 1 for z > 0, else y + 1.

    Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network
    Learning by Exponential Linear Units", 2016, with α = 1.
    """

    def forward(self, z, *, xp):
        return xp.where(z > 0, z, xp.expm1(xp.minimum(z, xp.zeros_like(z))))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z > 0, dy, dy * (y + 1))


TABLE: dict[str, Activation] = {
    "elu": ELU(),
    "identity": Identity(),
    "relu": ReLU(),
    "sigmoid": Sigmoid(),
    "softplus": Softplus(),
    "softsign": Softsign(),
    "tanh": Tanh(),
}


def get(activation: str | Activation) -> Activation:
    """Return the activation of that name, or the object itself.

    Parameters
    ----------
    activation : str or Activation
        ``"tanh"``, ``"relu"``, ``"sigmoid"``, ``"identity"``, ``"softsign"``,
        ``"softplus"``, ``"elu"``, or an object with `forward` and `backward`.

    Raises
    ------
    ValueError
        If there is no activation of that name.
    TypeError
        If the object lacks a method.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import activations
    >>> f = activations.get("softsign")
    >>> f.forward(np.array([-1.0, 0.0, 3.0]), xp=np)
    array([-0.5 ,  0.  ,  0.75])
    """
    return chosen("activation", activation, TABLE, ("forward", "backward"))
