"""Layers in sequence."""

from dataclasses import dataclass
from typing import Any

from xprnn._fields import check_fields
from xprnn._typing import Array, Namespace, Tree
from xprnn.layers.protocol import Layer, Time, check_layers


class Composite:
    """A layer made of several layers; its states are tuples in the same order."""

    layers: tuple[Layer, ...]

    def initial_state(self, params: Tree, batch: int, *, xp: Namespace) -> Tree:
        """Return the initial state of every layer."""
        return tuple(
            layer.initial_state(p, batch, xp=xp)
            for layer, p in zip(self.layers, params, strict=True)
        )

    def states(self, cache: Any, *, xp: Namespace) -> tuple[Array, ...]:
        """Return the hidden states of all layers inside, first to last."""
        return tuple(
            h for layer, c in zip(self.layers, cache, strict=True) for h in layer.states(c, xp=xp)
        )


def strictest(kinds: set[Time]) -> Time:
    """Return the most restrictive of these kinds, which is that of the whole network."""
    return min(kinds, key=("whole", "causal", "pointwise").index)


@dataclass(frozen=True)
class Stack(Composite):
    """Layers in sequence, each reading the output of the previous one.

    Parameters
    ----------
    layers : tuple of Layer
        The layers, at least one. Parameters, states and caches are tuples in the same order.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import tree
    >>> from xprnn.layers import Dense, Recurrent, Stack
    >>> network = Stack((Recurrent(4), Dense(1)))
    >>> params, features = network.init(np.random.default_rng(0), features=2)
    >>> list(tree.flatten(params))
    ['0.W', '0.U', '0.b', '1.W', '1.b']
    """

    layers: tuple[Layer, ...]

    def __post_init__(self):
        check_fields(self, layers=check_layers)

    @property
    def time(self) -> Time:
        """``"whole"`` if a layer is, or if a state follows a layer that changes the steps."""
        kinds, one_step = set(), False
        for layer in self.layers:
            kinds.add("whole" if one_step and layer.time != "pointwise" else layer.time)
            one_step = one_step or not layer.keeps_steps
        return strictest(kinds)

    @property
    def keeps_steps(self) -> bool:
        """Whether every layer keeps the steps of its input."""
        return all(layer.keeps_steps for layer in self.layers)

    def init(self, rng, features):
        """Draw the parameters of every layer."""
        params = []
        for layer in self.layers:
            drawn, features = layer.init(rng, features)
            params.append(drawn)
        return tuple(params), features

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the layers first to last."""
        end, cache = [], []
        states = (None,) * len(self.layers) if state is None else state
        for i, (layer, p, s) in enumerate(zip(self.layers, params, states, strict=True)):
            own = None if noise is None else noise.layer(i)
            x, s, c = layer.forward(p, x, s, mask, noise=own, xp=xp)
            end.append(s)
            cache.append(c)
            if not layer.keeps_steps:
                mask, noise = None, None if noise is None else noise.restart()
        return x, tuple(end), tuple(cache)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Run the layers last to first."""
        grads, start = [], []
        for i in reversed(range(len(self.layers))):
            wanted = input_grad or i > 0
            g, dy, d = self.layers[i].backward(
                params[i], dy, dstate[i], cache[i], input_grad=wanted, xp=xp
            )
            grads.append(g)
            start.append(d)
        return tuple(grads[::-1]), dy, tuple(start[::-1])
