"""What the defaults of the forecaster rest on: the development set under other choices.

Every row changes one thing against the defaults. MASE is the geometric mean over the series;
coverage and the width of the intervals, in units of MASE, are means.

    OMP_NUM_THREADS=1 python benchmarks/defaults.py --part choices    # 15 minutes on one core
"""

import numpy as np
from _common import RESULTS, table

from _defaults import data
from _defaults.measure import forecast
from _defaults.ours import forecaster

CHOICES = {
    "the defaults": {},
    "epochs=5": {"epochs": 5},
    "epochs=20": {"epochs": 20},
    "epochs=40": {"epochs": 40},
    "learning_rate=0.01": {"learning_rate": 0.01},
    "recurrent_dropout=0.2": {"recurrent_dropout": 0.2},
    "recurrent_dropout=0.4": {"recurrent_dropout": 0.4},
    "hidden_size=32": {"hidden_size": 32},
    "cell='elman'": {"cell": "elman"},
    "cell='lstm'": {"cell": "lstm"},
    "loss='mae'": {"loss": "mae"},
    "members=1": {"members": 1},
    "members=5": {"members": 5},
    "skip=0": {"skip": 0},
    "center=False": {"center": False},
    "differencing=1": {"differencing": 1},
    "lags=None": {"lags": None},
    "strategy='direct'": {"strategy": "direct"},
    "calibration=0": {"calibration": 0},
    "calibration=3": {"calibration": 3},
}
HEAD = ("choice", "MASE", "covers of 80 %", "width", "covers of 95 %", "width", "seconds")


def row(name, options):
    """Return a line of the table."""
    tasks = data.FORECASTS["development"]
    found = [forecast(task, lambda *a: forecaster(*a, **options), 0) for task in tasks]
    mean = {key: np.mean([each[key] for each in found]) for key in found[0]}
    mase = np.exp(np.mean(np.log([each["mase"] for each in found])))
    covers = [f"{mean[key]:.1f}" for key in ("cover80", "cover95")]
    widths = [f"{mean[key]:.2f}" for key in ("width80", "width95")]
    seconds = f"{mean['seconds']:.1f}"
    return [name, f"{mase:.3f}", covers[0], widths[0], covers[1], widths[1], seconds]


def report():
    """Measure, print and write the table."""
    lines = []
    for name, options in CHOICES.items():
        lines.append(row(name, options))
        print(*lines[-1], sep="  ", flush=True)
    text = table(HEAD, lines)
    (RESULTS / "defaults_choices.txt").write_text(text + "\n", encoding="utf-8")
