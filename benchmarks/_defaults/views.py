"""What the forecaster's three views rest on, and its choice between networks and linear maps.

Every line is a way to forecast the development set: MASE in the geometric mean over the short
series, over the long ones, and of each panel. The first six are linear maps alone. On panels the
networks are always kept.

    OMP_NUM_THREADS=1 python benchmarks/defaults.py --part views    # half an hour on one core
"""

import warnings

import numpy as np
from _common import RESULTS, table

from _defaults import data, peers
from _defaults.forecast import Forecast
from _defaults.measure import forecast
from xprnn.forecasting import RNNForecaster, held_out, panel
from xprnn.forecasting.choose import choose_layouts
from xprnn.forecasting.layout import Layout, choose_lags
from xprnn.forecasting.networks import train_networks


def read(series):
    """Return series as the forecaster reads them."""
    return panel.read(series[0] if len(series) == 1 else series, None)


def linear(make):
    """Return what forecasts by the linear maps of the layouts that `make` gives for a panel."""

    def run(series, season, horizon, seed):
        forecaster, seen = RNNForecaster(horizon=horizon, seed=seed, progress=False), read(series)
        maps = train_networks(forecaster, seen, make(forecaster, seen), linear=True)
        later = tuple(np.zeros((horizon, 0)) for _ in series)
        return [Forecast(y[:, 0], {}) for y in maps.forecast(horizon, later)]

    return run


def view(place, differencing, center):
    """Return one layout: the short (0) or the long (1) windows, or whole series if they are."""

    def make(forecaster, seen):
        lags = choose_lags(seen.y, 1, windows=False)
        if lags == (None,):
            return choose_layouts(forecaster, seen)
        return (Layout(lags[place], 1, differencing, center),)

    return make


def one_and_three(forecaster, seen):
    """Return the layouts of one season and three, each less its mean."""
    if choose_lags(seen.y, 1, windows=False) == (None,):
        return choose_layouts(forecaster, seen)
    one = choose_lags(seen.y[:1], 1, windows=False)[0]
    longest = (min(seen.lengths) - 1) // 3
    return tuple(Layout(min(n * one, longest), 1, 0, center=True) for n in (1, 3))


def trained(margin):
    """Return what forecasts by networks that must be better by a margin; None for any network."""

    def run(series, season, horizon, seed):
        held_out.WORTH = np.inf if margin is None else 1 - margin
        model = RNNForecaster(horizon=horizon, seed=seed, progress=False)
        steps = model.fit(series if len(series) > 1 else series[0]).predict()
        return [Forecast(y, {}) for y in (steps if len(series) > 1 else [steps])]

    return run


LINES = {
    "a season less its mean": linear(view(0, 0, center=True)),
    "the changes of a season": linear(view(0, 1, center=False)),
    "two seasons as they are": linear(view(1, 0, center=False)),
    "the mean of the three": linear(choose_layouts),
    "one season and three, less their means": linear(one_and_three),
    "ridge on two seasons, a peer": peers.ridge_on_lags,
    "the three, always trained": trained(None),
    "trained where it helps": trained(0.0),
    "where it helps by 5 %, the default": trained(0.05),
    "where it helps by 10 %": trained(0.1),
}


def report():
    """Measure, print and write the table."""
    tasks, panels = data.FORECASTS["development"], data.PANEL["development"]
    short, long = tasks[: len(data.SHORT)], tasks[len(data.SHORT) :]
    lines, default = [], held_out.WORTH
    for name, run in LINES.items():
        with warnings.catch_warnings(action="ignore"):
            single, long_ones, many = (
                [forecast(task, run, 0)["mase"] for task in part] for part in (short, long, panels)
            )
        means = [np.exp(np.mean(np.log(part))) for part in (single, long_ones)]
        lines.append([name, *(f"{mase:.3f}" for mase in (*means, *many))])
        print(*lines[-1], sep="  ", flush=True)
    held_out.WORTH = default
    text = table(("forecast", "short series", "long series", *(t.name for t in panels)), lines)
    (RESULTS / "defaults_views.txt").write_text(text + "\n", encoding="utf-8")
