"""The loss of a network as a function of its parameters, with the gradient."""

from xprnn import tree
from xprnn._typing import Array, Namespace, Tree
from xprnn.layers import Layer
from xprnn.losses import Loss

__all__ = ["value_and_grad"]


def value_and_grad(
    network: Layer,
    loss: Loss,
    params: Tree,
    x: Array,
    y: Array,
    state: Tree,
    mask: Array | None,
    *,
    xp: Namespace,
) -> tuple[Array, Tree, Tree]:
    """Return the loss, its gradient for every parameter, and the last state.

    Parameters
    ----------
    network : Layer
    loss : Loss
        Takes (y_hat, y, mask), gives the value and its gradient for y_hat.
    params : tree
        The network's parameters, with any leading model axes.
    x : array, (..., T, B, F)
    y : array, (..., T, B, O)
    state : tree
        The initial state; ``network.initial_state(params, B, xp=xp)`` is zero.
    mask : array of bool, (T, B, 1), or None
        True at valid steps; None where all are.
    xp : namespace
        The array library's standard namespace.

    Returns
    -------
    value : array, (...)
        One for each model.
    grads : tree
        Shaped like `params`.
    state : tree
        After the last valid step; a next chunk may start from it. No gradient
        flows back through it.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses, value_and_grad
    >>> from xprnn.layers import Dense
    >>> x, y = np.ones((4, 1, 1)), np.zeros((4, 1, 1))
    >>> value, grads, _ = value_and_grad(
    ...     Dense(1, bias=False), losses.MSE(), {"W": np.array([[3.0]])}, x, y, (), None, xp=np)
    >>> float(value), float(grads["W"][0, 0])
    (9.0, 6.0)
    """
    y_hat, end, cache = network.forward(params, x, state, mask, xp=xp)
    value, dy = loss(y_hat, y, mask, xp=xp)
    dend = tree.map(xp.zeros_like, end)
    grads, _, _ = network.backward(params, dy, dend, cache, xp=xp)
    return value, grads, end
