"""The gradient of the loss through time: vanishing and exploding gradients."""

from xprnn import losses, tree
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import quiet, translate_failures
from xprnn.gradients.checkpointing import Pass, chunks, every
from xprnn.gradients.objective import check_params
from xprnn.layers import Layer, check_cuttable
from xprnn.losses import Loss


def through_time(
    network: Layer,
    loss: str | Loss,
    params: Tree,
    x: Array,
    y: Array,
    *,
    mask: Array | None = None,
    xp: Namespace,
) -> tuple[Array, ...]:
    """Return ‖∂L/∂state(t)‖ for t = 0 … T - 1: how much the loss depends on each state.

    If the norm falls towards the first steps, the gradient vanishes, and the network can hardly
    learn from those steps. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", 1991;
    Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is
    difficult", 1994.

    Parameters
    ----------
    network : Layer
        A network that can be cut in time.
    loss : str or Loss
    params : tree
    x : array, (..., T, B, F)
    y : array, (..., T, B, O), or (..., 1, B, O) for one output
    mask : array of bool, (T, B, 1), optional
    xp : namespace

    Returns
    -------
    tuple of arrays, (T, ..., B)
        The norms over the units for each sequence, one array for each array of the network's
        state, in the order of ``initial_state``.

    Examples
    --------
    A sum of all inputs depends equally on every state; with u = 0.5, half as much on each state as
    on the next:

    >>> import numpy as np
    >>> from xprnn import gradients, losses
    >>> from xprnn.cells import Elman
    >>> from xprnn.layers import Pool, Recurrent, Stack
    >>> network = Stack((Recurrent(1, Elman("identity")), Pool("last")))
    >>> x, y = np.ones((4, 1, 1)), np.zeros((1, 1, 1))
    >>> for u in (1.0, 0.5):
    ...     params = ({"W": np.ones((1, 1)), "U": np.full((1, 1), u), "b": np.zeros((1, 1))}, ())
    ...     (norms,) = gradients.through_time(network, losses.HalfMSE(), params, x, y, xp=np)
    ...     print(norms.ravel() / norms[-1, 0])
    [1. 1. 1. 1.]
    [0.125 0.25  0.5   1.   ]
    """
    check_cuttable(network, "through_time")
    check_params(params)
    loss = losses.get(loss)
    with translate_failures(), quiet():
        run = Pass(network, params, xp=xp)
        y_hat, end = run.forward(chunks(every(1, x), x, x, mask), None)
        _, dy = loss(y_hat, y, mask if network.keeps_steps else None, xp=xp)
        first = network.initial_state(params, x.shape[-2], xp=xp)
        names, norms = tree.flatten(first).keys(), []
        for _, dstate in run.backward(dy, tree.map(xp.zeros_like, end)):
            flat = tree.flatten(dstate)
            norms.append([xp.sqrt(xp.sum(flat[name] * flat[name], axis=-1)) for name in names])
        return tuple(xp.stack(list(n), axis=0) for n in zip(*reversed(norms), strict=True))
