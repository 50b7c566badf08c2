"""What a value in a graph is: the layers that x went through to it, and its axes."""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn.errors import ModelFileError
from xprnn.layers import Activation, Bidirectional, Dense, Extend, Parallel, Pool, Reversed, Stack
from xprnn.onnx.extra import library

__all__ = ["Entry", "Signal", "beside", "given", "in_one", "made_by", "refused"]


@dataclass(frozen=True, eq=False)
class Entry:
    """A layer on the way to a value; the same one in all values that it led to."""

    layer: Any
    """Or, first on a way, the `Scaler` of x."""
    params: Any = ()


class Signal(NamedTuple):
    """A value that is a function of x."""

    axes: tuple[str, ...]
    """T, B, F, D for the directions, 1 for one step; several letters are axes made one."""
    size: int
    """Of F."""
    path: tuple[Entry, ...] = ()
    directions: int = 1
    """The size of D."""
    part: int | None = None
    """Which it is, if it is one of several layers or directions side by side."""
    note: str = ""
    """What was done to its steps: ``"zeroed"`` or ``"lowered"`` at padding, ``"summed"``."""
    items: tuple["Signal", ...] = ()
    """What stands side by side on D, if that is the last states of several layers."""

    def sizes(self, probe: Any) -> dict[str, int]:
        """Return the size of each axis by name, for the probe's batch."""
        sizes = {**probe.sizes, "F": self.size, "D": self.directions, "1": 1}
        return {axis: prod(sizes[letter] for letter in axis) for axis in {*self.axes, *sizes}}

    def whole(self, node: Any) -> "Signal":
        """Return it with all its steps and with a path of its own; raise where it has none."""
        if self.items:
            raise refused(node, "it takes the last states of several layers for those of one")
        if self.note not in ("", "zeroed"):
            raise refused(node, "it takes steps that were prepared for a pool")
        if self.part is None:
            return self._replace(note="")
        return self._replace(path=_part(self.path, self.part), part=None, note="")

    def then(self, node: Any, layer: Any, params: Any = (), **changes: Any) -> "Signal":
        """Return what comes out of one more layer."""
        s = self.whole(node)
        return s._replace(path=(*s.path, Entry(layer, params)), **changes)

    def features_last(self, node: Any) -> "Signal":
        """Return it if the features of a step are its last axis, else raise."""
        if self.axes[-1] != "F" or ("D" in self.axes and self.directions > 1):
            raise refused(node, "it can act on the features of a step, on the last axis, only")
        return self


def beside(entries: list[Entry], merge: Any = "concat") -> Entry:
    """Return layers side by side as one."""
    found = tuple(entry.layer for entry in entries)
    params = tuple(entry.params for entry in entries)
    if len(found) == 2 and found[1] == Reversed(found[0]):
        return Entry(Bidirectional(found[0], merge), params)
    return Entry(Parallel(found, merge), params)


def in_one(path: tuple[Entry, ...]) -> Entry:
    """Return the layers of a path as one layer."""
    entries = [_dense(entry) if isinstance(entry.layer, Scaler) else entry for entry in path]
    if not entries:
        return Entry(Activation("identity"))
    if len(entries) == 1:
        return entries[0]
    return Entry(Stack(tuple(e.layer for e in entries)), tuple(e.params for e in entries))


def _dense(entry: Entry) -> Entry:
    """Return a standardisation as a dense layer."""
    mean, scale = (np.asarray(a) for a in entry.layer)
    params = {"W": np.diag(1 / scale), "b": (-mean / scale)[None, :]}
    return Entry(Dense(len(mean)), params)


def made_by(path: tuple[Entry, ...]) -> int:
    """Return where in a path stands what made the features: pools only take some steps."""
    made = (k for k, entry in enumerate(path) if not isinstance(entry.layer, Pool | Extend))
    return max(made, default=0)


def _part(path: tuple[Entry, ...], part: int) -> tuple[Entry, ...]:
    """Return the path through one of the layers side by side, before pools or after."""
    at = made_by(path)
    layer, params = path[at].layer, path[at].params[part]
    both = layer.layers if isinstance(layer, Parallel) else (layer.layer, Reversed(layer.layer))
    return (*path[:at], Entry(both[part], params), *path[at + 1 :])


def refused(node: Any, reason: str) -> ModelFileError:
    """Return the error for a node."""
    name = node.name or next(filter(None, node.output), "")
    return ModelFileError(f"node {name!r} ({node.op_type}): {reason}")


def given(node: Any) -> dict[str, Any]:
    """Return the attributes of a node."""
    value = library().helper.get_attribute_value
    return {a.name: value(a) for a in node.attribute}
