"""Who spoke? Nine speakers told apart by sequences of different lengths.

    python docs/examples/japanese_vowels.py             all three cells, five seeds
    python docs/examples/japanese_vowels.py --short     the same in some seconds
    python docs/examples/japanese_vowels.py --select    how the settings were chosen

Nine men say the two Japanese vowels /ae/. Each utterance is a sequence of 7 to 29
steps of 12 numbers, its LPC cepstrum; 270 are for training and 370 for the test.
`fit` takes them as they are, a list of arrays of different lengths, and gives one
answer for each: many to one.

The settings of each cell, and the cell whose confusion matrix is shown, were chosen on
the 270 alone: ``--select`` trains on four fifths and measures on the fifth left out.
A fifth is six utterances of every speaker that follow one another in the file: with
fifths drawn at random the same settings reach about two points more, as an utterance
has neighbours that are like it.

For comparison: one nearest neighbour with dynamic time warping has 0.949.

The data (Kudo, Toyama and Shimbo, 1999) are a file in the package aeon; it need not
be imported:

    pip install --no-deps aeon
"""

import importlib.util
from pathlib import Path

import numpy as np
from _common import Report, compare, options, picture, select

from xprnn import metrics

FIXED = {"epochs": 40, "batch_size": 32}
GRID = {
    "cell": ("elman", "lstm", "gru"),
    "hidden_size": (32, 64),
    "bidirectional": (False, True),
    "recurrent_dropout": (0.0, 0.25, 0.5),
}
BEST = {
    "elman": {"hidden_size": 64, "bidirectional": True, "recurrent_dropout": 0.25},
    "lstm": {"hidden_size": 64, "bidirectional": True, "recurrent_dropout": 0.25},
    "gru": {"hidden_size": 32, "bidirectional": True, "recurrent_dropout": 0.25},
}
"""The first setting of each cell in the table of --select."""
CHOSEN = "lstm"
"""The cell of the first line of that table."""


def load(part):
    """Return the sequences, a list of (T, 12), and the speakers 0 to 8."""
    package = importlib.util.find_spec("aeon")
    if package is None:
        raise SystemExit("The data are in the package aeon: pip install --no-deps aeon")
    folder = Path(package.submodule_search_locations[0]) / "datasets/data/JapaneseVowels"
    x, y = [], []
    for line in (folder / f"JapaneseVowels_{part}.ts").read_text().splitlines():
        if line and line[0] not in "#@":
            # 12 features, each with its numbers in time, and the speaker 1 to 9
            *features, speaker = line.split(":")
            x.append(np.array([f.split(",") for f in features], dtype="float32").T)
            y.append(int(speaker) - 1)
    return x, np.array(y)


def main(arguments=None):
    """Run the example; return its numbers."""
    chosen, report = options(__doc__, arguments), Report()
    x, y = load("TRAIN")
    fixed = {**FIXED, "epochs": 5} if chosen.short else FIXED

    if chosen.select:
        fold = np.arange(30) // 6  # each speaker's utterances 0 to 5, 6 to 11, …
        grid = {**GRID, "hidden_size": (8,)} if chosen.short else GRID
        results = {"fixed": fixed, "ranking": select(report, x, y, np.tile(fold, 9), grid, fixed)}
        report.write(chosen.output, "japanese_vowels_select", results)
        return results

    x_test, y_test = load("TEST")
    seeds = range(1) if chosen.short else range(5)
    cells, models = compare(report, (x, y), (x_test, y_test), BEST, fixed, seeds)
    matrix = metrics.confusion_matrix(y_test, models[CHOSEN].predict(x_test))
    report.say(f"\n{CHOSEN}, true speaker (row) and predicted speaker (column)\n\n{matrix}\n")
    figure = picture(
        "Japanese vowels: nine speakers, 370 test utterances",
        cells, matrix, [str(i) for i in range(1, 10)], CHOSEN, "speaker",
    )  # fmt: skip
    results = {"fixed": fixed, "chosen": CHOSEN, "cells": cells, "confusion": matrix.tolist()}
    report.write(chosen.output, "japanese_vowels", results, figure)
    return results


if __name__ == "__main__":
    main()
