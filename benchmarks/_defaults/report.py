"""The tables and the picture of a part."""

import statistics

import numpy as np
from _common import canvas, save, table

from _defaults.forecast import LEVELS
from _defaults.models import MODELS, OURS

CELLS = {
    "forecasts": ("mase", "smape", "cover80", "width80", "cover95", "width95", "seconds"),
    "classification": ("accuracy", "seconds"),
    "one-step": ("nrmse", "seconds"),
}
CELLS["panel"] = CELLS["forecasts"]
TITLES = {
    "mase": "MASE", "smape": "sMAPE, %", "seconds": "seconds of one fit and forecast",
    "accuracy": "accuracy", "nrmse": "root mean squared error over the standard deviation",
    **{f"cover{n}": f"covered by the {n} % interval, %" for n in LEVELS},
    **{f"width{n}": f"width of the {n} % interval over the error of MASE" for n in LEVELS},
}  # fmt: skip
GEOMETRIC = ("mase", "nrmse")


def figure(cells, task, name, key):
    """Return a figure, the verdict on a model that has none, or nothing."""
    found = cells.get(f"{task.name}, {name}", {})
    return found["verdict"].partition(":")[0] if "verdict" in found else found.get(key, "")


def mean(values, key):
    """Return the mean of a column with how many of its rows it is of, if not of all."""
    numbers = [v for v in values if not isinstance(v, str)]
    if not numbers:
        return ""
    found = (statistics.geometric_mean if key in GEOMETRIC else statistics.fmean)(numbers)
    few = "" if len(numbers) == len(values) else f" ({len(numbers)} of {len(values)})"
    return shown(found, key) + few


def shown(value, key):
    """Return a cell of a table."""
    if isinstance(value, str):
        return value
    return f"{value:.1f}" if key[:5] in ("smape", "cover", "secon") else f"{value:.3f}"


def report(part, tasks, cells):
    """Return the tables of a part, and below them why a model failed."""
    names = [n for n in MODELS[part] if any(f"{t.name}, {n}" in cells for t in tasks)]
    lines = []
    for key in CELLS[part]:
        columns = {n: [figure(cells, task, n, key) for task in tasks] for n in names}
        columns = {n: c for n, c in columns.items() if any(v != "" for v in c)}
        rows = [
            [t.name, *(shown(c[i], key) for c in columns.values())] for i, t in enumerate(tasks)
        ]
        label = "geometric mean" if key in GEOMETRIC else "mean"
        rows.append([label, *(mean(column, key) for column in columns.values())])
        lines += [TITLES[key], "", table([part, *columns], rows), ""]
    lines += [f"{n}: {found['verdict']}" for n, found in cells.items() if "verdict" in found]
    return "\n".join(lines)


def draw(part, tasks, cells, folder, name):
    """Draw a dot for each task and model, and for forecasts coverage against width."""
    key = CELLS[part][0]
    names = [n for n in MODELS[part] if any(f"{t.name}, {n}" in cells for t in tasks)]
    compared = key == "mase" and not np.isnan(mean_of(cells, tasks, "AutoETS", key))
    base = "AutoETS" if compared else None
    made, axes = canvas(11, 1.6 + 0.3 * len(tasks), columns=2 if key == "mase" else 1)
    axes = np.ravel(axes)
    for n in names:
        dots = []
        for i, task in enumerate(tasks):
            value = figure(cells, task, n, key)
            under = figure(cells, task, base, key) if base else 1.0
            if not isinstance(value, str) and not isinstance(under, str):
                dots.append((value / under, i))
        ours = n in OURS
        look = {"color": "#b2182b", "zorder": 3} if ours else {"alpha": 0.6}
        axes[0].scatter(*np.reshape(dots, (-1, 2)).T, s=60 if ours else 25, label=n, **look)
        if key == "mase":
            means = [[mean_of(cells, tasks, n, f"{k}{level}") for k in ("width", "cover")]
                     for level in LEVELS]  # fmt: skip
            if not any(np.isnan(v) for pair in means for v in pair):
                axes[1].plot(*zip(*means, strict=True), marker="o", label=n, **look)
    axes[0].set_yticks(range(len(tasks)), [task.name for task in tasks])
    axes[0].invert_yaxis()
    axes[0].set_xlabel(TITLES[key] + (f" over that of {base}" if base else ""))
    axes[0].grid(axis="y", color="0.9")
    axes[0].set_axisbelow(True)
    if key != "accuracy":
        axes[0].set_xscale("log")
    axes[0].legend(frameon=False, fontsize=8, ncols=2 if key == "mase" else 1)
    if key == "mase":
        for level in LEVELS:
            axes[1].axhline(level, color="0.7", linewidth=0.8, linestyle="--")
        axes[1].set_xlabel("mean width over the error of MASE")
        axes[1].set_ylabel("covered by the 80 % and 95 % intervals, %")
        axes[1].legend(frameon=False, fontsize=8)
    save(made, folder, name)


def mean_of(cells, tasks, name, key):
    """Return the mean over the tasks that have a figure, or NaN."""
    values = [figure(cells, task, name, key) for task in tasks]
    numbers = [v for v in values if not isinstance(v, str)]
    return statistics.fmean(numbers) if numbers else np.nan
