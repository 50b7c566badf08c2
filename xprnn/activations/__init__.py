"""Activation functions f with their derivatives, pointwise.

An activation is any object with two methods. Both see arrays of any shape::

    forward(z, *, xp)           -> y     y = f(z)
    backward(dy, z, y, *, xp)   -> dz    dz = dy f'(z)

`backward` gets the argument z and the result y, whichever gives the derivative
more cheaply. Your own object with these two methods can be used wherever a name
can.
"""

from xprnn.activations.parametric import (
    Affine,
    Clipped,
    HardSigmoid,
    LeakyReLU,
    ScaledTanh,
    ThresholdedReLU,
)
from xprnn.activations.standard import ELU, Identity, ReLU, Sigmoid, Softplus, Softsign, Tanh
from xprnn.activations.table import TABLE, Activation, get

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
