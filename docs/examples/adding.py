"""The adding problem: an Elman network forgets what an LSTM keeps for 400 steps.

    python docs/examples/adding.py            400 steps, 3 seeds; some minutes
    python docs/examples/adding.py --short    20 steps, 1 seed; seconds

Hochreiter and Schmidhuber, "Long short-term memory", 1997. A sequence has two features:
random numbers from 0 to 1, and a marker that is 1 at two steps, one in each half, and
else 0. The answer, after the last step, is the sum of the two marked numbers. Always
to say 1, the mean, has a mean squared error of 1/6 = 0.167: that is what a network
gets that does not remember. The sequences are drawn here; nothing is downloaded.

Both networks train alike: 64 units, Adam with a learning rate of 0.01 that falls to 0
along a cosine, batches of 20, gradients clipped at norm 1, float32. Two choices make
the LSTM reliable:

- ``forget_bias=5``. A forget gate at σ(5) = 0.993 halves the memory in 103 steps; the
  default, σ(1) = 0.73, in 2, and then no gradient says that there is anything to keep.
- x is standardised, which `fit` does by itself: the rare marker becomes a large number
  that the gates can tell from the rest.

The picture on the right shows why: the norm of ∂L/∂state(t), what a change of the state
at step t would do to the loss, with `xprnn.gradients.through_time`. Where it vanishes,
what happened at t cannot be learnt. The state of the LSTM is h and c.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from _common import Report

import xprnn
from xprnn import gradients, losses
from xprnn.cells import LSTM
from xprnn.layers import Dense, Pool, Recurrent, Stack
from xprnn.optimizers import Adam
from xprnn.schedules import Cosine

CELLS = {"Elman": "elman", "LSTM": LSTM(forget_bias=5)}
BASELINE = 1 / 6
BATCH, TESTED, LOOKED_AT = 20, 500, 50


def draw(count, steps, seed):
    """Return x (count, steps, 2) and y (count,)."""
    rng = np.random.default_rng(seed)
    x = np.zeros((count, steps, 2), "float32")
    x[:, :, 0] = rng.random((count, steps))
    rows = np.arange(count)
    first = rng.integers(0, steps // 2, count)
    second = rng.integers(steps // 2, steps, count)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, x[rows, first, 0] + x[rows, second, 0]


def train(cell, steps, count, epochs, seed):
    """Train on sequences of this seed, with a test after every epoch."""
    network = Stack((Recurrent(64, cell), Pool("last"), Dense(1)))
    updates = epochs * count // BATCH
    return xprnn.fit(
        *draw(count, steps, (seed, 1)),
        mode="many_to_one",
        network=network,
        loss="mse",
        optimizer=Adam(Cosine(0.01, steps=updates)),
        epochs=epochs,
        batch_size=BATCH,
        clip_norm=1.0,
        validation_data=draw(TESTED, steps, (seed, 2)),
        seed=seed,
        progress=False,
    )


def norms(model, params, x, y):
    """Return the norm of ∂L/∂state(t) for t = 0 … T - 1: the median over sequences."""
    x = np.swapaxes(model.x_scaler.apply(x), 0, 1)  # (T, B, F)
    y = model.y_scaler.apply(y[None, :, None])  # (1, B, O)
    found = gradients.through_time(model.network, losses.MSE(), params, x, y, xp=np)
    each = np.sqrt(sum(norm**2 for norm in found))  # of h, or of h and c
    return np.median(len(y[0]) * each, axis=1).tolist()  # the loss is a mean over sequences


def run(name, steps, count, epochs, seed):
    """Train one network; return its numbers."""
    began = time.perf_counter()
    model = train(CELLS[name], steps, count, epochs, seed)
    seconds = time.perf_counter() - began
    x, y = draw(LOOKED_AT, steps, (seed, 3))
    drawn, _ = model.network.init(np.random.default_rng(seed), 2)
    start = xprnn.tree.map(lambda a: a.astype("float32"), drawn)
    result = {
        "network": name,
        "seed": seed,
        "seconds": seconds,
        "test_mse": model.history.val_loss[-1],
        "test_mse_by_epoch": list(model.history.val_loss),
        "norms_at_the_start": norms(model, start, x, y),
        "norms_after_training": norms(model, model.params, x, y),
    }
    print(f"{name}, seed {seed}: test MSE {result['test_mse']:.5f}, {seconds:.0f} s", flush=True)
    return result


def report(results, steps):
    """Return what there is to say as text."""
    lines = [f"adding problem, {steps} steps; mean squared error on {TESTED} other sequences", ""]
    lines.append("network   seed   test MSE   ‖∂L/∂state(0)‖ / ‖∂L/∂state(T-1)‖   seconds")
    lines.append("                            at the start    after training")
    for r in results:
        ratios = [r[key][0] / r[key][-1] for key in ("norms_at_the_start", "norms_after_training")]
        lines.append(
            f"{r['network']:8}  {r['seed']:4}   {r['test_mse']:8.5f}   "
            f"{ratios[0]:12.1e}    {ratios[1]:14.1e}   {r['seconds']:17.0f}"
        )
    lines.append(f"always 1         {BASELINE:8.5f}   (0.0e+00: too small for float32)")
    for name in CELLS:
        median = statistics.median(r["test_mse"] for r in results if r["network"] == name)
        lines.append(f"{name}: median {median:.5f}")
    return "\n".join(lines)


def draw_picture(results, steps, count):
    """Draw the test error over the epochs, and the gradient over the steps."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    colors = {"Elman": "#b2182b", "LSTM": "#2166ac"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    left.axhline(BASELINE, color="0.4", linestyle="--", linewidth=1)
    left.text(0.99, BASELINE * 1.25, "always the mean: 1/6", color="0.4", fontsize=9, ha="right",
              transform=left.get_yaxis_transform())  # fmt: skip
    labelled = set()
    for r in results:
        name, errors = r["network"], r["test_mse_by_epoch"]
        seen = count * np.arange(1, len(errors) + 1)
        left.plot(seen, errors, color=colors[name], marker=".",
                  label=None if name in labelled else f"{name}, each seed")  # fmt: skip
        labelled.add(name)
    left.set(yscale="log", xlabel="sequences seen in training", ylabel="mean squared error",
             title="Error on test sequences", ylim=(2e-4, 0.6))  # fmt: skip
    left.legend(frameon=False, loc="lower left")
    first = results[0]["seed"]
    floor = 1e-20
    for r in results:
        if r["seed"] != first:
            continue
        for key, label, style in (
            ("norms_at_the_start", "at the start", ":"),
            ("norms_after_training", "after training", "-"),
        ):
            curve = np.asarray(r[key])
            curve = np.where(curve > floor, curve, np.nan)
            right.plot(curve, style, color=colors[r["network"]], label=f"{r['network']}, {label}")
    right.set(yscale="log", xlabel="t", xlim=(0, steps - 1), ylabel="‖∂L/∂state(t)‖",
              title="What reaches the state at step t")  # fmt: skip
    right.set_ylim(bottom=floor)
    right.legend(frameon=False, loc="lower left")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def main(arguments=None):
    """Train both networks for each seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write results there")
    options = parser.parse_args(arguments)
    steps, count, epochs, seeds = (40, 400, 3, (0,)) if options.short else (400, 4000, 8, (0, 1, 2))
    log = Report()
    results = [run(name, steps, count, epochs, seed) for seed in seeds for name in CELLS]
    numbers = {"steps": steps, "sequences": count, "epochs": epochs, "runs": results}
    log.say(report(results, steps))
    log.write(options.output, "adding", numbers, draw_picture(results, steps, count))
    return numbers


if __name__ == "__main__":
    main()
