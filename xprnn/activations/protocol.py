"""What an activation must have."""

from typing import Protocol

from xprnn._typing import Array, Namespace

__all__ = ["Activation"]


class Activation(Protocol):
    """What an activation must have."""

    def forward(self, z: Array, *, xp: Namespace) -> Array:
        """Return f(z)."""

    def backward(self, dy: Array, z: Array, y: Array, *, xp: Namespace) -> Array:
        """Return dy f'(z), where y = f(z)."""
