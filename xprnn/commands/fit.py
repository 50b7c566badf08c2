"""``xprnn fit``: train on the columns of a file."""

import argparse
import dataclasses
from typing import Any

import numpy as np

from xprnn import plotting, serialization, tables, training
from xprnn.commands import columns, results, timeline
from xprnn.commands.columns import Columns
from xprnn.commands.options import csv_file, network, running

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "fit",
        help="train on a CSV file",
        description="Train a network on the columns of a CSV file, whose rows are the steps of one "
        "sequence, and score it on the last rows, which it has not seen.",
        epilog="Example: xprnn fit weather.csv --target temperature --features pressure,wind "
        "--epochs 500 --save model.npz --plot fit.png",
    )
    csv_file(parser)
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what is to be predicted")
    parser.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="what it is predicted from; the target itself means its value one row before "
        "(default: all other columns of numbers but the time, or else the target itself)",
    )
    timeline.add_options(parser)
    parser.add_argument(
        "--holdout",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the rows, at the end, kept for scoring (default 0.2)",
    )
    network(parser, cell="elman", hidden_size=64, num_layers=1, epochs=300)
    running(parser)
    parser.add_argument("--dtype", choices=("float32", "float64"))
    parser.add_argument("--save", metavar="MODEL", help="write the model to .npz or .safetensors")
    parser.add_argument("--plot", metavar="PICTURE", help="draw data and prediction, e.g. out.png")
    results.add_options(parser, "the scores")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, score, save and draw."""
    if not 0 <= options.holdout < 1:
        raise ValueError(f"--holdout must be at least 0 and below 1, got {options.holdout}")
    results.check(options)
    given = columns.read(options)
    cut = len(given.y) - round(options.holdout * len(given.y))
    if cut < 2:
        raise ValueError(
            f"{tables.named(options.file)} has {len(given.y)} usable row(s), too few to train on"
        )
    model = training.fit(
        given.x[:cut], given.y[:cut], cell=options.cell, hidden_size=options.hidden_size,
        num_layers=options.num_layers, epochs=options.epochs, learning_rate=options.learning_rate,
        dtype=options.dtype, backend=options.backend, seed=options.seed, progress=options.progress,
    )  # fmt: skip
    if options.save:
        named = dataclasses.replace(
            model, feature_names=tuple(given.names), output_names=(options.target,)
        )
        serialization.save(named, options.save)
    if options.plot:
        _draw(options, model, given, cut)
    report = {
        "features": given.names, "target": options.target, **given.time.report(),
        "training_rows": cut, "held_out_rows": len(given.y) - cut,
        "mean_absolute_error": _scores(model, given, cut), "model": options.save,
        "picture": options.plot,
    }  # fmt: skip
    results.write(options, report, _text(report, model))
    return 130 if model.history.ended == "interrupted" else 0


def _scores(model: Any, given: Columns, cut: int) -> dict[str, dict[str, float | None]]:
    """Return the mean absolute errors of the model and of two simple rules."""
    y = given.y
    return {
        name: {
            "training": float(np.abs(y_hat - y)[:cut].mean()),
            "held_out": float(np.abs(y_hat - y)[cut:].mean()) if cut < len(y) else None,
        }
        for name, y_hat in {
            "this network": model.predict(given.x),
            "the value one row before": np.concatenate([y[:1], y[:-1]]),
            "mean of the training rows": np.full(len(y), y[:cut].mean()),
        }.items()
    }


def _text(report: dict[str, Any], model: Any) -> str:
    """Return a report for people."""
    lines = [
        f"features: {', '.join(report['features'])}; target: {report['target']}; "
        f"time: {report['time']}",
        f"rows: {report['training_rows']} to train on, {report['held_out_rows']} held out",
        str(model),
        "mean absolute error            training   held out",
    ]
    for name, scores in report["mean_absolute_error"].items():
        held = "-" if scores["held_out"] is None else f"{scores['held_out']:.4g}"
        lines.append(f"  {name:<26} {scores['training']:>10.4g} {held:>10}")
    for name in ("model", "picture"):
        if report[name]:
            lines.append(f"{name}: {report[name]}")
    return "".join(f"{line}\n" for line in lines)


def _draw(options: argparse.Namespace, model: Any, given: Columns, cut: int) -> None:
    """Draw data and prediction, and where the training ended."""
    ax = plotting.fit(model, given.x, given.y)
    ax.set(ylabel=options.target)
    if cut < len(given.y):
        along = ax.lines[0].get_xdata()
        ax.axvline((along[cut - 1] + along[cut]) / 2, color="0.7", label="held out from here")
        ax.legend()
    ax.figure.savefig(options.plot, dpi=120)
    plotting.pyplot().close(ax.figure)
