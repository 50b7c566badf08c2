"""DataFrames and Series of pandas and polars: their names, index and numbers.

Neither library is imported here: whoever passes in a frame has imported it.
"""

import sys
from typing import Any

import numpy as np

from xprnn._typing import Array
from xprnn._validate import shown
from xprnn.backend.place import short_name

__all__ = ["check_indexes", "is_frame", "like", "names", "numbers", "order_columns"]

NUMBERS = (
    *("float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


def is_frame(value: Any) -> bool:
    """Whether a value is a DataFrame or a Series of pandas or polars."""
    return _is("DataFrame", value) or _is("Series", value)


def _is(kind: str, value: Any) -> bool:
    """Whether a value is an instance of pandas' or polars' class `kind`."""
    libraries = (sys.modules.get(name) for name in ("pandas", "polars"))
    classes = (getattr(library, kind, None) for library in libraries)
    return any(isinstance(value, found) for found in classes if found is not None)


def _from_pandas(frame: Any) -> bool:
    """Whether a frame is from pandas, not from polars."""
    return hasattr(frame, "iloc")


def _items(argument: str, value: Any) -> list[tuple[str, Any]]:
    """Return a value, or the items of a list of arrays, each with its name for errors."""
    if isinstance(value, list | tuple) and value and getattr(value[0], "shape", ()):
        return [(f"{argument}[{i}]", item) for i, item in enumerate(value)]
    return [(argument, value)]


def names(argument: str, value: Any) -> tuple[str, ...] | None:
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
    >>> from xprnn.backend.frames import names
    >>> names("x", pd.DataFrame({"wind": [1.0], 2020: [3.0]}))
    ('wind', '2020')
    """
    for name, frame in _items(argument, value)[:1]:
        if _is("Series", frame):
            return None if frame.name in (None, "") else (str(frame.name),)
        if _is("DataFrame", frame):
            found = tuple(map(str, frame.columns))
            twice = sorted({column for column in found if found.count(column) > 1})
            if twice:
                raise ValueError(f"{name} must have columns of different names, got {twice} twice")
            return found
    return None


def order_columns(argument: str, value: Any, wanted: tuple[str, ...] | None) -> Any:
    """Return a frame, or a list of frames, with the columns in the order of `wanted`.

    Arrays, and a Series without a name, stay as they are, as their columns have no names.

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
    items = _items(argument, value)
    framed = [is_frame(item) for _, item in items]
    if not any(framed):
        return value
    if not all(framed):
        raise TypeError(
            f"{items[framed.index(False)][0]} must be a frame with named columns, as "
            f"{items[framed.index(True)][0]} is: one list holds frames or arrays, not both"
        )
    found = [_order_one(name, frame, wanted) for name, frame in items]
    return found if isinstance(value, list | tuple) else found[0]


def _order_one(argument: str, frame: Any, wanted: tuple[str, ...] | None) -> Any:
    """Return one frame with its columns in the order of `wanted`."""
    own = names(argument, frame)
    if own is None or wanted is None or own == wanted:
        return frame
    lacking = [name for name in wanted if name not in own]
    more = [name for name in own if name not in wanted]
    if lacking or more:
        parts = [
            f"{text} {', '.join(map(repr, some))}"
            for text, some in (("there is no", lacking), ("unknown:", more))
            if some
        ]
        raise ValueError(
            f"{argument} must have the column(s) {', '.join(map(repr, wanted))}: "
            f"{'; '.join(parts)}; rename them, or hand over an array to go by their places"
        )
    order = [own.index(name) for name in wanted]
    return frame.iloc[:, order] if _from_pandas(frame) else frame[:, order]


def check_indexes(first: str, one: Any, second: str, other: Any) -> None:
    """Raise ValueError if two frames of pandas, or a pair from two lists, differ in their index.

    Parameters
    ----------
    first, second : str
        Their names in error messages.
    one, other : array, DataFrame or Series, or list of them
    """
    pairs = zip(_items(first, one), _items(second, other), strict=False)
    for (name, frame), (its_name, its) in pairs:
        indexes = [f.index for f in (frame, its) if is_frame(f) and _from_pandas(f)]
        if len(indexes) < 2 or len(indexes[0]) != len(indexes[1]) or indexes[0].equals(indexes[1]):
            continue
        rows = enumerate(zip(*indexes, strict=True))
        row = next((i for i, (a, b) in rows if a != b), 0)
        raise ValueError(
            f"{its_name} must have the index of {name}, as its rows are the same steps: row {row} "
            f"is {indexes[0][row]!s} in {name} and {indexes[1][row]!s} in {its_name}; hand over "
            f"{its_name}.to_numpy() to pair them row by row"
        )


def numbers(argument: str, frame: Any) -> Array:
    """Return a DataFrame (T, F) or a Series (T,) as an array.

    True becomes 1, False 0, and a missing value NaN.

    Raises
    ------
    TypeError
        If a column does not hold numbers; the message names it.
    """
    if _is("Series", frame):
        return _column(argument, frame)
    if _from_pandas(frame):
        found = [frame.iloc[:, i] for i in range(frame.shape[1])]
    else:
        found = frame.get_columns()
    columns = [
        _column(f"{argument}[{name!r}]", column)
        for name, column in zip(frame.columns, found, strict=True)
    ]
    return np.stack(columns, axis=1) if columns else np.zeros(frame.shape)


def _column(argument: str, column: Any) -> Array:
    """Return the numbers of one column."""
    kind, pandas = column.dtype, _from_pandas(column)
    if type(kind).__name__ == "SparseDtype":
        kind = kind.subtype
    name = short_name(kind).lower()
    missing = bool(column.isna().any()) if pandas else column.null_count() > 0
    if name in ("bool", "boolean", "bool[pyarrow]"):
        plain = "float64" if missing else "uint8"
    else:
        plain = short_name(getattr(kind, "numpy_dtype", name))  # pandas' own and Arrow's
        if plain not in NUMBERS:
            example = next(iter(column.head(1)), None)
            raise TypeError(
                f"{argument} has dtype {kind}: expected float32, float64, integers or bools, "
                f"got for example {shown(example)}"
            )
        plain = "float64" if missing and not plain.startswith("float") else plain
    if pandas:
        found: Array = column.to_numpy(plain, **({"na_value": np.nan} if missing else {}))
        return found
    return column.cast(getattr(sys.modules["polars"], _POLARS[plain])).to_numpy()


_POLARS = {name: name.capitalize().replace("Uint", "UInt") for name in NUMBERS}
"""The dtypes, with their names in polars."""


def like(frame: Any, values: Array, columns: tuple[str, ...] | None) -> Any:
    """Return values (T, O) or (T,) as a DataFrame or a Series of a frame's library and index.

    Parameters
    ----------
    frame : DataFrame or Series
    values : NumPy array
    columns : tuple of str or None
        The names, one for each column; None for no names.
    """
    library = sys.modules["pandas" if _from_pandas(frame) else "polars"]
    if library.__name__ == "pandas":
        if values.ndim == 1:
            return library.Series(values, frame.index, name=columns and columns[0])
        return library.DataFrame(values, frame.index, columns=columns and list(columns))
    if values.ndim == 1:
        return library.Series(columns and columns[0], values)
    return library.DataFrame(values, schema=columns and list(columns))
