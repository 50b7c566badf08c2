"""Read CSV and Parquet files as columns of numbers and text."""

import io
from pathlib import Path

from xprnn._cli.tables.csv_files import read_csv
from xprnn._cli.tables.table import Table, build, display_name
from xprnn.errors import MissingExtraError

__all__ = ["Table", "display_name", "read"]


def read(path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True) -> Table:
    """Read a Parquet file if the name ends in ``.parquet``, a CSV file otherwise.

    Parameters
    ----------
    path : str
        The file; ``"-"`` reads a CSV file from standard input.
    delimiter, decimal, header
        For a CSV file; see `read_csv`.

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError, ValueError, MissingExtraError
        As for `read_csv` and `read_parquet`.
    """
    if path.lower().endswith(".parquet"):
        return read_parquet(path)
    return read_csv(path, delimiter, decimal, header)


def read_parquet(path: str) -> Table:
    """Read a Parquet file with pandas.

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
        If the file does not exist.
    ValueError
        If the file is not a Parquet file, has no rows, or has two columns of the same name.
    """
    data = io.BytesIO(Path(path).read_bytes())
    try:
        import pandas as pd

        frame = pd.read_parquet(data, engine="pyarrow")
    except ImportError as error:
        raise MissingExtraError(
            "Parquet files need pandas and pyarrow: pip install pandas pyarrow"
        ) from error
    except Exception as error:  # a damaged file can make pyarrow raise almost anything
        raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    if not len(frame):
        raise ValueError(f"{path} must hold rows, got none")
    columns = [[str(value) for value in frame.iloc[:, i]] for i in range(frame.shape[1])]
    return build(path, [str(name) for name in frame.columns], columns)
