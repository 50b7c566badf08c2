"""Masks: True at the valid steps of (T, B, 1), False at padding, None where all are valid."""

from xprnn._typing import Array, Namespace

__all__ = ["select", "valid"]


def select(
    mask: Array | None, new: tuple[Array, ...], old: tuple[Array, ...], *, xp: Namespace
) -> tuple[Array, ...]:
    """Return the state `new` where a step is valid and the state `old` where it is padding."""
    if mask is None:
        return new
    return tuple(xp.where(mask, n, o) for n, o in zip(new, old, strict=True))


def valid(a: Array, mask: Array | None, *, xp: Namespace) -> Array:
    """Return `a` at valid steps and zero at padding, whatever stood there."""
    return a if mask is None else xp.where(mask, a, xp.zeros_like(a))
