"""Read lists of arrays, and compare the names and indexes of frames, alone or in a list.

Two frames agree if their columns have the same names, in any order. If their rows are the same
steps or the same samples, their indexes must agree too.
"""

from typing import Any

from xprnn.backend.frames import is_a, is_frame, is_pandas


def is_list(value: Any) -> bool:
    """Return whether a value is a list of arrays: several sequences, not one."""
    return isinstance(value, list | tuple) and any(
        getattr(item, "shape", ()) or getattr(item, "ndim", 0) for item in value
    )


def label_items(argument: str, value: Any) -> list[tuple[str, Any]]:
    """Return a value, or the items of a list of arrays, each with its name for error messages."""
    if is_list(value):
        return [(f"{argument}[{i}]", item) for i, item in enumerate(value)]
    return [(argument, value)]


def read_names(argument: str, value: Any) -> tuple[str, ...] | None:
    """Return the column names of a frame, or of the first frame in a list.

    A name that is not a string, such as 2020, is converted to one.

    Returns
    -------
    tuple of str or None
        The names; None for an array or a Series without a name.

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
            repeated = [name for i, name in enumerate(columns) if columns.index(name) < i]
            if repeated:
                raise ValueError(
                    f"{label} must have columns of different names, got {_join(repeated)} twice"
                )
            return columns
    return None


def read_shared_names(argument: str, value: Any) -> tuple[str, ...] | None:
    """Return the column names that another argument must have too.

    The result is None for a single column, which is compared with a single column of any name.
    """
    columns = read_names(argument, value)
    return None if columns is None or len(columns) == 1 else columns


def order_columns(argument: str, value: Any, columns: tuple[str, ...] | None) -> Any:
    """Return a frame, or a list of frames, with the columns in a certain order.

    An array, or a Series without a name, is returned unchanged.

    Parameters
    ----------
    argument : str
        Its name in error messages.
    value : array, DataFrame or Series, or list of them
    columns : tuple of str or None
        The names in the order to return; None leaves the columns in place.

    Raises
    ------
    ValueError
        If a frame has a missing or an extra column.
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
    ordered = [_order_frame(label, frame, columns) for label, frame in items]
    return ordered if isinstance(value, list | tuple) else ordered[0]


def _order_frame(argument: str, frame: Any, columns: tuple[str, ...] | None) -> Any:
    """Return one frame with the columns in a certain order."""
    names = read_names(argument, frame)
    if names is None or columns is None or names == columns:
        return frame
    order = order_names(argument, names, columns)
    return frame.iloc[:, order] if is_pandas(frame) else frame[:, order]


def order_names(argument: str, names: tuple[Any, ...], columns: tuple[Any, ...]) -> list[int]:
    """Return the position in `names` of each of `columns`.

    Raises
    ------
    ValueError
        If a name is missing or unknown.
    """
    missing = [name for name in columns if name not in names]
    unknown = [name for name in names if name not in columns]
    if missing or unknown:
        parts = [
            f"{text} {_join(some)}"
            for text, some in (("there is no", missing), ("unknown:", unknown))
            if some
        ]
        raise ValueError(
            f"{argument} must have the column(s) {_join(columns)}: {'; '.join(parts)}; "
            "rename, add or drop columns, or use arrays from fit on, whose columns are matched "
            "by position"
        )
    return [names.index(name) for name in columns]


def _join(names: Any) -> str:
    return ", ".join(map(repr, names))


def _read_indexes(first: str, one: Any, second: str, other: Any) -> list[tuple[Any, ...]]:
    """Return the names and indexes of two arguments where both are pandas frames.

    For two lists, return those of each pair of items.
    """
    if is_list(one) != is_list(other):
        return []
    pairs = zip(label_items(first, one), label_items(second, other), strict=False)
    return [
        (name, frame.index, other_name, other_frame.index)
        for (name, frame), (other_name, other_frame) in pairs
        if all(is_frame(f) and is_pandas(f) for f in (frame, other_frame))
    ]


def check_indexes(first: str, one: Any, second: str, other: Any, rows: str = "steps") -> None:
    """Raise ValueError if two pandas frames of the same length have different indexes.

    Parameters
    ----------
    first, second : str
        Their names in error messages.
    one, other : array, DataFrame or Series, or list of them
        The arguments; two lists are compared item by item.
    rows : str
        The meaning of the rows, "steps" or "samples".
    """
    for name, index, other_name, other_index in _read_indexes(first, one, second, other):
        if len(index) == len(other_index):
            check_index(
                other_name,
                other_index,
                index,
                f"the index of {name}, as its rows are the same {rows}",
                f"; pass {other_name}.to_numpy() to pair them row by row",
            )


def check_past(first: str, one: Any, second: str, other: Any) -> None:
    """Raise ValueError unless one frame ends before another begins, or contains it.

    The arguments are pandas frames, or two lists of them, which are compared item by item.
    """
    for name, index, other_name, other_index in _read_indexes(first, one, second, other):
        try:
            before = bool(index[-1] < other_index[0])
        except (TypeError, ValueError):  # such as a date and a number, or days and months
            before = False
        if not before and not other_index.isin(index).all():
            raise ValueError(
                f"{name} must end before {other_name} begins, or contain it: {other_name} is "
                f"{show_ends(other_index)}, {name} {show_ends(index)}; pass {name}.to_numpy() to "
                "ignore its index"
            )


def check_index(argument: str, index: Any, expected: Any, what: str, remedy: str = "") -> None:
    """Raise ValueError unless a pandas index equals `expected`, which `what` describes."""
    if index.equals(expected):
        return
    where = ""
    if len(index) == len(expected):
        pairs = enumerate(zip(index, expected, strict=True))
        row = next((i for i, (a, b) in pairs if a != b), 0)
        where = f"; row {row} is {index[row]!s:.40}, expected {expected[row]!s:.40}"
    raise ValueError(
        f"{argument} must have {what}: expected {show_ends(expected)}, got {show_ends(index)}"
        f"{where}{remedy}"
    )


def show_ends(index: Any) -> str:
    """Return the first and last entry of an index, and the number of entries, as text."""
    return f"{index[0]} to {index[-1]} ({len(index)})" if len(index) else "nothing"
