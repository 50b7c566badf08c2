"""What benchmarks/peers.py runs in a process for each library: `python _peers.py torch`.

A worker reads requests from a pipe, one JSON object a line, and answers them likewise.
"""

import contextlib
import ctypes
import gc
import json
import math
import os
import statistics
import sys
import time
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

import xprnn
from xprnn import interop, kernels, losses, optimizers, tree
from xprnn.gradients import objective
from xprnn.layers import Dense, Recurrent, Stack

CASES = (
    (200, 1, 1, 500, 1),
    (200, 1, 1, 800, 1),
    (1000, 1, 1, 32, 1),
    (100, 32, 8, 64, 1),
    (100, 64, 16, 128, 4),
    (50, 256, 32, 256, 10),
    (512, 32, 64, 512, 64),
)
"""T, B, F, H, O: steps, sequences, features, hidden units, outputs."""

GATES = {"elman": 1, "lstm": 4, "gru": 3}

RATE = 1e-3
"""The learning rate."""
UNROLLS = (1, 4)
"""Of JAX's scan; the first where nothing is tried."""
PRODUCT = (4096, 512, 2048)
WARM, LONG = 0.03, 0.2
"""Seconds before calls and epochs count; of a call that counts all the same."""


@dataclass(frozen=True)
class Problem:
    """A network and the sizes of its data."""

    T: int
    B: int
    F: int
    H: int
    O: int  # noqa: E741
    cell: str
    dtype: str

    @property
    def case(self):
        """Return the sizes alone."""
        return astuple(self)[:5]

    @property
    def network(self):
        """Return the network as xprnn has it."""
        return Stack((Recurrent(self.H, self.cell), Dense(self.O)))

    @property
    def operations(self):
        """Return the operations of all products of forward and backward, without that for dx."""
        width = GATES[self.cell] * self.H
        forward = self.F * width + self.H * width + self.H * self.O
        return 2 * self.T * self.B * (3 * forward - self.F * width)

    def data(self):
        """Return x (T, B, F) and y (T, B, O)."""
        rng = np.random.default_rng(1)
        shapes = (self.T, self.B, self.F), (self.T, self.B, self.O)
        return tuple(rng.standard_normal(shape, dtype=self.dtype) for shape in shapes)

    def weights(self):
        """Return random weights, those that xprnn starts from zero included."""
        rng = np.random.default_rng(0)

        def draw(*shape):
            drawn = rng.standard_normal(shape, dtype=self.dtype)
            drawn /= math.sqrt(max(shape[0], 4))
            return drawn

        width = GATES[self.cell] * self.H
        params = {"W": draw(self.F, width), "U": draw(self.H, width), "b": draw(1, width)}
        if self.cell == "gru":
            params["v"] = draw(1, self.H)
        return params, {"W": draw(self.H, self.O), "b": draw(1, self.O)}

    def initial(self):
        """Return the weights that `fit` draws."""
        drawn, _ = self.network.init(xprnn.backend.generator(0), self.F)
        return tree.map(lambda a: np.asarray(a, self.dtype), drawn)


# The libraries. Each has `build`, which makes the calls `forward` and `step`; `answer`, all
# that these give; `train`, which gives seconds an epoch and the last loss; and `prepare`.


def an_epoch(ends):
    """Return the seconds an epoch, from when each has ended; the first ones don't count."""
    start = sum(end - ends[0] < WARM for end in ends[: len(ends) // 2])
    return (ends[-1] - ends[start]) / (len(ends) - 1 - start)


class Library:
    """What the libraries share."""

    about = ""

    def prepare(self, problem):
        """Compile what must be compiled for a problem, without its data."""

    def close(self):
        """Give back what `build` took."""
        self.forward = self.step = None


class Xprnn(Library):
    """xprnn on NumPy, in a workspace as `fit` has it."""

    version = xprnn.__version__

    def __init__(self):
        self.open = contextlib.ExitStack()

    def build(self, problem):
        self.close()
        (x, y), params, network = problem.data(), problem.weights(), problem.network
        xp = self.open.enter_context(kernels.workspace(np))
        loss = losses.MSE()
        self.forward = lambda: objective.apply(network, params, x, xp=xp)[0]
        self.step = lambda: xprnn.value_and_grad(network, loss, params, x, y, xp=xp)

    def close(self):
        super().close()
        self.open.close()

    def answer(self):
        value, grads, _ = self.step()
        return {"y_hat": self.forward(), "loss": value, **tree.flatten(grads)}

    def train(self, problem, epochs):
        x, y = (a.swapaxes(0, 1).copy() for a in problem.data())
        ends = []
        model = xprnn.fit(
            x, y, network=problem.network, loss="mse", optimizer=optimizers.SGD(RATE),
            epochs=epochs + 1, clip_norm=None, standardize=False, progress=False,
            dtype=problem.dtype, callbacks=[lambda training: ends.append(time.perf_counter())],
        )  # fmt: skip
        return an_epoch(ends), model.history.loss[-1]

    def bare(self, problem, epochs):
        """Train as `fit` does, with nothing around it; return the seconds an epoch."""
        (x, y), params, network = problem.data(), problem.initial(), problem.network
        loss, sgd, numbers, ends = losses.MSE(), optimizers.SGD(RATE), [], []
        with kernels.workspace(np) as xp:
            state = sgd.init(params, xp=xp)
            for _ in range(epochs + 1):
                value, grads, _ = xprnn.value_and_grad(network, loss, params, x, y, xp=xp)
                numbers += [value, optimizers.global_norm(grads, xp=xp)]
                params, state = sgd.update(grads, state, params, xp=xp)
                ends.append(time.perf_counter())
        return an_epoch(ends)


class Torch(Library):
    """torch's own layers."""

    def __init__(self):
        import torch

        self.torch, self.version = torch, torch.__version__
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.about = f"{torch.get_num_threads()} threads"

    def modules(self, problem, weights):
        """Return the data and the two layers with these weights."""
        nn, dtype = self.torch.nn, getattr(self.torch, problem.dtype)
        kind = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[problem.cell]
        recurrent = kind(problem.F, problem.H, dtype=dtype)
        dense = nn.Linear(problem.H, problem.O, dtype=dtype)
        own = interop.to_torch(problem.network.layers[0], weights[0])
        top = {"weight": weights[1]["W"].T.copy(), "bias": weights[1]["b"][0]}
        for module, arrays in ((recurrent, own), (dense, top)):
            module.load_state_dict({k: self.torch.from_numpy(a) for k, a in arrays.items()})
        return *map(self.torch.from_numpy, problem.data()), recurrent, dense

    def build(self, problem):
        x, y, recurrent, dense = self.modules(problem, problem.weights())
        self.recurrent, self.dense, self.problem = recurrent, dense, problem
        parameters = [*recurrent.parameters(), *dense.parameters()]

        def forward():
            with self.torch.no_grad():
                return dense(recurrent(x)[0])

        def step():
            for parameter in parameters:
                parameter.grad = None
            loss = self.torch.nn.functional.mse_loss(dense(recurrent(x)[0]), y)
            loss.backward()
            return loss

        self.forward, self.step = forward, step

    def answer(self):
        loss = self.step()
        below = {n: p.grad.numpy() for n, p in self.recurrent.named_parameters()}
        above = {n: p.grad.numpy() for n, p in self.dense.named_parameters()}
        found = {"y_hat": self.forward().numpy(), "loss": loss.detach().numpy()}
        found |= {"0.W": below["weight_ih_l0"].T, "0.U": below["weight_hh_l0"].T}
        found |= {"0.b": below["bias_ih_l0"][None]}
        found |= {"1.W": above["weight"].T, "1.b": above["bias"][None]}
        if self.problem.cell == "gru":
            found["0.v"] = below["bias_hh_l0"][None, -self.problem.H :]
        return found

    def train(self, problem, epochs):
        x, y, recurrent, dense = self.modules(problem, problem.initial())
        # one bias, as the others have: with both it would learn twice as fast
        trained = [p for n, p in recurrent.named_parameters() if n != "bias_hh_l0"]
        sgd = self.torch.optim.SGD([*trained, *dense.parameters()], lr=RATE)
        history, ends = [], []
        for _ in range(epochs + 1):
            recurrent.zero_grad()
            dense.zero_grad()
            loss = self.torch.nn.functional.mse_loss(dense(recurrent(x)[0]), y)
            loss.backward()
            sgd.step()
            history.append(loss.detach())
            ends.append(time.perf_counter())
        return an_epoch(ends), float(history[-1])


class Jax(Library):
    """A scan in JAX, the product of x outside of it, compiled."""

    def __init__(self):
        import jax

        self.jax, self.version, self.prepared = jax, jax.__version__, {}

    def functions(self, problem, unroll):
        """Return forward(params, x) and loss(params, x, y), not yet compiled."""
        jax, jnp = self.jax, self.jax.numpy
        jax.config.update("jax_enable_x64", problem.dtype == "float64")
        count, sigmoid, split = GATES[problem.cell], jax.nn.sigmoid, jnp.split

        def elman(own, state, p):
            (h,) = state
            h = jnp.tanh(p + h @ own["U"])
            return (h,), h

        def lstm(own, state, p):
            h, c = state
            i, f, g, o = split(p + h @ own["U"], 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
            h = sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        def gru(own, state, p):
            (h,) = state
            (p_r, p_z, p_n), (q_r, q_z, q_n) = (split(a, 3, axis=-1) for a in (p, h @ own["U"]))
            r, z = sigmoid(p_r + q_r), sigmoid(p_z + q_z)
            n = jnp.tanh(p_n + r * (q_n + own["v"]))
            h = n + z * (h - n)
            return (h,), h

        cell = {"elman": elman, "lstm": lstm, "gru": gru}[problem.cell]

        def forward(params, x):
            own, top = params
            p = x @ own["W"] + own["b"]
            zero = jnp.zeros((x.shape[1], p.shape[-1] // count), p.dtype)
            start = (zero,) * (2 if problem.cell == "lstm" else 1)
            _, h = jax.lax.scan(partial(cell, own), start, p, unroll=unroll)
            return h @ top["W"] + top["b"]

        def loss(params, x, y):
            error = forward(params, x) - y
            return jnp.mean(error * error)

        return forward, loss

    def prepare(self, problem):
        _, loss = self.functions(problem, UNROLLS[0])
        jax, arrays = self.jax, (problem.weights(), *problem.data())
        shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), arrays)
        self.prepared[problem] = jax.jit(jax.value_and_grad(loss)).lower(*shapes).compile()

    def build(self, problem):
        jax = self.jax
        built = {u: self.functions(problem, u) for u in UNROLLS}
        params = jax.tree.map(jax.numpy.asarray, problem.weights())
        x, y = map(jax.numpy.asarray, problem.data())

        def waits(call, *arguments):
            return lambda: jax.block_until_ready(call(*arguments))

        if problem in self.prepared:
            self.forward, self.step = None, waits(self.prepared[problem], params, x, y)
            return

        def seconds(calls, unroll):
            calls[unroll]()  # compiles
            return statistics.median(clock(calls[unroll], 1, 0.1))

        forwards = {u: waits(jax.jit(f), params, x) for u, (f, _) in built.items()}
        steps = {
            u: waits(jax.jit(jax.value_and_grad(f)), params, x, y) for u, (_, f) in built.items()
        }
        ahead, self.unroll = (
            min(calls, key=partial(seconds, calls)) for calls in (forwards, steps)
        )
        self.forward, self.step = forwards[ahead], steps[self.unroll]
        self.about = f"unroll {ahead} forward, {self.unroll} with backward"

    def answer(self):
        value, grads = self.step()
        return {"y_hat": self.forward(), "loss": value, **tree.flatten(grads)}

    def train(self, problem, epochs):
        _, loss = self.functions(problem, self.unroll)
        jax = self.jax

        def update(params, x, y):
            value, grads = jax.value_and_grad(loss)(params, x, y)
            return value, jax.tree.map(lambda p, g: p - RATE * g, params, grads)

        step = jax.jit(update, donate_argnums=0)
        params = jax.tree.map(jax.numpy.array, problem.initial())
        x, y = map(jax.numpy.asarray, problem.data())
        value, params = jax.block_until_ready(step(params, x, y))
        first = began = time.perf_counter()
        done = 0
        for i in range(1, epochs + 1):
            value, params = step(params, x, y)
            if began - first < WARM and i <= epochs // 2:  # as `an_epoch`; then it may run ahead
                jax.block_until_ready(params)
                began, done = time.perf_counter(), i
        jax.block_until_ready(params)
        return (time.perf_counter() - began) / (epochs - done), float(value)


class Lecture(Library):
    """The lecture's algorithm, mistakes included."""

    version = "benchmarks/lecture.py"

    def build(self, problem):
        from lecture import LectureNetwork

        (x, y), (own, top) = (a[:, :, 0] for a in problem.data()), problem.weights()
        network = LectureNetwork(problem.H, problem.T, np.random.default_rng(0), problem.dtype)
        weights = {"Wx": own["W"], "Wh": own["U"], "b": own["b"], "Wy": top["W"]}
        network.params = {name: a.T.copy() for name, a in weights.items()}
        self.bias = top["b"]
        self.forward = lambda: network.forward(x)
        self.step = lambda: network.backward(x, network.forward(x) - y)

    def answer(self):
        return {"y_hat": (self.forward() + self.bias)[:, None]}


class Product(Library):
    """One large product of NumPy's."""

    version = np.__version__

    def build(self, problem):
        rows, inner, columns = PRODUCT
        rng = np.random.default_rng(0)
        a, b = (
            rng.standard_normal(s, dtype=problem.dtype) for s in ((rows, inner), (inner, columns))
        )
        out = a @ b
        self.step = lambda: np.matmul(a, b, out=out)


LIBRARIES = {
    "xprnn": Xprnn, "torch": Torch, "jax": Jax, "lecture": Lecture, "product": Product
}  # fmt: skip


def clock(call, least, seconds, most=20):
    """Return the seconds of each of some calls, as many as fit, after some that don't count.

    The first find cold caches and threads that sleep or share a core. A long call counts.
    """

    def timed():
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    warm = [timed()]
    while sum(warm) < WARM:
        warm.append(timed())
    taken = [s for s in warm[:1] if s > LONG]
    while len(taken) < least or (sum(taken) < seconds and len(taken) < most):
        taken.append(timed())
    return taken


def _memory(name):
    """Return a line of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def peak(library, problem):
    """Return by how many bytes two steps raise the peak of resident memory."""
    for _ in range(2):
        library.build(replace(problem, T=4, B=min(problem.B, 2), H=8))
        library.step()
        library.close()
    library.prepare(problem)
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    library.build(problem)
    for _ in range(2):
        library.step()
    return _memory("VmHWM") - before


def serve(name):
    """Answer requests, one JSON object a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer

    def say(**content):
        print(json.dumps(content), file=answers, flush=True)

    try:
        library = LIBRARIES[name]()
    except ImportError as error:
        say(absent=str(error))
        return
    say(version=library.version)
    for line in sys.stdin:
        request = json.loads(line)
        problem = Problem(**request["problem"]) if "problem" in request else None
        match request["do"]:
            case "build":
                library.build(problem)
                say(about=library.about)
            case "answer":
                np.savez(request["path"], **library.answer())
                say()
            case "time":
                call = getattr(library, request["call"])
                say(seconds=clock(call, request["least"], request["seconds"]))
            case "train":
                seconds, loss = library.train(problem, request["epochs"])
                say(seconds=seconds, loss=loss)
            case "bare":
                say(seconds=library.bare(problem, request["epochs"]))
            case "peak":
                say(bytes=peak(library, problem))
    library.close()


if __name__ == "__main__":
    serve(sys.argv[1])
