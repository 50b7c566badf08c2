"""``xprnn forecast``: the next rows of a file."""

import argparse
from typing import Any

from xprnn import plotting
from xprnn.commands import results, series

__all__ = ["add", "run"]

DRAWN = 6
"""How many times the forecast's length of the past is drawn."""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "forecast",
        help="forecast the next rows of a CSV file",
        description="Train on a column of numbers and write its next rows, each with an interval. "
        "A column of times is continued.",
        epilog="Example: xprnn forecast sunspots.csv --steps 22 --plot out.png",
    )
    series.add_options(parser)
    parser.add_argument("--plot", metavar="PICTURE", help="draw past and forecast, e.g. out.png")
    results.add_options(parser, "the forecast")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, forecast, and write what comes."""
    results.check(options)
    given = series.read(options)
    forecaster = series.forecaster(options, given.y)
    name, steps = given.time.name, given.time.after(forecaster.horizon)
    ahead = forecaster.fit(given.y).predict()
    lower, upper = forecaster.predict_interval(options.interval)
    bounds = {"lower": lower, "upper": upper}
    names = [name, *results.apart(given.name, *bounds, beside=name)]
    rows = [
        dict(zip(names, (step, *map(float, numbers)), strict=True))
        for step, *numbers in zip(steps, ahead, lower, upper, strict=True)
    ]
    if options.plot:
        _draw(options, given, ahead, (lower, upper))
    report = {
        "target": given.name, **given.time.report(), "steps": len(rows),
        "interval": options.interval, "season": options.season, "lags": options.lags,
        "forecast": results.records(rows, name),
    }  # fmt: skip
    results.write(options, report, results.as_csv(rows))
    return 0


def _draw(options: argparse.Namespace, given: series.Series, ahead: Any, interval: Any) -> None:
    """Draw the end of the series and what comes, with some of the times below."""
    past = given.y[-max(DRAWN * len(ahead), 60) :]
    start = len(given.y) - len(past)
    ax = plotting.forecast(past, ahead, interval=interval, start=start)
    ax.set(xlabel=given.time.name, ylabel=given.name)
    labels = [*given.time.known, *given.time.after(len(ahead))]
    at = range(start, len(labels), -(-(len(labels) - start) // 8))
    ax.set_xticks(at, [labels[i] for i in at])
    ax.figure.savefig(options.plot, dpi=120)
    plotting.pyplot().close(ax.figure)
