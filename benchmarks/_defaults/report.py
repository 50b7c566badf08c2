"""The tables and the picture of a part."""

import statistics

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
MEANS = {
    key: statistics.geometric_mean if key in ("mase", "nrmse")
    else statistics.median if key.startswith("width") else statistics.fmean
    for key in TITLES
}  # fmt: skip
"""What stands below a column. One width of 100 would hide all others in a mean."""

COLORS = (
    "#2166ac", "#67a9cf", "#999999", "#e08214", "#542788", "#1b7837", "#80cdc1", "#000000",
    "#bf812d",
)  # fmt: skip
"""Of the peers, in their order."""


def figure(cells, task, name, key):
    """Return a figure, the verdict on a model that has none, or nothing."""
    found = cells.get(f"{task.name}, {name}", {})
    return found["verdict"].partition(":")[0] if "verdict" in found else found.get(key, "")


def bottom(values, key):
    """Return the mean of a column with how many of its rows it is of, if not of all."""
    numbers = [v for v in values if not isinstance(v, str)]
    if not numbers:
        return ""
    few = "" if len(numbers) == len(values) else f" ({len(numbers)} of {len(values)})"
    return shown(MEANS[key](numbers), key) + few


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
        label = MEANS[key].__name__.replace("fmean", "mean").replace("_", " ")
        rows.append([label, *(bottom(column, key) for column in columns.values())])
        lines += [TITLES[key], "", table([part, *columns], rows), ""]
    lines += [f"{n}: {found['verdict']}" for n, found in cells.items() if "verdict" in found]
    return "\n".join(lines)


def draw(part, tasks, cells, folder, name):
    """Draw a dot for each task and model, and for forecasts coverage against width."""
    key, both = CELLS[part][0], CELLS[part][0] == "mase"
    names = [n for n in MODELS[part] if any(f"{t.name}, {n}" in cells for t in tasks)]
    base = "AutoETS" if both and numbers(cells, tasks, "AutoETS", key) else None
    heights = [max(1.6, 0.34 * len(tasks)), 3.6][: 1 + both]
    made, axes = canvas(
        6.4, sum(heights) + 1.6, rows=1 + both, squeeze=False, height_ratios=heights
    )
    dots, plane = axes[0, 0], axes[-1, 0]
    colors = iter(COLORS)
    for n in names:
        values = {i: figure(cells, task, n, key) for i, task in enumerate(tasks)}
        under = {i: figure(cells, t, base, key) if base else 1 for i, t in enumerate(tasks)}
        rows = [i for i in values if not {type(values[i]), type(under[i])} & {str}]
        if n in OURS:
            look = {"color": "#b2182b", "zorder": 3, "marker": "oD"[n != OURS[0]]}
        else:
            look = {"color": next(colors), "alpha": 0.8, "marker": "o"}
        size = 60 if n in OURS else 25
        dots.scatter([values[i] / under[i] for i in rows], rows, s=size, label=n, **look)
        pairs = [(f"width{level}", f"cover{level}") for level in LEVELS if both]
        means = [
            [MEANS[k](numbers(cells, tasks, n, k)) for k in pair]
            for pair in pairs
            if numbers(cells, tasks, n, pair[0])
        ]
        if means:
            plane.plot(*zip(*means, strict=True), **look)
    dots.set_yticks(range(len(tasks)), [task.name for task in tasks])
    dots.set_ylim(len(tasks) - 0.5, -0.5)
    dots.set_xlabel(TITLES[key] + (f" over that of {base}" if base else ""), fontsize=12)
    dots.grid(axis="y", color="0.9")
    dots.set_axisbelow(True)
    if key != "accuracy":
        dots.set_xscale("log")
    if both:
        dots.set_xticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
        dots.minorticks_off()
        plane.hlines(LEVELS, 0, plane.get_xlim()[1], color="0.7", linewidth=0.8, linestyle="--")
        plane.set_xlabel("median width over the error of MASE", fontsize=12)
        plane.set_ylabel("covered, %", fontsize=12)
        plane.set_title("intervals of 80 and 95 %", loc="left", fontsize=12)
    for axis in axes[:, 0]:
        axis.tick_params(labelsize=11)
    where = {"loc": "outside upper left", "ncols": 3, "fontsize": 11}
    made.legend(*dots.get_legend_handles_labels(), **where, frameon=False)
    save(made, folder, name)


def numbers(cells, tasks, name, key):
    """Return the figures of a column that are there."""
    values = [figure(cells, task, name, key) for task in tasks]
    return [v for v in values if not isinstance(v, str)]
