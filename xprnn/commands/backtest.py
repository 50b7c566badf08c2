"""``xprnn backtest``: what forecasts of a file's past would have been worth."""

import argparse
from typing import Any

from xprnn import tables
from xprnn._validate import whole
from xprnn.commands import results, series

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "backtest",
        help="score forecasts of the last rows of a CSV file",
        description="Forecast the last rows of a file in pieces, each from what came before it, "
        "and score them beside forecasts that need no model.",
        epilog="Example: xprnn backtest airline.csv --folds 3 --steps 12",
    )
    series.add_options(parser)
    parser.add_argument(
        "--folds", type=int, default=5, metavar="N", help="how many pieces (default 5)"
    )
    results.add_options(parser, "the table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Forecast the past, and write the scores."""
    results.check(options)
    given = series.read(options)
    known = len(given.y) - whole("folds", options.folds) * whole("steps", options.steps)
    if known < 4:
        raise ValueError(
            f"{tables.named(options.file)} has {len(given.y)} rows, too few for "
            f"--folds {options.folds} of --steps {options.steps}"
        )
    forecaster = series.forecaster(options, given.y[:known])
    found = forecaster.backtest(given.y, options.folds, coverage=options.interval)
    report = {
        "target": given.name, **given.time.report(), "folds": found.folds,
        "steps": found.horizon, "interval": found.coverage, "season": options.season,
        "lags": options.lags, "scores": found.scores,
    }  # fmt: skip
    results.write(options, report, f"{found}\n")
    return 0
