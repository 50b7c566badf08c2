"""A recurrent layer run forward and another run backward in time."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from xprnn._validate import unknown
from xprnn.layers.protocol import Layer, Time, checked

__all__ = ["Bidirectional"]

_MERGES = ("concat", "sum", "mean", "product")


@dataclass(frozen=True)
class Bidirectional:
    """Two copies of a layer with weights of their own, one of which reads from the end.

    With u the forward and w the backward one's output at the same step, y is
    ``concat`` (u, w), ``sum`` u + w, ``mean`` (u + w) / 2 or ``product`` u w.
    Padding at the end is skipped: the backward one starts from the last valid step
    of each row.

    Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.

    Parameters
    ----------
    layer : Layer
        A `Recurrent` layer. Parameters, states and caches are pairs: forward, backward.
    merge : {"concat", "sum", "mean", "product"}
        How the two outputs become one.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Bidirectional, Recurrent
    >>> params, features = Bidirectional(Recurrent(8)).init(np.random.default_rng(0), features=3)
    >>> len(params), features
    (2, 16)
    """

    layer: Layer
    merge: Literal["concat", "sum", "mean", "product"] = "concat"

    time: ClassVar[Time] = "whole"
    keeps_steps: ClassVar[bool] = True

    def __post_init__(self):
        checked("layer", self.layer)
        if not self.layer.keeps_steps:
            raise ValueError(f"layer must give an output at every step, got {self.layer!r}")
        if self.merge not in _MERGES:
            raise unknown("merge", self.merge, _MERGES)

    def init(self, rng, features):
        """Draw the parameters of both."""
        (ahead, size), (back, _) = self.layer.init(rng, features), self.layer.init(rng, features)
        return (ahead, back), 2 * size if self.merge == "concat" else size

    def initial_state(self, params, batch, *, xp):
        """Return the initial states of both."""
        return tuple(self.layer.initial_state(p, batch, xp=xp) for p in params)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run both and merge their outputs."""
        ahead, back = (None, None) if state is None else state
        noises = [None if noise is None else noise.layer(i) for i in range(2)]
        reverse = None if mask is None else xp.flip(mask, axis=-3)
        u, ahead, u_cache = self.layer.forward(params[0], x, ahead, mask, noise=noises[0], xp=xp)
        w, back, w_cache = self.layer.forward(
            params[1], xp.flip(x, axis=-3), back, reverse, noise=noises[1], xp=xp
        )
        w = xp.flip(w, axis=-3)
        if self.merge == "concat":
            y = xp.concat([u, w], axis=-1)
        elif self.merge == "product":
            y = u * w
        else:
            y = u + w if self.merge == "sum" else (u + w) / 2
        return y, (ahead, back), (u, w, u_cache, w_cache)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        u, w, u_cache, w_cache = cache
        if self.merge == "concat":
            size = u.shape[-1]
            du, dw = dy[..., :size], dy[..., size:]
        elif self.merge == "product":
            du, dw = dy * w, dy * u
        else:
            du = dw = dy if self.merge == "sum" else dy / 2
        ahead, dx, dahead = self.layer.backward(
            params[0], du, dstate[0], u_cache, input_grad=input_grad, xp=xp
        )
        back, reverse, dback = self.layer.backward(
            params[1], xp.flip(dw, axis=-3), dstate[1], w_cache, input_grad=input_grad, xp=xp
        )
        if input_grad:
            dx = dx + xp.flip(reverse, axis=-3)
        return (ahead, back), dx, (dahead, dback)

    def states(self, cache, *, xp):
        """Return h of the forward and of the backward one, both in the order of time."""
        _, _, u_cache, w_cache = cache
        back = self.layer.states(w_cache, xp=xp)
        return (*self.layer.states(u_cache, xp=xp), *(xp.flip(h, axis=-3) for h in back))
