"""The outputs of layers that read the same x, made one, and the transpose."""

import operator
from functools import reduce
from itertools import accumulate
from typing import Literal

from xprnn._typing import Array, Namespace

__all__ = ["MERGES", "Merge", "merged", "parted"]

MERGES = ("concat", "sum", "mean", "product")

Merge = Literal["concat", "sum", "mean", "product"]


def merged(how: Merge, parts: list[Array], *, xp: Namespace) -> Array:
    """Return the parts, one beside the other on the last axis, or their sum, mean or product."""
    if how == "concat":
        return xp.concat(parts, axis=-1)
    if how == "product":
        return reduce(operator.mul, parts)
    total = reduce(operator.add, parts)
    return total if how == "sum" else total / len(parts)


def parted(how: Merge, dy: Array, parts: list[Array]) -> list[Array]:
    """Return the gradient of each part."""
    if how == "concat":
        ends = accumulate(part.shape[-1] for part in parts)
        return [dy[..., end - p.shape[-1] : end] for p, end in zip(parts, ends, strict=True)]
    if how == "product":
        return [reduce(operator.mul, parts[:i] + parts[i + 1 :], dy) for i in range(len(parts))]
    return [dy if how == "sum" else dy / len(parts)] * len(parts)
