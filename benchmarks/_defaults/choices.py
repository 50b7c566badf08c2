"""What the defaults rest on: the development set under other choices.

Every row changes one thing against the defaults. Of the forecaster, MASE is the geometric mean
over the series and over the panels, and coverage and the width of the intervals, in
units of MASE, are means over the series. Of the classifier it is the accuracy, and of the
regressor the error one step ahead over the standard deviation, as medians of the seeds.

    OMP_NUM_THREADS=1 python benchmarks/defaults.py --part choices    # an hour on one core
    OMP_NUM_THREADS=1 python benchmarks/defaults.py --part choices --models regressor
"""

import time
import warnings

import numpy as np
from _common import RESULTS, table

from _defaults import data, ours
from _defaults.measure import classify, forecast, step

FORECASTER = {
    "the defaults": {},
    "skip=0, networks alone": {"skip": 0},
    "epochs=3": {"epochs": 3},
    "epochs=30": {"epochs": 30},
    "learning_rate=0.01": {"learning_rate": 0.01},
    "recurrent_dropout=0.2": {"recurrent_dropout": 0.2},
    "hidden_size=32": {"hidden_size": 32},
    "cell='lstm'": {"cell": "lstm"},
    "loss='mae'": {"loss": "mae"},
    "members=3": {"members": 3},
    "center=True": {"center": True},
    "center=False": {"center": False},
    "differencing=1": {"differencing": 1},
    "lags=None": {"lags": None},
    "strategy='direct'": {"strategy": "direct"},
    "calibration=0, always trained": {"calibration": 0},
}
CLASSIFIER = {
    "the defaults": {},
    "those of fit": {
        "cell": "elman", "bidirectional": False, "pool": "last", "batch_size": None, "epochs": 300,
    },
    "one way": {"bidirectional": False},
    "one way, pool='last'": {"bidirectional": False, "pool": "last"},
    "pool='mean'": {"pool": "mean"},
    "batch_size=8": {"batch_size": 8},
    "batch_size=32": {"batch_size": 32},
    "epochs=50": {"epochs": 50},
    "epochs=200": {"epochs": 200},
    "learning_rate=0.001": {"learning_rate": 0.001},
    "learning_rate=0.01": {"learning_rate": 0.01},
    "hidden_size=32": {"hidden_size": 32},
    "num_layers=2": {"num_layers": 2},
    "recurrent_dropout=0.2": {"recurrent_dropout": 0.2},
    "cell='lstm'": {"cell": "lstm"},
}  # fmt: skip
REGRESSOR = {
    "the defaults": {},
    "those of fit": {"cell": "elman", "tbptt": None, "epochs": 300},
    "tbptt=None": {"tbptt": None},
    "tbptt=None, epochs=300": {"tbptt": None, "epochs": 300},
    "tbptt=25": {"tbptt": 25},
    "tbptt=50": {"tbptt": 50},
    "tbptt=200": {"tbptt": 200},
    "epochs=200": {"epochs": 200},
    "cell='elman'": {"cell": "elman"},
    "cell='lstm'": {"cell": "lstm"},
    "skip=20": {"skip": 20},
    "hidden_size=32": {"hidden_size": 32},
}


def judge_forecaster(options, seeds):
    """Return the figures of a line."""

    def measure(tasks):
        """Return the figures of every task, and their MASE in the geometric mean."""
        found = [forecast(t, lambda *a: ours.forecaster(*a, **options), seeds[0]) for t in tasks]
        return found, np.exp(np.mean(np.log([each["mase"] for each in found])))

    found, mase = measure(data.FORECASTS["development"])
    _, many = measure(data.PANEL["development"])
    mean = {key: np.mean([each[key] for each in found]) for key in found[0]}
    covers = [
        f"{mean[key]:.{digits}f}"
        for n in (80, 95)
        for key, digits in ((f"cover{n}", 1), (f"width{n}", 2))
    ]
    return [f"{mase:.3f}", *covers, f"{mean['seconds']:.1f}", f"{many:.2f}"]


def judge(tasks, measure, run, key, mean):
    """Return what gives the figures of a line: one for each task, their mean, and seconds."""

    def line(options, seeds):
        runs = [
            [measure(task, lambda *a: run(*a, **options), seed) for seed in seeds] for task in tasks
        ]
        medians = [float(np.median([each[key] for each in task])) for task in runs]
        seconds = np.mean([each["seconds"] for task in runs for each in task])
        return [*(f"{m:.3f}" for m in (*medians, mean(medians))), f"{seconds:.1f}"]

    return line


SETS, STEPS = data.CLASSIFICATION["development"], data.ONE_STEP["development"]
TABLES = {
    "forecaster": (
        FORECASTER, judge_forecaster,
        ("MASE", "covers of 80 %", "width", "covers of 95 %", "width", "seconds", "MASE, panels"),
    ),
    "classifier": (
        CLASSIFIER, judge(SETS, classify, ours.classifier, "accuracy", np.mean),
        (*(task.name for task in SETS), "mean", "seconds"),
    ),
    "regressor": (
        REGRESSOR, judge(STEPS, step, ours.regressor, "nrmse", lambda v: np.exp(np.log(v).mean())),
        (*(task.name for task in STEPS), "geometric mean", "seconds"),
    ),
}  # fmt: skip
"""By what is tuned: its choices, what judges one, and the names of the figures."""


def report(names, seeds):
    """Measure, print and write the tables."""
    for name in names or TABLES:
        choices, line, head = TABLES[name]
        lines, began = [], time.perf_counter()
        for choice, options in choices.items():
            with warnings.catch_warnings(action="ignore"):
                lines.append([choice, *line(options, seeds)])
            print(*lines[-1], sep="  ", flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s")
        count = 1 if name == "forecaster" else len(seeds)
        text = f"{count} seed(s)\n\n" + table(("choice", *head), lines)
        path = RESULTS / f"defaults_choices_{name}.txt"
        path.write_text(text + "\n", encoding="utf-8")
