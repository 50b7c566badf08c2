"""Sequences at the public edge: one, several of one length, or several of any lengths.

Outside, arrays are batch-first: (B, T, F), or (T, F) for one sequence, or (T,) for
one sequence of one feature. Sequences of different lengths come as a list of
(T_i, F) arrays, or as a padded array with ``lengths`` or a ``mask``.
"""

from typing import Any, NamedTuple

from xprnn._typing import Array
from xprnn.backend import admit, common, dtype_name, host, of, on_host, to_host, wider
from xprnn.backend.frames import check_indexes, is_frame

__all__ = ["Sequences", "check_finite", "is_list", "padded", "sequences"]


class Sequences(NamedTuple):
    """Sequences of a caller's, as one array."""

    array: Array
    """(B, T, F), zero at padding."""
    valid: Any
    """NumPy array of bool (B, T), False at padding; None where every step is valid."""
    rank: int
    """The axes that the caller's array had; 3 for a list."""
    sizes: tuple[int, ...] | None = None
    """T_i of each array, if they came as a list."""


def is_list(value: Any) -> bool:
    """Whether a value is a list of arrays with two axes."""
    return _listed(value) and all(len(getattr(item, "shape", ())) == 2 for item in value)


def check_list(argument: str, value: Any, *, one_step: bool = False) -> None:
    """Raise ValueError if a list can't be read, or can be read in two ways.

    A list of plain lists or of arrays with one axis can be one sequence or several, unless
    each item is a sequence of one step (`one_step`).
    """
    if not one_step and _is_two_things(value):
        raise ValueError(
            f"{argument} is a list of {len(value)} {type(value[0]).__name__}(s) of numbers, which "
            f"can be {len(value)} steps of one sequence or {len(value)} sequences: for the one "
            f"give an array, np.array({argument}), for the other arrays with two axes, "
            f"[np.array(a)[:, None] for a in {argument}]"
        )
    if not _listed(value) or not all(hasattr(item, "shape") for item in value):
        return
    shapes = [tuple(item.shape) for item in value]
    odd = [i for i, shape in enumerate(shapes) if len(shape) != 2]
    if odd and len(set(shapes)) > 1:
        raise ValueError(
            f"{argument}[{odd[0]}] must be (T_i, F), as all arrays of a list of sequences, "
            f"got {shapes[odd[0]]}"
        )


def _is_two_things(value: Any) -> bool:
    """Whether a value is a list of plain lists or arrays with one axis, all of one length."""
    if not _listed(value) or not _length(value[0]):
        return False
    return len({_length(item) for item in value}) == 1


def _length(value: Any) -> int:
    """Return how many numbers a plain list or an array of one axis holds, 0 for anything else."""
    shape = tuple(getattr(value, "shape", ()))
    if shape:
        return shape[0] if len(shape) == 1 else 0
    nested = isinstance(value, list | tuple) and any(
        isinstance(item, list | tuple | str) or getattr(item, "shape", ()) for item in value
    )
    return len(value) if _listed(value) and not nested else 0


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0


def sequences(
    argument: str, value: Any, *, lengths: Any = None, mask: Any = None, one_step: bool = False
) -> Sequences:
    """Return an argument as sequences with finite numbers.

    Parameters
    ----------
    argument : str
        What errors call it.
    value : array or list of arrays
    lengths : array of int, (B,), optional
        The valid steps at the front of each sequence of a padded array.
    mask : array of bool, (B, T), optional
        True at valid steps; (T,) for one sequence, a list of (T_i,) for a list.
    one_step : bool
        Read two axes as (B, F), B sequences of one step.

    Raises
    ------
    TypeError
        If it is no array of numbers, and no list of such.
    ValueError
        If it has no or more than three axes, is empty, or holds NaN or infinity at a
        valid step; if lengths or mask do not fit; if a sequence has no valid step.
    """
    check_indexes(argument, value, "mask", mask)
    if is_list(value):
        if lengths is not None:
            raise ValueError(
                f"lengths go with a padded array; {argument} is a list, which has them"
            )
        return _from_list(argument, value, mask)
    check_list(argument, value, one_step=one_step)
    array = admit(argument, value)
    shape, rank = tuple(array.shape), len(array.shape)
    if rank not in (1, 2, 3):
        raise ValueError(
            f"{argument} must be (T,), (T, F) for one sequence or (B, T, F) for several, "
            f"got {rank} axes: {shape}"
        )
    if 0 in shape:
        raise ValueError(f"{argument} is empty: {shape}")
    if one_step and not (lengths is None and mask is None):
        raise ValueError(
            f"{'mask' if lengths is None else 'lengths'} must be None: {argument} has one step, "
            "which can't be left out"
        )
    if one_step and rank == 2:
        array, rank = array[:, None, :], 3
    elif rank < 3:
        array = array[None, :, None] if rank == 1 else array[None, :, :]
    valid = _valid(argument, array, rank, lengths, mask)
    return Sequences(cleaned(argument, array, valid, shape), valid, rank)


def _valid(argument: str, array: Array, rank: int, lengths: Any, mask: Any) -> Any:
    """Return lengths or a mask as bool (B, T), or None where every step is valid."""
    B, T = array.shape[:2]
    if lengths is None and mask is None:
        return None
    if lengths is not None and mask is not None:
        raise ValueError("lengths and mask say the same; give one of them")
    if lengths is not None:
        counts = on_host("lengths", lengths)
        if counts.dtype.kind not in "iu":
            raise TypeError(f"lengths must be integers, got {counts.dtype}")
        if counts.shape != (B,):
            raise ValueError(
                f"lengths must have shape {(B,)}, one for each sequence of {argument}, "
                f"got {counts.shape}"
            )
        wrong = host.flatnonzero((counts < 1) | (counts > T))
        if wrong.size:
            i = int(wrong[0])
            raise ValueError(
                f"lengths must be 1 to {T}, the steps of {argument}, "
                f"got {counts[i]} for sequence {i}"
            )
        valid = host.arange(T)[None, :] < counts[:, None]
    else:
        valid = on_host("mask", mask)
        if valid.dtype != bool:
            raise TypeError(f"mask must be of bool, True at valid steps, got {valid.dtype}")
        expected = (B, T) if rank == 3 else (T,)
        if valid.shape not in {expected, (B, T)}:
            raise ValueError(
                f"mask must have shape {expected}, the steps of {argument}, got {valid.shape}"
            )
        valid = valid.reshape(B, T)
    return _some("mask", valid)


def _some(argument: str, valid: Any) -> Any:
    """Raise if a sequence has no valid step; return None where every step is valid."""
    empty = host.flatnonzero(~valid.any(axis=1))
    if empty.size:
        raise ValueError(f"{argument} leaves no valid step in sequence {int(empty[0])}")
    return None if valid.all() else valid


def cleaned(argument: str, array: Array, valid: Any, shape: tuple[int, ...]) -> Array:
    """Return an array (B, T, F) with zeros at padding; raise if it is not finite elsewhere.

    `shape` is the one that the caller's array had, in which the error says where.
    """
    place = of(array)
    with place.active():
        xp = place.xp
        if valid is not None:
            kept = place.asarray(valid[:, :, None], "bool")
            array = xp.where(kept, array, xp.zeros_like(array))
        check_finite(argument, xp.reshape(array, shape))
    return array


def cleaned_list(argument: str, arrays: list[Array], array: Array, valid: Any) -> Array:
    """Return `cleaned` of the padded arrays of a list; the error says in which of them."""
    try:
        return cleaned(argument, array, valid, tuple(array.shape))
    except ValueError:
        for i, a in enumerate(arrays):
            kept = None if valid is None else valid[i : i + 1, : a.shape[0]]
            cleaned(f"{argument}[{i}]", a[None, :, :], kept, tuple(a.shape))
        raise


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


def padded(arrays: list[Array]) -> tuple[Array, Any]:
    """Return arrays (T_i, F) of one library as one (B, T, F) with zeros, and what is valid."""
    place, longest = of(arrays[0]), max(a.shape[0] for a in arrays)
    lengths = host.asarray([a.shape[0] for a in arrays])
    with place.active():
        xp = place.xp
        rows = []
        for a in _of_one_dtype(arrays):
            gap = longest - a.shape[0]
            zeros = xp.broadcast_to(xp.zeros_like(a[:1, :]), (gap, a.shape[1]))
            rows.append(xp.concat([a, zeros], axis=0) if gap else a)
        array = xp.stack(rows, axis=0)
    valid = host.arange(longest)[None, :] < lengths[:, None]
    return array, None if valid.all() else valid


def stacked(argument: str, value: Any) -> Array:
    """Return an argument as one array; a list of arrays of one shape and library is stacked."""
    if not _listed(value) or any(of(a) is None and not is_frame(a) for a in value):
        return admit(argument, value)
    arrays = {f"{argument}[{i}]": admit(f"{argument}[{i}]", a) for i, a in enumerate(value)}
    place = common(arrays, None)
    if len({tuple(a.shape) for a in arrays.values()}) > 1:
        return admit(argument, value)  # which refuses it
    with place.active():
        found: Array = place.xp.stack(_of_one_dtype(list(arrays.values())), axis=0)
    return found


def _of_one_dtype(arrays: list[Array]) -> list[Array]:
    """Return arrays of one library in the dtype that they have, or in the widest."""
    names = {dtype_name(a) for a in arrays}
    if len(names) == 1:
        return arrays
    dtype = wider(*names) if names <= {"float32", "float64"} else "float64"
    return [of(a).asarray(a, dtype) for a in arrays]


def _from_list(argument: str, value: Any, mask: Any) -> Sequences:
    """Return a list of (T_i, F) arrays as sequences."""
    arrays = [admit(f"{argument}[{i}]", a) for i, a in enumerate(value)]
    common({f"{argument}[{i}]": a for i, a in enumerate(arrays)}, None)
    features = arrays[0].shape[1]
    for i, a in enumerate(arrays):
        if 0 in a.shape:
            raise ValueError(f"{argument}[{i}] is empty: {tuple(a.shape)}")
        if a.shape[1] != features:
            raise ValueError(
                f"{argument}[{i}] must have {features} feature(s), as {argument}[0] has, "
                f"got {a.shape[1]}"
            )
    array, valid = padded(arrays)
    if mask is not None:
        shapes = [(a.shape[0],) for a in arrays]
        items = enumerate(mask) if isinstance(mask, list | tuple) else ()
        masks = [on_host(f"mask[{i}]", m) for i, m in items]
        if [m.shape for m in masks] != shapes or any(m.dtype != bool for m in masks):
            raise ValueError(
                f"mask must be a list of arrays of bool, (T_i,) for each of the {len(arrays)} "
                f"sequences of {argument}"
            )
        valid = host.zeros(array.shape[:2], dtype=bool)
        for row, m in zip(valid, masks, strict=True):
            row[: m.shape[0]] = m
        valid = _some("mask", valid)
    array = cleaned_list(argument, arrays, array, valid)
    return Sequences(array, valid, 3, tuple(a.shape[0] for a in arrays))
