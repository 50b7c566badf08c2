"""Nodes of a graph that act along the steps or pick directions, as layers."""

from typing import Any

import numpy as np

from xprnn.layers import Extend, Pool
from xprnn.onnx import axes as moves
from xprnn.onnx.probe import Probe
from xprnn.onnx.signal import Signal, given, made_by, refused

__all__ = ["gathered", "last_valid", "reduced", "sliced", "where"]

_ONE = "of the steps it can take the last or the first one, or a direction of several"
_END = 2**30
"""What exporters write for the end of an axis is larger."""


def gathered(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Gather: one of the directions, or one step."""
    axis, at = given(node).get("axis", 0), rest[0]
    if at.size != 1:
        raise refused(node, _ONE)
    k = int(at.reshape(()))
    gone = moves.without(s.axes, axis) if at.ndim == 0 else moves.one(s.axes, axis)
    return _picked(probe, node, s, s.axes[axis], k, gone)


def sliced(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Slice: one of the directions, one step, or all."""
    starts, ends, *more = (np.atleast_1d(a).tolist() for a in rest)
    axes = more[0] if more else list(range(len(starts)))
    if len(axes) != 1 or (len(more) > 1 and more[1] != [1]):
        raise refused(node, _ONE)
    label = s.axes[axes[0]]
    size = s.sizes(probe)[label]
    start, end, _ = slice(starts[0], ends[0]).indices(size)
    if (starts[0], end) == (0, size) and (ends[0] > _END or label in "DF1"):
        return s
    if label == "F":
        return _features(node, s, start, end)
    if label == "D":
        return _several(node, s, start, end)
    last = label == "T" and starts[0] == -1 and ends[0] > _END
    first = label == "T" and (starts[0], ends[0]) == (0, 1)
    if last or first:
        return _picked(probe, node, s, "T", -1 if last else 0, moves.one(s.axes, axes[0]))
    raise refused(node, _ONE)


def _picked(
    probe: Probe, node: Any, s: Signal, label: str, k: int, axes: tuple[str, ...]
) -> Signal:
    """Return the k-th of the directions or of the steps."""
    if label == "D":
        k = k % s.directions
        return _several(node, s, k, k + 1)._replace(axes=axes)
    if label == "1":
        return s._replace(axes=axes)
    if label == "T" and k == -1:
        return _pooled(probe, node, s, "last", axes)
    if label == "T" and k == 0:
        return s.then(node, Extend(1), axes=axes)
    raise refused(node, _ONE)


def _several(node: Any, s: Signal, start: int, end: int) -> Signal:
    """Return some of the directions: all of one layer, or one of them."""
    for item in s.items or (s,):
        if (start, end) == (0, item.directions):
            return item
        if 0 <= start < end <= item.directions:
            return item._replace(directions=1, part=start)
        start, end = start - item.directions, end - item.directions
    raise refused(node, "it takes the last states of several layers, or parts of them")


def _features(node: Any, s: Signal, start: int, end: int) -> Signal:
    """Return the features of one of the layers that stand side by side."""
    entry = s.path[made_by(s.path)] if s.path else None
    if entry is not None and s.part is None and getattr(entry.layer, "merge", "") == "concat":
        for part, params in enumerate(entry.params):
            if "U" not in params:
                break
            size = len(params["U"])
            if (start, end) == (0, size):
                return s._replace(size=size, part=part)
            start, end = start - size, end - size
    raise refused(node, "of the features it can take those of one direction")


def _pooled(probe: Probe, node: Any, s: Signal, how: Any, axes: tuple[str, ...]) -> Signal:
    """Put a pool over all steps after the other layers."""
    if probe.lengths_name is not None:
        raise refused(node, "it takes padding for valid steps")
    return s.then(node, Pool(how), axes=axes)


def last_valid(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read GatherElements: the last valid step."""
    axis = given(node).get("axis", 0)
    if s.axes[axis] != "T" or s.axes[-1] != "F":
        raise refused(node, _ONE)
    axes = moves.one(s.axes, axis)
    shape = [probe.sizes["B"] if a == "B" else 1 for a in axes]
    if (rest[0] != np.reshape(probe.lengths - 1, shape)).any():
        raise refused(node, "of the steps it can take the last valid one")
    return s.then(node, Pool("last"), axes=axes)


def where(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Where: what stands at padding."""
    condition, fill = rest[0], np.unique(rest[1])
    if {"T", "B"} <= set(s.axes) and fill.size == 1 and probe.depends(node.input[1]):
        mask = probe.mask(s.axes)
        wide = np.broadcast_shapes(mask.shape, condition.shape)
        same = np.array_equal(np.broadcast_to(condition, wide), np.broadcast_to(mask, wide))
        if same and fill[0] in (0.0, -np.inf):
            return s._replace(note="lowered" if fill[0] else "zeroed")
    raise refused(node, "it can put 0 at padding, or before a maximum -infinity")


def reduced(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read the sum, the mean or the maximum over the steps."""
    attributes = given(node)
    axes = list(attributes.get("axes") or (rest[0] if rest else []))
    if len(axes) != 1 or s.axes[axes[0]] != "T":
        raise refused(node, "it can go over the steps only")
    gone = (moves.one if attributes.get("keepdims", 1) else moves.without)(s.axes, axes[0])
    if node.op_type == "ReduceSum" and s.note == "zeroed":
        return s._replace(axes=gone, note="summed")
    if node.op_type == "ReduceMax" and s.note == "lowered":
        return s._replace(note="").then(node, Pool("max"), axes=gone)
    if node.op_type == "ReduceSum":
        raise refused(node, "no layer of xprnn sums over the steps")
    return _pooled(probe, node, s, "max" if node.op_type == "ReduceMax" else "mean", gone)
