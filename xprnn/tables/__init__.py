"""CSV and Parquet files as arrays."""

from xprnn.tables.csv_files import read_csv
from xprnn.tables.parquet_files import read_parquet
from xprnn.tables.table import Table, named

__all__ = ["Table", "named", "read", "read_csv", "read_parquet"]


def read(path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True) -> Table:
    """Read a file whose name ends in ``.parquet``, or else a CSV file.

    Parameters
    ----------
    path : str
        ``"-"`` is a CSV file on standard input.
    delimiter, decimal, header
        Of a CSV file, as for `read_csv`.

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError, ValueError, MissingExtraError
        As `read_csv` and `read_parquet`.
    """
    if path.lower().endswith(".parquet"):
        return read_parquet(path)
    return read_csv(path, delimiter, decimal, header)
