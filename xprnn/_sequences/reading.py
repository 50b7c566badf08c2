"""Read the caller's sequences: one, several of equal length, or several of any lengths.

Every part of the public API reads sequences here, so that each mistake has a single message. The
parts differ only in the rows of an array with two axes: with ``rows="steps"`` it is (T, F), one
sequence; with ``rows="samples"`` it is (n, T), n sequences of one number per step, as in
scikit-learn. Three axes are (B, T, F) in both cases. Sequences of different lengths are a list of
arrays (T_i, F), or a padded array with ``lengths`` or a ``mask``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from xprnn._sequences.batches import drop_if_full
from xprnn._sequences.columns import check_indexes, is_list, label_items, order_columns
from xprnn._typing import Array
from xprnn.backend import admit, common, dtype_name, host, of, on_host, to_host, wider

MEANING = {
    "steps": (
        "Here rows are steps: an array (T,) or (T, F) is one sequence, and (B, T, F) is B "
        "sequences; sequences of different lengths are a list of arrays (T_i, F)"
    ),
    "samples": (
        "Here rows are samples: an array (n, T) is n sequences of one number per step, and (n, "
        "T, F) is n sequences; sequences of different lengths are a list of arrays (T_i, F). "
        "Reshape your data if they are arranged differently; xprnn.fit reads 2-D as (T, F), one "
        "sequence"
    ),
}
"""The meaning of the rows of an array, for error messages."""


class Sequences(NamedTuple):
    """The caller's sequences as one array."""

    array: Array
    """(B, T, F), zero at padding steps."""
    valid: Any
    """NumPy array of bool (B, T), False at padding steps; None if every step is valid."""
    rank: int
    """The number of axes of the caller's array; 3 for a list."""
    sizes: tuple[int, ...] | None = None
    """T_i of each array, if the caller passed a list."""


def read_sequences(
    argument: str,
    value: Any,
    *,
    columns: tuple[str, ...] | None = None,
    lengths: Any = None,
    mask: Any = None,
    one_step: bool = False,
) -> Sequences:
    """Read an argument as sequences, and check that all values are finite.

    Parameters
    ----------
    argument : str
        Its name in error messages.
    value : array, DataFrame or Series, or list of them
    columns : tuple of str, optional
        The names of the features. The columns of a frame are put in this order.
    lengths : array of int, (B,), optional
        The number of valid steps at the start of each sequence of a padded array.
    mask : array of bool, (B, T), optional
        True at valid steps; (T,) for one sequence, a list of (T_i,) for a list.
    one_step : bool
        Whether two axes are (B, F), B sequences of one step.

    Raises
    ------
    TypeError
        If the value is neither an array of numbers nor a list of such arrays.
    ValueError
        If the value has too few or too many axes, is empty, or holds NaN or infinity at a valid
        step; if lengths or mask is invalid; if a sequence has no valid step.
    """
    check_indexes(argument, value, "mask", mask)
    if one_step and not (lengths is None and mask is None):
        raise ValueError(
            f"{'mask' if lengths is None else 'lengths'} must be None: {argument} has one step, "
            "which can't be left out"
        )
    sequences = arrange(argument, value, columns=columns, one_step=one_step)
    valid = read_valid(argument, sequences.array.shape[:2], lengths, mask, sizes=sequences.sizes)
    if valid is not None:
        sequences = sequences._replace(valid=valid)
    return sequences._replace(array=clean_sequences(argument, sequences))


def arrange(
    argument: str,
    value: Any,
    *,
    columns: tuple[str, ...] | None = None,
    one_step: bool = False,
    one_axis: bool = False,
) -> Sequences:
    """Return an argument as sequences, whose values may be NaN or infinite.

    The parameters are those of `read_sequences` and `read_arrays`.
    """
    value = order_columns(argument, value, columns)
    value = read_arrays(argument, value, one_step=one_step, one_axis=one_axis)
    if isinstance(value, list):
        return Sequences(*pad(value), 3, tuple(a.shape[0] for a in value))
    rank = len(value.shape)
    if rank == 2 and one_step:
        return Sequences(value[:, None, :], None, 3)
    if rank < 3:
        value = value[None, :, None] if rank == 1 else value[None, :, :]
    return Sequences(value, None, rank)


def read_arrays(
    argument: str,
    value: Any,
    *,
    rows: str = "steps",
    one_step: bool = False,
    one_axis: bool = False,
) -> Any:
    """Return an argument as an array, or as a list of arrays (T_i, F).

    Parameters
    ----------
    argument : str
        Its name in error messages.
    value : array, DataFrame or Series, or list of them
    rows : str
        The meaning of the rows of an array with two axes, "steps" or "samples".
    one_step : bool
        Whether the value is (B, F), as an array or as a list of rows.
    one_axis : bool
        Whether the arrays of a list may be (T_i,), sequences of one number per step.
    """
    if not (one_step or one_axis):
        check_list(argument, value)
    if one_step or not is_list(value):
        array = admit(argument, value)
        check_axes(argument, array, (1, 2, 3) if rows == "steps" else (2, 3), MEANING[rows])
        return array
    arrays = read_list(argument, value)
    rank = len(arrays[0].shape)
    if rank != 2 and not (one_axis and rank == 1):
        raise ValueError(f"{argument}[0] must be (T_i, F), got {tuple(arrays[0].shape)}")
    return arrays if rank == 2 else [a[:, None] for a in arrays]


def check_axes(argument: str, array: Array, allowed: Sequence[int], meaning: str) -> None:
    """Raise ValueError if an array is empty or has a number of axes that is not allowed.

    `meaning`, which explains the axes, is appended to the message.
    """
    shape = tuple(array.shape)
    if 0 in shape:
        raise ValueError(f"{argument} is empty: {shape}")
    if len(shape) not in allowed:
        raise ValueError(f"{argument} can't have the shape {shape}. {meaning}")


def check_list(argument: str, value: Any) -> None:
    """Raise ValueError for a list that can be the steps of one sequence or several sequences.

    The items of such a list are plain lists, or arrays with one axis, of equal length.
    """
    if not isinstance(value, list | tuple) or not value or not _count(value[0]):
        return
    if len({_count(item) for item in value}) == 1:
        raise ValueError(
            f"{argument} is a list of {len(value)} {type(value[0]).__name__}(s) of numbers, which "
            f"can be {len(value)} steps of one sequence or {len(value)} sequences: for one, pass "
            f"an array, np.array({argument}); for several, arrays with two axes, [np.array(a)[:, "
            f"None] for a in {argument}]"
        )


def _count(value: Any) -> int:
    """Count the numbers in a plain list or an array with one axis; 0 for anything else."""
    shape = tuple(getattr(value, "shape", ()))
    if shape:
        return shape[0] if len(shape) == 1 else 0
    if not isinstance(value, list | tuple):
        return 0
    nested = any(isinstance(a, list | tuple | str) or getattr(a, "shape", ()) for a in value)
    return 0 if nested else len(value)


def read_list(argument: str, value: Any) -> list[Array]:
    """Return the arrays of a list; they must share a library, and their shape except for T_i."""
    labelled = {label: admit(label, item) for label, item in label_items(argument, value)}
    common(labelled, None)
    arrays = list(labelled.values())
    for label, a in labelled.items():
        if 0 in a.shape:
            raise ValueError(f"{label} is empty: {tuple(a.shape)}")
        if a.shape[1:] != arrays[0].shape[1:] or not a.shape:
            raise shape_error(label, a.shape, arrays[0].shape[1:], f"as {argument}[0] is")
    return arrays


def shape_error(
    argument: str, shape: tuple[int, ...], features: tuple[int, ...], like: str
) -> ValueError:
    """Return the error for a sequence whose features differ from another sequence's."""
    expected = ", ".join(["T_i", *map(str, features)])
    return ValueError(f"{argument} must be ({expected}), {like}, got {tuple(shape)}")


def read_valid(
    argument: str,
    shape: tuple[int, int],
    lengths: Any,
    mask: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    least: int = 1,
) -> Any:
    """Return lengths or a mask as bool (B, T).

    Parameters
    ----------
    argument : str
        The name of their sequences in error messages.
    shape : tuple of int
        The shape (B, T) of the sequences.
    lengths, mask : array, optional
    sizes : tuple of int, optional
        T_i of each sequence of a list.
    least : int
        The least number of valid steps in a sequence.

    Returns
    -------
    NumPy array of bool, or None
        None if every step is valid.
    """
    if lengths is None and mask is None:
        return None
    if lengths is not None and mask is not None:
        raise ValueError("lengths and mask mean the same: expected one of them, got both")
    if lengths is not None:
        if sizes is not None:
            raise ValueError(
                f"lengths is valid only for a padded array; {argument} is a list, whose arrays "
                "have their own lengths"
            )
        valid = _read_lengths(argument, shape, lengths, least)
    elif sizes is not None:
        valid = _read_masks(argument, sizes, mask)
    else:
        valid = _read_mask(argument, shape, mask)
    empty = host.flatnonzero(valid.sum(axis=1) < least)
    if empty.size:
        raise ValueError(f"mask leaves no valid step in sequence {int(empty[0])}")
    return drop_if_full(valid)


def _read_lengths(argument: str, shape: tuple[int, int], lengths: Any, least: int) -> Any:
    """Return lengths (B,) as bool (B, T)."""
    B, T = shape
    counts = on_host("lengths", lengths)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got {counts.dtype}")
    counts = host.atleast_1d(counts) if B == 1 else counts
    if counts.shape != (B,):
        raise ValueError(
            f"lengths must have shape {(B,)}, one for each sequence of {argument}, "
            f"got {counts.shape}"
        )
    wrong = host.flatnonzero((counts < least) | (counts > T))
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(
            f"lengths must be {least} to {T}, the steps of {argument}, "
            f"got {counts[i]} for sequence {i}"
        )
    return host.arange(T)[None, :] < counts[:, None]


def _read_mask(argument: str, shape: tuple[int, int], mask: Any) -> Any:
    """Return the mask of a padded array, or of one sequence, as bool (B, T)."""
    B, T = shape
    valid = on_host("mask", mask)
    if valid.dtype != bool:
        raise TypeError(f"mask must be of bool, True at valid steps, got {valid.dtype}")
    if valid.shape != shape and not (B == 1 and valid.shape == (T,)):
        raise ValueError(
            f"mask must have shape {shape if B > 1 else (T,)}, the steps of {argument}, "
            f"got {valid.shape}"
        )
    return valid.reshape(B, T)


def _read_masks(argument: str, sizes: tuple[int, ...], mask: Any) -> Any:
    """Return the masks of a list of sequences as bool (B, T)."""
    items = enumerate(mask) if isinstance(mask, list | tuple) else ()
    masks = [on_host(f"mask[{i}]", m) for i, m in items]
    if [m.shape for m in masks] != [(n,) for n in sizes] or any(m.dtype != bool for m in masks):
        raise ValueError(
            f"mask must be a list of arrays of bool, (T_i,) for each of the {len(sizes)} "
            f"sequences of {argument}"
        )
    return host.stack([host.pad(m, (0, max(sizes) - len(m))) for m in masks])


def clean_sequences(
    argument: str, sequences: Sequences, shape: tuple[int, ...] | None = None
) -> Array:
    """Return the array of sequences, zero at padding steps; raise unless it is finite elsewhere.

    The message gives the index in the caller's array, or in an array of the caller's list. `shape`
    is the shape of the caller's array if the rank does not determine it.
    """
    array, valid, rank, sizes = sequences
    if shape is None:
        shape = tuple(array.shape if rank == 3 else array.shape[1 : rank + 1])
    place = of(array)
    with place.active():
        xp = place.xp
        if valid is not None:
            mask = place.asarray(valid[:, :, None], "bool")
            array = xp.where(mask, array, xp.zeros_like(array))
        try:
            check_finite(argument, xp.reshape(array, shape))
        except ValueError:
            for i, size in enumerate(sizes or ()):
                check_finite(f"{argument}[{i}]", array[i, :size, :])
            raise
    return array


def check_finite(argument: str, array: Array) -> None:
    """Raise ValueError, with the index, if an array of floats holds NaN or infinity."""
    place = of(array)
    with place.active():
        xp = place.xp
        if not xp.isdtype(array.dtype, "real floating") or bool(xp.all(xp.isfinite(array))):
            return
    numbers = to_host(array)
    bad = ~host.isfinite(numbers)
    where = tuple(int(axis[0]) for axis in host.nonzero(bad))
    raise ValueError(
        f"{argument} must be finite, got {numbers[where]} at index {where}"
        f" ({int(bad.sum())} of {bad.size} values are NaN or infinite)"
    )


def pad(arrays: list[Array]) -> tuple[Array, Any]:
    """Pad arrays (T_i, F) with zeros to one (B, T, F); return it and the valid steps (B, T)."""
    place = of(arrays[0])
    with place.active():
        xp, arrays = place.xp, to_one_dtype(arrays)
        zeros = xp.zeros_like(max(arrays, key=lambda a: a.shape[0]))
        padded = [xp.concat([a, zeros[a.shape[0] :, :]], axis=0) for a in arrays]
        array = xp.stack(padded, axis=0)
    lengths = host.asarray([a.shape[0] for a in arrays])
    valid = host.arange(zeros.shape[0])[None, :] < lengths[:, None]
    return array, drop_if_full(valid)


def stack(argument: str, value: Any) -> Array:
    """Return an argument as one array; a list of arrays with the same shape is stacked."""
    if not is_list(value):
        return admit(argument, value)
    arrays = read_list(argument, value)
    if len({tuple(a.shape) for a in arrays}) > 1:
        return admit(argument, value)  # raises the error for a ragged list
    place = of(arrays[0])
    with place.active():
        stacked: Array = place.xp.stack(to_one_dtype(arrays), axis=0)
    return stacked


def to_one_dtype(arrays: list[Array]) -> list[Array]:
    """Convert arrays of one library to the widest of their dtypes."""
    names = {dtype_name(a) for a in arrays}
    if len(names) == 1:
        return arrays
    dtype = wider(*names) if names <= {"float32", "float64"} else "float64"
    return [of(a).asarray(a, dtype) for a in arrays]
