"""Bound the size of a node's result before it is computed.

A short file can ask for gigabytes, so xprnn computes only operators whose inputs determine the
size of the result.
"""

from collections.abc import Callable
from itertools import zip_longest
from math import ceil, prod
from typing import Any

import numpy as np

_NO_LARGER = {
    "Abs", "ArgMax", "ArgMin", "Cast", "Ceil", "Clip", "Concat", "Constant", "CumSum", "Exp",
    "Flatten", "Floor", "GatherElements", "Identity", "Log", "Neg", "Not", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Reshape", "Round",
    "ScatterElements", "ScatterND", "Shape", "Sigmoid", "Sign", "Size", "Slice", "Split", "Sqrt",
    "Squeeze", "Tanh", "Transpose", "Trilu", "Unsqueeze",
}  # fmt: skip

_BROADCAST = {
    "Add", "And", "DequantizeLinear", "Div", "Equal", "Greater", "GreaterOrEqual", "Less",
    "LessOrEqual", "Max", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Where", "Xor",
}  # fmt: skip


def bound_result_size(op: str, arrays: list[Any], attributes: dict[str, Any]) -> int | None:
    """Return the size of an operator's result or an upper bound, or None if it is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.onnx.read.result_sizes import bound_result_size
    >>> bound_result_size("Expand", [np.ones(3), np.array([2**40, 3])], {})
    3298534883328
    """
    if op in _NO_LARGER:
        return sum(a.size for a in arrays)
    if op in _BROADCAST:
        return prod(np.broadcast_shapes(*(a.shape for a in arrays)))
    size = _SIZES.get(op)
    return None if size is None else size(arrays, attributes)


def _count_expand(arrays: list[Any], _: dict[str, Any]) -> int:
    x, shape = arrays[0].shape[::-1], [int(n) for n in arrays[1]][::-1]
    return prod(max(pair) for pair in zip_longest(x, shape, fillvalue=1))


def _count_gather(arrays: list[Any], attributes: dict[str, Any]) -> int:
    x, at = arrays
    return at.size * (x.size // max(1, x.shape[attributes.get("axis", 0)]))


def _count_pad(arrays: list[Any], _: dict[str, Any]) -> int:
    most = max(0, *(int(n) for n in arrays[1].ravel())) if arrays[1].size else 0
    return prod(n + 2 * most for n in arrays[0].shape)


def _count_range(arrays: list[Any], _: dict[str, Any]) -> int:
    start, limit, delta = (a.item() for a in arrays)
    return max(0, ceil((limit - start) / delta))


def _count_tile(arrays: list[Any], _: dict[str, Any]) -> int:
    return arrays[0].size * prod(int(n) for n in arrays[1])


_SIZES: dict[str, Callable[[list[Any], dict[str, Any]], int]] = {
    "ConstantOfShape": lambda arrays, _: prod(int(n) for n in arrays[0]),
    "Expand": _count_expand,
    "Gather": _count_gather,
    "NonZero": lambda arrays, _: arrays[0].ndim * arrays[0].size,
    "Pad": _count_pad,
    "Range": _count_range,
    "Tile": _count_tile,
}
