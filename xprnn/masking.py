"""Masks: True at the valid steps of (T, B, 1), False at padding, None where all are valid."""

from typing import Any

from xprnn._typing import Array, Namespace

__all__ = ["select", "valid"]


def select(mask: Array | None, new: Any, old: Any, *, xp: Namespace) -> Any:
    """Return `new` at valid steps and `old` at padding."""
    return new if mask is None else xp.where(mask, new, old)


def valid(a: Array, mask: Array | None, *, xp: Namespace) -> Array:
    """Return `a` at valid steps and zero at padding, whatever stood there."""
    return a if mask is None else xp.where(mask, a, xp.zeros_like(a))
