"""A value in a graph: the layers on the path from x to the value, and its axes."""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from xprnn.layers import Extend, Parallel, Pool, Reversed
from xprnn.onnx.library import make_error


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer on the path to a value; values whose paths start alike share the object."""

    layer: Any
    """The layer; at the start of a path it may be the `Scaler` of x."""
    params: Any = ()


class Value(NamedTuple):
    """A value that is a function of x."""

    axes: tuple[str, ...]
    """The axes: T, B, F; D for the directions; 1 for size 1; several letters for merged axes."""
    size: int
    """The size of F."""
    path: tuple[Stage, ...] = ()
    directions: int = 1
    """The size of D."""
    branch: int | None = None
    """The index of the layer or direction, if this is one of several in parallel."""
    prepared: str = ""
    """How the steps were prepared for a pool: ``"zeroed"`` or ``"lowered"`` (to -infinity) at
    padding steps, or ``"summed"``."""
    stacked: tuple["Value", ...] = ()
    """The final states of several layers, side by side on D."""

    def sizes(self, graph: Any) -> dict[str, int]:
        """Return the size of each axis by name, in the batch of the graph."""
        sizes = {**graph.sizes, "F": self.size, "D": self.directions, "1": 1}
        return {axis: prod(sizes[letter] for letter in axis) for axis in {*self.axes, *sizes}}

    def complete(self, node: Any) -> "Value":
        """Return the value in a form that another layer can read; raise if there is none."""
        if self.stacked:
            raise make_error(
                node, "it uses the final states of several layers as those of one layer"
            )
        if self.prepared not in ("", "zeroed"):
            raise make_error(node, "it uses steps that were prepared for a pool")
        if self.branch is None:
            return self._replace(prepared="")
        return self._replace(path=_follow_branch(self.path, self.branch), branch=None, prepared="")

    def append_layer(self, node: Any, layer: Any, params: Any = (), **changes: Any) -> "Value":
        """Apply one more layer, and return its output."""
        v = self.complete(node)
        return v._replace(path=(*v.path, Stage(layer, params)), **changes)

    def check_features_last(self, node: Any, axis: int = -1) -> None:
        """Raise unless the node's `axis` is the last axis and holds the features of a step."""
        directions = "D" in self.axes and self.directions > 1
        if self.axes[-1] != "F" or self.axes[axis] != "F" or directions:
            raise make_error(node, "it may act only on the features of a step, on the last axis")


def find_feature_stage(path: tuple[Stage, ...]) -> int:
    """Return the index of the last stage that is not a pool, which computed the features."""
    producers = (k for k, stage in enumerate(path) if not isinstance(stage.layer, Pool | Extend))
    return max(producers, default=0)


def _follow_branch(path: tuple[Stage, ...], branch: int) -> tuple[Stage, ...]:
    """Return the path through one of several parallel layers, with the pools after it."""
    at = find_feature_stage(path)
    layer, params = path[at].layer, path[at].params[branch]
    layers = layer.layers if isinstance(layer, Parallel) else (layer.layer, Reversed(layer.layer))
    return (*path[:at], Stage(layers[branch], params), *path[at + 1 :])
