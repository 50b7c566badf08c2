"""What a layer must have."""

from typing import Any, Literal, Protocol

from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import chosen, shown

__all__ = ["METHODS", "Layer", "Time", "checked", "several"]

METHODS = ("init", "initial_state", "forward", "backward", "states")

Time = Literal["pointwise", "causal", "whole"]
"""How a layer works along time, which says whether it can be cut in time.

``"pointwise"``: each step by itself. ``"causal"``: a step knows the earlier ones by
the state. ``"whole"``: a step knows later ones, or there are no steps to cut.
"""


class Layer(Protocol):
    """What a layer must have."""

    @property
    def time(self) -> Time:
        """How it works along time."""

    @property
    def keeps_steps(self) -> bool:
        """Whether the steps of the output are those of the input, and so is the mask."""

    def init(self, rng: Any, features: int) -> tuple[Tree, int]:
        """Draw parameters for inputs of so many features; also return the output's."""

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
        """Return the output, the last state and what `backward` needs."""

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
        """Return the gradients of the parameters, of x and of the first state.

        Without `input_grad` that of x may be left out, as None.
        """

    def states(self, cache: Any, *, xp: Namespace) -> tuple[Array, ...]:
        """Return h(1) … h(T), (..., T, B, H), of each recurrent layer inside."""


def checked(argument: str, layer: Any) -> Any:
    """Return a layer, or raise TypeError if it lacks a method."""
    return chosen(argument, layer, {}, METHODS)


def several(layers: Any) -> tuple[Layer, ...]:
    """Return layers as a tuple, or raise if there is none, or something that is no layer."""
    if not isinstance(layers, tuple | list):
        raise TypeError(f"layers must be a tuple of layers, got {shown(layers)}")
    if not layers:
        raise ValueError("layers must hold at least one layer, got none")
    return tuple(checked("layer", layer) for layer in layers)
