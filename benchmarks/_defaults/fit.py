"""What the defaults of `fit` rest on: held-out error under other choices, on five tasks.

Every row changes one thing against the defaults. The figure is the mean squared
error on data that the model has not seen, divided by that of predicting the mean:
0 is perfect, 1 is useless. Median and worst of the seeds.

    python benchmarks/defaults.py --part fit              # about ten minutes on two cores
    python benchmarks/defaults.py --part fit --seeds 1    # a quick look

- sine: the lecture's noisy sine; held out is the sine without the noise.
- units: the same, with x in days and y in hectopascals: large and far from zero.
- sunspots: one step ahead; trained on 1700-1832, held out 1833-1920.
- delay: 64 sequences of white noise, y(t) = x(t - 5); held out are 64 others.
- adding: 300 sequences of 30 random numbers; y is the sum of the two that a second column marks
  (Hochreiter and Schmidhuber, 1997); held out are 300 others.
"""

import time

import numpy as np

import xprnn
from xprnn import datasets
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.optimizers import SGD


def sine(seed):
    x, y = datasets.noisy_sine(seed)
    return (x, y), (x, np.sin(x)), 0


def units(seed):
    x, y = datasets.noisy_sine(seed)
    return (9000 + 30 * x, 1013 + 20 * y), (9000 + 30 * x, 1013 + 20 * np.sin(x)), 0


def sunspots(seed):
    _, s = datasets.sunspots()
    return (s[:132], s[1:133]), (s[:220], s[1:221]), 132


def delay(seed):
    x = np.random.default_rng(seed).standard_normal((128, 50, 1))
    y = np.concatenate([np.zeros((128, 5, 1)), x[:, :-5]], axis=1)
    return (x[:64], y[:64]), (x[64:], y[64:]), 5


def adding(seed):
    rng = np.random.default_rng(seed)
    x = np.stack([rng.random((600, 30)), np.zeros((600, 30))], axis=2)
    for row in x:
        row[rng.choice(30, 2, replace=False), 1] = 1
    y = (x[:, :, 0] * x[:, :, 1]).sum(axis=1)
    return (x[:300], y[:300]), (x[300:], y[300:]), 0


TASKS = {"sine": sine, "units": units, "sunspots": sunspots, "delay": delay, "adding": adding}


def kernel(name):
    return {"network": Stack((Recurrent(64, kernel_initializer=name), Dense(1)))}


def recurrent(name):
    return {"network": Stack((Recurrent(64, recurrent_initializer=name), Dense(1)))}


CHOICES = {
    "defaults": {},
    "standardize=False": {"standardize": False},
    "learning_rate=0.001": {"learning_rate": 0.001},
    "learning_rate=0.002": {"learning_rate": 0.002},
    "learning_rate=0.005": {"learning_rate": 0.005},
    "learning_rate=0.01": {"learning_rate": 0.01},
    "epochs=150": {"epochs": 150},
    "epochs=600": {"epochs": 600},
    "batch_size=None": {"batch_size": None},
    "batch_size=16": {"batch_size": 16},
    "batch_size=64": {"batch_size": 64},
    "tbptt=25": {"tbptt": 25},
    "clip_norm=None": {"clip_norm": None},
    "clip_norm=0.1": {"clip_norm": 0.1},
    "sgd, momentum 0.95": {"optimizer": SGD(0.01, momentum=0.95)},
    "hidden_size=32": {"hidden_size": 32},
    "kernel glorot_uniform": kernel("glorot_uniform"),
    "kernel uniform": kernel("uniform"),
    "recurrent normal": recurrent("normal"),
    "recurrent uniform": recurrent("uniform"),
    "activation=relu": {"activation": "relu"},
}


def score(task, choice, seed):
    (x, y), (x_new, y_new), skip = TASKS[task](seed)
    many = np.ndim(x) == 3
    whole = np.ndim(y) < np.ndim(x)  # a network of one's own has an output at every step
    if ("batch_size" in choice and not many) or (choice.keys() & {"tbptt", "network"} and whole):
        return None  # the choice has no effect
    try:
        model = xprnn.fit(x, y, seed=seed, progress=False, **choice)
    except xprnn.NonFiniteError:
        return np.inf
    # The first `skip` steps are the training's or can't be known.
    part = (slice(None), slice(skip, None)) if np.ndim(y_new) == 3 else slice(skip, None)
    y_hat, y_new = model.predict(x_new)[part], y_new[part]
    return float(np.mean((y_hat - y_new) ** 2) / np.var(y_new))


def report(count):
    """Print the table, with the seeds below a number."""
    seeds = range(count)
    print(f"{'choice':<22}" + "".join(f"{task:>20}" for task in TASKS) + "   s a fit")
    for name, choice in CHOICES.items():
        cells, began = [], time.perf_counter()
        for task in TASKS:
            scores = [score(task, choice, seed) for seed in seeds]
            known = None not in scores
            cells.append(
                f"{np.median(scores):>11.4f} /{max(scores):>7.4f}" if known else f"{'':>20}"
            )
        seconds = (time.perf_counter() - began) / (len(TASKS) * len(seeds))
        print(f"{name:<22}" + "".join(cells) + f"{seconds:>10.1f}", flush=True)
