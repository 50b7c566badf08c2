"""Backtests of `xprnn.forecasting.RNNForecaster` beside forecasts that need no model.

    python benchmarks/forecasting.py             the test; a few minutes
    python benchmarks/forecasting.py --select    how the settings below were found; longer
    python benchmarks/forecasting.py --quick     one fold and one seed, in seconds

Two series that come with the library:

- sunspots, yearly: the 88 years from 1921 on, in 8 folds of 11 years;
- airline, monthly passengers in thousands: the 36 months from 1958 on, in 3 folds of 12.

Every fold is forecast from all that came before it, by 5 networks that are trained on
that and nothing else. Three seeds show how much chance there is in it. The forecasters
differ in where their 90 % intervals come from: "paths" forecasts step by step, and its
interval is made of what it missed in training; "quantiles" gives all steps at once, and
was trained on the pinball loss of 0.05, 0.5 and 0.95; "calibrated" ones forecast the last
4 pieces of what they are trained on first, and are made as wide as the errors there ask
for. "width" is the mean width of the interval.

The settings were chosen by the mean absolute error on what comes before the test alone:
``--select`` backtests a grid of "paths" with 2 networks on the years before 1921, in 8
folds of 11, and on the months before 1958, in 3 folds of 12. "quantiles" has the same.
Nothing was tried on the test before they were written down here, and they were not
changed afterwards.
"""

import itertools
import statistics
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np
from _common import add_output, canvas, machine, parser, save, table, write

from xprnn import datasets
from xprnn.forecasting import RNNForecaster
from xprnn.optimizers import Adam

MEMBERS = 5
SEEDS = (0, 100, 200)
QUANTILES = (0.05, 0.5, 0.95)
SCORES = ("MAE", "RMSE", "MASE", "sMAPE", "coverage", "width")


class Task(NamedTuple):
    """A series and how it is cut."""

    times: np.ndarray
    series: np.ndarray
    test: int
    """How many steps at the end are the test."""
    h: int
    folds: int
    season: int
    unit: str


def tasks():
    """Return the tasks by name."""
    years, numbers = datasets.sunspots()
    months, passengers = datasets.airline()
    return {
        "sunspots": Task(years, numbers, 88, 11, 8, 11, "sunspots"),
        "airline": Task(
            1949 + np.arange(len(months)) / 12, passengers, 36, 12, 3, 12, "thousands"
        ),
    }  # fmt: skip


KINDS = {
    "paths": {"strategy": "recursive"},
    "paths, calibrated": {"strategy": "recursive", "calibration": 4},
    "quantiles": {"strategy": "direct", "quantiles": QUANTILES},
    "quantiles, calibrated": {"strategy": "direct", "quantiles": QUANTILES, "calibration": 4},
}
DRAWN = "paths, calibrated"
GRIDS = {
    "sunspots": {
        "lags": (None, 22, 33),
        "differencing": (0,),
        "hidden_size": (8, 16),
        "epochs": (75, 150),
        "weight_decay": (0.0, 0.01),
    },
    "airline": {
        "lags": (12, 24),
        "differencing": (0, 1, 12),
        "hidden_size": (8, 16),
        "epochs": (75, 150),
        "weight_decay": (0.0, 0.01),
    },
}
CHOSEN = {
    "sunspots": {
        "lags": 22, "differencing": 0, "hidden_size": 16, "epochs": 75, "weight_decay": 0.01
    },
    "airline": {
        "lags": 24, "differencing": 12, "hidden_size": 8, "epochs": 75, "weight_decay": 0.01
    },
}  # fmt: skip
"""The first of what --select prints, for each task."""


def forecaster(kind, h, seed, members, settings):
    """Return a forecaster with the settings of a grid."""
    rest = dict(settings)
    optimizer = Adam(0.01, weight_decay=rest.pop("weight_decay"))
    return RNNForecaster(
        horizon=h, **KINDS[kind], **rest, cell="gru", optimizer=optimizer, members=members,
        seed=seed, progress=False,
    )  # fmt: skip


def select(names, quick):
    """Rank the grids on what comes before the test."""
    for name, task in names.items():
        before, folds, rows = task.series[: -task.test], 1 if quick else task.folds, []
        for values in itertools.product(*GRIDS[name].values()):
            settings = dict(zip(GRIDS[name], values, strict=True))
            model = forecaster("paths", task.h, 0, 2, settings)
            result = model.backtest(before, folds, task.h, season=task.season, coverage=None)
            mae = {rule: scores["MAE"] for rule, scores in result.scores.items()}
            rows.append((mae["RNNForecaster"], str(values), settings))
            if quick:
                break
        rule = mae["seasonal naive"]
        print(f"{name}: MAE before the test; seasonal naive {rule:.2f}", flush=True)
        for error, _, settings in sorted(rows, key=lambda row: row[:2])[:5]:
            print(f"  {error:.2f}  {settings}", flush=True)


def test(task, name, seeds, quick):
    """Return the scores of every forecaster and seed, and of the rules, with forecasts."""
    found = {}
    folds = 1 if quick else task.folds
    for kind, seed in itertools.product(KINDS, seeds):
        settings = dict(CHOSEN[name], **({"epochs": 10} if quick else {}))
        model = forecaster(kind, task.h, seed, MEMBERS, settings)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            result = model.backtest(task.series, folds, season=task.season)
        found.setdefault("warnings", []).extend(str(w.message) for w in told)
        scores = dict(result.scores)
        lower, upper = np.concatenate(result.lower), np.concatenate(result.upper)
        scores["RNNForecaster"]["width"] = float(np.mean(upper - lower))
        found.setdefault(kind, []).append({
            "seed": seed,
            "scores": scores.pop("RNNForecaster"),
            "forecast": np.concatenate(result.forecasts["RNNForecaster"]).tolist(),
            "lower": lower.tolist(),
            "upper": upper.tolist(),
        })  # fmt: skip
        found["rules"] = {
            rule: {s: None if np.isnan(n) else n for s, n in row.items()}
            for rule, row in scores.items()
        }
    return found


def lines(name, task, found):
    """Return the table of a task."""

    def cells(label, scores):
        numbers = [scores.get(s) for s in SCORES]
        return [label, *("" if n is None else f"{n:.3f}" if n < 10 else f"{n:.1f}"
                         for n in numbers)]  # fmt: skip

    rows = []
    for kind in KINDS:
        rows += [cells(f"xprnn, {kind}, seed {run['seed']}", run["scores"]) for run in found[kind]]
    rows += [cells(rule, scores) for rule, scores in found["rules"].items()]
    title = f"{name}: errors in {task.unit}, intervals for 0.9, {MEMBERS} networks each"
    told = [f"warning: {text}" for text in sorted(set(found["warnings"]))]
    return "\n".join([title, "", table(["", *SCORES], rows), *told])


def median_run(runs):
    """Return the run of the median mean absolute error."""
    errors = [run["scores"]["MAE"] for run in runs]
    return runs[errors.index(statistics.median_low(errors))]


def draw(results, folder):
    """Draw the test parts with the forecasts of the median seed."""
    figure, axes = canvas(11, 7.5, rows=len(results))
    for axis, (name, (task, found)) in zip(np.ravel(axes), results.items(), strict=True):
        run = median_run(found[DRAWN])
        steps = len(run["forecast"])
        shown = slice(-steps - 2 * task.h, None)
        axis.plot(task.times[shown], task.series[shown], color="0.15", label="truth")
        ahead = task.times[-steps:]
        for start in range(0, steps, task.h):
            part, first = slice(start, start + task.h), start == 0
            axis.axvline(ahead[start] - (ahead[1] - ahead[0]) / 2, color="0.88", linewidth=0.8)
            axis.fill_between(
                ahead[part], run["lower"][part], run["upper"][part], color="#b2182b", alpha=0.18,
                linewidth=0, label="90 % interval" if first else None,
            )  # fmt: skip
            axis.plot(
                ahead[part], run["forecast"][part], color="#b2182b",
                label=f"xprnn, {DRAWN}, median seed" if first else None,
            )  # fmt: skip
        ours, rule = run["scores"]["MAE"], found["rules"]["seasonal naive"]["MAE"]
        axis.set_title(f"{name}, each part forecast from what came before it", loc="left")
        axis.set_title(f"MAE {ours:.1f}, seasonal naive {rule:.1f}", loc="right", fontsize=10)
        axis.set_ylabel(task.unit)
        axis.set_ylim(top=axis.get_ylim()[1] * 1.2)
        axis.legend(frameon=False, loc="upper left", ncols=3, fontsize=9)
    save(figure, folder, "forecasting")


def main():
    """Run the test or the selection."""
    arguments = parser(__doc__)
    arguments.add_argument("--select", action="store_true", help="rank settings instead")
    add_output(arguments)
    options = arguments.parse_args()
    if options.select:
        return select(tasks(), options.quick)
    began, results = time.perf_counter(), {}
    for name, task in tasks().items():
        seeds = SEEDS[:1] if options.quick else SEEDS
        results[name] = task, test(task, name, seeds, options.quick)
    seconds = time.perf_counter() - began
    text = "\n\n".join(lines(name, *result) for name, result in results.items())
    print(text, flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "forecasting.txt").write_text(text + "\n", encoding="utf-8")
    write(options.output, "forecasting", {
        "machine": machine(),
        "seconds": seconds,
        "settings": CHOSEN,
        **{name: found for name, (_, found) in results.items()},
    })  # fmt: skip
    draw(results, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
