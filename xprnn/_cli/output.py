"""Write the results of a command to standard output or a file, as text or JSON."""

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xprnn import plotting, serialization


def add_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options for the destination and the format of the results."""
    parser.add_argument(
        "--output", metavar="FILE", help=f"write {what} to a file, not to standard output"
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object")


def check_paths(options: argparse.Namespace) -> None:
    """Raise ValueError if a file named by the options can't be written."""
    for option, check in (
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
            check(path)
        except (ValueError, FileNotFoundError) as error:
            raise ValueError(f"--{option}: {error}") from error


def _check_folder(path: str) -> None:
    """Raise FileNotFoundError if the folder of a file does not exist."""
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(Path(path).parent)!r}")


def write(options: argparse.Namespace, report: dict[str, Any], text: str) -> None:
    """Write the report as one JSON object, or the text, according to the options."""
    if options.json:
        # JSON has no NaN and no infinity: they become null.
        finite = json.loads(json.dumps(report), parse_constant=lambda name: None)
        text = json.dumps(finite, ensure_ascii=False) + "\n"
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8", newline="")
    elif sys.stdout is None:
        raise ValueError("standard output is closed; name a file with --output")
    else:
        sys.stdout.write(text)


def note(text: str) -> None:
    """Write a line to standard error."""
    print(f"xprnn: {text}", file=sys.stderr)


def save_picture(ax: Any, path: str | Path) -> None:
    """Save the figure of an Axes, and close it."""
    ax.figure.savefig(path, dpi=120)
    plotting.pyplot().close(ax.figure)


def make_rows(
    label: str, times: list[str], names: list[str], columns: Iterable[Any]
) -> list[dict[str, Any]]:
    """Return a dict for each row: the time under `label`, then the numbers by name.

    ``_`` is appended to a name until it differs from the names before it.

    Examples
    --------
    >>> from xprnn._cli.output import make_rows
    >>> make_rows("year", ["2009"], ["lower", "lower", "upper"], [[1], [0], [2]])
    [{'year': '2009', 'lower': 1.0, 'lower_': 0.0, 'upper': 2.0}]
    """
    keys = [label]
    for name in names:
        while name in keys:
            name += "_"
        keys.append(name)
    return [
        dict(zip(keys, (time, *map(float, numbers)), strict=True))
        for time, *numbers in zip(times, *columns, strict=True)
    ]


def format_csv(rows: list[dict[str, Any]]) -> str:
    """Format rows with the same keys as CSV, with all digits of every number.

    Examples
    --------
    >>> from xprnn._cli.output import format_csv
    >>> print(format_csv([{"year": "2009", "sunspots": 8.5}]), end="")
    year,sunspots
    2009,8.5
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def parse_column(rows: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """Return rows for JSON, with a column's strings as numbers if none of them loses a digit.

    Examples
    --------
    >>> from xprnn._cli.output import parse_column
    >>> parse_column([{"year": "2009"}, {"year": "2010"}], "year")
    [{'year': 2009}, {'year': 2010}]
    >>> parse_column([{"step": "099"}, {"step": "100"}], "step")
    [{'step': '099'}, {'step': '100'}]
    """
    strings = [row[column] for row in rows]
    for kind, digits in ((int, r"0|-?[1-9]\d{0,17}"), (float, r"-?(0|[1-9]\d{0,14})\.\d{1,15}")):
        if all(re.fullmatch(digits, string, re.ASCII) for string in strings):
            return [{**row, column: kind(row[column])} for row in rows]
    return rows
