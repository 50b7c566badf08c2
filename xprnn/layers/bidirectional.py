"""Layers that read a sequence backward, and layers that read it in both directions."""

from dataclasses import dataclass
from typing import ClassVar

from xprnn._fields import check_fields, one_of, set_fields, show
from xprnn.layers.parallel import MERGES, Merge, SideBySide
from xprnn.layers.protocol import Layer, Time, check_layer


@dataclass(frozen=True)
class Reversed:
    """A layer that reads every sequence backward.

    It matches ONNX's ``direction="reverse"``, and Keras's ``go_backwards`` except that Keras
    returns the steps in reverse order: here step t of the output belongs to step t of x. Padding
    at the end is skipped, as in `Bidirectional`.

    Parameters
    ----------
    layer : Layer
        A `Recurrent` layer; parameters and states are this layer's.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Recurrent, Reversed
    >>> network = Reversed(Recurrent(8))
    >>> params, features = network.init(np.random.default_rng(0), features=3)
    >>> network.forward(params, np.ones((5, 1, 3)), None, None, xp=np)[0].shape
    (5, 1, 8)
    """

    layer: Layer

    time: ClassVar[Time] = "whole"
    keeps_steps: ClassVar[bool] = True

    def __post_init__(self):
        check_fields(self, layer=check_layer)

    def init(self, rng, features):
        """Draw the layer's parameters."""
        return self.layer.init(rng, features)

    def initial_state(self, params, batch, *, xp):
        """Return the layer's initial state."""
        return self.layer.initial_state(params, batch, xp=xp)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the layer backward in time."""
        mask = None if mask is None else xp.flip(mask, axis=-3)
        x = xp.flip(x, axis=-3)
        y, state, cache = self.layer.forward(params, x, state, mask, noise=noise, xp=xp)
        return xp.flip(y, axis=-3), state, cache

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        dy = xp.flip(dy, axis=-3)
        grads, dx, dstate = self.layer.backward(
            params, dy, dstate, cache, input_grad=input_grad, xp=xp
        )
        return grads, (xp.flip(dx, axis=-3) if input_grad else None), dstate

    def states(self, cache, *, xp):
        """Return h in time order."""
        return tuple(xp.flip(h, axis=-3) for h in self.layer.states(cache, xp=xp))


@dataclass(frozen=True)
class Bidirectional(SideBySide):
    """Two copies of a layer with separate weights: one reads forward, the other backward.

    With u the forward copy's and w the backward copy's output at the same step, y is ``concat``
    (u, w), ``sum`` u + w, ``mean`` (u + w) / 2 or ``product`` u w. Padding at the end is skipped:
    the backward copy starts from the last valid step of each sequence.

    Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.

    Parameters
    ----------
    layer : Layer
        A `Recurrent` layer. Parameters, states and caches are pairs: forward, backward.
    merge : {"concat", "sum", "mean", "product"}
        How to merge the two outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Bidirectional, Recurrent
    >>> params, features = Bidirectional(Recurrent(8)).init(np.random.default_rng(0), features=3)
    >>> len(params), features
    (2, 16)
    """

    layer: Layer
    merge: Merge = "concat"

    def __post_init__(self):
        check_fields(self, layer=check_layer, merge=one_of(MERGES))
        if not self.layer.keeps_steps:
            raise ValueError(f"layer must give an output at every step, got {show(self.layer)}")
        set_fields(self, layers=(self.layer, Reversed(self.layer)))
