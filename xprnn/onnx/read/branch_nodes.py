"""Read nodes that join several paths from x, as parallel layers."""

from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn.layers import Activation, Bidirectional, Dense, Parallel, Reversed, Stack
from xprnn.layers.parallel import Merge
from xprnn.onnx.library import get_attributes, make_error
from xprnn.onnx.read.values import Stage, Value, find_feature_stage

_MERGES: dict[str, Merge] = {"Concat": "concat", "Add": "sum", "Mul": "product"}


def read_join(node: Any, values: list[Value]) -> Value:
    """Read a Concat, Add or Mul of values that all depend on x."""
    first, merge = values[0], _MERGES[node.op_type]
    if any(v.axes != first.axes for v in values):
        raise make_error(node, "it joins values with different axes")
    axis = first.axes[get_attributes(node)["axis"]] if merge == "concat" else "F"
    if axis == "D":
        directions = sum(v.directions for v in values)
        return first._replace(directions=directions, stacked=tuple(values))
    if merge == "concat":
        first.check_features_last(node)
        if axis != "F":
            raise make_error(node, "it may join only features, on the last axis")
    elif len({v.size for v in values}) > 1:
        raise make_error(node, f"it joins features of the sizes {[v.size for v in values]}")
    if any("D" in v.axes and v.directions > 1 for v in values):
        raise make_error(node, "it joins the directions of one layer with something else")
    size = sum(v.size for v in values) if merge == "concat" else first.size
    if _are_all_branches(values):
        *before, last = first.path
        if merge == "concat":
            return first._replace(branch=None, size=size)
        if isinstance(last.layer, Bidirectional | Parallel):
            stage = Stage(replace(last.layer, merge=merge), last.params)
            return first._replace(branch=None, path=(*before, stage))
    values = [v.complete(node) for v in values]
    steps = zip(*(v.path for v in values), strict=False)
    common = [step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps)]
    try:
        stage = set_side_by_side([_join_stages(v.path[len(common) :]) for v in values], merge)
    except ValueError as error:
        raise make_error(node, str(error)) from error
    return values[0]._replace(path=(*common, stage), size=size)


def _are_all_branches(values: list[Value]) -> bool:
    """Return whether the values are all branches of one layer, in order."""
    first, *rest = (v._replace(branch=None) for v in values)
    if not first.path or any(v != first for v in rest):
        return False
    count = len(first.path[find_feature_stage(first.path)].params)
    return [v.branch for v in values] == list(range(count))


def set_side_by_side(stages: list[Stage], merge: Any = "concat") -> Stage:
    """Combine several layers into one that applies them in parallel."""
    if len(stages) == 1:
        return stages[0]
    layers = tuple(stage.layer for stage in stages)
    params = tuple(stage.params for stage in stages)
    if len(layers) == 2 and layers[1] == Reversed(layers[0]):
        return Stage(Bidirectional(layers[0], merge), params)
    return Stage(Parallel(layers, merge), params)


def _join_stages(path: tuple[Stage, ...]) -> Stage:
    """Combine the layers of a path into one layer."""
    stages = [
        _convert_scaler(stage) if isinstance(stage.layer, Scaler) else stage for stage in path
    ]
    if not stages:
        return Stage(Activation("identity"))
    if len(stages) == 1:
        return stages[0]
    return Stage(Stack(tuple(s.layer for s in stages)), tuple(s.params for s in stages))


def _convert_scaler(stage: Stage) -> Stage:
    """Convert a standardisation to a dense layer."""
    mean, scale = (np.asarray(a) for a in stage.layer)
    params = {"W": np.diag(1 / scale), "b": (-mean / scale)[None, :]}
    return Stage(Dense(len(mean)), params)
