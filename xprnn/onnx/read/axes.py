"""The effect of Transpose, Squeeze, Unsqueeze, Reshape and Flatten on named axes."""

from math import prod
from typing import Any

from xprnn.onnx.library import get_attributes, make_error
from xprnn.onnx.read.graph import FileGraph
from xprnn.onnx.read.values import Value


def reduce_axis(axes: tuple[str, ...], axis: int, *, keep: bool) -> tuple[str, ...]:
    """Return the axes without one of them, or with size 1 in its place."""
    at = axis % len(axes)
    return (*axes[:at], *(("1",) if keep else ()), *axes[at + 1 :])


def read_axes(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read a node that moves, adds, drops or merges axes, without changing a number."""
    axes = _move_axes(node, v.axes, v.sizes(graph), rest)
    if axes is None or v.stacked:
        raise make_error(node, f"it mixes the axes {', '.join(v.axes)}")
    if "DF" in axes:
        axes = tuple("F" if axis == "DF" else axis for axis in axes)
        return v._replace(axes=axes, size=v.directions * v.size, directions=1)
    return v._replace(axes=axes)


def _move_axes(
    node: Any, axes: tuple[str, ...], sizes: dict[str, int], rest: list[Any]
) -> tuple[str, ...] | None:
    """Return the axes after a node, or None if they can no longer be named.

    Merged axes have the letters of both, such as BT.
    """
    op, attributes = node.op_type, get_attributes(node)
    if op == "Transpose":
        return tuple(axes[k] for k in attributes.get("perm", range(len(axes))[::-1]))
    if op == "Flatten":
        flat = attributes.get("axis", 1) == 1
        return _reshape(axes, sizes, [sizes[axes[0]], -1]) if flat else None
    if op == "Reshape":
        shape = [sizes[axes[k]] if n == 0 else int(n) for k, n in enumerate(rest[0])]
        return _reshape(axes, sizes, shape)
    where = [int(k) for k in (rest[0] if rest else attributes.get("axes", ()))]
    if op == "Unsqueeze":
        total = len(axes) + len(where)
        new, old = {k % total for k in where}, iter(axes)
        return tuple("1" if k in new else next(old) for k in range(total))
    where = [k % len(axes) for k in where] or [k for k, a in enumerate(axes) if sizes[a] == 1]
    if any(sizes[axes[k]] != 1 for k in where):
        return None
    return tuple(a for k, a in enumerate(axes) if k not in where)


def _reshape(
    axes: tuple[str, ...], sizes: dict[str, int], shape: list[int]
) -> tuple[str, ...] | None:
    """Return the axes after a reshape that merges some, or splits merged ones."""
    letters = [a for a in "".join(axes) if a in "TBF" or sizes[a] != 1]
    known = prod(n for n in shape if n != -1)
    shape = [prod(sizes[a] for a in letters) // known if n == -1 else n for n in shape]
    new = []
    for n in shape:
        label = letters.pop(0) if letters and sizes[letters[0]] == n else ""
        while letters and prod(sizes[a] for a in label) < n:
            label += letters.pop(0)
        if prod(sizes[a] for a in label) != n:
            return None
        new.append(label or "1")
    return None if any(a != "F" or sizes[a] != 1 for a in letters) else tuple(new)
