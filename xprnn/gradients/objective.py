"""The loss of a network as a function of its parameters, with its gradient."""

from collections.abc import Iterable

from xprnn import kernels, losses, tree
from xprnn._fields import whole
from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import quiet
from xprnn.gradients.checkpointing import Chunk, Pass, chunks, every, join
from xprnn.layers import Layer, check_cuttable
from xprnn.losses import Loss


def apply(
    network: Layer,
    params: Tree,
    x: Array,
    *,
    state: Tree | None = None,
    mask: Array | None = None,
    xp: Namespace,
) -> tuple[Array, Tree]:
    """Return the network's output and its last state, and keep nothing for a gradient.

    Parameters
    ----------
    network, params, x, state, mask, xp
        As for `value_and_grad`.
    """
    weights = tree.leaves(params)
    with quiet(), kernels.workspace(xp, x, weights) as xp, kernels.unchanged(xp):
        outputs = []
        for part in chunks(_cuts(network, weights, x, xp), x, x, mask):
            y_hat, state, _ = network.forward(params, part.x, state, part.mask, xp=xp)
            outputs.append(y_hat)
        return join(network, outputs, xp), state


def _cuts(
    network: Layer, weights: list[Array], x: Array, xp: Namespace, size: int | None = None
) -> list[slice]:
    """Return which steps to compute at a time, `size` of them if that is asked for."""
    if not all(x.shape[-3:-1]):
        raise ValueError(
            "x must have at least one step and one sequence, "
            f"got {tuple(x.shape)} as (..., T, B, F)"
        )
    if size is not None:
        check_cuttable(network, "checkpoint_every")
        return every(whole("checkpoint_every", size), x)
    if network.time == "whole":
        return every(x.shape[-3], x)
    return kernels.pieces(x, weights, xp=xp)


def value_and_grad(
    network: Layer,
    loss: str | Loss,
    params: Tree,
    x: Array,
    y: Array,
    *,
    state: Tree | None = None,
    mask: Array | None = None,
    noise: Noise | None = None,
    checkpoint_every: int | None = None,
    xp: Namespace,
) -> tuple[Array, Tree, Tree]:
    """Return the loss, its gradient for every parameter, and the last state.

    Parameters
    ----------
    network : Layer
    loss : str or Loss
        Takes (y_hat, y, mask), gives the value and its gradient for y_hat; or its name.
    params : tree
        The network's parameters, with any leading model axes: what `init` of the network
        returns, or `Model.params`.
    x : array, (..., T, B, F)
    y : array, (..., T, B, O)
        With as many steps as the network puts out.
    state : tree, optional
        The state before the first step. Left out, the network's own: zero, or learnt.
    mask : array of bool, (T, B, 1), optional
        True at valid steps. Left out, all are valid.
    noise : Noise, optional
        What dropout draws from. Left out, nothing is dropped.
    checkpoint_every : int, optional
        Keep only the state of every k-th step, and compute the steps between again when their
        gradient is needed. The gradient is the same; it takes the memory of T/k states and of
        k steps, and a second forward pass.
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

    Raises
    ------
    ValueError
        If `checkpoint_every` is given and the network can't be cut in time.
    TypeError
        If params is a flat dict of arrays by name, as `Model.named` returns.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses, value_and_grad
    >>> from xprnn.layers import Dense
    >>> network, params = Dense(1, bias=False), {"W": np.array([[3.0]])}
    >>> x, y = np.ones((4, 1, 1)), np.zeros((4, 1, 1))
    >>> value, grads, _ = value_and_grad(network, losses.MSE(), params, x, y, xp=np)
    >>> float(value), float(grads["W"][0, 0])
    (9.0, 6.0)
    """
    check_params(params)
    if not callable(loss) or isinstance(loss, type):  # a name, or no loss at all
        loss = losses.get(loss)
    weights = tree.leaves(params)
    with quiet(), kernels.workspace(xp, x, weights) as xp:
        cuts = _cuts(network, weights, x, xp, checkpoint_every)
        if len(cuts) > 1:
            run = Pass(network, params, recompute=bool(checkpoint_every), xp=xp)
            return _in_chunks(run, loss, chunks(cuts, x, x, mask, noise), y, mask, state)
        with kernels.unchanged(xp):
            y_hat, end, cache = network.forward(params, x, state, mask, noise=noise, xp=xp)
        value, dy = loss(y_hat, y, mask if network.keeps_steps else None, xp=xp)
        del y_hat  # free its memory for the backward pass
        dstate = tree.map(xp.zeros_like, end)
        with kernels.unchanged(xp):
            grads, _, _ = network.backward(params, dy, dstate, cache, input_grad=False, xp=xp)
        return value, grads, end


def _in_chunks(
    run: Pass, loss: Loss, parts: Iterable[Chunk], y: Array, mask: Array | None, state: Tree | None
) -> tuple[Array, Tree, Tree]:
    """As `value_and_grad`, one chunk after the other: the loss is that of the whole."""
    network, xp, grads = run.network, run.xp, None
    with kernels.unchanged(xp):
        y_hat, end = run.forward(parts, state)
    value, dy = loss(y_hat, y, mask if network.keeps_steps else None, xp=xp)
    del y_hat
    with kernels.unchanged(xp):
        for part, _ in run.backward(dy, tree.map(xp.zeros_like, end)):
            grads = part if grads is None else tree.map(xp.add, grads, part)
    return value, grads, end


def check_params(params: Tree) -> None:
    """Raise TypeError for a flat dict of parameters by name, as `Model.named` returns."""
    if isinstance(params, dict) and any("." in str(name) for name in params):
        raise TypeError(
            "params must be the tree that network.init returns, which a model has as "
            f"Model.params, got the flat dict of Model.named(): {', '.join(map(repr, params))}"
        )
