"""``xprnn forecast`` and ``xprnn backtest``: forecast a series, and test forecasts on its past."""

import argparse
from typing import Any

from xprnn import plotting
from xprnn._cli import output, tables, time_column
from xprnn._cli.options import (
    add_count,
    add_file_options,
    add_network_options,
    add_run_options,
    read_table,
)
from xprnn._cli.tables import Table
from xprnn._cli.tables.parse import parse_number
from xprnn._cli.time_column import Timeline
from xprnn._fields import number, whole
from xprnn.forecasting import RNNForecaster
from xprnn.optimizers import Adam

MOST_STEPS = 1_000_000
"""The most steps; a larger number is a typing error and would fill the memory."""
PAST = 6
"""The length of the past in the plot, in lengths of the forecast."""


def add_commands(commands: Any) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "forecast",
        help="forecast the next rows of a CSV file",
        description="Train on a numeric column and write its next rows, each with a prediction "
        "interval. A time column is continued.",
        epilog="Example: xprnn forecast sunspots.csv --steps 22 --plot out.png",
    )
    _add_options(parser)
    parser.add_argument(
        "--plot", metavar="PICTURE", help="draw the past and the forecast, e.g. out.png"
    )
    output.add_options(parser, "the forecast")
    parser.set_defaults(run=forecast)

    parser = commands.add_parser(
        "backtest",
        help="score forecasts of the last rows of a CSV file",
        description="Forecast the last rows of a file in folds, each from the rows before it, "
        "and score the forecasts together with those of baselines without a model.",
        epilog="Example: xprnn backtest airline.csv --folds 3 --steps 12",
    )
    _add_options(parser)
    add_count(parser, "--folds", "number of folds (default %(default)s)", default=5)
    output.add_options(parser, "the table")
    parser.set_defaults(run=backtest)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the series and of the forecaster."""
    add_file_options(parser)
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column to forecast (default: the only numeric column)",
    )
    time_column.add_options(parser)
    add_count(parser, "--steps", "number of rows to forecast", required=True)
    add_count(
        parser, "--lags", "number of rows that the network reads (default: one and two seasons)"
    )
    add_count(
        parser,
        "--differencing",
        "learn the change from N rows before, or with 0 the value itself (default: 0, and 1 for "
        "short series)",
    )
    parser.add_argument(
        "--interval",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="share of the rows that the interval should cover (default 0.9)",
    )
    add_count(
        parser,
        "--calibration",
        "set the width of the interval from forecasts of the last N pieces of --steps rows; "
        "takes N + 1 training runs (default: errors one step ahead on the last fifth of the "
        "rows, which a second training run holds out)",
    )
    add_count(parser, "--members", "number of networks to average (default %(default)s)", default=1)
    add_network_options(
        parser, cell="gru", hidden_size=16, num_layers=1, skip=None, epochs=10,
        learning_rate=0.003,
    )  # fmt: skip
    add_run_options(parser)


def forecast(options: argparse.Namespace) -> int:
    """Train, forecast, and write the next rows."""
    y, time = _read_series(options)
    forecaster = _make_forecaster(options, y)
    times = time.after(forecaster.horizon)
    y_hat = forecaster.fit(y).predict()
    lower, upper = forecaster.predict_interval(options.interval)
    names = [options.target, "lower", "upper"]
    rows = output.make_rows(time.name, times, names, (y_hat, lower, upper))
    if options.plot:
        _draw(options, y, time, y_hat, (lower, upper))
    windows = [
        {"lags": each.lags, "differencing": each.differencing, "center": each.center}
        for each in forecaster.layouts_
    ]
    report = {
        "target": options.target, **time.report(), "steps": len(rows),
        "interval": options.interval, "windows": windows, "linear": forecaster.linear_,
        "forecast": output.parse_column(rows, time.name),
    }  # fmt: skip
    output.write(options, report, output.format_csv(rows))
    return 0


def backtest(options: argparse.Namespace) -> int:
    """Run a backtest, and write the scores."""
    y, time = _read_series(options)
    rows = len(y)
    past = rows - whole("folds", options.folds) * whole("steps", options.steps)
    if past < 4:
        raise ValueError(
            f"{tables.display_name(options.file)} has {rows} rows, too few for "
            f"--folds {options.folds} of --steps {options.steps}"
        )
    forecaster = _make_forecaster(options, y[:past])
    test = forecaster.backtest(y, options.folds, coverage=options.interval)
    report = {
        "target": options.target, **time.report(), "folds": test.folds,
        "steps": test.horizon, "interval": test.coverage, "differencing": forecaster.differencing,
        "lags": forecaster.lags, "scores": test.scores,
    }  # fmt: skip
    output.write(options, report, f"{test}\n")
    return 0


def _read_series(options: argparse.Namespace) -> tuple[Any, Timeline]:
    """Return the target sorted by time, (T,), and its timeline; fill in a missing target name.

    Raises
    ------
    ValueError
        If ``--target`` is needed but missing, or a column can't be used.
    """
    table, time = time_column.sort(options, read_table(options))
    time_name = None if time.numbered else time.name
    if options.target is None:
        names = [name for name in table.columns if name != time_name]
        if len(names) != 1:
            usable = ", ".join(map(repr, names)) or "none"
            reasons = "".join(f"; {name!r}: {why}" for name, why in table.unusable.items())
            raise ValueError(
                f"--target must name a numeric column; {tables.display_name(options.file)} "
                f"has {usable}{'' if names else reasons}"
            )
        damaged = _find_damaged(table, names[0], time_name)
        if damaged is not None:
            raise ValueError(
                f"--target must name the column to forecast: only {names[0]!r} can be used, as "
                f"{damaged!r} cannot: {table.unusable[damaged]}"
            )
        options.target = names[0]
    for name, why in table.unusable.items():
        if name not in (options.target, time_name):
            output.note(f"column {name!r} is left out: {why}")
    return table.column(options.target), time


def _find_damaged(table: Table, name: str, time: str | None) -> str | None:
    """Return an unusable column that may be the intended target instead of column `name`.

    Such a column holds numbers in most rows; if column `name` looks like time, it may hold
    anything.
    """
    time_like = name in time_column.find_time_like(table, None)
    for other in table.unusable:
        strings = table.text[other]
        numeric = sum(parse_number(text) is not None for text in strings)
        if other != time and (time_like or 2 * numeric > len(strings)):
            return other
    return None


def _make_forecaster(options: argparse.Namespace, y: Any) -> RNNForecaster:
    """Create the forecaster for a series from the options.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, or the series is too short.
    """
    steps = whole("steps", options.steps)
    if steps > MOST_STEPS:
        raise ValueError(f"steps must be at most {MOST_STEPS}, got {steps}")
    number("interval", options.interval, above=0, below=1)
    if len(y) < 4:
        raise ValueError(
            f"{tables.display_name(options.file)} must have at least 4 rows, got {len(y)}"
        )
    differencing = options.differencing
    differencing = "auto" if differencing is None else whole("differencing", differencing, least=0)
    return RNNForecaster(
        horizon=steps, lags="auto" if options.lags is None else options.lags,
        differencing=differencing, members=options.members, calibration=options.calibration,
        cell=options.cell, hidden_size=options.hidden_size, num_layers=options.num_layers,
        skip="auto" if options.skip is None else options.skip, epochs=options.epochs,
        optimizer=Adam(options.learning_rate), seed=options.seed, backend=options.backend,
        progress=options.progress,
    )  # fmt: skip


def _draw(options: argparse.Namespace, y: Any, time: Timeline, y_hat: Any, interval: Any) -> None:
    """Draw the end of the series and the forecast, with some of the times on the x-axis."""
    past = y[-max(PAST * len(y_hat), 60) :]
    start = len(y) - len(past)
    ax = plotting.forecast(past, y_hat, interval=interval, start=start)
    ax.set(xlabel=time.name, ylabel=options.target)
    times = [*time.times, *time.after(len(y_hat))]
    ticks = range(start, len(times), -(-(len(times) - start) // 8))
    ax.set_xticks(ticks, [times[i] for i in ticks])
    output.save_picture(ax, options.plot)
