"""``xprnn fit`` and ``xprnn predict``: train a network on the columns of a file, and apply it."""

import argparse
import dataclasses
from typing import Any, NamedTuple

import numpy as np

from xprnn import plotting, serialization, training
from xprnn._cli import output, tables, time_column
from xprnn._cli.options import add_file_options, add_network_options, add_run_options, read_table
from xprnn._cli.tables import Table
from xprnn._cli.time_column import Timeline
from xprnn._fields import number
from xprnn._model import Model, load


class Features(NamedTuple):
    """Features and target, row by row."""

    names: list[str]
    """The names of the features."""
    x: Any
    """NumPy array (T, F)"""
    y: Any
    """NumPy array (T,), or None without a target."""
    time: Timeline
    """The time of all rows of the file; one row more than here if the target is a feature."""


def add_commands(commands: Any) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "fit",
        help="train on a CSV file",
        description="Train a network on the columns of a CSV file, whose rows are the steps of "
        "one sequence, and score it on the last rows, which are held out.",
        epilog="Example: xprnn fit weather.csv --target temperature --features pressure,wind "
        "--epochs 500 --save model.npz --plot fit.png",
    )
    add_file_options(parser)
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="the columns to predict it from; the target itself stands for its value in the "
        "previous row (default: all other numeric columns except the time, or if there are "
        "none, the target itself)",
    )
    time_column.add_options(parser)
    parser.add_argument(
        "--holdout",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the rows at the end to hold out for scoring (default 0.2)",
    )
    add_network_options(parser, cell="elman", hidden_size=64, num_layers=1, epochs=300)
    add_run_options(parser)
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="dtype to compute in (default float64)"
    )
    parser.add_argument("--save", metavar="MODEL", help="write the model to .npz or .safetensors")
    parser.add_argument(
        "--plot", metavar="PICTURE", help="draw the data and the predictions, e.g. out.png"
    )
    output.add_options(parser, "the scores")
    parser.set_defaults(run=fit)

    parser = commands.add_parser(
        "predict",
        help="apply a saved model to a CSV file",
        description="Apply a saved model to the rows of a file, which are the steps of one "
        "sequence, and write a prediction for each row. A model saved by xprnn fit "
        "knows its column names; for a model saved by model.save, pass them.",
        epilog="Example: xprnn predict model.npz weather.csv",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that xprnn fit or model.save wrote")
    add_file_options(parser)
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="the columns that the model reads, in the order of its training (default: the "
        "features of xprnn fit, or else all numeric columns except the target)",
    )
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column that the model predicts, to write next to the predictions (default: the "
        "target of xprnn fit, if the file has it)",
    )
    time_column.add_options(parser)
    parser.add_argument("--backend", default="numpy", help="backend to compute on (default numpy)")
    output.add_options(parser, "the predictions")
    parser.set_defaults(run=predict)


def fit(options: argparse.Namespace) -> int:
    """Train, score, save and draw."""
    number("holdout", options.holdout, least=0, below=1)
    data = _select(options, read_table(options), _parse_names(options))
    cut = len(data.y) - round(options.holdout * len(data.y))
    if cut < 2:
        raise ValueError(
            f"{tables.display_name(options.file)} has {len(data.y)} usable row(s), too few to "
            "train on"
        )
    model = training.fit(
        data.x[:cut], data.y[:cut], cell=options.cell, hidden_size=options.hidden_size,
        num_layers=options.num_layers, skip=options.skip, epochs=options.epochs,
        learning_rate=options.learning_rate, dtype=options.dtype, backend=options.backend,
        seed=options.seed, progress=options.progress,
    )  # fmt: skip
    if options.save:
        with_names = dataclasses.replace(
            model, feature_names=tuple(data.names), output_names=(options.target,)
        )
        serialization.save(with_names, options.save)
    if options.plot:
        _draw(options, model, data, cut)
    report = {
        "features": data.names, "target": options.target, **data.time.report(),
        "training_rows": cut, "held_out_rows": len(data.y) - cut,
        "mean_absolute_error": _score(model, data, cut), "model": options.save,
        "picture": options.plot,
    }  # fmt: skip
    output.write(options, report, _format(report, model))
    return 130 if model.history.ended == "interrupted" else 0


def _score(model: Any, data: Features, cut: int) -> dict[str, dict[str, float | None]]:
    """Return the mean absolute errors of the model and of two baselines."""
    y = data.y
    return {
        name: {
            "training": float(np.abs(y_hat - y)[:cut].mean()),
            "held_out": float(np.abs(y_hat - y)[cut:].mean()) if cut < len(y) else None,
        }
        for name, y_hat in {
            "this network": model.predict(data.x),
            "the value one row before": np.concatenate([y[:1], y[:-1]]),
            "mean of the training rows": np.full(len(y), y[:cut].mean()),
        }.items()
    }


def _format(report: dict[str, Any], model: Any) -> str:
    """Format the report as text."""
    lines = [
        f"features: {', '.join(report['features'])}; target: {report['target']}; "
        f"time: {report['time']}",
        f"rows: {report['training_rows']} to train on, {report['held_out_rows']} held out",
        str(model),
        "mean absolute error            training   held out",
    ]
    for name, scores in report["mean_absolute_error"].items():
        held_out = "-" if scores["held_out"] is None else f"{scores['held_out']:.4g}"
        lines.append(f"  {name:<26} {scores['training']:>10.4g} {held_out:>10}")
    for name in ("model", "picture"):
        if report[name]:
            lines.append(f"{name}: {report[name]}")
    return "".join(f"{line}\n" for line in lines)


def _draw(options: argparse.Namespace, model: Any, data: Features, cut: int) -> None:
    """Draw the data and the predictions, and mark where the held-out rows start."""
    ax = plotting.fit(model, data.x, data.y)
    ax.set(ylabel=options.target)
    if cut < len(data.y):
        x = ax.lines[0].get_xdata()
        ax.axvline((x[cut - 1] + x[cut]) / 2, color="0.7", label="held out from here")
        plotting.draw_legend(ax)
    output.save_picture(ax, options.plot)


def predict(options: argparse.Namespace) -> int:
    """Load the model, apply it, and write a row for each row of the file."""
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
    label, times = data.time.name, data.time.times[-len(data.x) :]
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
    """Read the columns that the model was trained on, by name if the model has names."""
    table = read_table(options)
    names = _parse_names(options)
    if model.feature_names is not None:
        needs = [*model.feature_names]
        if names is not None and set(names) != set(needs):
            raise ValueError(
                f"--features must be what {options.model} was trained on, {', '.join(needs)}, "
                f"got {options.features}"
            )
        missing = [name for name in needs if name not in table.text]
        if missing:
            raise ValueError(
                f"{tables.display_name(options.file)} must have the column(s) that {options.model} "
                f"was trained on, {', '.join(needs)}, but lacks {', '.join(missing)}"
            )
        _check_target(options, model, table)
        names = needs
    data = _select(options, table, names)
    if len(data.names) != model.features:
        raise ValueError(
            f"--features must name the {model.features} column(s) that {options.model} was "
            f"trained on, got {', '.join(data.names)}"
        )
    return data


def _check_target(options: argparse.Namespace, model: Model, table: Table) -> None:
    """Fill in the target that the model was trained on; raise if --target is another one."""
    for name in model.output_names or ():
        if options.target not in (None, name):
            raise ValueError(
                f"--target must be {name!r}, which {options.model} was trained on, got "
                f"{options.target!r}"
            )
        if name in table.columns or name in (model.feature_names or ()):
            options.target = name


def _parse_names(options: argparse.Namespace) -> list[str] | None:
    """Split the value of ``--features`` into names; None without a value."""
    if options.features is None:
        return None
    names = [name.strip() for name in options.features.split(",")]
    if len(set(names)) < len(names):
        raise ValueError(f"--features must name each column once, got {options.features!r}")
    return names


def _select(options: argparse.Namespace, table: Table, names: list[str] | None) -> Features:
    """Select the target and the features from a table, sorted by time.

    Without names, the features are all numeric columns except the target and the time, or the
    target itself if there are no others. As a feature, the target is its value in the previous
    row.
    """
    target = options.target
    table, time = time_column.sort(options, table, names or ())
    y = None if target is None else table.column(target)
    if names is None:
        excluded = [target, *([] if time.numbered else [time.name])]
        if options.rows:
            time_like = time_column.find_time_like(table, target)
            for name in time_like:
                output.note(
                    f"column {name!r} looks like time and is left out; --features can name it"
                )
            excluded += time_like
        names = [name for name in table.columns if name not in excluded]
        names = names or ([] if target is None else [target])
        for name, why in table.unusable.items():
            if name not in excluded:
                output.note(f"column {name!r} is left out: {why}")
    if not names:
        raise ValueError(
            f"{tables.display_name(options.file)} has no numeric column for the features"
        )
    columns = {name: table.column(name) for name in names}
    if y is not None and target in names:
        columns = {n: c[:-1] if n == target else c[1:] for n, c in columns.items()}
        y = y[1:]
    return Features(names, np.stack([*columns.values()], axis=-1), y, time)
