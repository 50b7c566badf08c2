"""Nodes of a graph that act along the steps or join the directions, as layers."""

from typing import Any

import numpy as np

from xprnn.layers import Bidirectional, Pool
from xprnn.onnx import axes as moves
from xprnn.onnx.chain import Chain, Signal, given, refused

__all__ = ["gathered", "last_valid", "merged", "reduced", "sliced", "where"]

_LAST = "of the steps it can take the last one, or a direction of several"


def merged(chain: Chain, node: Any, signals: list[Signal]) -> Signal:
    """Read what joins the two directions."""
    like = [s._replace(part=None) for s in signals]
    one, level = like[0], len(chain.layers)
    if [s.part for s in signals] != [0, 1] or like[1] != one or one.level != level:
        raise refused(node, "it joins other things than the two directions of one node")
    if node.op_type == "Concat":
        if given(node)["axis"] not in (-1, len(one.axes) - 1) or one.axes[-1] != "F":
            raise refused(node, "it joins the directions along another axis than the last")
        return one._replace(size=2 * one.size)
    layer: Any = chain.layers[-1]
    chain.layers[-1] = Bidirectional(layer.layer, "sum" if node.op_type == "Add" else "product")
    return one


def gathered(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Gather: one of the directions, or the last step."""
    axis, at = given(node).get("axis", 0), rest[0]
    if at.size != 1:
        raise refused(node, _LAST)
    label, k = s.axes[axis], int(at.reshape(()))
    gone = moves.without(s.axes, axis) if at.ndim == 0 else moves.one(s.axes, axis)
    if label == "D":
        part = k % s.directions if s.directions > 1 else None
        return s._replace(axes=gone, directions=1, part=part)
    if label == "1":
        return s._replace(axes=gone)
    if label == "T" and k == -1:
        return _pooled(chain, node, s, "last", gone)
    raise refused(node, _LAST)


def sliced(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Slice: one of the directions, the last step, or all."""
    starts, ends, *more = (np.atleast_1d(a).tolist() for a in rest)
    axes = more[0] if more else list(range(len(starts)))
    if len(axes) != 1 or (len(more) > 1 and more[1] != [1]):
        raise refused(node, _LAST)
    label = s.axes[axes[0]]
    size = chain.sizes(s)[label]
    start, end, _ = slice(starts[0], ends[0]).indices(size)
    if (starts[0], end) == (0, size) and ends[0] > 2**30:
        return s
    if label == "T" and starts[0] == -1 and ends[0] > 2**30:
        return _pooled(chain, node, s, "last", moves.one(s.axes, axes[0]))
    if label == "D" and end - start == 1:
        part = start if s.directions > 1 else None
        return s._replace(axes=moves.one(s.axes, axes[0]), directions=1, part=part)
    raise refused(node, _LAST)


def _pooled(chain: Chain, node: Any, s: Signal, how: Any, axes: tuple[str, ...]) -> Signal:
    """Put a pool over all steps after the other layers."""
    if chain.probe.lengths_name is not None:
        raise refused(node, "it takes padding for valid steps")
    return chain.add(node, s, Pool(how), (), axes=axes)


def last_valid(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read GatherElements: the last valid step."""
    axis = given(node).get("axis", 0)
    if s.axes[axis] != "T" or s.axes[-1] != "F":
        raise refused(node, _LAST)
    axes = moves.one(s.axes, axis)
    shape = [chain.probe.sizes["B"] if a == "B" else 1 for a in axes]
    if (rest[0] != np.reshape(chain.probe.lengths - 1, shape)).any():
        raise refused(node, "of the steps it can take the last valid one")
    return chain.add(node, s, Pool("last"), (), axes=axes)


def where(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Where: what stands at padding."""
    condition, fill = rest[0], np.unique(rest[1])
    if {"T", "B"} <= set(s.axes) and fill.size == 1 and chain.probe.depends(node.input[1]):
        mask = chain.probe.mask(s.axes)
        wide = np.broadcast_shapes(mask.shape, condition.shape)
        same = np.array_equal(np.broadcast_to(condition, wide), np.broadcast_to(mask, wide))
        if same and fill[0] in (0.0, -np.inf):
            return s._replace(note="lowered" if fill[0] else "zeroed")
    raise refused(node, "it can put 0 at padding, or before a maximum -infinity")


def reduced(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read the sum, the mean or the maximum over the steps."""
    attributes = given(node)
    axes = list(attributes.get("axes") or (rest[0] if rest else []))
    if len(axes) != 1 or s.axes[axes[0]] != "T":
        raise refused(node, "it can go over the steps only")
    gone = (moves.one if attributes.get("keepdims", 1) else moves.without)(s.axes, axes[0])
    if node.op_type == "ReduceSum" and s.note == "zeroed":
        return s._replace(axes=gone, note="summed")
    if node.op_type == "ReduceMax" and s.note == "lowered":
        return chain.add(node, s._replace(note=""), Pool("max"), (), axes=gone)
    if node.op_type == "ReduceSum":
        raise refused(node, "no layer of xprnn sums over the steps")
    return _pooled(chain, node, s, "max" if node.op_type == "ReduceMax" else "mean", gone)
