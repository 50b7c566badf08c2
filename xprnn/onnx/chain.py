"""The layers that were found in a graph so far, one after the other."""

from typing import Any, NamedTuple

import numpy as np

from xprnn.errors import ModelFileError
from xprnn.layers import Bidirectional, Layer, Recurrent, Reversed
from xprnn.onnx.extra import library
from xprnn.onnx.probe import Probe

__all__ = ["Chain", "Signal", "given", "refused"]


class Signal(NamedTuple):
    """A value on the way from x to y."""

    axes: tuple[str, ...]
    """T, B, F, D for the directions, and 1 for one step."""
    size: int
    """Of F."""
    level: int
    """How many layers stand before it."""
    directions: int = 1
    """The size of D."""
    part: int | None = None
    """Which direction it is, if it is one of several."""
    note: str = ""
    """What was done to its steps: ``"zeroed"`` or ``"lowered"`` at padding, ``"summed"``."""

    @property
    def whole(self) -> bool:
        """Whether it is all that the node before it gives, whatever stands at padding."""
        return self.part is None and self.note in ("", "zeroed")


class Chain:
    """Layers with their parameters, and the standardisation of x before them.

    Parameters
    ----------
    probe : Probe
        Of the graph.
    """

    def __init__(self, probe: Probe):
        self.probe = probe
        self.layers: list[Layer] = []
        self.params: list[Any] = []
        self.mean, self.scale = np.zeros(1), np.ones(1)

    @property
    def recurrent(self) -> list[Any]:
        """The layers with a state."""
        return [p for p in self.layers if isinstance(p, Recurrent | Bidirectional | Reversed)]

    def sizes(self, s: Signal) -> dict[str, int]:
        """Return the size of each axis by name, for the probe's batch."""
        return {**self.probe.sizes, "F": s.size, "D": s.directions, "1": 1}

    def add(self, node: Any, s: Signal, layer: Layer, params: Any, **changes: Any) -> Signal:
        """Put a layer after all others, and return what comes out of it."""
        if s.level != len(self.layers):
            raise refused(node, "it stands beside other layers; layers stand in one row")
        if not s.whole:
            raise refused(node, "it takes a part of what the node before it gives")
        self.layers.append(layer)
        self.params.append(params)
        return s._replace(level=len(self.layers), note="", **changes)


def refused(node: Any, reason: str) -> ModelFileError:
    """Return the error for a node."""
    name = node.name or (node.output[0] if node.output else "")
    return ModelFileError(f"node {name!r} ({node.op_type}): {reason}")


def given(node: Any) -> dict[str, Any]:
    """Return the attributes of a node."""
    value = library().helper.get_attribute_value
    return {a.name: value(a) for a in node.attribute}
