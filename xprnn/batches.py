"""Sequences at the public edge, and batches of them inside.

Outside, arrays are batch-first: (B, T, F), or (T, F) for one sequence, or (T,)
for one sequence of one feature. Inside they are (T, B, F).
"""

from collections.abc import Iterator
from typing import NamedTuple

from xprnn._typing import Array, Namespace
from xprnn.backend import Backend, admit, generator, host, of, to_host

__all__ = [
    "Batch",
    "batches",
    "check_finite",
    "check_pair",
    "from_time_major",
    "sequences",
    "time_major",
]


def sequences(argument: str, value: object) -> tuple[Array, int]:
    """Return an argument as an array (B, T, F) with finite numbers, and how many axes it had.

    Raises
    ------
    TypeError
        If it is no array of numbers.
    ValueError
        If it has no or more than three axes, is empty, or holds NaN or infinity.
    """
    array = admit(argument, value)
    rank = len(array.shape)
    if rank not in (1, 2, 3):
        raise ValueError(
            f"{argument} must be (T,), (T, F) for one sequence or (B, T, F) for several, "
            f"got {rank} axes: {tuple(array.shape)}"
        )
    if 0 in array.shape:
        raise ValueError(f"{argument} is empty: {tuple(array.shape)}")
    check_finite(argument, array)
    if rank == 1:
        return array[None, :, None], rank
    return (array[None, :, :] if rank == 2 else array), rank


def check_finite(argument: str, array: Array) -> None:
    """Raise if an array of floats holds NaN or infinity; say where."""
    place = of(array)
    with place.active():
        xp = place.xp
        if not xp.isdtype(array.dtype, "real floating") or bool(xp.all(xp.isfinite(array))):
            return
    on_host = to_host(array)
    bad = ~host.isfinite(on_host)
    where = tuple(int(axis[0]) for axis in host.nonzero(bad))
    raise ValueError(
        f"{argument} must be finite, got {on_host[where]} at index {where}"
        f" ({int(bad.sum())} of {bad.size} values are NaN or infinite)"
    )


def check_pair(x: Array, y: Array, names: tuple[str, str] = ("x", "y")) -> None:
    """Raise unless x (B, T, F) and y (B, T, O) have the same sequences and steps."""
    (xb, xt, _), (yb, yt, outputs) = x.shape, y.shape
    if (xb, xt) == (yb, yt):
        return
    got = f"{names[0]} has {xb} sequence(s) of {xt} step(s), {names[1]} {yb} of {yt}"
    hint = ""
    if (xb, xt) == (yt, yb):
        hint = f"; {names[1]} looks as if its batch and time axes were swapped"
    elif xb == yb == 1 and outputs == xt:
        hint = f"; {names[1]} looks as if it were transposed: expected (T, O)"
    elif yb == 1 < xb == yt:
        hint = f"; {names[1]} of one number a step for several sequences is (B, T, 1)"
    elif xb == 1 < yb == xt:
        hint = f"; {names[0]} of one number a step for several sequences is (B, T, 1)"
    raise ValueError(f"{names[0]} and {names[1]} must have the same lengths: {got}{hint}")


def time_major(array: Array, *, xp: Namespace) -> Array:
    """Turn (B, T, F) into a (T, B, F) whose memory is in that order."""
    turned = xp.permute_dims(array, (1, 0, 2))
    flat = xp.reshape(turned, (-1,))  # which lays the memory out anew
    return xp.reshape(flat, turned.shape)


def from_time_major(array: Array, rank: int, *, xp: Namespace) -> Array:
    """Turn (T, B, F) into (B, T, F), or into (T, F) or (T,) for a rank of 2 or 1."""
    if rank == 3:
        return xp.permute_dims(array, (1, 0, 2))
    return array[:, 0, :] if rank == 2 else array[:, 0, 0]


class Batch(NamedTuple):
    """Some sequences of the training data."""

    x: Array
    """(T, b, F)"""
    y: Array
    """(T, b, O)"""
    share: float
    """b / B, the part of all sequences that is in this batch."""


def batches(
    x: Array, y: Array, batch_size: int | None, seed: tuple[int, int], backend: Backend
) -> Iterator[Batch]:
    """Yield the batches of one epoch.

    Parameters
    ----------
    x, y : array, (T, B, F) and (T, B, O)
    batch_size : int or None
        Sequences in a batch, the last may have fewer; None: all, in their order.
    seed : tuple of int
        Of the shuffle, which is drawn on the host: the same on every backend.
    backend : Backend
        Where the arrays are.
    """
    count = x.shape[1]
    if batch_size is None or batch_size >= count:
        yield Batch(x, y, 1.0)
        return
    xp, order = backend.xp, backend.asarray(generator(seed).permutation(count), "int64")
    for start in range(0, count, batch_size):
        chosen = order[start : min(start + batch_size, count)]
        yield Batch(xp.take(x, chosen, axis=1), xp.take(y, chosen, axis=1), chosen.shape[0] / count)
