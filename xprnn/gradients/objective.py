"""The loss of a network as a function of its parameters, and its gradient."""

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
    """Return the network's output and its final state, without keeping a cache for gradients.

    Parameters
    ----------
    network, params, x, state, mask, xp
        See `value_and_grad`.
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
    """Return the slices of steps to compute at a time, of `size` steps if given."""
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
    """Return the loss, its gradient with respect to every parameter, and the final state.

    Parameters
    ----------
    network : Layer
    loss : str or Loss
        A name, or a callable that takes (y_hat, y, mask) and returns the value and its gradient
        with respect to y_hat.
    params : tree
        The network's parameters, as returned by the network's `init` or stored in `Model.params`,
        with any leading model axes.
    x : array, (..., T, B, F)
    y : array, (..., T, B, O)
        The targets, with as many steps as the network's output.
    state : tree, optional
        The initial state. The default is the network's own: zero, or learnt.
    mask : array of bool, (T, B, 1), optional
        True at valid steps. By default all steps are valid.
    noise : Noise, optional
        The random numbers for dropout. By default nothing is dropped.
    checkpoint_every : int, optional
        Store only the state of every k-th step, and recompute the steps in between when their
        gradient is needed. The gradient is the same; it takes the memory of T/k states and k
        steps, and a second forward pass.
    xp : namespace
        The array library's standard namespace.

    Returns
    -------
    value : array, (...)
        The loss, one value for each model.
    grads : tree
        The gradient, a tree like `params`.
    state : tree
        The state after the last valid step, from which a next chunk can start. No gradient flows
        back through it.

    Raises
    ------
    ValueError
        If `checkpoint_every` is given and the network can't be cut in time.
    TypeError
        If params is a flat dict of arrays by name, as returned by `Model.named`.

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
    if not callable(loss) or isinstance(loss, type):  # a name, or not a loss
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
        del y_hat  # free the memory for the backward pass
        dstate = tree.map(xp.zeros_like, end)
        with kernels.unchanged(xp):
            grads, _, _ = network.backward(params, dy, dstate, cache, input_grad=False, xp=xp)
        return value, grads, end


def _in_chunks(
    run: Pass, loss: Loss, parts: Iterable[Chunk], y: Array, mask: Array | None, state: Tree | None
) -> tuple[Array, Tree, Tree]:
    """Do the work of `value_and_grad` chunk by chunk; the loss is that of the whole sequence."""
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
    """Raise TypeError for a flat dict of parameters by name, as returned by `Model.named`."""
    if isinstance(params, dict) and any("." in str(name) for name in params):
        raise TypeError(
            "params must be the tree that network.init returns, which a model has as "
            f"Model.params, got the flat dict of Model.named(): {', '.join(map(repr, params))}"
        )
