"""The loss of a network as a function of its parameters, with the gradient."""

from collections.abc import Iterator
from typing import NamedTuple

from xprnn import kernels, losses, tree
from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import whole
from xprnn.backend import quiet
from xprnn.layers import Layer
from xprnn.losses import Loss

__all__ = [
    "Chunk",
    "apply",
    "check_cuttable",
    "check_params",
    "chunks",
    "every",
    "value_and_grad",
]


class Chunk(NamedTuple):
    """Some successive steps of sequences."""

    x: Array
    y: Array
    mask: Array | None
    noise: Noise | None
    weights: Array | None = None
    """Of the steps of y in the loss."""


def every(size: int, x: Array) -> list[slice]:
    """Return the steps of x (..., T, B, F), `size` at a time; the last may be fewer."""
    steps = x.shape[-3]
    return [slice(t, min(t + size, steps)) for t in range(0, steps, size)]


def chunks(
    cuts: list[slice], x: Array, y: Array, mask: Array | None, noise: Noise | None
) -> Iterator[Chunk]:
    """Cut sequences into chunks.

    Parameters
    ----------
    cuts : list of slice
        The steps of each.
    x : array, (..., T, B, F)
    y : array, (..., T, B, O), or (..., 1, B, O), which every chunk then gets
    mask : array, (T, B, 1), or None
    noise : Noise or None
    """
    per_step = y.shape[-3] == x.shape[-3]
    for part in cuts:
        yield Chunk(
            x[..., part, :, :],
            y[..., part, :, :] if per_step else y,
            None if mask is None else mask[part, ...],
            None if noise is None else noise.after(part.start),
        )


def apply(
    network: Layer, params: Tree, x: Array, state: Tree | None, mask: Array | None, *, xp: Namespace
) -> tuple[Array, Tree]:
    """Return the network's output and its last state, and keep nothing for a gradient.

    Parameters
    ----------
    network, params, x, state, mask, xp
        As for `value_and_grad`.
    """
    with quiet(), kernels.workspace(xp) as xp, kernels.unchanged(xp):
        outputs = []
        for part in chunks(_pieces(network, params, x, xp), x, x, mask, None):
            y_hat, state, _ = network.forward(params, part.x, state, part.mask, xp=xp)
            outputs.append(y_hat)
        if len(outputs) == 1 or not network.keeps_steps:
            return outputs[-1], state
        return xp.concat(outputs, axis=-3), state


def _pieces(network: Layer, params: Tree, x: Array, xp: Namespace) -> list[slice]:
    """Return which steps to compute at a time."""
    if not all(x.shape[-3:-1]):
        raise ValueError(
            "x must have at least one step and one sequence, "
            f"got {tuple(x.shape)} as (..., T, B, F)"
        )
    if network.time == "whole":
        return every(x.shape[-3], x)
    return kernels.pieces(x, tree.leaves(params), xp=xp)


def value_and_grad(
    network: Layer,
    loss: str | Loss,
    params: Tree,
    x: Array,
    y: Array,
    state: Tree | None,
    mask: Array | None,
    *,
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
        returns, or `Model.weights`.
    x : array, (..., T, B, F)
    y : array, (..., T, B, O)
        With as many steps as the network puts out.
    state : tree or None
        The state before the first step; None: the network's own, which is zero unless
        it is learnt.
    mask : array of bool, (T, B, 1), or None
        True at valid steps; None where all are.
    noise : Noise, optional
        What dropout draws from; left out, nothing is dropped.
    checkpoint_every : int, optional
        Keep the state of every k-th step only and compute what lies between once more
        when its gradient is due: the same gradient, with memory for T/k states and for
        what k steps need, at the price of a second forward pass.
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
        If checkpoints are asked for and the network can't be cut in time.
    TypeError
        If params is a flat dict of arrays by name, as `Model.params` is.

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
    if checkpoint_every is not None:
        whole("checkpoint_every", checkpoint_every)
        check_cuttable(network, "checkpoint_every")
    check_params(params)
    args = network, losses.get(loss), params, x, y, state, mask, noise
    with quiet(), kernels.workspace(xp) as xp:
        if checkpoint_every is not None:
            return _in_pieces(*args, every(checkpoint_every, x), again=True, xp=xp)
        return _in_pieces(*args, _pieces(network, params, x, xp), again=False, xp=xp)


def check_params(params: Tree) -> None:
    """Raise TypeError for a flat dict of parameters by name, as `Model.params` is."""
    if isinstance(params, dict) and any("." in str(name) for name in params):
        raise TypeError(
            "params must be the tree that network.init returns, which a model has as "
            f"Model.weights, got a flat dict of {', '.join(map(repr, params))}, as Model.params"
        )


def check_cuttable(network: Layer, argument: str) -> None:
    """Raise unless the network can run over a sequence in chunks."""
    if network.time == "whole":
        raise ValueError(
            f"{argument} cuts sequences in time, and this network must see them whole "
            "(Bidirectional, Extend, Feedback and EncoderDecoder do)"
        )


def _in_pieces(network, loss, params, x, y, state, mask, noise, cuts, *, again, xp):
    """Return what `value_and_grad` does, piece by piece.

    What the backward pass needs of a piece is kept, or computed `again` from its first state.
    """

    def forward(part, start):
        return network.forward(params, part.x, start, part.mask, noise=part.noise, xp=xp)

    parts = list(chunks(cuts, x, y, mask, noise))
    starts, outputs, caches = [], [], []
    with kernels.unchanged(xp):
        for part in parts:
            starts.append(state if again else None)
            y_hat, state, cache = forward(part, state)
            outputs.append(y_hat)
            caches.append(None if again else cache)
    end = state
    if network.keeps_steps:
        y_hat = xp.concat(outputs, axis=-3) if len(parts) > 1 else y_hat
    outputs.clear()
    value, dy = loss(y_hat, y, mask if network.keeps_steps else None, xp=xp)
    del y_hat
    if network.keeps_steps:
        slopes = [part.y for part in chunks(cuts, x, dy, None, None)]
    else:
        slopes = [xp.zeros_like(dy)] * (len(parts) - 1) + [dy]
    grads, dstate = None, tree.map(xp.zeros_like, end)
    with kernels.unchanged(xp):
        while parts:
            part, start, slope = parts.pop(), starts.pop(), slopes.pop()
            cache = caches.pop()
            if again:
                cache = forward(part, start)[2]
            more, _, dstate = network.backward(
                params, slope, dstate, cache, input_grad=False, xp=xp
            )
            grads = more if grads is None else tree.map(xp.add, grads, more)
    return value, grads, end
