"""``xprnn predict``: a saved model on the rows of a file."""

import argparse
from typing import Any

from xprnn import serialization, tables
from xprnn.commands import columns, results
from xprnn.commands.options import csv_file

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="apply a saved model to a CSV file",
        description="Apply a saved model to the rows of a file, which are the steps of one "
        "sequence, and write what it gives at each. A model file holds no names: name the "
        "columns as in xprnn fit, which prints them.",
        epilog="Example: xprnn predict model.npz weather.csv --features pressure,wind",
    )
    parser.add_argument("model", metavar="MODEL", help="a file of xprnn fit --save, or model.save")
    csv_file(parser)
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="what the model reads, in the order of its training (default: all columns of "
        "numbers but the target)",
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="what it was trained on, to stand beside what it gives"
    )
    parser.add_argument("--backend", default="numpy", help="where to compute (default numpy)")
    results.add_options(parser, "the predictions")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Load, apply, and write a row for each row."""
    results.check(options)
    model = serialization.load(options.model, backend=options.backend)
    if model.mode != "many_to_many":
        raise ValueError(
            f"{options.model} must be a model that gives numbers at every row, mode "
            f"'many_to_many', got {model.mode!r}"
        )
    given = columns.read(options)
    if len(given.names) != model.features:
        raise ValueError(
            f"--features must name the {model.features} column(s) that {options.model} was "
            f"trained on, got {', '.join(given.names)}"
        )
    if not len(given.x):
        raise ValueError(
            f"{tables.named(options.file)} must have 2 rows or more if the target is a feature"
        )
    y_hat = model.predict(given.x).reshape(len(given.x), -1)
    width = y_hat.shape[1]
    found = ["prediction"] if width == 1 else [f"prediction_{i + 1}" for i in range(width)]
    if given.time is not None:
        label, steps = given.time.name, given.time.known[given.first :]
    else:
        label, steps = "row", [str(given.first + k + 1) for k in range(len(given.x))]
    truth = [] if given.y is None else [options.target]
    names = [label, *results.apart(*truth, *found, beside=label)]
    truths = [[] if given.y is None else [given.y[i]] for i in range(len(given.x))]
    rows = [
        dict(zip(names, (step, *map(float, [*truth, *row])), strict=True))
        for step, truth, row in zip(steps, truths, y_hat, strict=True)
    ]
    report = {"features": given.names, "target": options.target, "predictions": rows}
    results.write(options, report, results.as_csv(rows))
    return 0
