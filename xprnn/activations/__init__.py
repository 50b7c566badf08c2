"""Pointwise activation functions f with their derivatives.

An activation is any object with two methods. Both take arrays of any shape::

    forward(z, *, xp)           -> y     y = f(z)
    backward(dy, z, y, *, xp)   -> dz    dz = dy f'(z)

`backward` gets both the argument z and the result y, and uses whichever gives the derivative more
cheaply. A user-defined object with these methods can be used wherever a name can.
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
