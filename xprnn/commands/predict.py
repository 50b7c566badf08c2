"""``xprnn predict``: a saved model on the rows of a file."""

import argparse
from typing import Any

from xprnn import tables
from xprnn.commands import columns, results, timeline
from xprnn.commands.columns import Columns
from xprnn.commands.options import csv_file
from xprnn.commands.options import table as read_table
from xprnn.model import Model, load
from xprnn.tables import Table

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="apply a saved model to a CSV file",
        description="Apply a saved model to the rows of a file, which are the steps of one "
        "sequence, and write what it gives at each. A file of xprnn fit knows the names of its "
        "columns; for one of model.save name them.",
        epilog="Example: xprnn predict model.npz weather.csv",
    )
    parser.add_argument("model", metavar="MODEL", help="a file of xprnn fit --save, or model.save")
    csv_file(parser)
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="what the model reads, in the order of its training (default: what xprnn fit had, "
        "else all columns of numbers but the target)",
    )
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="what it was trained on, to stand beside what it gives (default: what xprnn fit "
        "had, if the file has it)",
    )
    timeline.add_options(parser)
    parser.add_argument("--backend", default="numpy", help="where to compute (default numpy)")
    results.add_options(parser, "the predictions")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Load, apply, and write a row for each row."""
    results.check(options)
    model = load(options.model, backend=options.backend)
    if model.mode != "many_to_many":
        raise ValueError(
            f"{options.model} must be a model that gives numbers at every row, mode "
            f"'many_to_many', got {model.mode!r}"
        )
    given = _columns(options, model)
    if not len(given.x):
        raise ValueError(
            f"{tables.named(options.file)} must have 2 rows or more if the target is a feature"
        )
    y_hat = model.predict(given.x).reshape(len(given.x), -1)
    width = y_hat.shape[1]
    found = ["prediction"] if width == 1 else [f"prediction_{i + 1}" for i in range(width)]
    label, steps = given.time.name, given.time.known[given.first :]
    truth = [] if given.y is None else [options.target]
    names = [label, *results.apart(*truth, *found, beside=label)]
    truths = [[] if given.y is None else [given.y[i]] for i in range(len(given.x))]
    rows = [
        dict(zip(names, (step, *map(float, [*truth, *row])), strict=True))
        for step, truth, row in zip(steps, truths, y_hat, strict=True)
    ]
    report = {
        "features": given.names,
        "target": options.target,
        **given.time.report(),
        "predictions": results.records(rows, label),
    }
    results.write(options, report, results.as_csv(rows))
    return 0


def _columns(options: argparse.Namespace, model: Model) -> Columns:
    """Return the columns that the model was trained on, by its names if it has some."""
    table = read_table(options)
    names = None if options.features is None else columns.listed(options.features)
    if model.feature_names is not None:
        trained = [*model.feature_names]
        if names is not None and set(names) != set(trained):
            raise ValueError(
                f"--features must be what {options.model} was trained on, {', '.join(trained)}, "
                f"got {options.features}"
            )
        lacking = [name for name in trained if name not in table.text]
        if lacking:
            raise ValueError(
                f"{tables.named(options.file)} must have the column(s) that {options.model} was "
                f"trained on, {', '.join(trained)}: there is no {', '.join(lacking)}"
            )
        _check_target(options, model, table)
        names = trained
    given = columns.chosen(options, table, names)
    if len(given.names) != model.features:
        raise ValueError(
            f"--features must name the {model.features} column(s) that {options.model} was "
            f"trained on, got {', '.join(given.names)}"
        )
    return given


def _check_target(options: argparse.Namespace, model: Model, table: Table) -> None:
    """Fill in the target that the model was trained on, or raise if it is another."""
    for name in model.output_names or ():
        if options.target not in (None, name):
            raise ValueError(
                f"--target must be {name!r}, which {options.model} was trained on, got "
                f"{options.target!r}"
            )
        if name in table.columns or name in (model.feature_names or ()):
            options.target = name
