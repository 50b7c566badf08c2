"""Parquet files."""

import io
from pathlib import Path

from xprnn.errors import MissingExtraError
from xprnn.tables.table import Table, make

__all__ = ["read_parquet"]


def read_parquet(path: str) -> Table:
    """Read a Parquet file, with pandas.

    Parameters
    ----------
    path : str

    Returns
    -------
    Table

    Raises
    ------
    MissingExtraError
        If pandas or pyarrow is not installed.
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a Parquet file, has no rows, or has two columns of the same name.
    """
    data = io.BytesIO(Path(path).read_bytes())
    try:
        import pandas as pd

        frame = pd.read_parquet(data, engine="pyarrow")
    except ImportError as error:
        raise MissingExtraError(
            "Parquet files need pandas and pyarrow: pip install pandas pyarrow"
        ) from error
    except Exception as error:  # a damaged file makes pyarrow raise almost anything
        raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    if not len(frame):
        raise ValueError(f"{path} must hold rows, got none")
    columns = [[str(value) for value in frame.iloc[:, i]] for i in range(frame.shape[1])]
    return make(path, [str(name) for name in frame.columns], columns)
