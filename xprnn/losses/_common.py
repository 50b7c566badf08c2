"""What the losses share."""

import math
from collections.abc import Iterable

from array_api_compat import device

from xprnn import _ops
from xprnn._validate import number, shown


def count(y_hat, mask, xp):
    """Return the number of valid steps of (..., T, B, O)."""
    if mask is None:
        return math.prod(y_hat.shape[-3:-1])
    return xp.astype(xp.sum(xp.astype(mask, xp.int64)), y_hat.dtype)


def difference(y_hat, y, mask, xp):
    """Return ŷ - y, zero at padding, and the number of valid steps."""
    error = _ops.apply_mask(y_hat - y, mask, xp=xp)
    return error, count(error, mask, xp)


def total(a, xp):
    """Return the sum over steps, batch and outputs."""
    return _ops.total(a, (-3, -2, -1), xp=xp)


def row(values, like, xp):
    """Return numbers as an array (O,) of the dtype of another and where that is."""
    return xp.asarray(values, dtype=like.dtype, device=device(like))


def check_outputs(y_hat, expected, why):
    """Raise unless y_hat has as many outputs as expected."""
    if y_hat.shape[-1] != expected:
        raise ValueError(f"y_hat must have {expected} outputs, {why}, got {y_hat.shape[-1]}")


def check_targets(wrong, y, expected, xp):
    """Raise if y (T, B, O) is wrong anywhere in (T, B, O) or (T, B, 1); say where."""
    if bool(xp.any(wrong)):
        t, b, _ = (int(axis[0]) for axis in xp.nonzero(wrong))
        got = [float(y[t, b, o]) for o in range(y.shape[-1])]
        raise ValueError(
            f"y must hold {expected}, got {', '.join(f'{n:g}' for n in got)} "
            f"at step {t} of sequence {b}"
        )


def several(argument, values, *, least, **bounds):
    """Return `values` as a tuple of at least so many floats within the bounds of `number`."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{argument} must be a tuple of numbers, got {shown(values)}")
    values = tuple(number(f"{argument}[{i}]", v, **bounds) for i, v in enumerate(values))
    if len(values) < least:
        raise ValueError(f"{argument} must hold at least {least} number(s), got {shown(values)}")
    return values
