"""The series of a file, and the forecaster that the options and the series make."""

import argparse
import sys
from typing import Any, NamedTuple

from xprnn import baselines, tables
from xprnn._validate import whole
from xprnn.commands import timeline
from xprnn.commands.options import csv_file, network, running
from xprnn.commands.options import table as read_table
from xprnn.commands.timeline import Timeline
from xprnn.forecasting import RNNForecaster
from xprnn.optimizers import Adam
from xprnn.tables import Table
from xprnn.tables.cells import number

__all__ = ["Series", "add_options", "differencing", "forecaster", "read"]

LEAVES = 0.5
"""Differences are taken if their spread is below this part of that of the series."""
LONGEST = 31
"""The longest season that is looked for, in rows: a month of days, a day of hours."""


MOST_STEPS = 1_000_000
"""A longer forecast is taken for a typing error: it would fill the memory."""


class Series(NamedTuple):
    """A column of numbers, sorted by time, and its timeline."""

    name: str
    y: Any
    time: Timeline


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `read` and `forecaster` ask for."""
    csv_file(parser)
    parser.add_argument(
        "--target", metavar="COLUMN", help="what to forecast (default: the only column of numbers)"
    )
    timeline.add_options(parser)
    parser.add_argument(
        "--steps", type=int, required=True, metavar="N", help="how many to forecast"
    )
    parser.add_argument(
        "--lags", type=int, metavar="N", help="rows that the network reads (default two seasons)"
    )
    parser.add_argument(
        "--season",
        type=int,
        metavar="N",
        help="learn the change from so many rows before, 0 the value itself (default: 1 or the "
        "period that fits best, if this halves the spread of the numbers, else 0)",
    )
    parser.add_argument(
        "--interval",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="share of the rows that is to lie between lower and upper (default 0.9)",
    )
    parser.add_argument(
        "--calibration",
        type=int,
        default=0,
        metavar="N",
        help="forecast the last N pieces of as many rows first, and make the interval as wide as "
        "the errors there ask for; N + 1 trainings (default 0)",
    )
    parser.add_argument(
        "--members", type=int, default=3, metavar="N", help="networks, averaged (default 3)"
    )
    network(parser, cell="gru", hidden_size=16, num_layers=1, epochs=100)
    running(parser)


def read(options: argparse.Namespace) -> Series:
    """Return the series that the options name.

    Raises
    ------
    ValueError
        If the target must be named, or a column is not what was said.
    """
    table, time = timeline.settle(options, read_table(options))
    named = None if time.numbered else time.name
    if options.target is None:
        names = [name for name in table.columns if name != named]
        if len(names) != 1:
            found = ", ".join(map(repr, names)) or "none"
            reasons = "".join(f"; {name!r}: {why}" for name, why in table.left_out.items())
            raise ValueError(
                f"--target must name a column of numbers, of which {tables.named(options.file)} "
                f"has {found}{'' if names else reasons}"
            )
        damaged = _damaged(table, names[0], named)
        if damaged is not None:
            raise ValueError(
                f"--target must name the column to forecast: only {names[0]!r} can be used, as "
                f"{damaged!r} cannot: {table.left_out[damaged]}"
            )
        options.target = names[0]
    for name, why in table.left_out.items():
        if name not in (options.target, named):
            print(f"xprnn: column {name!r} is left out: {why}", file=sys.stderr)
    return Series(options.target, table.column(options.target), time)


def _damaged(table: Table, name: str, time: str | None) -> str | None:
    """Return a column that may have been meant in the place of the only one of numbers.

    It holds numbers in most of its rows; or it holds anything, and the column of numbers
    looks like time.
    """
    alike = name in timeline.left_out(table, None)
    for other in table.left_out:
        strings = table.text[other]
        numeric = sum(number(text) is not None for text in strings)
        if other != time and (alike or 2 * numeric > len(strings)):
            return other
    return None


def differencing(y: Any) -> int:
    """Return the lag of the differences that the network is to learn, 0 for none.

    Of the changes from the row before and from the season before, those of the smaller
    spread are taken, if it is less than half that of the series itself.

    Examples
    --------
    >>> from xprnn import datasets
    >>> from xprnn.commands.series import differencing
    >>> differencing(datasets.airline()[1]), differencing(datasets.sunspots()[1])
    (12, 0)
    """
    spread = {lag: float((y[lag:] - y[:-lag]).std()) for lag in (1, _period(y))}
    lag = min(spread, key=lambda lag: spread[lag])
    return lag if spread[lag] < LEAVES * float(y.std()) else 0


def _period(y: Any) -> int:
    """Return the period that fits a series best, of those that it holds four times."""
    return int(baselines.best_period(y, max(2, min(LONGEST, len(y) // 4))))


def forecaster(options: argparse.Namespace, y: Any) -> RNNForecaster:
    """Return the forecaster of the options; of the series come the season and the lags.

    Raises
    ------
    ValueError, TypeError
        If an option is out of its range, or the series too short.
    """
    steps = whole("steps", options.steps)
    if steps > MOST_STEPS:
        raise ValueError(f"steps must be at most {MOST_STEPS}, got {steps}")
    if not 0 < options.interval < 1:
        raise ValueError(f"interval must be above 0 and below 1, got {options.interval}")
    if len(y) < 4:
        raise ValueError(f"{tables.named(options.file)} must have at least 4 rows, got {len(y)}")
    if options.season is None:
        options.season = differencing(y)
    season = whole("season", options.season, least=0)
    if options.lags is None:
        longest = (len(y) - season) // 2
        options.lags = max(1, min(2 * (season if season > 1 else _period(y)), longest))
    rate = 0.01 if options.learning_rate is None else options.learning_rate
    return RNNForecaster(
        horizon=steps, lags=whole("lags", options.lags), differencing=season,
        members=options.members, calibration=options.calibration, cell=options.cell,
        hidden_size=options.hidden_size, num_layers=options.num_layers, epochs=options.epochs,
        optimizer=Adam(rate), seed=options.seed, backend=options.backend, progress=options.progress,
    )  # fmt: skip
