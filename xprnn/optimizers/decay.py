"""Weight decay as a part of the gradient."""

from xprnn import tree
from xprnn._typing import Tree

__all__ = ["decayed"]


def decayed(grads: Tree, params: Tree, weight_decay: float) -> Tree:
    """Return g + λ θ, the gradient of the loss with ½ λ Σ θ² added to it."""
    if weight_decay == 0:
        return grads
    return tree.map(lambda g, w: g + weight_decay * w, grads, params)
