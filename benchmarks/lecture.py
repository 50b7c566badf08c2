"""The algorithm of a lecture, mistakes included, against `xprnn.fit` on the same data.

The lecture is "Recurrent Neural Networks – from Scratch" by Markus Hohle.

    python benchmarks/lecture.py              all 1000 epochs; minutes
    python benchmarks/lecture.py --quick      20 epochs of 100 units; seconds
    python benchmarks/lecture.py --select     how the learning rate below was found

The data are the lecture's: y = sin x + 0.1·N(0, 1) at 200 steps, whose noise
alone gives a loss of 0.005. Three runs are timed on it, all of the same dtype:

- the lecture's algorithm, written anew in plain NumPy with the mistakes of its
  listings in gradient and momentum (marked ``# mistake`` below), and with its
  own settings: weights 0.1·N(0, 1), SGD, learning rate 1e-5, momentum 0.95;
- `xprnn.fit` with nothing but its defaults;
- `xprnn.fit` with the lecture's size, epochs and momentum.

The last needs a learning rate of its own, because a gradient that is right and a
momentum that acts are far larger than the lecture's. ``--select`` tries the rates
0.0003 to 0.03, with and without standardised data, on other noise than that of
the comparison, and ranks them by the loss at the end: RATE and STANDARDIZE are
the best of them.

The loss is half the mean squared error, of each epoch before its update, and the
seconds count from the call on, drawing the weights included. Seconds an epoch are
measured once more at the end, by turns in short runs, so that whatever else the
machine does hits all runs alike. There the lecture's algorithm runs a second time,
tuned: the products h(t-1) dz(t)ᵀ, where most of its time goes, are no longer products
of matrices, as a listing writes them, but made by broadcasting, which is faster.

The script fails unless xprnn with the lecture's settings ends at 0.040 or below in a
fifth of the lecture's time.
"""

import math
import statistics
import sys
import time
from dataclasses import dataclass, field

import numpy as np
from _common import add_output, canvas, machine, parser, save, spread, table, write

import xprnn
from xprnn import datasets
from xprnn.optimizers import SGD

NOISE_FLOOR = 0.005
"""Half the variance of the noise."""
LECTURE_RATE, MOMENTUM, DECAY = 1e-5, 0.95, 0.0
TARGET_LOSS, TARGET_TIME = 0.040, 1 / 5
"""What xprnn has to reach: a loss, and a share of the baseline's time."""

RATE, STANDARDIZE = 0.001, True
"""Found by --select."""
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
SELECTION_SEEDS = (1, 2)


class Tanh:
    """The lecture's activation: an object that remembers what backward needs."""

    def forward(self, z):
        """Return tanh z."""
        self.h = np.tanh(z)
        return self.h

    def backward(self, dh):
        """Return the gradient of z."""
        return dh * (1.0 - self.h * self.h)


class LectureNetwork:
    """h(t) = tanh(Wx x(t) + Wh h(t-1) + b), y(t) = Wy h(t), on column vectors."""

    def __init__(self, hidden_size, steps, rng, dtype, outer=np.matmul):
        n, self.outer = hidden_size, outer
        shapes = {"Wx": (n, 1), "Wh": (n, n), "b": (n, 1), "Wy": (1, n)}
        self.params = {
            name: (0.1 * rng.standard_normal(shape)).astype(dtype) for name, shape in shapes.items()
        }
        # mistake 1: one object T times, so every step is differentiated at the last one's h.
        self.activations = [Tanh()] * steps

    def forward(self, x):
        """Return y_hat (T, 1) for x (T, 1), and keep h(0) … h(T)."""
        Wx, Wh, b, Wy = (self.params[name] for name in ("Wx", "Wh", "b", "Wy"))
        h = np.zeros_like(b)
        self.H = [h]
        y_hat = np.zeros_like(x)
        for t in range(len(x)):
            h = self.activations[t].forward(Wx * x[t] + Wh @ h + b)
            self.H.append(h)
            y_hat[t] = (Wy @ h)[0]
        return y_hat

    def backward(self, x, dy):
        """Return what the lecture takes for the gradients, dy (T, 1) given."""
        Wh, Wy = self.params["Wh"], self.params["Wy"]
        grads = {name: np.zeros_like(array) for name, array in self.params.items()}
        # mistake 2: the error of step T alone reaches the hidden states.
        dh = Wy.T * dy[-1]
        for t in reversed(range(len(x))):
            grads["Wy"] += dy[t] * self.H[t + 1].T
            dz = self.activations[t].backward(dh)
            grads["Wx"] += dz * x[t]
            # mistake 4: the transpose of the gradient, which is dz(t) h(t-1)ᵀ.
            grads["Wh"] += self.outer(self.H[t], dz.T)
            grads["b"] += dz
            # mistake 3: Wh in place of its transpose.
            dh = Wh @ dz
        return grads


class LectureSGD:
    """Gradient descent with 1/(1 + decay·i) and a momentum that never acts."""

    def __init__(self, learning_rate, momentum, decay):
        self.learning_rate, self.momentum, self.decay = learning_rate, momentum, decay
        self.i = 0

    def update(self, params, grads):
        """Change the parameters in place."""
        # mistake 6: nothing ever sets this attribute, so the velocity starts from zero each time.
        if not hasattr(self, "has_velocity"):
            self.velocity = {name: np.zeros_like(array) for name, array in params.items()}
        rate = self.learning_rate / (1.0 + self.decay * self.i)
        for name, grad in grads.items():
            self.velocity[name] = self.momentum * self.velocity[name] - rate * grad
            params[name] += self.velocity[name]
        self.i += 1


class LectureTraining:
    """The lecture's training loop, one epoch a call."""

    def __init__(self, x, y, hidden_size, seed, dtype, **how):
        self.x, self.y = (a.astype(dtype)[:, None] for a in (x, y))
        rng = np.random.default_rng(seed)
        self.network = LectureNetwork(hidden_size, len(x), rng, dtype, **how)
        self.optimizer = LectureSGD(LECTURE_RATE, MOMENTUM, DECAY)

    def epoch(self):
        """Go through the data once; return the loss before the update."""
        dy = self.network.forward(self.x) - self.y
        grads = self.network.backward(self.x, dy)
        self.optimizer.update(self.network.params, grads)
        return float(0.5 * np.sum(dy * dy) / len(dy))


@dataclass
class Timed:
    """A run: the loss of each epoch, and the seconds from the start to its end."""

    name: str
    settings: dict
    loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def at(self, seconds):
        """Return the last loss known after so many seconds."""
        done = sum(s <= seconds for s in self.seconds)
        return self.loss[done - 1] if done else math.nan

    def reached(self, loss):
        """Return after how many seconds the loss was first at or below a value."""
        reached = (s for s, value in zip(self.seconds, self.loss, strict=True) if value <= loss)
        return next(reached, math.nan)


def run_lecture(x, y, options, epochs):
    """Time the lecture's algorithm."""
    settings = {
        "hidden_size": options.hidden_size,
        "epochs": epochs,
        "learning_rate": LECTURE_RATE,
        "momentum": MOMENTUM,
        "decay": DECAY,
        "dtype": options.dtype,
    }
    run = Timed(f"lecture, n = {options.hidden_size}", settings)
    began = time.perf_counter()
    training = LectureTraining(x, y, options.hidden_size, options.seed, options.dtype)
    for _ in range(epochs):
        run.loss.append(training.epoch())
        run.seconds.append(time.perf_counter() - began)
    return run


def run_xprnn(name, x, y, options, **settings):
    """Time a call of `fit`."""
    run = Timed(name, {key: str(value) for key, value in settings.items()})
    began = time.perf_counter()
    model = xprnn.fit(
        x,
        y,
        seed=options.seed,
        dtype=options.dtype,
        progress=False,
        **settings,
        callbacks=[lambda training: run.seconds.append(time.perf_counter() - began)],
    )
    run.loss = model.history.loss
    return run


def like_lecture(hidden_size, epochs, rate=RATE, standardize=STANDARDIZE):
    """Return the arguments of `fit` for the lecture's size, epochs and momentum."""
    return {
        "hidden_size": hidden_size,
        "epochs": epochs,
        "optimizer": SGD(rate, momentum=MOMENTUM),
        "standardize": standardize,
    }


def by_turns(x, y, options, turns, epochs):
    """Return the seconds an epoch of each run, in short runs by turns: one number for each."""
    n = options.hidden_size
    lectures = {
        name: LectureTraining(x, y, n, options.seed, options.dtype, outer=outer)
        for name, outer in (("lecture", np.matmul), ("lecture, tuned", np.multiply))
    }
    fits = {"xprnn, defaults": {}, f"xprnn, n = {n}, momentum": like_lecture(n, epochs)}
    seconds = {name: [] for name in (*lectures, *fits)}
    for lecture in lectures.values():
        lecture.epoch()
    for _ in range(turns):
        for name, lecture in lectures.items():
            began = time.perf_counter()
            for _ in range(epochs):
                lecture.epoch()
            seconds[name].append((time.perf_counter() - began) / epochs)
        for name, settings in fits.items():
            # From the end of the first epoch on: drawing the weights is no epoch.
            run = run_xprnn(name, x, y, options, **{**settings, "epochs": epochs + 1})
            seconds[name].append((run.seconds[-1] - run.seconds[0]) / epochs)
    return seconds


def select(options):
    """Rank the learning rates for the lecture's settings."""
    rows = []
    for standardize in (False, True):
        for rate in RATES:
            losses = []
            for seed in SELECTION_SEEDS:
                x, y = datasets.noisy_sine(seed)
                settings = like_lecture(options.hidden_size, options.epochs, rate, standardize)
                try:
                    model = xprnn.fit(
                        x, y, seed=seed, dtype=options.dtype, progress=False, **settings
                    )
                    losses.append(model.history.loss[-1])
                except xprnn.NonFiniteError:
                    losses.append(math.inf)
            rows.append((statistics.mean(losses), standardize, rate, losses))
            print(f"standardize={standardize}, learning rate {rate}: {losses}", flush=True)
    head = ["standardize", "learning rate", "mean loss", *(f"seed {s}" for s in SELECTION_SEEDS)]
    cells = [
        [str(standardize), f"{rate:g}", f"{mean:.5f}", *(f"{loss:.5f}" for loss in losses)]
        for mean, standardize, rate, losses in sorted(rows)
    ]
    print(f"\nn = {options.hidden_size}, loss after {options.epochs} epochs\n")
    print(table(head, cells))


def steps(limit):
    """Return 1, 2, 5, 10, 20, … up to a limit."""
    return [m * 10**k for k in range(7) for m in (1, 2, 5) if m * 10**k <= limit]


def print_runs(runs, turns):
    """Print the tables."""
    names = [run.name for run in runs]
    rows = [
        [
            str(s),
            *(
                f"{run.at(s):.4g}" if s <= run.seconds[-1] else f"({run.loss[-1]:.4g})"
                for run in runs
            ),
        ]
        for s in steps(max(run.seconds[-1] for run in runs))
    ]
    print("loss after so many seconds; in brackets the last one of a run that was over")
    print(table(["seconds", *names], rows) + "\n")

    rows = [
        [str(e), *(f"{run.loss[e - 1]:.4g}" if e <= len(run.loss) else "" for run in runs)]
        for e in steps(max(len(run.loss) for run in runs))
    ]
    print("loss of so many epochs")
    print(table(["epoch", *names], rows) + "\n")

    end = runs[0].loss[-1]
    rows = [
        ["epochs", *(str(len(run.loss)) for run in runs)],
        ["seconds in all", *(f"{run.seconds[-1]:.2f}" for run in runs)],
        ["ms an epoch", *(f"{1e3 * run.seconds[-1] / len(run.loss):.2f}" for run in runs)],
        ["final loss", *(f"{run.loss[-1]:.5f}" for run in runs)],
        ["lowest loss", *(f"{min(run.loss):.5f}" for run in runs)],
        [f"seconds to the lecture's {end:.4g}", *(f"{run.reached(end):.2f}" for run in runs)],
    ]
    print(table(["", *names], rows) + "\n")

    base = statistics.median(turns["lecture"])
    rows = []
    for name, values in turns.items():
        ms = spread([1e3 * s for s in values])
        times = base / statistics.median(values)
        rows.append(
            [name, f"{ms['median']:.2f}", f"{ms['low']:.2f} … {ms['high']:.2f}", f"{times:.2f}"]
        )
    print("by turns, in short runs")
    print(table(["", "ms an epoch", "10 % … 90 %", "times faster"], rows) + "\n")


def draw(runs, folder):
    """Draw the loss over time."""
    figure, axis = canvas(7.2, 4.4)
    for run, color in zip(runs, ("#b2182b", "#2166ac", "#1b9e77"), strict=True):
        label = f"{run.name}: {run.loss[-1]:.4f} after {run.seconds[-1]:.1f} s"
        axis.loglog(run.seconds, run.loss, color=color, label=label, linewidth=1.2)
        axis.plot(run.seconds[-1], run.loss[-1], "o", color=color, markersize=5)
    axis.axhline(
        NOISE_FLOOR, color="0.35", linestyle="--", linewidth=1, label="the noise alone: 0.005"
    )
    axis.set_xlabel("seconds since the start")
    axis.set_ylabel("loss: half the mean squared error")
    axis.set_title("The lecture's noisy sine: loss over time", loc="left")
    axis.grid(which="major", color="0.9")
    axis.legend(frameon=False, fontsize=8.5, loc="upper right")
    save(figure, folder, "lecture")


def verdict(runs, turns):
    """Return whether xprnn reached the target, and a sentence."""
    baseline, _, ours = runs
    whole = ours.seconds[-1] / baseline.seconds[-1]
    epoch = statistics.median(turns[ours.name]) / statistics.median(turns["lecture"])
    reached = ours.loss[-1] <= TARGET_LOSS and max(whole, epoch) <= TARGET_TIME
    return reached, (
        f"{ours.name}: loss {ours.loss[-1]:.5f} (asked: at most {TARGET_LOSS:.3f}) in "
        f"{whole:.3f} of the lecture's time, {epoch:.3f} an epoch by turns (asked: at most "
        f"{TARGET_TIME:g}): {'reached' if reached else 'NOT REACHED'}"
    )


def main():
    """Run the comparison."""
    arguments = parser(__doc__)
    arguments.add_argument("--hidden-size", type=int, default=800, metavar="N")
    arguments.add_argument("--epochs", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=0, help="of the noise and of the weights")
    arguments.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    arguments.add_argument("--select", action="store_true", help="rank learning rates instead")
    add_output(arguments)
    options = arguments.parse_args()
    turns, chunk = 10, 3
    if options.quick:
        options.hidden_size, options.epochs, turns = 100, 20, 3
    if options.select:
        return select(options)

    x, y = datasets.noisy_sine(options.seed)
    n, epochs = options.hidden_size, options.epochs
    runs = [
        run_xprnn("xprnn, defaults", x, y, options),
        run_xprnn(f"xprnn, n = {n}, momentum", x, y, options, **like_lecture(n, epochs)),
    ]
    runs.insert(0, run_lecture(x, y, options, epochs))
    seconds = by_turns(x, y, options, turns, chunk)
    print_runs(runs, seconds)
    reached, sentence = verdict(runs, seconds)
    if not options.quick:  # which is too short to reach anything
        print(sentence)
    write(
        options.output,
        "lecture",
        {
            "machine": machine(),
            "seed": options.seed,
            "dtype": options.dtype,
            "runs": [vars(run) for run in runs],
            "seconds_an_epoch_by_turns": seconds,
            "reached": reached,
        },
    )
    draw(runs, options.output)
    return 0 if reached or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
