"""Handwritten digits, read row by row.

    python docs/examples/digits.py             all three cells, five seeds
    python docs/examples/digits.py --short     the same in some seconds
    python docs/examples/digits.py --select    how the settings were chosen

The 1797 pictures of scikit-learn's `load_digits` have 8 by 8 pixels. A network reads
one from top to bottom, a row of 8 pixels at each of 8 steps, and gives one answer at
the end: many to one. A quarter of the pictures, drawn once and stratified, is the test.

The settings of each cell, and the cell whose confusion matrix is shown, were chosen on
the other three quarters alone: ``--select`` trains on four fifths of them and measures
on the fifth left out. One of the settings is `standardize`: the first column of pixels is
nearly always 0, and divided by its standard deviation its few other numbers become as
large as 80.

    pip install scikit-learn
"""

import numpy as np
from _common import Report, compare, options, picture, select
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split

from xprnn import metrics

FIXED = {"epochs": 30, "batch_size": 32, "hidden_size": 64}
GRID = {
    "cell": ("elman", "lstm", "gru"),
    "standardize": (True, False),
    "recurrent_dropout": (0.0, 0.25, 0.5),
}
BEST = {
    "elman": {"standardize": False, "recurrent_dropout": 0.0},
    "lstm": {"standardize": True, "recurrent_dropout": 0.25},
    "gru": {"standardize": False, "recurrent_dropout": 0.25},
}
"""The first setting of each cell in the table of --select."""
CHOSEN = "gru"
"""The cell of the first line of that table."""


def main(arguments=None):
    """Run the example; return its numbers."""
    chosen, report = options(__doc__, arguments), Report()
    digits = load_digits()
    images = digits.images.astype("float32") / 16  # sequences, rows, pixels from 0 to 1
    x, x_test, y, y_test = train_test_split(
        images, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )
    fixed = {**FIXED, "epochs": 3, "hidden_size": 32} if chosen.short else FIXED

    if chosen.select:
        grid = {**GRID, "standardize": (False,)} if chosen.short else GRID
        fold = np.empty(len(y), int)
        splits = StratifiedKFold(n_splits=5, shuffle=True, random_state=0).split(x, y)
        for k, (_, left_out) in enumerate(splits):
            fold[left_out] = k
        results = {"fixed": fixed, "ranking": select(report, x, y, fold, grid, fixed)}
        report.write(chosen.output, "digits_select", results)
        return results

    seeds = range(1) if chosen.short else range(5)
    cells, models = compare(report, (x, y), (x_test, y_test), BEST, fixed, seeds)
    matrix = metrics.confusion_matrix(y_test, models[CHOSEN].predict(x_test))
    report.say(f"\n{CHOSEN}, true digit (row) and predicted digit (column)\n\n{matrix}\n")
    figure = picture(
        "Handwritten digits, read row by row: 450 test pictures",
        cells, matrix, [str(i) for i in range(10)], CHOSEN, "digit",
    )  # fmt: skip
    results = {"fixed": fixed, "chosen": CHOSEN, "cells": cells, "confusion": matrix.tolist()}
    report.write(chosen.output, "digits", results, figure)
    return results


if __name__ == "__main__":
    main()
