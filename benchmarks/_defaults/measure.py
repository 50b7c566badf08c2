"""What one model reaches on one task."""

import signal
import statistics
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from importlib import import_module

import numpy as np
from _common import said


def scores(train, season, truth, forecast):
    """Return the figures of one forecast."""
    error = np.abs(truth - forecast.steps)
    size = np.abs(truth) + np.abs(forecast.steps)
    unit = np.mean(np.abs(train[season:] - train[:-season]))
    found = {
        "mase": np.mean(error) / unit,
        "smape": 200 * np.mean(np.divide(error, size, out=np.zeros_like(error), where=size > 0)),
    }
    for level, (lower, upper) in forecast.intervals.items():
        found[f"cover{level}"] = 100 * np.mean((lower <= truth) & (truth <= upper))
        found[f"width{level}"] = np.mean(upper - lower) / unit
    return found


def forecast(task, run, seed):
    """Return the mean figures over the folds and the series of a task."""
    loaded = task.load()
    series = loaded if isinstance(loaded, list) else [loaded]
    found, seconds, h = [], [], task.horizon
    for left in range(task.folds * h, 0, -h):
        train = [s[: len(s) - left] for s in series]
        truth = [s[len(s) - left :][:h] for s in series]
        began = time.perf_counter()
        forecasts = run(train, task.season, h, seed)
        seconds.append(time.perf_counter() - began)
        for seen, true, ahead in zip(train, truth, forecasts, strict=True):
            found.append(scores(seen, task.season, true, ahead))
    means = {key: statistics.fmean(row[key] for row in found) for key in found[0]}
    return means | {"seconds": statistics.median(seconds)}


def classify(task, run, seed):
    """Return the accuracy on the test part of a data set."""
    (x, y), (x_new, y_new) = task.load()
    began = time.perf_counter()
    labels = run(x, y, x_new, seed)
    seconds = time.perf_counter() - began
    return {"accuracy": float(np.mean(labels == y_new)), "seconds": seconds}


def step(task, run, seed):
    """Return the error of the predictions of the held-out steps."""
    s = task.load()
    began = time.perf_counter()
    error = run(s, task.horizon, seed) - s[-task.horizon :]
    seconds = time.perf_counter() - began
    return {"nrmse": np.sqrt(np.mean(error**2)) / np.std(s[-task.horizon :]), "seconds": seconds}


MEASURES = {"forecasts": forecast, "panel": forecast, "classification": classify, "one-step": step}


@contextmanager
def within(seconds):
    """Raise TimeoutError after some seconds, and again where a library swallows it."""

    def stop(*_):
        raise TimeoutError(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def cell(part, task, model, seeds, limit):
    """Return the medians over the seeds, or the verdict on a model that failed."""
    runs = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        try:
            if model.needs:
                import_module(model.needs)
            for seed in seeds if model.random else seeds[:1]:
                with within(limit):
                    runs.append(MEASURES[part](task, model.run, seed))
        except ModuleNotFoundError:
            raise
        except Exception as error:  # the verdict stands in the table
            return {"verdict": said(error)}
    found = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
    if not np.isfinite(list(found.values())).all():
        return {"verdict": f"not finite: {found}"}
    warned = Counter(f"{w.category.__name__}: {w.message}"[:200] for w in told)
    return found | {"seeds": runs, "warned": dict(warned)}
