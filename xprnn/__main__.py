"""The command line: ``xprnn demo``, ``xprnn fit FILE.csv``, ``xprnn backends``."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from xprnn import demo, kernels, plotting, serialization, tables
from xprnn._version import __version__
from xprnn.backend import backends, resolve
from xprnn.errors import BackendUnavailableError, MissingExtraError, NonFiniteError
from xprnn.training import fit

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="xprnn",
        description="Recurrent neural networks for NumPy and CuPy.",
        epilog="Exit status: 0 done, 1 the training diverged, 2 bad input.",
    )
    parser.add_argument("--version", action="version", version=f"xprnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--backend", help="numpy (default), cupy, cupy:1, torch, torch:cuda, ...")
    common.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
    common.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="a progress bar on standard error (default: on a terminal)",
    )

    show = commands.add_parser(
        "demo",
        parents=[common],
        help="the lecture's sine, then real sunspots",
        description="Train on the lecture's noisy sine, then forecast the yearly sunspots.",
        epilog="Example: xprnn demo --output pictures",
    )
    show.add_argument(
        "--output",
        default="xprnn-demo",
        metavar="DIR",
        help="folder for the pictures (default xprnn-demo)",
    )
    show.add_argument("--no-plots", action="store_true", help="draw no pictures")
    show.set_defaults(run=_demo)

    train = commands.add_parser(
        "fit",
        parents=[common],
        help="train on a CSV file",
        description="Train a network on the columns of a CSV file, whose rows are the steps of one "
        "sequence, and score it on the last rows, which it has not seen.",
        epilog="Example: xprnn fit weather.csv --target temperature --features pressure,wind "
        "--epochs 500 --save model.npz --plot fit.png",
    )
    train.add_argument("file", metavar="FILE.csv", help="its first line names the columns")
    train.add_argument("--target", required=True, metavar="COLUMN", help="what is to be predicted")
    train.add_argument(
        "--features",
        metavar="COLUMN,...",
        help="what it is predicted from; the target itself means its value one row before "
        "(default: all other columns of numbers, or else the target itself)",
    )
    train.add_argument(
        "--holdout",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the rows, at the end, kept for scoring (default 0.2)",
    )
    train.add_argument("--epochs", type=int, default=300)
    train.add_argument("--cell", choices=("elman", "lstm", "gru"), default="elman")
    train.add_argument("--hidden-size", type=int, default=64)
    train.add_argument("--num-layers", type=int, default=1)
    train.add_argument("--learning-rate", type=float, metavar="RATE")
    train.add_argument("--dtype", choices=("float32", "float64"))
    train.add_argument("--delimiter", default=",", help="between the columns (default a comma)")
    train.add_argument("--save", metavar="MODEL", help="write the model to .npz or .safetensors")
    train.add_argument("--plot", metavar="PICTURE", help="draw data and prediction, e.g. out.png")
    train.set_defaults(run=_fit)

    what = commands.add_parser(
        "backends",
        help="list the backends and whether they can be used",
        description="List every backend with its version and devices, or "
        "why it cannot be used and what helps.",
        epilog="Example: xprnn backends",
    )
    what.set_defaults(run=_backends)
    return parser


def _backends(options: argparse.Namespace) -> None:
    for status in backends():
        print(status)
    print(kernels.status())


def _demo(options: argparse.Namespace) -> None:
    if options.backend is not None:
        resolve(options.backend)
    folder = None
    if not options.no_plots:
        plotting.pyplot().switch_backend("agg")
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "backend": options.backend,
        "seed": options.seed,
        "progress": options.progress,
    }
    demo.sine(**settings, folder=folder)
    demo.sunspots(**settings, folder=folder)


def _columns(options: argparse.Namespace) -> tuple[list[str], Any, Any]:
    """Return the names of the features, x (T, F) and y (T,)."""
    table = tables.read_csv(options.file, options.delimiter)
    target = table.column(options.target)
    if options.features:
        names = [name.strip() for name in options.features.split(",")]
    else:
        names = [name for name in table.columns if name != options.target] or [options.target]
        for name, why in table.left_out.items():
            print(f"xprnn: column {name!r} is left out: {why}", file=sys.stderr)
    if len(set(names)) < len(names):
        raise ValueError(f"--features must name each column once, got {options.features!r}")
    columns = {name: table.column(name) for name in names}
    if options.target not in names:
        return names, np.stack([*columns.values()], axis=-1), target
    # The target's own value is known one row before.
    columns = {n: c[:-1] if n == options.target else c[1:] for n, c in columns.items()}
    return names, np.stack([*columns.values()], axis=-1), target[1:]


def _fit(options: argparse.Namespace) -> None:
    if not 0 <= options.holdout < 1:
        raise ValueError(f"--holdout must be at least 0 and below 1, got {options.holdout}")
    if options.save:
        serialization.check_path(options.save)
    if options.plot:
        plotting.pyplot().switch_backend("agg")
        plotting.check_path(options.plot)
    names, x, y = _columns(options)
    cut = len(y) - round(options.holdout * len(y))
    if cut < 2:
        raise ValueError(f"{options.file} has {len(y)} usable row(s), too few to train on")

    model = fit(
        x[:cut], y[:cut], hidden_size=options.hidden_size, num_layers=options.num_layers,
        epochs=options.epochs, learning_rate=options.learning_rate, dtype=options.dtype,
        backend=options.backend, seed=options.seed, progress=options.progress,
    )  # fmt: skip
    print(f"features: {', '.join(names)}; target: {options.target}")
    print(f"rows: {cut} to train on, {len(y) - cut} held out")
    print(model)
    print("mean absolute error            training   held out")
    last = np.concatenate([y[:1], y[:-1]])
    for name, y_hat in {
        "this network": model.predict(x),
        "the value one row before": last,
        "mean of the training rows": np.full(len(y), y[:cut].mean()),
    }.items():
        errors = np.abs(y_hat - y)
        held = f"{errors[cut:].mean():>10.4g}" if cut < len(y) else f"{'-':>10}"
        print(f"  {name:<26} {errors[:cut].mean():>10.4g} {held}")
    if options.save:
        serialization.save(model, options.save)
        print(f"model: {options.save}")
    if options.plot:
        ax = plotting.fit(model, x, y)
        ax.set(ylabel=options.target)
        if cut < len(y):
            along = ax.lines[0].get_xdata()
            ax.axvline((along[cut - 1] + along[cut]) / 2, color="0.7", label="held out from here")
            ax.legend()
        ax.figure.savefig(options.plot, dpi=120)
        print(f"picture: {options.plot}")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a code page may lack a sign of ours
    try:
        options.run(options)
    except NonFiniteError as error:
        print(f"xprnn: {error}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, OSError, BackendUnavailableError, MissingExtraError) as error:
        print(f"xprnn: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
