"""Read nodes that act along the steps or pick steps, directions or features, as layers."""

from typing import Any

import numpy as np

from xprnn.layers import Extend, Pool
from xprnn.onnx.library import get_attributes, make_error
from xprnn.onnx.read.axes import reduce_axis
from xprnn.onnx.read.graph import FileGraph
from xprnn.onnx.read.values import Value, find_feature_stage

_ONE = "it may pick only the first step, the last step or one direction"
_END = 2**30
"""From here on, a number that an exporter writes means the end of an axis."""


def read_gather(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read Gather: one of the directions, or one step."""
    axis, at = get_attributes(node).get("axis", 0), rest[0]
    if at.size != 1:
        raise make_error(node, _ONE)
    k = int(at.reshape(()))
    axes = reduce_axis(v.axes, axis, keep=at.ndim > 0)
    return _pick(graph, node, v, v.axes[axis], k, axes)


def read_slice(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read Slice: one of the directions, one step, or all."""
    starts, ends, *more = (np.atleast_1d(a).tolist() for a in rest)
    axes = more[0] if more else list(range(len(starts)))
    if len(axes) != 1 or (len(more) > 1 and more[1] != [1]):
        raise make_error(node, _ONE)
    label = v.axes[axes[0]]
    size = v.sizes(graph)[label]
    start, end, _ = slice(starts[0], ends[0]).indices(size)
    if (starts[0], end) == (0, size) and (ends[0] > _END or label in "DF1"):
        return v
    if label == "F":
        return _pick_features(node, v, start, end)
    if label == "D":
        return _pick_directions(node, v, start, end)
    last, first = starts[0] == -1 and ends[0] > _END, (starts[0], ends[0]) == (0, 1)
    if label == "T" and (last or first):
        return _pick(graph, node, v, "T", starts[0], reduce_axis(v.axes, axes[0], keep=True))
    raise make_error(node, _ONE)


def _pick(
    graph: FileGraph, node: Any, v: Value, label: str, k: int, axes: tuple[str, ...]
) -> Value:
    """Return the k-th of the directions or of the steps."""
    if label == "D":
        k = k % v.directions
        return _pick_directions(node, v, k, k + 1)._replace(axes=axes)
    if label == "1":
        return v._replace(axes=axes)
    if label == "T" and k == -1:
        return _pool(graph, node, v, "last", axes)
    if label == "T" and k == 0:
        return v.append_layer(node, Extend(1), axes=axes)
    raise make_error(node, _ONE)


def _pick_directions(node: Any, v: Value, start: int, end: int) -> Value:
    """Return all directions of one layer, or a single one."""
    for item in v.stacked or (v,):
        if (start, end) == (0, item.directions):
            return item
        if 0 <= start < end <= item.directions:
            return item._replace(directions=1, branch=start)
        start, end = start - item.directions, end - item.directions
    raise make_error(node, "it picks some of the final states of several layers")


def _pick_features(node: Any, v: Value, start: int, end: int) -> Value:
    """Return the features of one of several parallel layers."""
    stage = v.path[find_feature_stage(v.path)] if v.path else None
    if stage is not None and v.branch is None and getattr(stage.layer, "merge", "") == "concat":
        for part, params in enumerate(stage.params):
            if "U" not in params:
                break
            size = len(params["U"])
            if (start, end) == (0, size):
                return v._replace(size=size, branch=part)
            start, end = start - size, end - size
    raise make_error(node, "it may pick only the features of one direction")


def _pool(graph: FileGraph, node: Any, v: Value, how: Any, axes: tuple[str, ...]) -> Value:
    """Append a pool over all steps."""
    if graph.lengths_name is not None:
        raise make_error(node, "it treats padding as valid steps")
    return v.append_layer(node, Pool(how), axes=axes)


def read_last_valid(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read GatherElements: the last valid step."""
    axis = get_attributes(node).get("axis", 0)
    if v.axes[axis] != "T" or v.axes[-1] != "F":
        raise make_error(node, _ONE)
    axes = reduce_axis(v.axes, axis, keep=True)
    shape = [graph.sizes["B"] if a == "B" else 1 for a in axes]
    if (rest[0] != np.reshape(graph.lengths - 1, shape)).any():
        raise make_error(node, "it may gather only the last valid step")
    return v.append_layer(node, Pool("last"), axes=axes)


def read_where(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read Where, which fills padding."""
    condition, fill = rest[0], np.unique(rest[1])
    if {"T", "B"} <= set(v.axes) and fill.size == 1 and graph.depends_on_x(node.input[1]):
        mask = graph.make_mask(v.axes)
        wide = np.broadcast_shapes(mask.shape, condition.shape)
        same = np.array_equal(np.broadcast_to(condition, wide), np.broadcast_to(mask, wide))
        if same and fill[0] in (0.0, -np.inf):
            return v._replace(prepared="lowered" if fill[0] else "zeroed")
    raise make_error(node, "it may fill padding only with 0, or with -infinity before a maximum")


def read_reduction(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read the sum, the mean or the maximum over the steps."""
    attributes = get_attributes(node)
    where = list(attributes.get("axes") or (rest[0] if rest else []))
    if len(where) != 1 or v.axes[where[0]] != "T":
        raise make_error(node, "it may reduce only over the steps")
    axes = reduce_axis(v.axes, where[0], keep=bool(attributes.get("keepdims", 1)))
    if node.op_type == "ReduceSum" and v.prepared == "zeroed":
        return v._replace(axes=axes, prepared="summed")
    if node.op_type == "ReduceMax" and v.prepared == "lowered":
        return v._replace(prepared="").append_layer(node, Pool("max"), axes=axes)
    if node.op_type == "ReduceSum":
        raise make_error(node, "no layer of xprnn sums over the steps")
    return _pool(graph, node, v, "max" if node.op_type == "ReduceMax" else "mean", axes)
