"""``xprnn fit``: trains a network on the columns of a file."""

import argparse
import dataclasses
from typing import Any

import numpy as np

from xprnn import plotting, serialization, training
from xprnn._cli import features, output, tables, time_column
from xprnn._cli.features import Features
from xprnn._cli.options import add_file_options, add_network_options, add_run_options


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "fit",
        help="train on a CSV file",
        description="Train a network on the columns of a CSV file, whose rows are the steps of one "
        "sequence, and score it on the last rows, which it has not seen.",
        epilog="Example: xprnn fit weather.csv --target temperature --features pressure,wind "
        "--epochs 500 --save model.npz --plot fit.png",
    )
    add_file_options(parser)
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="what to predict it from; the target itself means its value one row before "
        "(default: all other columns of numbers except the time, or else the target itself)",
    )
    time_column.add_options(parser)
    parser.add_argument(
        "--holdout",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the rows, at the end, kept for scoring (default 0.2)",
    )
    add_network_options(parser, cell="elman", hidden_size=64, num_layers=1, epochs=300)
    add_run_options(parser)
    parser.add_argument("--dtype", choices=("float32", "float64"))
    parser.add_argument("--save", metavar="MODEL", help="write the model to .npz or .safetensors")
    parser.add_argument("--plot", metavar="PICTURE", help="draw data and prediction, e.g. out.png")
    output.add_options(parser, "the scores")
    parser.set_defaults(run=fit)


def fit(options: argparse.Namespace) -> int:
    """Train, score, save and draw."""
    if not 0 <= options.holdout < 1:
        raise ValueError(f"--holdout must be at least 0 and below 1, got {options.holdout}")
    output.check_paths(options)
    data = features.read(options)
    cut = len(data.y) - round(options.holdout * len(data.y))
    if cut < 2:
        raise ValueError(
            f"{tables.display_name(options.file)} has {len(data.y)} usable row(s), too few to "
            "train on"
        )
    model = training.fit(
        data.x[:cut], data.y[:cut], cell=options.cell, hidden_size=options.hidden_size,
        num_layers=options.num_layers, epochs=options.epochs, learning_rate=options.learning_rate,
        dtype=options.dtype, backend=options.backend, seed=options.seed, progress=options.progress,
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
    """Return the mean absolute errors of the model and of two simple rules."""
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
    """Draw data and prediction, and mark where the held-out rows begin."""
    ax = plotting.fit(model, data.x, data.y)
    ax.set(ylabel=options.target)
    if cut < len(data.y):
        x = ax.lines[0].get_xdata()
        ax.axvline((x[cut - 1] + x[cut]) / 2, color="0.7", label="held out from here")
        ax.legend()
    output.save_picture(ax, options.plot)
