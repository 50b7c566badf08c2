"""Forecasts of trained networks: one path of each series, many, or quantiles."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._model import Model
from xprnn._typing import Array
from xprnn._validate import number
from xprnn.forecasting.layout import Layout, Past


class Interval(NamedTuple):
    """The bounds between which each step is expected, in the form of the series."""

    lower: Any
    upper: Any


def bound_quantiles(coverage: float) -> tuple[float, float]:
    """Return the quantiles that bound an interval for a share `coverage`."""
    number("coverage", coverage, above=0, below=1)
    return (1 - coverage) / 2, (1 + coverage) / 2


def predict(model: Model, past: Past, t: Array, layout: Layout) -> Array:
    """Return the scaled outputs of the network at successive times t, (N, Q, k, O).

    Q is the number of quantiles, in the order of the loss; 1 for any other loss.
    """
    x = layout.sequences(past, t)
    return model.predict(x).reshape(len(t), -1, layout.steps, past.y.shape[1])


def forecast_at_once(model: Model, pasts: list[Past], layout: Layout) -> list[Array]:
    """Return the next k steps of each series at once, (Q, k, O), in the units of y."""
    forecasts = []
    for past in pasts:
        last = len(past.y) - 1
        first = layout.differencing if layout.lags is None else last
        v = predict(model, past, np.arange(first, last + 1), layout)[-1]
        base = layout.bases(past, np.asarray([last]), layout.steps)[0]
        forecasts.append(base + past.scale * v)
    return forecasts


def follow(model: Model, pasts: list[Past], layout: Layout, noise: Array) -> Array:
    """Return P paths of each of S series, (S, P, horizon, O), in the units of y.

    The scaled noise is of that shape too, and zero for a forecast. A network that gives several
    steps gives the horizon at once. One that gives the next step reads it as the input of the
    one after it::

        z(t+1) = v_1(t) + ε(t+1),  y(t+1) = b_1(t) + s z(t+1)
    """
    S, P, horizon, O = noise.shape  # noqa: E741
    if layout.steps > 1:
        forecasts = forecast_at_once(model, pasts, layout)
        pairs = zip(forecasts, pasts, noise, strict=True)
        return np.stack([y[:1, :horizon] + past.scale * e for y, past, e in pairs])
    ahead = np.stack([past.ahead[len(past.y) + 1 :][: horizon - 1] for past in pasts])
    ahead, noise = np.repeat(ahead, P, axis=0), noise.reshape(S * P, horizon, O)
    v, memory = _read_pasts(model, pasts, layout)
    v, memory = np.repeat(v, P, axis=0), [np.repeat(a, P, axis=0) for a in memory]
    z = [v + noise[:, 0]]
    for j in range(1, horizon):
        row = np.concatenate([z[-1], ahead[:, j - 1]], axis=1)[:, None]
        v, memory = _read_row(model, row, memory, layout)
        z.append(v + noise[:, j])
    paths = np.stack(z, axis=1).reshape(S, P, horizon, O)
    return np.stack([_unscale(past, z, layout) for past, z in zip(pasts, paths, strict=True)])


def _read_pasts(model: Model, pasts: list[Past], layout: Layout) -> tuple[Array, list[Array]]:
    """Return v after the last step of every series, (S, O), and the memory for the next one."""
    if layout.lags is None:
        rows = [layout.inputs(past, np.arange(layout.differencing, len(past.y))) for past in pasts]
        outputs, state = model.predict(rows, return_state=True)
        return np.stack([v[-1] for v in outputs]), list(state)
    last = [layout.sequences(past, np.asarray([len(past.y) - 1])) for past in pasts]
    window = np.concatenate(last)
    return model.predict(window), [window]


def _read_row(
    model: Model, row: Array, memory: list[Array], layout: Layout
) -> tuple[Array, list[Array]]:
    """Return v after one more row (B, 1, F) of inputs, and the memory for the next one."""
    if layout.lags is None:
        v, state = model.predict(row, state=tuple(memory), return_state=True)
        return v[:, 0], list(state)
    window = np.concatenate([memory[0][:, 1:], row], axis=1)
    return model.predict(window), [window]


def _unscale(past: Past, z: Array, layout: Layout) -> Array:
    """Return y(t) = b(t) + s z(t) after the last step of a series, for paths (P, steps, O)."""
    if not layout.differencing:
        return past.mean + past.scale * z
    y = list(past.y[-layout.differencing :])
    for j in range(z.shape[1]):
        y.append(y[j] + past.scale * z[:, j])
    return np.stack(y[layout.differencing :], axis=1)


def measure_errors(model: Model, pasts: list[Past], layout: Layout) -> Array:
    """Return the scaled errors of the network at every step that it was trained on, (N, k, O)."""
    errors = []
    for past in pasts:
        t = layout.times(past)
        errors.append(layout.targets(past, t) - predict(model, past, t, layout)[:, 0])
    return np.concatenate(errors)


def simulate(
    models: tuple[Model, ...], pasts: list[Past], layout: Layout, horizon: int, count: int, rng: Any
) -> Array:
    """Return paths that the series could take, at least `count` of each, (S, P, horizon, O).

    Each is a forecast of one of the models, to which errors of that model in training are
    added, drawn with replacement: a single one at every step, or a row of k steps at once.
    """
    each, paths = -(-count // len(models)), []
    for model in models:
        errors = measure_errors(model, pasts, layout)
        draws = rng.integers(len(errors), size=(len(pasts), each, -(-horizon // layout.steps)))
        noise = errors[draws].reshape(len(pasts), each, -1, errors.shape[-1])[:, :, :horizon]
        paths.append(follow(model, pasts, layout, noise))
    return np.concatenate(paths, axis=1)
