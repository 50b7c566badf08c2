"""The simple recurrent cell."""

from dataclasses import dataclass
from typing import Any, ClassVar

from xprnn import activations
from xprnn._fields import set_fields


@dataclass(frozen=True)
class Elman:
    """The simple recurrent cell, with any activation f.

    ::

        z(t) = p(t) + q(t)              dz = dh f'(z)
        h(t) = f(z(t))                  dp = dq = dz

    Elman, "Finding structure in time", 1990.

    Parameters
    ----------
    activation : str or Activation
        f, by name or as an object.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.cells import Elman
    >>> p, q, h = np.zeros((1, 2)), np.array([[0.0, 1.0]]), np.zeros((1, 2))
    >>> (h,), memo = Elman("softsign").forward(p, q, (h,), xp=np)
    >>> h
    array([[0. , 0.5]])
    """

    activation: Any = "tanh"

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __post_init__(self):
        set_fields(self, activation=activations.get(self.activation))

    def forward(self, p, q, state, *, xp):
        """Return (h,) and (z, h)."""
        z = p + q
        h = self.activation.forward(z, xp=xp)
        return (h,), (z, h)

    def backward(self, dstate, memo, *, xp):
        """Return dz, dz and (0.0,), since h(t-1) acts only through q."""
        (dh,) = dstate
        z, h = memo
        dz = self.activation.backward(dh, z, h, xp=xp)
        return dz, dz, (0.0,)
