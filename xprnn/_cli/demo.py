"""``xprnn demo``: the noisy sine of Markus Hohle's lecture, then the yearly sunspots."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from xprnn import baselines, datasets, plotting
from xprnn._cli import output
from xprnn._cli.options import add_run_options
from xprnn._fields import whole
from xprnn._model import Model
from xprnn.backend import resolve
from xprnn.optimizers import Adam
from xprnn.training import fit

LECTURE_LOSS, NOISE_LOSS = 0.040, 0.005
SUNSPOTS: Any = {"hidden_size": 8, "epochs": 150, "optimizer": Adam(0.003, weight_decay=0.01)}
"""Options chosen on the years before 1921 by benchmarks/sunspots.py --select."""
CYCLE = 11
"""The years of a solar cycle."""


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="the lecture's sine, then real sunspots",
        description="Train on the noisy sine of Markus Hohle's lecture, then forecast the yearly "
        "sunspots.",
        epilog="Example: xprnn demo --output pictures",
    )
    add_run_options(parser)
    parser.add_argument(
        "--output",
        dest="folder",
        default="xprnn-demo",
        metavar="DIR",
        help="folder for the pictures (default xprnn-demo)",
    )
    parser.add_argument("--no-plots", action="store_true", help="draw no pictures")
    parser.set_defaults(run=demo)


def demo(options: argparse.Namespace) -> int:
    """Run both examples, and draw the plots."""
    whole("seed", options.seed, least=0)
    if options.backend is not None:
        resolve(options.backend)
    folder = None
    if not options.no_plots:
        plotting.pyplot().switch_backend("agg")
        folder = Path(options.folder)
        folder.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(options, name) for name in ("backend", "seed", "progress")}
    fit_sine(**settings, folder=folder)
    forecast_sunspots(**settings, folder=folder)
    return 0


def fit_sine(
    *, backend: str | None, seed: int, progress: bool | None, folder: Path | None
) -> Model:
    """Run the lecture's experiment: fit a noisy sine, then apply the network to new inputs.

    Parameters
    ----------
    backend : str or None
    seed : int
        Seed for the noise and the training.
    progress : bool or None
    folder : path or None
        The folder for the pictures; None for no pictures.
    """
    x, y = datasets.noisy_sine(seed)
    print(
        "The sine of Markus Hohle's lecture: x = -10 … 10 in steps of 0.1, y = sin x + 0.1 N(0, 1)"
    )
    start = time.perf_counter()
    animations = [] if folder is None else [plotting.Animation(15, x, y)]
    model = fit(x, y, backend=backend, seed=seed, progress=progress, callbacks=animations)
    seconds = time.perf_counter() - start
    print(f"  {model}")
    print(f"  trained in {seconds:.1f} s")
    print("  half mean squared error (the lecture's MSSE)")
    print(f"    {model.evaluate(x, y):.4f}  on the training data")
    print(f"    {LECTURE_LOSS:.4f}  the lecture's, after 1,000 epochs of 800 hidden units")
    print(
        f"    {NOISE_LOSS:.4f}  of the noise alone; a lower loss means that the network has "
        "memorised noise"
    )
    print(f"    {model.evaluate(x, np.sin(x)):.4f}  against the sine without the noise")

    new = np.arange(67) * 0.3
    error = np.abs(model.predict(new) - np.sin(new))
    print("  applied to x = 0 … 20 in steps of 0.3: mean absolute error")
    print(
        f"    {error[new < 10].mean():.3f}  for x < 10, where there were training data, in "
        "other steps"
    )
    print(f"    {error[new >= 10].mean():.3f}  for x ≥ 10, where there were none")
    print("    (the network counts steps: to it, another spacing is another series)")

    if folder is not None:
        size = {"figsize": (10, 4), "layout": "constrained"}
        _, (left, right) = plotting.pyplot().subplots(1, 2, **size)
        plotting.fit(model, x, y, ax=left).set_title("learnt: the sine in steps of 0.1")
        plotting.fit(model, new, np.sin(new), ax=right).set_title(
            "not learnt: steps of 0.3 (a network counts steps)"
        )
        _save(left, folder / "sine-fit.png")
        for animation in animations:
            animation.save(folder / "sine-fit.gif")
            print(f"  picture: {folder / 'sine-fit.gif'}")
        _save(plotting.states(model, x, y, units=range(4)), folder / "sine-states.png")
        ax = plotting.loss(model.history)
        ax.axhline(LECTURE_LOSS, color="0.5", linestyle="--", label="the lecture's last")
        ax.axhline(NOISE_LOSS, color="0.5", linestyle=":", label="noise alone")
        plotting.draw_legend(ax)
        _save(ax, folder / "sine-loss.png")
    return model


def forecast_sunspots(
    *, backend: str | None, seed: int, progress: bool | None, folder: Path | None, cut: int = 1998
) -> Model:
    """Forecast one solar cycle from the years before `cut`; other arguments as in `fit_sine`."""
    years, numbers = datasets.sunspots()
    past = numbers[years < cut]
    truth = numbers[years >= cut][:CYCLE]
    print(
        f"\nYearly sunspots: trained on {years[0]} … {cut - 1}, forecast {len(truth)} years ahead"
    )
    model = fit(past[:-1], past[1:], backend=backend, seed=seed, progress=progress, **SUNSPOTS)
    season = baselines.find_season(past)
    forecasts = {
        "this network, closed loop": model.forecast(past, len(truth)),
        f"seasonal naive, season {season}": baselines.seasonal_naive(past, len(truth), season),
        "naive, the last value": baselines.naive(past, len(truth)),
        "mean of the training years": np.full(len(truth), past.mean()),
    }
    print("  mean absolute error, sunspots")
    for name, values in forecasts.items():
        print(f"    {np.abs(values - truth).mean():6.1f}  {name}")
    if folder is not None:
        first, *others = forecasts.items()
        ax = plotting.forecast(past[-66:], first[1], truth, start=int(cut) - 66)
        ahead = np.arange(cut, cut + len(truth))
        ax.plot(ahead, others[0][1], color="C0", linestyle="--", label=others[0][0])
        ax.set(xlabel="year", ylabel="sunspots")
        plotting.draw_legend(ax)
        _save(ax, folder / "sunspots.png")
    return model


def _save(ax: Any, path: Path) -> None:
    """Save a picture and print its path."""
    output.save_picture(ax, path)
    print(f"  picture: {path}")
