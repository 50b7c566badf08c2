"""The numbers of the page: every cell, length and choice of mistakes, computed by the library."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from xprnn import cells, gradients, losses, optimizers
from xprnn._explorer.steps import (
    MISTAKES,
    Forward,
    allowed_mistakes,
    run_backward,
    run_forward,
    sum_terms,
)
from xprnn._model.gates import gate_names, state_names
from xprnn._typing import Array, Tree
from xprnn.backend import generator
from xprnn.layers import Dense, Pool, Recurrent, Stack

CELLS = ("elman", "lstm", "gru")
HIDDEN_SIZE = 3
LENGTHS = (3, 6, 12, 24)
SCALES = (0.5, 1.0, 2.0)
"""What the recurrent weights are multiplied by, where the page shows how far a gradient reaches."""
EPOCHS = 80
SHOWN_EPOCHS = (*range(10), *range(10, 50, 5), *range(50, EPOCHS + 1, 5))
TRAINED_STEPS = 36
OPTIMIZER = optimizers.SGD(0.1, momentum=0.9)
LOSS = losses.HalfMSE()

Choice = tuple[int, ...]
"""The mistakes that are switched on."""


def compute(seed: int = 0) -> dict[str, Any]:
    """Return all numbers of the page; the seed draws the parameters of the networks."""
    x, y = make_wave(TRAINED_STEPS)
    return {
        "hidden_size": HIDDEN_SIZE,
        "lengths": LENGTHS,
        "scales": SCALES,
        "mistakes": MISTAKES,
        "training": {"x": _round(x), "y": _round(y), "epochs": SHOWN_EPOCHS},
        "cells": {name: _compute_cell(name, seed) for name in CELLS},
    }


def make_wave(steps: int) -> tuple[Array, Array]:
    """Return a sine with a period of 12 steps, and the value that follows each, (T, 1)."""
    values = np.round(np.sin(np.arange(1.0, steps + 2)[:, None] * np.pi / 6), 12) + 0.0
    return values[:-1], values[1:]


def make_network(cell: str, seed: int) -> tuple[Stack, Tree]:
    """Return the network with one kind of cell, and its parameters."""
    network = Stack((Recurrent(HIDDEN_SIZE, cell), Dense(1)))
    params, _ = network.init(generator(seed), features=1)
    return network, params


def _compute_cell(name: str, seed: int) -> dict[str, Any]:
    """Return what the page shows of one kind of cell."""
    network, params = make_network(name, seed)
    cell = cells.get(name)
    allowed = allowed_mistakes(cell)
    choices = [c for count in range(len(allowed) + 1) for c in combinations(allowed, count)]
    return {
        "gates": gate_names(cell),
        "states": state_names(cell),
        "allowed": allowed,
        "shapes": {key: value.shape for key, value in _name(params).items()},
        "params": {key: _round(value) for key, value in _name(params).items()},
        "lessons": {
            steps: _compute_lesson(network, cell, params, steps, choices) for steps in LENGTHS
        },
        "reach": {
            scale: {steps: _round(measure_reach(name, params, steps, scale)) for steps in LENGTHS}
            for scale in SCALES
        },
        "trained": {_key(choice): _train(cell, params, choice) for choice in choices},
    }


def _compute_lesson(
    network: Stack, cell: Any, params: Tree, steps: int, choices: list[Choice]
) -> dict[str, Any]:
    """Return one pass forward, and one back with its check for each choice of mistakes."""
    x, y = make_wave(steps)
    forward = run_forward(cell, params, x)
    right = dict(_split(sum_terms(run_backward(cell, params, forward, y))))
    numeric = differentiate(network, params, x, y, right)
    runs = {}
    for choice in choices:
        back = run_backward(cell, params, forward, y, choice)
        gradient = dict(_split(sum_terms(back)))
        runs[_key(choice)] = {
            "back": [{k: _round(v) for k, v in vars(step).items()} for step in back],
            "ok": [abs(gradient[name] - value) <= tolerance for name, value, tolerance in numeric],
            "error": _round(max(_compare(gradient[name], value) for name, value, _ in numeric)),
        }
    return {
        "x": _round(x),
        "y": _round(y),
        "loss": _round(_loss(network, params, x, y)),
        "forward": [_describe(cell, step) for step in forward],
        "numeric": [_round(value) for _, value, _ in numeric],
        "runs": runs,
    }


def _describe(cell: Any, step: Forward) -> dict[str, Any]:
    """Return what the page shows of one step forward."""
    gates = cell.trace(step.memo) if gate_names(cell) else ()
    slope = None
    if not gates:
        z, h = step.memo
        slope = cell.activation.backward(np.ones_like(h), z, h, xp=np)
    shown = {"p": step.p, "q": step.q, "gates": gates, "state": step.state, "y_hat": step.y_hat}
    return {**{name: _round(value) for name, value in shown.items()}, "slope": _round(slope)}


def differentiate(
    network: Stack, params: Tree, x: Array, y: Array, gradient: dict[str, float]
) -> list[tuple[str, float, float]]:
    """Return the name, the finite difference and its tolerance, of every single parameter."""
    arrays = _name(params)

    def loss(entries: dict[str, Array]) -> Array:
        values = iter(entries.values())
        changed = {
            name: np.reshape([next(values).item() for _ in range(array.size)], array.shape)
            for name, array in arrays.items()
        }
        return _loss(network, _unname(changed), x, y)

    point = {name: np.full((1, 1), value) for name, value in _split(arrays)}
    slopes = {name: np.full((1, 1), value) for name, value in gradient.items()}
    report = gradients.compare(loss, point, slopes, directions=1, xp=np)
    return [  # a direction is 1 or -1
        (r.name, r.numeric if r.analytic == gradient[r.name] else -r.numeric, r.tolerance)
        for r in report.rows
    ]


def _compare(analytic: float, numeric: float) -> float:
    """Return |analytic - numeric| over the larger of the two."""
    return abs(analytic - numeric) / (max(abs(analytic), abs(numeric)) or 1.0)


def measure_reach(cell: Any, params: Tree, steps: int, scale: float) -> Array:
    """Return how much the last output's error says of each state, (T,), over that of the last.

    The recurrent weights are multiplied by `scale`.
    """
    recurrent, dense = params
    network = Stack((Recurrent(recurrent["U"].shape[0], cell), Dense(1), Pool("last")))
    scaled = ({**recurrent, "U": scale * recurrent["U"]}, dense, ())
    x, y = make_wave(steps)
    norms = gradients.through_time(network, LOSS, scaled, x[:, None], y[-1:, None], xp=np)
    norm = np.sqrt(sum(each**2 for each in norms))[:, 0]
    return norm / norm[-1]


def _train(cell: Any, params: Tree, choice: Choice) -> dict[str, Any]:
    """Return the loss after every epoch, and what the network predicts after some."""
    x, y = make_wave(TRAINED_STEPS)
    state = OPTIMIZER.init(params, xp=np)
    values, shown = [], []
    for epoch in range(EPOCHS + 1):
        forward = run_forward(cell, params, x)
        error = np.concat([step.y_hat for step in forward]) - y
        values.append(_round((error**2).mean() / 2))
        if epoch in SHOWN_EPOCHS:
            shown.append([_round(step.y_hat) for step in forward])
        gradient = sum_terms(run_backward(cell, params, forward, y, choice))
        params, state = OPTIMIZER.update(_unname(gradient), state, params, xp=np)
    return {"loss": values, "y_hat": shown}


def _loss(network: Stack, params: Tree, x: Array, y: Array) -> Array:
    """Return the loss of the network, as the library computes it."""
    y_hat, _, _ = network.forward(params, x[:, None], None, None, xp=np)
    value, _ = LOSS(y_hat, y[:, None], None, xp=np)
    return value


def _name(params: Tree) -> dict[str, Array]:
    """Return the parameters by the names that the page gives them."""
    recurrent, dense = params
    return {**recurrent, "Wy": dense["W"], "by": dense["b"]}


def _unname(arrays: dict[str, Array]) -> Tree:
    """Return the parameters as the network takes them."""
    recurrent = {name: array for name, array in arrays.items() if name not in ("Wy", "by")}
    return recurrent, {"W": arrays["Wy"], "b": arrays["by"]}


def _split(arrays: dict[str, Array]) -> Iterator[tuple[str, float]]:
    """Yield every number with its name, such as ``U[0, 2]``."""
    for name, array in arrays.items():
        for (i, j), value in np.ndenumerate(array):
            yield f"{name}[{i}, {j}]", float(value)


def _key(choice: Choice) -> str:
    """Return the name of a choice of mistakes: ``"13"`` for the first and the third."""
    return "".join(map(str, choice))


def _round(value: Any) -> Any:
    """Return numbers with six digits, rows (1, N) as lists and single numbers as such."""
    if isinstance(value, dict):
        return {key: _round(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_round(each) for each in value]
    if value is None:
        return None
    array = np.squeeze(np.asarray(value))
    return np.vectorize(lambda number: float(f"{number:.6g}"))(array).tolist()
