"""What an optimizer must have."""

from typing import Protocol

from xprnn._typing import Namespace, Tree

__all__ = ["Optimizer"]


class Optimizer(Protocol):
    """What an optimizer must have."""

    def init(self, params: Tree, *, xp: Namespace) -> Tree:
        """Return the state before the first update."""

    def update(self, grads: Tree, state: Tree, params: Tree, *, xp: Namespace) -> tuple[Tree, Tree]:
        """Return the parameters and the state after one more update."""

    def rate(self, i: int) -> float:
        """Return the learning rate of update i."""
