"""Layers in parallel."""

import operator
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Literal

from xprnn._fields import check_fields, one_of, show
from xprnn._typing import Array, Namespace
from xprnn.layers.protocol import Layer, Time, check_layers
from xprnn.layers.stack import Composite, strictest

MERGES = ("concat", "sum", "mean", "product")

Merge = Literal["concat", "sum", "mean", "product"]


def merge(how: Merge, parts: list[Array], *, xp: Namespace) -> Array:
    """Concatenate the parts on the last axis, or return their sum, mean or product."""
    if how == "concat":
        return xp.concat(parts, axis=-1)
    if how == "product":
        return reduce(operator.mul, parts)
    total = reduce(operator.add, parts)
    return total if how == "sum" else total / len(parts)


def split(how: Merge, dy: Array, parts: list[Array]) -> list[Array]:
    """Return the gradient with respect to each part."""
    if how == "concat":
        ends = accumulate(part.shape[-1] for part in parts)
        return [dy[..., end - p.shape[-1] : end] for p, end in zip(parts, ends, strict=True)]
    if how == "product":
        return [reduce(operator.mul, parts[:i] + parts[i + 1 :], dy) for i in range(len(parts))]
    return [dy if how == "sum" else dy / len(parts)] * len(parts)


class SideBySide(Composite):
    """Layers that read the same x and whose outputs are merged."""

    merge: Merge

    @property
    def time(self) -> Time:
        """The most restrictive kind among the layers."""
        return strictest({layer.time for layer in self.layers})

    @property
    def keeps_steps(self) -> bool:
        """Whether the layers keep the steps of x."""
        return self.layers[0].keeps_steps

    def init(self, rng, features):
        """Draw the parameters of every layer."""
        drawn = [layer.init(rng, features) for layer in self.layers]
        sizes = [size for _, size in drawn]
        if self.merge != "concat" and len(set(sizes)) > 1:
            raise ValueError(f"merge={self.merge!r} needs outputs of equal sizes, got {sizes}")
        return tuple(params for params, _ in drawn), (
            sum(sizes) if self.merge == "concat" else sizes[0]
        )

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run every layer over x, and merge the outputs."""
        states = (None,) * len(self.layers) if state is None else state
        results = []
        for i, (layer, p, s) in enumerate(zip(self.layers, params, states, strict=True)):
            own = None if noise is None else noise.layer(i)
            results.append(layer.forward(p, x, s, mask, noise=own, xp=xp))
        outputs, ends, caches = map(list, zip(*results, strict=True))
        steps = [y.shape[-3] for y in outputs]
        if len(set(steps)) > 1:
            raise ValueError(f"layers must output the same number of steps, got {steps}")
        return merge(self.merge, outputs, xp=xp), tuple(ends), (outputs, caches)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`; the gradient of x is the sum over the layers."""
        outputs, caches = cache
        parts = split(self.merge, dy, outputs)
        grads, dx, start = [], None, []
        for layer, p, du, d, c in zip(self.layers, params, parts, dstate, caches, strict=True):
            g, more, s = layer.backward(p, du, d, c, input_grad=input_grad, xp=xp)
            grads.append(g)
            start.append(s)
            if input_grad:
                dx = more if dx is None else dx + more
        return tuple(grads), dx, tuple(start)

    def states(self, cache, *, xp):
        """Return the hidden states of all layers, first to last."""
        _, caches = cache
        return super().states(caches, xp=xp)


@dataclass(frozen=True)
class Parallel(SideBySide):
    """Layers that read the same x and whose outputs are merged.

    With u, w, … their outputs at the same step, y is ``concat`` (u, w, …), ``sum``
    u + w + …, ``mean`` (u + w + …) / n or ``product`` u w ….

    Parameters
    ----------
    layers : tuple of Layer
        The layers, at least one. Either all keep the steps of x, or none does. Parameters, states
        and caches are tuples in the same order.
    merge : {"concat", "sum", "mean", "product"}
        How to merge the outputs; all but ``"concat"`` need outputs of the same size.

    Examples
    --------
    The mean, the maximum and the last of the hidden states:

    >>> import numpy as np
    >>> from xprnn.layers import Parallel, Pool, Recurrent, Stack
    >>> pools = Parallel((Pool("mean"), Pool("max"), Pool("last")))
    >>> network = Stack((Recurrent(4), pools))
    >>> params, features = network.init(np.random.default_rng(0), features=2)
    >>> features
    12
    """

    layers: tuple[Layer, ...]
    merge: Merge = "concat"

    def __post_init__(self):
        check_fields(self, layers=check_layers, merge=one_of(MERGES))
        if len({layer.keeps_steps for layer in self.layers}) > 1:
            raise ValueError(
                f"layers must all keep the steps of x, or none may, got {show(self.layers)}"
            )
