"""Lists of arrays, and the names and indexes of frames, alone or in a list.

Two frames agree by the names of their columns, in any order; where their rows are the same
steps, their indexes must agree too.
"""

from typing import Any

from xprnn.backend.frames import is_a, is_frame, is_pandas


def is_list(value: Any) -> bool:
    """Whether a value is a list that holds arrays: several sequences, not one."""
    return isinstance(value, list | tuple) and any(
        getattr(item, "shape", ()) or getattr(item, "ndim", 0) for item in value
    )


def label_items(argument: str, value: Any) -> list[tuple[str, Any]]:
    """Return a value, or the items of a list of arrays, each with its name for errors."""
    if is_list(value):
        return [(f"{argument}[{i}]", item) for i, item in enumerate(value)]
    return [(argument, value)]


def read_names(argument: str, value: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a frame, or of the first frame in a list.

    A name that is not a string, such as 2020, becomes one.

    Returns
    -------
    tuple of str or None
        None for an array, and for a Series without a name.

    Raises
    ------
    ValueError
        If two columns have the same name.

    Examples
    --------
    >>> import pandas as pd
    >>> from xprnn._sequences.columns import read_names
    >>> read_names("x", pd.DataFrame({"wind": [1.0], 2020: [3.0]}))
    ('wind', '2020')
    """
    for label, frame in label_items(argument, value)[:1]:
        if is_a("Series", frame):
            return None if frame.name in (None, "") else (str(frame.name),)
        if is_a("DataFrame", frame):
            columns = tuple(map(str, frame.columns))
            check_unique(label, columns)
            return columns
    return None


def check_unique(argument: str, columns: tuple[Any, ...]) -> None:
    """Raise ValueError if two columns have the same name."""
    twice = [name for i, name in enumerate(columns) if columns.index(name) < i]
    if twice:
        raise ValueError(
            f"{argument} must have columns of different names, got {_listed(twice)} twice"
        )


def order_columns(argument: str, value: Any, wanted: tuple[str, ...] | None) -> Any:
    """Return a frame, or a list of frames, with the columns in the order of `wanted`.

    Arrays, and a Series without a name, stay as they are, since their columns have no names.

    Parameters
    ----------
    argument : str
        Its name in error messages.
    value : array, DataFrame or Series, or list of them
    wanted : tuple of str or None
        None leaves the columns as they are.

    Raises
    ------
    ValueError
        If a frame lacks one of these columns or has another one.
    TypeError
        If a list holds both frames and arrays.
    """
    items = label_items(argument, value)
    framed = [is_frame(item) for _, item in items]
    if not any(framed):
        return value
    if not all(framed):
        raise TypeError(
            f"{items[framed.index(False)][0]} must be a frame with named columns, as "
            f"{items[framed.index(True)][0]} is: one list holds frames or arrays, not both"
        )
    ordered = [_order_frame(label, frame, wanted) for label, frame in items]
    return ordered if isinstance(value, list | tuple) else ordered[0]


def _order_frame(argument: str, frame: Any, wanted: tuple[str, ...] | None) -> Any:
    """Return one frame with its columns in the order of `wanted`."""
    columns = read_names(argument, frame)
    if columns is None or wanted is None or columns == wanted:
        return frame
    order = order_names(argument, columns, wanted)
    return frame.iloc[:, order] if is_pandas(frame) else frame[:, order]


def order_names(
    argument: str,
    columns: tuple[Any, ...],
    wanted: tuple[Any, ...],
    remedy: str = "rename them, or hand over an array to go by their places",
) -> list[int]:
    """Return where each of the wanted columns is; raise ValueError if the names differ."""
    missing = [name for name in wanted if name not in columns]
    unknown = [name for name in columns if name not in wanted]
    if missing or unknown:
        parts = [
            f"{text} {_listed(some)}"
            for text, some in (("there is no", missing), ("unknown:", unknown))
            if some
        ]
        raise ValueError(
            f"{argument} must have the column(s) {_listed(wanted)}: {'; '.join(parts)}; {remedy}"
        )
    return [columns.index(name) for name in wanted]


def _listed(columns: Any) -> str:
    return ", ".join(map(repr, columns))


def check_indexes(first: str, one: Any, second: str, other: Any, rows: str = "steps") -> None:
    """Raise ValueError if two frames of pandas, or a pair from two lists, differ in their index.

    Parameters
    ----------
    first, second : str
        Their names in error messages.
    one, other : array, DataFrame or Series, or list of them
    rows : str
        What their rows are, "steps" or "samples".
    """
    pairs = zip(label_items(first, one), label_items(second, other), strict=False)
    for (name, frame), (its_name, its) in pairs:
        indexes = [f.index for f in (frame, its) if is_frame(f) and is_pandas(f)]
        if len(indexes) == 2 and len(indexes[0]) == len(indexes[1]):
            check_index(
                its_name,
                indexes[1],
                indexes[0],
                f"the index of {name}, as its rows are the same {rows}",
                f"; hand over {its_name}.to_numpy() to pair them row by row",
            )


def check_index(argument: str, index: Any, wanted: Any, what: str, remedy: str = "") -> None:
    """Raise ValueError unless an index of pandas is the one that is wanted."""
    if index.equals(wanted):
        return
    where = ""
    if len(index) == len(wanted):
        pairs = enumerate(zip(index, wanted, strict=True))
        row = next((i for i, (a, b) in pairs if a != b), 0)
        where = f"; row {row} is {index[row]!s:.40}, expected {wanted[row]!s:.40}"
    raise ValueError(
        f"{argument} must have {what}: expected {show_ends(wanted)}, got {show_ends(index)}"
        f"{where}{remedy}"
    )


def show_ends(index: Any) -> str:
    """Return the first and last entry of an index, and how many it has."""
    return f"{index[0]} to {index[-1]} ({len(index)})" if len(index) else "nothing"
