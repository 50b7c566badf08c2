"""Cells: what happens at one step, pointwise.

A cell knows no matrix and no time. It gets the pre-activations of its G gates,
p from the input and q from the last hidden state, and its state, a tuple whose
first array is the hidden state h::

    forward(p, q, state, *, xp)        -> state, memo
    backward(dstate, memo, *, xp)      -> dp, dq, dstate

p, q are (..., B, G·H), every state is (..., B, H). `memo` is whatever
`backward` needs again. The returned `dstate` is what reaches the previous state
directly, not by way of q; a part that is zero may be given as 0.0.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from xprnn import activations
from xprnn._typing import Array, Namespace
from xprnn._validate import settle

__all__ = ["Cell", "Elman"]


class Cell(Protocol):
    """What a cell must have."""

    gates: ClassVar[int]
    """G, the number of pre-activations for each hidden unit."""
    states: ClassVar[int]
    """The number of arrays in a state."""

    def forward(
        self, p: Array, q: Array, state: tuple[Array, ...], *, xp: Namespace
    ) -> tuple[tuple[Array, ...], Any]:
        """Return the next state and what `backward` needs."""

    def backward(
        self, dstate: tuple[Array, ...], memo: Any, *, xp: Namespace
    ) -> tuple[Array, Array, tuple[Any, ...]]:
        """Return the gradients of p, of q, and of the previous state directly."""


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
        settle(self, activation=activations.get(self.activation))

    def forward(self, p, q, state, *, xp):
        """Return (h,) and (z, h)."""
        z = p + q
        h = self.activation.forward(z, xp=xp)
        return (h,), (z, h)

    def backward(self, dstate, memo, *, xp):
        """Return dz, dz and (0.0,): h(t-1) acts by way of q alone."""
        (dh,) = dstate
        z, h = memo
        dz = self.activation.backward(dh, z, h, xp=xp)
        return dz, dz, (0.0,)
