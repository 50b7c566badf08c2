"""``xprnn predict``: applies a saved model to the rows of a file."""

import argparse
from typing import Any

from xprnn._cli import features, output, tables, time_column
from xprnn._cli.features import Features
from xprnn._cli.options import add_file_options, read_table
from xprnn._cli.tables import Table
from xprnn._model import Model, load


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="apply a saved model to a CSV file",
        description="Apply a saved model to the rows of a file, which are the steps of one "
        "sequence, and write its prediction for each. A model saved by xprnn fit knows the names "
        "of its columns; for one saved by model.save, name them.",
        epilog="Example: xprnn predict model.npz weather.csv",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that xprnn fit or model.save wrote")
    add_file_options(parser)
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="what the model reads, in the order of its training (default: the features that xprnn "
        "fit had, else all columns of numbers except the target)",
    )
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="what the model was trained to predict, written beside the predictions (default: the "
        "target that xprnn fit had, if the file has it)",
    )
    time_column.add_options(parser)
    parser.add_argument("--backend", default="numpy", help="where to compute (default numpy)")
    output.add_options(parser, "the predictions")
    parser.set_defaults(run=predict)


def predict(options: argparse.Namespace) -> int:
    """Load the model, apply it, and write a row for each row of the file."""
    output.check_paths(options)
    model = load(options.model, backend=options.backend)
    if model.mode != "many_to_many":
        raise ValueError(
            f"{options.model} must be a model that predicts numbers at every row, mode "
            f"'many_to_many', got {model.mode!r}"
        )
    data = _read_features(options, model)
    if not len(data.x):
        raise ValueError(
            f"{tables.display_name(options.file)} must have 2 rows or more if the target is a "
            "feature"
        )
    y_hat = model.predict(data.x).reshape(len(data.x), -1)
    width = y_hat.shape[1]
    names = ["prediction"] if width == 1 else [f"prediction_{i + 1}" for i in range(width)]
    label, times = data.time.name, data.time.times[data.first :]
    columns = [*y_hat.T]
    if data.y is not None:
        names, columns = [options.target, *names], [data.y, *columns]
    rows = output.make_rows(label, times, names, columns)
    report = {
        "features": data.names,
        "target": options.target,
        **data.time.report(),
        "predictions": output.parse_column(rows, label),
    }
    output.write(options, report, output.format_csv(rows))
    return 0


def _read_features(options: argparse.Namespace, model: Model) -> Features:
    """Read the columns that the model was trained on, by the names it knows, if any."""
    table = read_table(options)
    names = None if options.features is None else features.parse_names(options.features)
    if model.feature_names is not None:
        trained = [*model.feature_names]
        if names is not None and set(names) != set(trained):
            raise ValueError(
                f"--features must be what {options.model} was trained on, {', '.join(trained)}, "
                f"got {options.features}"
            )
        missing = [name for name in trained if name not in table.text]
        if missing:
            raise ValueError(
                f"{tables.display_name(options.file)} must have the column(s) that {options.model} "
                f"was trained on, {', '.join(trained)}, but lacks {', '.join(missing)}"
            )
        _check_target(options, model, table)
        names = trained
    data = features.select(options, table, names)
    if len(data.names) != model.features:
        raise ValueError(
            f"--features must name the {model.features} column(s) that {options.model} was "
            f"trained on, got {', '.join(data.names)}"
        )
    return data


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
