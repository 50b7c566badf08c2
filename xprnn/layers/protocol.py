"""The protocol of layers, and what layers without a state share."""

from typing import Any, ClassVar, Literal, Protocol

from xprnn._fields import choose, show
from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree

METHODS = ("init", "initial_state", "forward", "backward", "states")

Time = Literal["pointwise", "causal", "whole"]
"""How a layer works along time, which decides whether sequences can be cut into chunks.

``"pointwise"``: the output at a step depends on that step alone. ``"causal"``: it also depends on
earlier steps, through the state. ``"whole"``: it depends on later steps too, or the sequence can't
be cut.
"""


class Layer(Protocol):
    """The protocol of a layer."""

    @property
    def time(self) -> Time:
        """How the layer works along time."""

    @property
    def keeps_steps(self) -> bool:
        """Whether the output has the steps and the mask of the input."""

    def init(self, rng: Any, features: int) -> tuple[Tree, int]:
        """Draw parameters for `features` features; return them and the output's features."""

    def initial_state(self, params: Tree, batch: int, *, xp: Namespace) -> Tree:
        """Return the state before the first step."""

    def forward(
        self,
        params: Tree,
        x: Array,
        state: Tree | None,
        mask: Array | None,
        *,
        noise: Noise | None = None,
        xp: Namespace,
    ) -> tuple[Array, Tree, Any]:
        """Return the output, the final state and the cache that `backward` needs."""

    def backward(
        self,
        params: Tree,
        dy: Array,
        dstate: Tree,
        cache: Any,
        *,
        input_grad: bool = True,
        xp: Namespace,
    ) -> tuple[Tree, Array | None, Tree]:
        """Return the gradients with respect to the parameters, x and the initial state.

        Without `input_grad` the gradient of x may be None.
        """

    def states(self, cache: Any, *, xp: Namespace) -> tuple[Array, ...]:
        """Return h(1) … h(T) of each recurrent layer inside, each (..., T, B, H)."""


class Stateless:
    """A layer that processes each step separately and has no parameters and no state.

    Subclasses define `forward` and `backward`; those with parameters also define `init`.
    """

    time: ClassVar[Time] = "pointwise"
    keeps_steps: ClassVar[bool] = True

    def init(self, rng: Any, features: int) -> tuple[Tree, int]:
        """Return no parameters."""
        return (), features

    def initial_state(self, params: Tree, batch: int, *, xp: Namespace) -> Tree:
        """Return an empty state."""
        return ()

    def states(self, cache: Any, *, xp: Namespace) -> tuple[Array, ...]:
        """Return no hidden states."""
        return ()


def check_layer(argument: str, layer: Any) -> Any:
    """Return a layer, or raise TypeError if it lacks a method."""
    return choose(argument, layer, {}, METHODS)


def check_layers(argument: str, layers: Any) -> tuple[Layer, ...]:
    """Return layers as a tuple; raise if it is empty or an item is not a layer."""
    if not isinstance(layers, tuple | list):
        raise TypeError(f"{argument} must be a tuple of layers, got {show(layers)}")
    if not layers:
        raise ValueError(f"{argument} must hold at least one layer, got none")
    return tuple(check_layer("layer", layer) for layer in layers)


def check_cuttable(network: Layer, argument: str) -> None:
    """Raise ValueError unless the network can process a sequence in chunks."""
    if network.time == "whole":
        raise ValueError(
            f"{argument} cuts sequences in time, and this network needs whole sequences (as "
            "Bidirectional, Extend, Feedback and EncoderDecoder do)"
        )
