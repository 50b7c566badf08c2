"""The loss of a network as a function of its parameters, with the gradient."""

from collections.abc import Iterator
from typing import NamedTuple

from xprnn import tree
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import whole
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.noise import Noise

__all__ = ["Chunk", "check_cuttable", "chunks", "value_and_grad"]


class Chunk(NamedTuple):
    """Some successive steps of sequences."""

    x: Array
    y: Array
    mask: Array | None
    noise: Noise | None


def chunks(
    size: int, x: Array, y: Array, mask: Array | None, noise: Noise | None
) -> Iterator[Chunk]:
    """Cut sequences into chunks of `size` steps, the last may have fewer.

    Parameters
    ----------
    size : int
    x : array, (..., T, B, F)
    y : array, (..., T, B, O), or (..., 1, B, O), which every chunk then gets
    mask : array, (T, B, 1), or None
    noise : Noise or None
    """
    per_step = y.shape[-3] == x.shape[-3]
    for t in range(0, x.shape[-3], size):
        part = slice(t, min(t + size, x.shape[-3]))
        yield Chunk(
            x[..., part, :, :],
            y[..., part, :, :] if per_step else y,
            None if mask is None else mask[part, ...],
            None if noise is None else noise.after(t),
        )


def value_and_grad(
    network: Layer,
    loss: Loss,
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
    loss : Loss
        Takes (y_hat, y, mask), gives the value and its gradient for y_hat.
    params : tree
        The network's parameters, with any leading model axes.
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
        return _in_chunks(network, loss, params, x, y, state, mask, noise, checkpoint_every, xp=xp)
    y_hat, end, cache = network.forward(params, x, state, mask, noise=noise, xp=xp)
    value, dy = loss(y_hat, y, mask if network.keeps_steps else None, xp=xp)
    dend = tree.map(xp.zeros_like, end)
    grads, _, _ = network.backward(params, dy, dend, cache, xp=xp)
    return value, grads, end


def check_cuttable(network: Layer, argument: str) -> None:
    """Raise unless the network can run over a sequence in chunks."""
    if network.time == "whole":
        raise ValueError(
            f"{argument} cuts sequences in time, and this network must see them whole "
            "(Bidirectional, Extend, Feedback and EncoderDecoder do)"
        )


def _in_chunks(network, loss, params, x, y, state, mask, noise, size, *, xp):
    """Return what `value_and_grad` does, chunk by chunk."""
    parts = list(chunks(size, x, y, mask, noise))
    starts, outputs = [state], []
    for part in parts:
        y_hat, state = network.forward(
            params, part.x, starts[-1], part.mask, noise=part.noise, xp=xp
        )[:2]
        outputs.append(y_hat)
        starts.append(state)
    end = starts.pop()
    if network.keeps_steps:
        value, dy = loss(xp.concat(outputs, axis=-3), y, mask, xp=xp)
        slopes = [part.y for part in chunks(size, x, dy, None, None)]
    else:
        value, dy = loss(outputs[-1], y, None, xp=xp)
        slopes = [xp.zeros_like(dy)] * (len(parts) - 1) + [dy]
    grads, dstate = tree.map(xp.zeros_like, params), tree.map(xp.zeros_like, end)
    for part, start, slope in reversed(list(zip(parts, starts, slopes, strict=True))):
        _, _, cache = network.forward(params, part.x, start, part.mask, noise=part.noise, xp=xp)
        more, _, dstate = network.backward(params, slope, dstate, cache, xp=xp)
        grads = tree.map(lambda a, b: a + b, grads, more)
    return value, grads, end
