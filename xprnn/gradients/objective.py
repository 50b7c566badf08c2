"""The loss of a network as a function of its parameters, with its gradient.

A network that can be cut in time runs over its sequences chunk by chunk, forward and then
back. Truncated back-propagation, checkpoints and the proofs of this package all do so with the
same `Pass`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from xprnn import kernels, losses, tree
from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import whole
from xprnn.backend import quiet
from xprnn.layers import Layer, check_cuttable
from xprnn.losses import Loss


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
    cuts: list[slice], x: Array, y: Array, mask: Array | None = None, noise: Noise | None = None
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


class Pass:
    """One pass of a network over chunks, forward and then backward.

    The backward pass needs the cache of each chunk. `forward` keeps the caches, or with
    `recompute` only the state before each chunk, and `backward` runs the chunk once more. Either
    way `backward` drops a chunk as soon as it is done with it, so that the next one can use its
    memory.

    Parameters
    ----------
    network : Layer
    params : tree
    recompute : bool
        Whether to save memory and run each chunk twice.
    xp : namespace
    """

    def __init__(self, network: Layer, params: Tree, *, recompute: bool = False, xp: Namespace):
        self.network, self.params, self.recompute, self.xp = network, params, recompute, xp
        self.state: Tree = None
        """The state after the chunks so far."""
        self._stack: list[tuple[Chunk, Tree, Any]] = []
        """Of each chunk: itself, the state before it or None, its cache or None."""

    def forward(self, parts: Iterable[Chunk], state: Tree | None) -> list[Array]:
        """Return the output of each chunk."""
        outputs = []
        for part in parts:
            y_hat, end, cache = self._forward(part, state)
            self._stack.append((part, state, None) if self.recompute else (part, None, cache))
            outputs.append(y_hat)
            state = end
        self.state = state
        return outputs

    def _forward(self, part: Chunk, state: Tree | None) -> tuple[Array, Tree, Any]:
        return self.network.forward(
            self.params, part.x, state, part.mask, noise=part.noise, xp=self.xp
        )

    def slopes(self, dy: Array) -> list[Array]:
        """Split the gradient of all outputs into that of each chunk's."""
        if not self.network.keeps_steps:  # the output of the last chunk is that of the whole
            return [self.xp.zeros_like(dy)] * (len(self._stack) - 1) + [dy]
        slopes, end = [], 0
        for part, _, _ in self._stack:
            start, end = end, end + part.x.shape[-3]
            slopes.append(dy[..., start:end, :, :])
        return slopes

    def backward(self, slopes: Sequence[Array], dstate: Tree) -> Iterator[tuple[Tree, Tree]]:
        """Yield from each chunk, last to first, the gradients of params and of the state before it.

        Parameters
        ----------
        slopes : sequence of arrays
            The gradient of each chunk's output, first to last.
        dstate : tree
            The gradient of the last state.
        """
        for slope in reversed(slopes):
            part, start, cache = self._stack.pop()
            if self.recompute:
                _, _, cache = self._forward(part, start)
            grads, _, dstate = self.network.backward(
                self.params, slope, dstate, cache, input_grad=False, xp=self.xp
            )
            del part, start, cache  # free their memory before the next chunk needs as much
            yield grads, dstate


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
        return _join(network, outputs, xp), state


def _cuts(network: Layer, weights: list[Array], x: Array, xp: Namespace) -> list[slice]:
    """Return which steps to compute at a time."""
    if not all(x.shape[-3:-1]):
        raise ValueError(
            "x must have at least one step and one sequence, "
            f"got {tuple(x.shape)} as (..., T, B, F)"
        )
    if network.time == "whole":
        return every(x.shape[-3], x)
    return kernels.pieces(x, weights, xp=xp)


def _join(network: Layer, outputs: list[Array], xp: Namespace) -> Array:
    """Return the output of the whole, given those of its chunks."""
    if len(outputs) == 1 or not network.keeps_steps:
        return outputs[-1]
    return xp.concat(outputs, axis=-3)


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
        if checkpoint_every is None:
            cuts = _cuts(network, weights, x, xp)
        else:
            check_cuttable(network, "checkpoint_every")
            cuts = every(whole("checkpoint_every", checkpoint_every), x)
        run = Pass(network, params, recompute=checkpoint_every is not None, xp=xp)
        with kernels.unchanged(xp):
            y_hat = _join(network, run.forward(chunks(cuts, x, y, mask, noise), state), xp)
        end = run.state
        value, dy = loss(y_hat, y, mask if network.keeps_steps else None, xp=xp)
        del y_hat  # free its memory for the backward pass
        grads = None
        with kernels.unchanged(xp):
            for part, _ in run.backward(run.slopes(dy), tree.map(xp.zeros_like, end)):
                grads = part if grads is None else tree.map(xp.add, grads, part)
        return value, grads, end


def check_params(params: Tree) -> None:
    """Raise TypeError for a flat dict of parameters by name, as `Model.named` returns."""
    if isinstance(params, dict) and any("." in str(name) for name in params):
        raise TypeError(
            "params must be the tree that network.init returns, which a model has as "
            f"Model.params, got the flat dict of Model.named(): {', '.join(map(repr, params))}"
        )
