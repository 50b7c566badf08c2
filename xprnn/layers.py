"""Layers: hyper-parameters with pure methods; parameters and states are handed in.

Every layer, a stack of layers too, has these methods::

    init(rng, features)                          -> params, features of the output
    initial_state(params, batch, *, xp)          -> state
    forward(params, x, state, mask, *, xp)       -> y, state, cache
    backward(params, dy, dstate, cache, *, xp)   -> grads, dx, dstate

    states(cache)                                -> h(1) … h(T) of each recurrent layer

x is (..., T, B, F), y is (..., T, B, O), mask is (T, B, 1) or None. At padding y
is zero, and what x and dy hold there is never looked at. `init` draws NumPy
arrays; whoever calls it moves them. A state is a tuple of arrays (..., B, H),
empty for a layer without memory.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol

from xprnn import affine, cells, initializers, kernels, masking, recurrence
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import chosen, settle, whole
from xprnn.cells import Cell
from xprnn.initializers import Initializer

__all__ = ["Dense", "Layer", "Recurrent", "Stack"]


class Layer(Protocol):
    """What a layer must have."""

    def init(self, rng: Any, features: int) -> tuple[Tree, int]:
        """Draw parameters for inputs of so many features; also return the output's."""

    def initial_state(self, params: Tree, batch: int, *, xp: Namespace) -> Tree:
        """Return the state of zeros."""

    def forward(
        self, params: Tree, x: Array, state: Tree, mask: Array | None, *, xp: Namespace
    ) -> tuple[Array, Tree, Any]:
        """Return the output, the last state and what `backward` needs."""

    def backward(
        self, params: Tree, dy: Array, dstate: Tree, cache: Any, *, xp: Namespace
    ) -> tuple[Tree, Array, Tree]:
        """Return the gradients of the parameters, of x and of the initial state."""

    def states(self, cache: Any) -> tuple[Array, ...]:
        """Return h(1) … h(T), (..., T, B, H), of each recurrent layer inside."""


def _initializer(name: str, value: Any) -> Initializer:
    found: Initializer = chosen(name, value, initializers.TABLE, ("__call__",))
    return found


@dataclass(frozen=True)
class Recurrent:
    """A cell run over time; gives h(t) at every step.

    Parameters
    ----------
    hidden_size : int
        H, the number of hidden units.
    cell : Cell
        What happens at one step.
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        How W (F, G·H), U (H, G·H) and b (1, G·H) are drawn, each gate by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Recurrent
    >>> params, features = Recurrent(8).init(np.random.default_rng(0), features=3)
    >>> {name: array.shape for name, array in params.items()}, features
    ({'W': (3, 8), 'U': (8, 8), 'b': (1, 8)}, 8)
    """

    hidden_size: int
    cell: Cell = dataclasses.field(default_factory=cells.Elman)
    kernel_initializer: Any = "lecun_normal"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"

    def __post_init__(self):
        chosen("cell", self.cell, {}, ("forward", "backward"))
        for name in ("gates", "states"):
            whole(f"cell.{name}", getattr(self.cell, name, None))
        settle(
            self,
            hidden_size=whole("hidden_size", self.hidden_size),
            kernel_initializer=_initializer("kernel_initializer", self.kernel_initializer),
            recurrent_initializer=_initializer("recurrent_initializer", self.recurrent_initializer),
            bias_initializer=_initializer("bias_initializer", self.bias_initializer),
        )

    def init(self, rng, features):
        """Draw W, U and b."""
        H, G = self.hidden_size, self.cell.gates
        params = {
            "W": initializers.gates(self.kernel_initializer, rng, features, H, G),
            "U": initializers.gates(self.recurrent_initializer, rng, H, H, G),
            "b": initializers.gates(self.bias_initializer, rng, 1, H, G),
        }
        return params, H

    def initial_state(self, params, batch, *, xp):
        """Return zeros (..., B, H) for each state of the cell."""
        U = params["U"]
        zeros = xp.zeros((*U.shape[:-2], batch, self.hidden_size), dtype=U.dtype, device=U.device)
        return (zeros,) * self.cell.states

    def forward(self, params, x, state, mask, *, xp):
        """Run the cell over x."""
        shapes = {"x": x.shape, "U": params["U"].shape}
        unroll = kernels.lookup(self.cell, xp, shapes, x.dtype)
        return recurrence.forward(self.cell, params, x, state, mask, unroll=unroll, xp=xp)

    def backward(self, params, dy, dstate, cache, *, xp):
        """Back-propagate through time."""
        return recurrence.backward(self.cell, params, dy, dstate, cache, xp=xp)

    def states(self, cache):
        """Return (h,), h(1) … h(T)."""
        return (cache.h[..., 1:, :, :],)


@dataclass(frozen=True)
class Dense:
    """y(t) = x(t) W + b at every step.

    Parameters
    ----------
    output_size : int
        O, the number of outputs.
    bias : bool
        Whether there is a b; the lecture's output has none.
    kernel_initializer, bias_initializer : str or Initializer
        How W (F, O) and b (1, O) are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Dense
    >>> params, features = Dense(2).init(np.random.default_rng(0), features=3)
    >>> {name: array.shape for name, array in params.items()}, features
    ({'W': (3, 2), 'b': (1, 2)}, 2)
    """

    output_size: int
    bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    def __post_init__(self):
        settle(
            self,
            output_size=whole("output_size", self.output_size),
            kernel_initializer=_initializer("kernel_initializer", self.kernel_initializer),
            bias_initializer=_initializer("bias_initializer", self.bias_initializer),
        )

    def init(self, rng, features):
        """Draw W and, if there is a bias, b."""
        params = {"W": self.kernel_initializer(rng, (features, self.output_size), features)}
        if self.bias:
            params["b"] = self.bias_initializer(rng, (1, self.output_size), features)
        return params, self.output_size

    def initial_state(self, params, batch, *, xp):
        """Return the empty state."""
        return ()

    def forward(self, params, x, state, mask, *, xp):
        """Map x at every step."""
        x = masking.valid(x, mask, xp=xp)
        y = masking.valid(affine.forward(params, x, xp=xp), mask, xp=xp)
        return y, state, (x, mask)

    def backward(self, params, dy, dstate, cache, *, xp):
        """Transpose `forward`."""
        x, mask = cache
        dy = masking.valid(dy, mask, xp=xp)
        grads, dx = affine.backward(params, dy, x, xp=xp)
        return grads, dx, dstate

    def states(self, cache):
        """Return (), no hidden state."""
        return ()


@dataclass(frozen=True)
class Stack:
    """Layers one after the other, each fed with the output of the one before.

    Parameters
    ----------
    layers : tuple of Layer
        At least one. Parameters, states and caches are tuples in their order.

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
        if not isinstance(self.layers, tuple | list):
            raise TypeError(f"layers must be a tuple of layers, got {self.layers!r}")
        settle(self, layers=tuple(self.layers))
        if not self.layers:
            raise ValueError("layers must hold at least one layer, got none")
        for layer in self.layers:
            chosen("layer", layer, {}, ("init", "initial_state", "forward", "backward", "states"))

    def init(self, rng, features):
        """Draw the parameters of every layer."""
        params = []
        for layer in self.layers:
            drawn, features = layer.init(rng, features)
            params.append(drawn)
        return tuple(params), features

    def initial_state(self, params, batch, *, xp):
        """Return the initial state of every layer."""
        return tuple(
            layer.initial_state(p, batch, xp=xp)
            for layer, p in zip(self.layers, params, strict=True)
        )

    def forward(self, params, x, state, mask, *, xp):
        """Run the layers first to last."""
        end, cache = [], []
        for layer, p, s in zip(self.layers, params, state, strict=True):
            x, s, c = layer.forward(p, x, s, mask, xp=xp)
            end.append(s)
            cache.append(c)
        return x, tuple(end), tuple(cache)

    def backward(self, params, dy, dstate, cache, *, xp):
        """Run the layers last to first."""
        grads, start = [], []
        for layer, p, d, c in reversed(list(zip(self.layers, params, dstate, cache, strict=True))):
            g, dy, d = layer.backward(p, dy, d, c, xp=xp)
            grads.append(g)
            start.append(d)
        return tuple(grads[::-1]), dy, tuple(start[::-1])

    def states(self, cache):
        """Return the hidden states of all layers inside, first to last."""
        return tuple(
            h for layer, c in zip(self.layers, cache, strict=True) for h in layer.states(c)
        )
