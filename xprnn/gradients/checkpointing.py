"""Passes over sequences chunk by chunk, forward and then backward.

Truncated back-propagation cuts sequences into chunks. A long sequence is computed in chunks to
save memory; `checkpoint_every` saves more. The checks in this package go step by step. All use the
same `Pass`.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree
from xprnn.layers import Layer


class Chunk(NamedTuple):
    """Some consecutive steps of sequences."""

    x: Array
    y: Array
    mask: Array | None
    noise: Noise | None
    weights: Array | None = None
    """The weights of the steps of y in the loss."""


def every(size: int, x: Array) -> list[slice]:
    """Return slices of `size` steps of x (..., T, B, F); the last may be shorter."""
    steps = x.shape[-3]
    return [slice(t, min(t + size, steps)) for t in range(0, steps, size)]


def chunks(
    cuts: list[slice], x: Array, y: Array, mask: Array | None = None, noise: Noise | None = None
) -> Iterator[Chunk]:
    """Cut sequences into chunks.

    Parameters
    ----------
    cuts : list of slice
        The steps of each chunk.
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


def join(network: Layer, outputs: list[Array], xp: Namespace) -> Array:
    """Return the output of the whole sequence, given the outputs of its chunks."""
    if len(outputs) == 1 or not network.keeps_steps:
        return outputs[-1]
    return xp.concat(outputs, axis=-3)


class Pass:
    """One pass of a network over chunks, forward and then backward.

    The backward pass needs the cache of each chunk. `forward` keeps the caches. With `recompute`
    it keeps only the state before each chunk, and `backward` runs the chunk again. Either way
    `backward` drops a chunk as soon as it has used it, so that the next one can use its memory.

    Parameters
    ----------
    network : Layer
    params : tree
    recompute : bool
        Whether to save memory by running each chunk twice.
    xp : namespace
    """

    def __init__(self, network: Layer, params: Tree, *, recompute: bool = False, xp: Namespace):
        self.network, self.params, self.recompute, self.xp = network, params, recompute, xp
        self._stack: list[tuple[Chunk, Tree, Any]] = []
        """For each chunk: the chunk, the state before it or None, and its cache or None."""

    def forward(self, parts: Iterable[Chunk], state: Tree | None) -> tuple[Array, Tree]:
        """Return the output of the whole sequence, and the state after it."""
        outputs = []
        for part in parts:
            y_hat, end, cache = self._forward(part, state)
            self._stack.append((part, state, None) if self.recompute else (part, None, cache))
            outputs.append(y_hat)
            state = end
        return join(self.network, outputs, self.xp), state

    def _forward(self, part: Chunk, state: Tree | None) -> tuple[Array, Tree, Any]:
        return self.network.forward(
            self.params, part.x, state, part.mask, noise=part.noise, xp=self.xp
        )

    def slopes(self, dy: Array) -> list[Array]:
        """Split the gradient of the whole output into the gradients of the chunks' outputs."""
        if not self.network.keeps_steps:  # the last chunk's output is that of the whole sequence
            return [self.xp.zeros_like(dy)] * (len(self._stack) - 1) + [dy]
        slopes, end = [], 0
        for part, _, _ in self._stack:
            start, end = end, end + part.x.shape[-3]
            slopes.append(dy[..., start:end, :, :])
        return slopes

    def backward(self, dy: Array, dstate: Tree) -> Iterator[tuple[Tree, Tree]]:
        """Yield each chunk's gradients of params and of the state before it, last chunk first.

        Parameters
        ----------
        dy : array, (..., T, B, O)
            The gradient of the whole output.
        dstate : tree
            The gradient of the final state.
        """
        for slope in reversed(self.slopes(dy)):
            part, start, cache = self._stack.pop()
            if self.recompute:
                _, _, cache = self._forward(part, start)
            grads, _, dstate = self.network.backward(
                self.params, slope, dstate, cache, input_grad=False, xp=self.xp
            )
            del part, start, cache  # free the memory before the next chunk needs as much
            yield grads, dstate
