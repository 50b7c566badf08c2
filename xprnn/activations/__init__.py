"""Activation functions f with their derivatives, pointwise.

An activation is any object with two methods. Both see arrays of any shape::

    forward(z, *, xp)           -> y     y = f(z)
    backward(dy, z, y, *, xp)   -> dz    dz = dy f'(z)

`backward` gets the argument z and the result y, whichever gives the derivative
more cheaply. Your own object with these two methods can be used wherever a name
can.
"""

from xprnn.activations.named import TABLE, Activation, get
from xprnn.activations.plain import ELU, Identity, ReLU, Sigmoid, Softplus, Softsign, Tanh
from xprnn.activations.shaped import (
    Affine,
    Clipped,
    HardSigmoid,
    LeakyReLU,
    ScaledTanh,
    ThresholdedReLU,
)

__all__ = [
    "ELU",
    "TABLE",
    "Activation",
    "Affine",
    "Clipped",
    "HardSigmoid",
    "Identity",
    "LeakyReLU",
    "ReLU",
    "ScaledTanh",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
    "ThresholdedReLU",
    "get",
]
