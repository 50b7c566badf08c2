"""Read pandas and polars DataFrames and Series, and return arrays in their form.

Neither library is imported here: a caller who passes a frame has imported it.
"""

import sys
from typing import Any

import numpy as np

from xprnn._fields import show
from xprnn._typing import Array
from xprnn.backend.place import short_name

NUMBERS = (
    *("float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


def is_frame(value: Any) -> bool:
    """Return whether a value is a pandas or polars DataFrame or Series."""
    return is_a("DataFrame", value) or is_a("Series", value)


def is_a(kind: str, value: Any) -> bool:
    """Return whether a value is an instance of pandas' or polars' class `kind`."""
    libraries = (sys.modules.get(name) for name in ("pandas", "polars"))
    classes = (getattr(library, kind, None) for library in libraries)
    return any(isinstance(value, one) for one in classes if one is not None)


def is_pandas(frame: Any) -> bool:
    """Return whether a frame is from pandas, not from polars."""
    return hasattr(frame, "iloc")


def numbers(argument: str, frame: Any) -> Array:
    """Return a DataFrame (T, F) or a Series (T,) as an array.

    True becomes 1, False 0, and a missing value NaN.

    Raises
    ------
    TypeError
        If a column does not hold numbers; the message names it.
    """
    if is_a("Series", frame):
        return _read_column(argument, frame)
    if is_pandas(frame):
        columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    else:
        columns = frame.get_columns()
    arrays = [
        _read_column(f"{argument}[{name!r}]", column)
        for name, column in zip(frame.columns, columns, strict=True)
    ]
    return np.stack(arrays, axis=1) if arrays else np.zeros(frame.shape)


def _read_column(argument: str, column: Any) -> Array:
    """Return the numbers of one column."""
    kind, pandas = column.dtype, is_pandas(column)
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
                f"got for example {show(example)}"
            )
        plain = "float64" if missing and not plain.startswith("float") else plain
    if pandas:
        array: Array = column.to_numpy(plain, **({"na_value": np.nan} if missing else {}))
        return array
    return column.cast(getattr(sys.modules["polars"], _POLARS[plain])).to_numpy()


_POLARS = {name: name.capitalize().replace("Uint", "UInt") for name in NUMBERS}
"""The dtype names in polars."""


def like(frame: Any, values: Array, columns: tuple[str, ...] | None) -> Any:
    """Return values (T, O) or (T,) as a DataFrame or Series with the library and index of a frame.

    Parameters
    ----------
    frame : DataFrame or Series
    values : NumPy array
    columns : tuple of str or None
        A name for each column; None for no names.
    """
    library = sys.modules["pandas" if is_pandas(frame) else "polars"]
    if library.__name__ == "pandas":
        if values.ndim == 1:
            return library.Series(values, frame.index, name=columns and columns[0])
        return library.DataFrame(values, frame.index, columns=columns and list(columns))
    if values.ndim == 1:
        return library.Series(columns and columns[0], values)
    return library.DataFrame(values, schema=columns and list(columns))
