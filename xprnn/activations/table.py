"""The activations by name."""

from typing import Protocol

from xprnn._fields import choose
from xprnn._typing import Array, Namespace
from xprnn.activations.standard import ELU, Identity, ReLU, Sigmoid, Softplus, Softsign, Tanh


class Activation(Protocol):
    """The protocol of an activation."""

    def forward(self, z: Array, *, xp: Namespace) -> Array:
        """Return f(z)."""

    def backward(self, dy: Array, z: Array, y: Array, *, xp: Namespace) -> Array:
        """Return dy f'(z), where y = f(z)."""


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
    """Return the activation with this name, or the object itself.

    Parameters
    ----------
    activation : str or Activation
        ``"tanh"``, ``"relu"``, ``"sigmoid"``, ``"identity"``, ``"softsign"``,
        ``"softplus"``, ``"elu"``, or an object with `forward` and `backward`.

    Raises
    ------
    ValueError
        If no activation has this name.
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
    return choose("activation", activation, TABLE, ("forward", "backward"))
