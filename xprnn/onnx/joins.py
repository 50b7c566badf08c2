"""Nodes at which several ways from x meet, as layers side by side."""

from dataclasses import replace
from itertools import takewhile
from typing import Any

from xprnn.layers import Bidirectional, Parallel
from xprnn.layers.parallel import Merge
from xprnn.onnx.signal import Entry, Signal, beside, given, in_one, made_by, refused

__all__ = ["joined"]

_MERGES: dict[str, Merge] = {"Concat": "concat", "Add": "sum", "Mul": "product"}


def joined(node: Any, signals: list[Signal]) -> Signal:
    """Read Concat, or the sum or the product of values that are functions of x."""
    one, merge = signals[0], _MERGES[node.op_type]
    if any(s.axes != one.axes for s in signals):
        raise refused(node, "it joins values of other axes")
    if merge == "concat" and one.axes[given(node)["axis"]] == "D":
        return one._replace(directions=sum(s.directions for s in signals), items=tuple(signals))
    if merge == "concat":
        one.features_last(node)
        if one.axes[given(node)["axis"]] != "F":
            raise refused(node, "it can join features, on the last axis, only")
    elif len({s.size for s in signals}) > 1:
        raise refused(node, f"it joins features of the sizes {[s.size for s in signals]}")
    if any("D" in s.axes and s.directions > 1 for s in signals):
        raise refused(node, "it joins the directions of one layer with something else")
    size = sum(s.size for s in signals) if merge == "concat" else one.size
    same = [s._replace(part=None) == one._replace(part=None) for s in signals]
    parts = [s.part for s in signals]
    if all(same) and one.path and parts == list(range(len(one.path[made_by(one.path)].params))):
        *before, last = one.path
        if merge == "concat":
            return one._replace(part=None, size=size)
        if isinstance(last.layer, Bidirectional | Parallel):
            entry = Entry(replace(last.layer, merge=merge), last.params)
            return one._replace(part=None, path=(*before, entry))
    signals = [s.whole(node) for s in signals]
    steps = zip(*(s.path for s in signals), strict=False)
    common = [step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps)]
    branches = [in_one(s.path[len(common) :]) for s in signals]
    try:
        entry = beside(branches, merge)
    except ValueError as error:
        raise refused(node, str(error)) from error
    return signals[0]._replace(path=(*common, entry), size=size)
