"""What a command found, on standard output or in a file."""

import argparse
import csv
import io
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

from xprnn import plotting, serialization

__all__ = ["add_options", "apart", "as_csv", "check", "records", "write"]


def add_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add where the results go, and how."""
    parser.add_argument(
        "--output", metavar="FILE", help=f"write {what} to a file, not to standard output"
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object")


def check(options: argparse.Namespace) -> None:
    """Raise unless the files that the options name can be written."""
    for option, checked in (
        ("output", _check_folder),
        ("save", serialization.check_path),
        ("plot", plotting.check_path),
    ):
        path = getattr(options, option, None)
        if path is None:
            continue
        if option == "plot":
            plotting.pyplot().switch_backend("agg")
        try:
            checked(path)
        except (ValueError, FileNotFoundError) as error:
            raise ValueError(f"--{option}: {error}") from error


def _check_folder(path: str) -> None:
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(Path(path).parent)!r}")


def write(options: argparse.Namespace, report: dict[str, Any], text: str) -> None:
    """Write a report as one JSON object, or else its text, where the options say."""
    if options.json:
        text = json.dumps(_plain(report), ensure_ascii=False, allow_nan=False) + "\n"
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8", newline="")
    elif sys.stdout is None:
        raise ValueError("standard output is closed; name a file with --output")
    else:
        sys.stdout.write(text)


def apart(*names: str, beside: str) -> list[str]:
    """Return names of columns, each with as many ``_`` as tell it from those before it.

    Examples
    --------
    >>> from xprnn.commands.results import apart
    >>> apart("lower", "lower", "upper", beside="year")
    ['lower', 'lower_', 'upper']
    """
    found = [beside]
    for name in names:
        while name in found:
            name += "_"
        found.append(name)
    return found[1:]


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return rows with the same keys as CSV, every number with all of its digits.

    Examples
    --------
    >>> from xprnn.commands.results import as_csv
    >>> print(as_csv([{"year": "2009", "sunspots": 8.5}]), end="")
    year,sunspots
    2009,8.5
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def records(rows: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """Return rows for JSON: a column of strings becomes numbers if every one keeps its digits.

    Examples
    --------
    >>> from xprnn.commands.results import records
    >>> records([{"year": "2009"}, {"year": "2010"}], "year")
    [{'year': 2009}, {'year': 2010}]
    >>> records([{"step": "099"}, {"step": "100"}], "step")
    [{'step': '099'}, {'step': '100'}]
    """
    strings = [row[column] for row in rows]
    for kind, digits in ((int, r"0|-?[1-9]\d{0,17}"), (float, r"-?(0|[1-9]\d{0,14})\.\d{1,15}")):
        if all(re.fullmatch(digits, string, re.ASCII) for string in strings):
            return [{**row, column: kind(row[column])} for row in rows]
    return rows


def _plain(value: Any) -> Any:
    """Return what JSON can hold; a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
