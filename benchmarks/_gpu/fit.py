"""Whole trainings, `fit` against a loop around torch: for benchmarks/gpu.py."""

import contextlib

import numpy as np
from _common import said
from _gpu.cases import FIT, STRICT, Case
from _gpu.sides import in_tf32, no_torch, version

import xprnn
from xprnn import interop, kernels, tree
from xprnn.backend import generator
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.optimizers import Adam
from xprnn.recurrence import REFERENCE

CASES = (Case("elman", 200, 1, 500), Case("lstm", 100, 64, 256))
SMALL = (Case("elman", 5, 2, 4, F=2),)
EPOCHS = 20, 120
RATE = 1e-3


def data(case):
    """Return x (B, T, F) and y (B, T, 1) to learn: a sum of what came before."""
    x = np.random.default_rng(0).standard_normal((case.B, case.T, case.F)).astype("float32")
    return x, np.tanh(np.cumsum(x[..., :1], axis=1) / 4)


def ours(ground, case):
    """Return a function that trains for some epochs and returns the last loss."""
    xp, network = ground.xp, Stack((Recurrent(case.H, case.cell), Dense(1)))
    x, y = map(xp.asarray, data(case))

    def train(epochs):
        model = xprnn.fit(
            x, y, network=network, loss="mse", optimizer=Adam(RATE), epochs=epochs,
            standardize=False, clip_norm=1.0, progress=False,
        )  # fmt: skip
        return model.history.loss[-1]

    return train


def theirs(ground, case, precision):
    """As `ours`, with torch's layers from the same weights, strictly in float32 or in TF32."""
    torch, nn = ground.torch, ground.torch.nn
    network = Stack((Recurrent(case.H, case.cell), Dense(1)))
    drawn, _ = network.init(generator(0), case.F)
    drawn = tree.map(lambda a: np.asarray(a, "float32"), drawn)
    named = interop.to_torch(network.layers[0], drawn[0])
    x, y = (torch.from_numpy(a.swapaxes(0, 1).copy()).to(ground.torch_device) for a in data(case))

    def train(epochs):
        kind = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[case.cell]
        below, above = kind(case.F, case.H), nn.Linear(case.H, 1)
        below.load_state_dict({k: torch.from_numpy(a) for k, a in named.items()})
        above.weight.data = torch.from_numpy(drawn[1]["W"].T.copy())
        above.bias.data = torch.from_numpy(drawn[1]["b"][0].copy())
        model = nn.ModuleList((below, above)).to(ground.torch_device)
        trained = [p for n, p in model.named_parameters() if n != "0.bias_hh_l0"]  # one bias
        adam = torch.optim.Adam(trained, lr=RATE)
        with in_tf32(torch, precision == "tf32"):
            for _ in range(epochs):
                adam.zero_grad()
                loss = nn.functional.mse_loss(above(below(x)[0]), y)
                loss.backward()
                nn.utils.clip_grad_norm_(trained, 1.0)
                adam.step()
            return loss.item()

    return train


def sides(ground, case):
    """Return the trainings by name, what is to be said of each, and why some are missing."""
    runs = kernels.lookup(case.object, ground.xp, case.shapes, ground.xp.float32)
    name = FIT + (", by the reference loop" if runs is REFERENCE else "")
    found, about, missing = {name: ours(ground, case)}, {name: {}}, {}
    for precision in (STRICT, "tf32"):
        name = f"torch, {precision}"
        if reason := no_torch(ground, precision):
            missing[name] = reason
        else:
            found[name], about[name] = theirs(ground, case, precision), {"cudnn": version(ground)}
    return found, about, missing


def run(ground, case, turns=5):
    """Return the ms an epoch of each, by turns, and the last losses."""
    few, many = (1, 3) if ground.dry else EPOCHS
    found, about, missing = sides(ground, case)
    taken, losses = {name: [] for name in found}, {}

    @contextlib.contextmanager
    def trying(name):
        try:
            yield
        except Exception as error:  # of a compiler, a driver or torch
            missing[name] = f"FAILED: {said(error)}"

    for name, train in found.items():
        with trying(name):
            train(few)
    for _ in range(1 if ground.dry else turns):
        for name in [name for name in found if name not in missing]:
            with trying(name):
                ends = []
                for epochs in (few, many):
                    start = ground.clock()
                    losses[name] = found[name](epochs)
                    ends.append(ground.clock() - start)
                taken[name].append(1e3 * (ends[1] - ends[0]) / (many - few))
    rows = [
        {"case": str(case), "side": name, "ms_an_epoch": taken[name], "loss": losses[name],
         **about[name]}
        for name in found if name not in missing
    ]  # fmt: skip
    return {"rows": rows, "missing": {f"{case}, {name}": why for name, why in missing.items()}}
