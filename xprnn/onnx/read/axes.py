"""What Transpose, Squeeze, Unsqueeze, Reshape and Flatten do to named axes."""

from math import prod
from typing import Any


def drop_axis(axes: tuple[str, ...], axis: int) -> tuple[str, ...]:
    """Return the axes without one of them."""
    rest = list(axes)
    del rest[axis]
    return tuple(rest)


def shrink_axis(axes: tuple[str, ...], axis: int) -> tuple[str, ...]:
    """Return the axes with one reduced to size 1."""
    rest = list(axes)
    rest[axis] = "1"
    return tuple(rest)


def move_axes(
    op: str,
    axes: tuple[str, ...],
    sizes: dict[str, int],
    attributes: dict[str, Any],
    rest: list[Any],
) -> tuple[str, ...] | None:
    """Return the axes after a node, None if they can no longer be named.

    Axes that are merged have the letters of both, such as BT.

    Parameters
    ----------
    op : str
    axes : tuple of str
    sizes : dict
        The size of each axis, by name.
    attributes : dict
        The attributes of the node.
    rest : list of arrays
        Its inputs after the first.
    """
    if op == "Transpose":
        return tuple(axes[k] for k in attributes.get("perm", range(len(axes))[::-1]))
    if op == "Flatten":
        return (
            _reshape(axes, sizes, [sizes[axes[0]], -1]) if attributes.get("axis", 1) == 1 else None
        )
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
    """Return the axes after a reshape that merges some, or splits them again."""
    letters = [a for a in "".join(axes) if a in "TBF" or sizes[a] != 1]
    known = prod(n for n in shape if n != -1)
    wanted = [prod(sizes[a] for a in letters) // known if n == -1 else n for n in shape]
    new = []
    for n in wanted:
        label = letters.pop(0) if letters and sizes[letters[0]] == n else ""
        while letters and prod(sizes[a] for a in label) < n:
            label += letters.pop(0)
        if prod(sizes[a] for a in label) != n:
            return None
        new.append(label or "1")
    return None if any(a != "F" or sizes[a] != 1 for a in letters) else tuple(new)
