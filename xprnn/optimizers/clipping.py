"""Gradient clipping."""

from xprnn import _ops, tree
from xprnn._fields import number
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import quiet


def clip_by_value(grads: Tree, limit: float, *, xp: Namespace) -> Tree:
    """Clip every component of every gradient to ±limit.

    Parameters
    ----------
    grads : tree
        Gradients of any shapes.
    limit : float
        The limit, above 0, in the units of the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import clip_by_value
    >>> clip_by_value({"W": np.array([[3.0, -0.5]])}, 1.0, xp=np)
    {'W': array([[ 1. , -0.5]])}
    """
    limit = number("limit", limit, above=0)

    def clip(g):
        bound = xp.full_like(g, limit)
        return xp.maximum(xp.minimum(g, bound), -bound)

    with quiet():
        return tree.map(clip, grads)


def global_norm(grads: Tree, *, xp: Namespace) -> Array:
    """Return the Euclidean norm of all gradients together, (...), one for each model.

    Parameters
    ----------
    grads : tree
        Gradients (..., rows, columns), all with the same leading axes.
    """
    with quiet():
        return xp.sqrt(sum(_ops.total(g * g, (-2, -1), xp=xp) for g in tree.leaves(grads)))


def clip_by_global_norm(grads: Tree, limit: float, *, xp: Namespace) -> tuple[Tree, Array]:
    """Scale all gradients by one factor so that their global norm is at most `limit`.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent
    neural networks", 2013. Each model on the leading axes is clipped separately.

    Parameters
    ----------
    grads : tree
        Gradients (..., rows, columns), all with the same leading axes.
    limit : float
        The limit, above 0, in the units of the gradient.

    Returns
    -------
    grads : tree
        The clipped gradients, unchanged if the norm is within the limit.
    norm : array, (...)
        The norm before clipping.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import clip_by_global_norm
    >>> grads, norm = clip_by_global_norm({"W": np.array([[3.0, 4.0]])}, 1.0, xp=np)
    >>> float(norm), bool(np.allclose(grads["W"], [[0.6, 0.8]]))
    (5.0, True)
    """
    limit = number("limit", limit, above=0)
    norm = global_norm(grads, xp=xp)
    with quiet():
        bound = xp.full_like(norm, limit)
        scale = bound / xp.maximum(norm, bound)  # exactly 1 within the limit
        return tree.map(lambda g: g * scale[..., None, None], grads), norm
