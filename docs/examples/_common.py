"""What the examples share: their options, a grid search, tables, files and pictures."""

import argparse
import datetime as dt
import itertools
import json
import os
import platform
import re
import statistics
import time
from pathlib import Path

import numpy as np

import xprnn
from xprnn import metrics


def options(doc, arguments):
    """Read --short, --select and --output from the command line, or from a list."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a run of some seconds")
    parser.add_argument("--select", action="store_true", help="rank settings, on training data")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write .json, .txt and .png there"
    )
    return parser.parse_args(arguments)


class Report:
    """Prints lines, and writes them to files in the end."""

    def __init__(self):
        self.lines = []
        self.began = time.perf_counter()

    def say(self, text=""):
        """Print a text and keep it."""
        print(text, flush=True)
        self.lines.append(text)

    def table(self, head, rows):
        """Say a table: floats with 4 digits, the first column to the left."""
        rows = [[f"{v:.4f}" if isinstance(v, float) else str(v) for v in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for first, *others in [head, ["-" * width for width in widths], *rows]:
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
            self.say("  ".join(cells))

    def write(self, folder, name, results, figure=None):
        """Write FOLDER/name.json, .txt and .png, with versions, machine and date."""
        results["seconds"] = time.perf_counter() - self.began
        results["machine"] = {
            "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "xprnn": xprnn.__version__,
        }
        self.say(f"{results['seconds']:.1f} s on {platform.machine()}, xprnn {xprnn.__version__}")
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results, indent=2)
        text = re.sub(r"\[[^][{}]*\]", lambda numbers: " ".join(numbers[0].split()), text)
        (folder / f"{name}.json").write_text(text + "\n")
        (folder / f"{name}.txt").write_text("\n".join(self.lines) + "\n")
        if figure is not None:
            figure.savefig(folder / f"{name}.png", dpi=150)


def train(x, y, settings, seed=0):
    """Fit a classifier of sequences."""
    return xprnn.fit(x, y, loss="cross_entropy", seed=seed, progress=False, **settings)


def cross_validate(x, y, fold, settings):
    """Return accuracy and cross-entropy on the folds, each left out of the training once.

    x is an array or a list of sequences; fold holds the number of the fold of each.
    """
    right, surprise = [], []
    for k in np.unique(fold):
        model = train(*_part(x, y, fold != k), settings)
        x_out, y_out = _part(x, y, fold == k)
        p = model.predict_proba(x_out)
        right.extend(np.argmax(p, axis=1) == y_out)
        surprise.extend(-np.log(p[np.arange(len(y_out)), y_out] + 1e-12))
    return float(np.mean(right)), float(np.mean(surprise))


def _part(x, y, chosen):
    """Return the chosen sequences and labels."""
    return [sequence for sequence, c in zip(x, chosen, strict=True) if c], y[chosen]


def select(report, x, y, fold, grid, fixed):
    """Rank all combinations of a grid by cross-entropy on the folds, and say the table.

    It tells settings apart that differ by less than one sequence in accuracy.
    """
    rows = []
    for values in itertools.product(*grid.values()):
        settings = {**fixed, **dict(zip(grid, values, strict=True))}
        accuracy, surprise = cross_validate(x, y, fold, settings)
        rows.append((*values, accuracy, surprise))
        print(*rows[-1], flush=True)
    rows.sort(key=lambda row: row[-1])
    head = [*grid, "accuracy", "cross-entropy"]
    report.table(["rank", *head], [[str(i), *row] for i, row in enumerate(rows, start=1)])
    return [dict(zip(head, row, strict=True)) for row in rows]


def compare(report, train_set, test_set, best, fixed, seeds):
    """Train the best settings of each cell on several seeds; return results and models.

    The models are those of the seed with the median accuracy.
    """
    x_test, y_test = test_set
    results, models, rows = {}, {}, []
    for cell, settings in best.items():
        began = time.perf_counter()
        fits = [train(*train_set, {**fixed, **settings, "cell": cell}, seed) for seed in seeds]
        seconds = (time.perf_counter() - began) / len(seeds)
        tests = [metrics.accuracy(y_test, model.predict(x_test)) for model in fits]
        middle = statistics.median_low(tests)
        models[cell] = fits[tests.index(middle)]
        results[cell] = {
            "settings": settings,
            "median": statistics.median(tests),
            "accuracy": tests,
            "seconds a fit": seconds,
            "loss": [model.history.loss for model in fits],
        }
        rows.append([cell, results[cell]["median"], min(tests), max(tests), f"{seconds:.1f}"])
    report.say(f"test accuracy, {len(seeds)} seed(s)\n")
    report.table(["cell", "median", "lowest", "highest", "s a fit"], rows)
    return results, models


def picture(title, results, matrix, names, shown, axis_name):
    """Draw loss curves, accuracies of each cell, and a confusion matrix."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    colors = dict(zip(results, ("#2166ac", "#b2182b", "#4d9221"), strict=False))
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(13, 4.4), layout="constrained", width_ratios=(1.1, 0.8, 1.1)
    )
    figure.suptitle(title)
    for cell, result in results.items():
        for i, loss in enumerate(result["loss"]):
            epochs = range(1, len(loss) + 1)
            label = cell if i == 0 else None
            left.semilogy(epochs, loss, color=colors[cell], alpha=0.6, linewidth=1, label=label)
    left.set_xlabel("epoch")
    left.set_ylabel("training loss (cross-entropy)")
    left.set_title("loss, a curve for each seed", fontsize=10)
    left.legend(frameon=False)

    for i, (cell, result) in enumerate(results.items()):
        seeds = len(result["accuracy"])
        place = i + np.linspace(-0.15, 0.15, seeds) if seeds > 1 else [i]
        middle.plot(place, result["accuracy"], "o", color=colors[cell], alpha=0.6)
        middle.hlines(result["median"], i - 0.3, i + 0.3, color=colors[cell], linewidth=2)
    below = [f"{cell}\n{result['median']:.3f}" for cell, result in results.items()]
    middle.set_xlim(-0.5, len(results) - 0.5)
    middle.set_xticks(range(len(results)), below)
    middle.set_ylabel("test accuracy")
    middle.set_title("a dot for each seed, and their median", fontsize=10)
    for axis in (left, middle):
        axis.spines[["top", "right"]].set_visible(False)

    shares = matrix / matrix.sum(axis=1, keepdims=True)
    right.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(matrix):
        if count:
            color = "white" if shares[i, j] > 0.5 else "#b2182b"
            right.text(j, i, str(count), ha="center", va="center", color=color, fontsize=9)
    right.set_xticks(range(len(names)), names)
    right.set_yticks(range(len(names)), names)
    right.set_xlabel(f"predicted {axis_name}")
    right.set_ylabel(f"true {axis_name}")
    right.set_title(f"{shown}: counts in the test set", fontsize=10)
    return figure
