"""Forecasts of a whole sunspot cycle, against simple rules.

    python benchmarks/sunspots.py             the test; about a minute
    python benchmarks/sunspots.py --select    how the settings below were found; minutes
    python benchmarks/sunspots.py --quick     2 forecasts, in seconds

From each of 8 origins, one every 11 years over the last 88 years of the series, the
next 11 years are forecast in closed loop: a network trained on the years before the
origin, and on nothing else, to give the next year is fed its own outputs. Measured is
the mean absolute error in sunspots, beside

- naive: the last year's number again and again;
- seasonal naive: the last cycle again. Its length is the lag of 2 to 22 years with
  the smallest mean absolute error on the years before the origin;
- the mean of the years before the origin.

The network's settings, those of `xprnn demo`, were chosen on years before 1921 alone,
which is where the test begins: ``--select`` ranks a grid of them by the same measure
on the 8 origins 1833, 1844, …, 1910. Of several seeds, the median error decides and is
shown. There the best settings are close to one another, within what the seeds make of
it.
"""

import itertools
import statistics
import sys
import time

import numpy as np
from _common import add_output, canvas, machine, parser, save, table, write

import xprnn
from xprnn import baselines, datasets
from xprnn._cli.demo import CYCLE, SUNSPOTS
from xprnn.optimizers import Adam

TEST = tuple(range(1921, 1999, CYCLE))
"""The first year of each forecast of the test."""
SELECTION = tuple(range(1833, 1911, CYCLE))

GRID = {
    "hidden_size": (4, 8, 16),
    "epochs": (75, 150, 300),
    "learning_rate": (0.003, 0.01),
    "weight_decay": (0.0, 0.001, 0.01),
}
SEEDS = (0, 1, 2, 3, 4)


RULES = {
    "naive": lambda past: baselines.naive(past, CYCLE),
    "seasonal naive": lambda past: baselines.seasonal_naive(
        past, CYCLE, baselines.find_season(past)
    ),
    "mean": lambda past: np.full(CYCLE, past.mean()),
}


def network(past, seed, backend, settings):
    """Return the forecast of a network trained on the past."""
    model = xprnn.fit(
        past[:-1], past[1:], **settings, seed=seed, backend=backend, progress=False
    )  # fmt: skip
    return model.forecast(past, CYCLE)


def split(origin):
    """Return the numbers of all years before an origin, and of the cycle from there on."""
    years, numbers = datasets.sunspots()
    start = int(np.flatnonzero(years == origin)[0])
    return numbers[:start], numbers[start : start + CYCLE]


def error(forecast, truth):
    """Return the mean absolute error."""
    return float(np.mean(np.abs(forecast - truth)))


def select(options, seeds):
    """Rank the grid on years before the test."""
    origins = SELECTION[-2:] if options.quick else SELECTION
    assert max(origins) + CYCLE <= min(TEST)
    splits = [split(origin) for origin in origins]
    rows = []
    for values in itertools.product(*GRID.values()):
        hidden_size, epochs, learning_rate, weight_decay = values
        settings = {
            "hidden_size": hidden_size,
            "epochs": epochs,
            "optimizer": Adam(learning_rate, weight_decay=weight_decay),
        }
        errors = [
            statistics.mean(
                error(network(past, seed, options.backend, settings), truth)
                for past, truth in splits
            )
            for seed in seeds
        ]
        rows.append((statistics.median(errors), values, errors))
        print(f"{settings}: {statistics.median(errors):.2f}", flush=True)
    print(f"\nmean absolute error, forecasts from {origins[0]} to {origins[-1] + CYCLE - 1}\n")
    cells = [
        [str(rank), *(f"{v:g}" for v in values), f"{median:.2f}", *(f"{e:.2f}" for e in errors)]
        for rank, (median, values, errors) in enumerate(sorted(rows), start=1)
    ]
    print(table(["rank", *GRID, "median", *(f"seed {seed}" for seed in seeds)], cells))
    for name, rule in RULES.items():
        print(f"{name}: {statistics.mean(error(rule(p), t) for p, t in splits):.2f}")


def test(origins, seeds, backend):
    """Return one result for each origin."""
    results = []
    for origin in origins:
        past, truth = split(origin)
        forecasts = {name: rule(past) for name, rule in RULES.items()}
        by_seed = [network(past, seed, backend, SUNSPOTS) for seed in seeds]
        results.append({
            "origin": origin,
            "period": baselines.find_season(past),
            "truth": truth.tolist(),
            "rules": {name: f.tolist() for name, f in forecasts.items()},
            "xprnn": [f.tolist() for f in by_seed],
            "errors": {
                "xprnn": [error(f, truth) for f in by_seed],
                **{name: error(f, truth) for name, f in forecasts.items()},
            },
        })  # fmt: skip
    return results


def totals(results):
    """Return the errors over all origins: of xprnn one for each seed."""
    errors = [result["errors"] for result in results]
    whole = {name: statistics.mean(e[name] for e in errors) for name in RULES}
    seeds = zip(*(e["xprnn"] for e in errors), strict=True)
    return {"xprnn": [statistics.mean(of_seed) for of_seed in seeds], **whole}


def print_results(results, total, seeds):
    """Print a row for each origin and one for all."""
    rows = []
    for result in results:
        errors, first = result["errors"], result["origin"]
        rows.append([
            f"{first} … {first + CYCLE - 1}",
            f"{statistics.median(errors['xprnn']):.1f}",
            f"{min(errors['xprnn']):.1f} … {max(errors['xprnn']):.1f}",
            *(f"{errors[name]:.1f}" for name in RULES),
            str(result["period"]),
        ])  # fmt: skip
    ours = total["xprnn"]
    rows.append([
        "all",
        f"{statistics.median(ours):.2f}",
        f"{min(ours):.2f} … {max(ours):.2f}",
        *(f"{total[name]:.2f}" for name in RULES),
        "",
    ])  # fmt: skip
    print(f"mean absolute error in sunspots; xprnn: median and range of {len(seeds)} seed(s)\n")
    print(table(["years", "xprnn", "range", *RULES, "period"], rows) + "\n")
    for name in RULES:
        better = sum(e < total[name] for e in ours)
        print(f"{better} of {len(seeds)} seed(s) better than {name}")


def draw(results, total, folder):
    """Draw the series with the forecasts."""
    years, numbers = datasets.sunspots()
    shown = years >= TEST[0] - 2 * CYCLE
    figure, axis = canvas(11, 4.4)
    for result in results:
        axis.axvline(result["origin"] - 0.5, color="0.88", linewidth=0.8, zorder=0)
    axis.plot(years[shown], numbers[shown], color="0.15", linewidth=1.4, label="truth")
    ours, seasonal = statistics.median(total["xprnn"]), total["seasonal naive"]
    for i, result in enumerate(results):
        # Each curve starts at the last year that was known.
        time = result["origin"] + np.arange(-1, CYCLE)
        known = numbers[years == time[0]]
        rule = np.concatenate([known, result["rules"]["seasonal naive"]])
        runs = np.asarray([np.concatenate([known, run]) for run in result["xprnn"]])
        first = i == 0
        axis.fill_between(
            time, runs.min(axis=0), runs.max(axis=0), color="#b2182b", alpha=0.18, linewidth=0,
            label="range of the seeds" if first and len(runs) > 1 else None,
        )  # fmt: skip
        axis.plot(
            time, np.median(runs, axis=0), color="#b2182b", linewidth=1.6,
            label="xprnn, median of the seeds" if first else None,
        )  # fmt: skip
        axis.plot(
            time, rule, color="#2166ac", linewidth=1.1, linestyle="--",
            label="seasonal naive" if first else None,
        )  # fmt: skip
    axis.set_xlim(years[shown][0], years[-1] + 1)
    axis.set_ylim(top=1.3 * numbers[shown].max())
    axis.set_xlabel("year")
    axis.set_ylabel("sunspots, mean of the year")
    axis.set_title("Each sunspot cycle forecast from the years before it", loc="left")
    axis.set_title(
        f"mean absolute error: xprnn {ours:.1f}, seasonal naive {seasonal:.1f}",
        loc="right",
        fontsize=10,
    )
    axis.legend(frameon=False, loc="upper left", ncols=4, fontsize=9)
    save(figure, folder, "sunspots")


def main():
    """Run the test or the selection."""
    arguments = parser(__doc__)
    arguments.add_argument("--seeds", type=int, nargs="+", help="default: 0 to 4")
    arguments.add_argument("--backend", help="as for fit: numpy, cupy:0, …")
    arguments.add_argument("--select", action="store_true", help="rank settings instead")
    add_output(arguments)
    options = arguments.parse_args()
    seeds = tuple(options.seeds or (SEEDS[:1] if options.quick else SEEDS))
    if options.select:
        return select(options, seeds)

    began = time.perf_counter()
    origins = TEST[-2:] if options.quick else TEST
    results = test(origins, seeds, options.backend)
    seconds, total = time.perf_counter() - began, totals(results)
    print_results(results, total, seeds)
    print(f"{len(origins) * len(seeds)} networks trained and applied in {seconds:.1f} s")
    write(options.output, "sunspots", {
        "machine": machine(),
        "backend": options.backend or "numpy",
        "settings": {name: str(value) for name, value in SUNSPOTS.items()},
        "seeds": list(seeds),
        "seconds": seconds,
        "error": {**total, "xprnn median": statistics.median(total["xprnn"])},
        "forecasts": results,
    })  # fmt: skip
    draw(results, total, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
