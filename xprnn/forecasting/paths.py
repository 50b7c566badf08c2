"""Forecasts: the next steps of every series, as one path, as many, or as quantiles."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._model import Model
from xprnn._typing import Array
from xprnn.forecasting.layout import Layout, Past


class Interval(NamedTuple):
    """The bounds between which each step is expected, of the type of the series."""

    lower: Any
    upper: Any


def blocks(model: Model, past: Past, t: Array, layout: Layout) -> Array:
    """Return what the network gives at successive times t, (N, Q, k, O), scaled.

    Q is the number of quantiles, in the order of the loss; 1 for any other loss.
    """
    x = layout.sequences(past, t)
    return model.predict(x).reshape(len(t), -1, layout.steps, past.y.shape[1])


def direct(model: Model, pasts: list[Past], layout: Layout) -> list[Array]:
    """Return the next k steps of each series at once, (Q, k, O), in the units of y."""
    found = []
    for past in pasts:
        first = layout.season if layout.lags is None else len(past.y) - 1
        v = blocks(model, past, np.arange(first, len(past.y)), layout)[-1]
        base = layout.bases(past, np.asarray([len(past.y) - 1]), layout.steps)[0]
        found.append(base + past.scale * v)
    return found


def recursive(model: Model, pasts: list[Past], layout: Layout, noise: Array) -> Array:
    """Return paths of the series, each step an input of the next, (S, P, steps, O).

    ::

        z(t+1) = v_1(t) + ε(t+1),  y(t+1) = b_1(t) + s z(t+1)

    Parameters
    ----------
    model : Model
    pasts : list of Past
        S of them.
    layout : Layout
        With steps = 1.
    noise : array, (S, P, steps, O)
        ε; zero for a forecast.
    """
    S, P, steps, O = noise.shape  # noqa: E741
    known = [past.ahead[len(past.y) + 1 :][: steps - 1] for past in pasts]
    ahead = np.repeat(np.stack(known), P, axis=0)
    noise = noise.reshape(S * P, steps, O)
    v, memory = _after(model, pasts, layout)
    v, memory = np.repeat(v, P, axis=0), [np.repeat(a, P, axis=0) for a in memory]
    z = [v + noise[:, 0]]
    for j in range(1, steps):
        row = np.concatenate([z[-1], ahead[:, j - 1]], axis=1)[:, None]
        v, memory = _next(model, row, memory, layout)
        z.append(v + noise[:, j])
    paths = np.stack(z, axis=1).reshape(S, P, steps, O)
    return np.stack([_summed(past, z, layout) for past, z in zip(pasts, paths, strict=True)])


def _after(model: Model, pasts: list[Past], layout: Layout) -> tuple[Array, list[Array]]:
    """Return v after the last step of every series (S, O), and what the next one needs."""
    if layout.lags is None:
        rows = [layout.inputs(past, np.arange(layout.season, len(past.y))) for past in pasts]
        outputs, state = model.predict(rows, return_state=True)
        return np.stack([v[-1] for v in outputs]), list(state)
    ends = [np.asarray([len(past.y) - 1]) for past in pasts]
    pairs = zip(pasts, ends, strict=True)
    window = np.concatenate([layout.sequences(past, t) for past, t in pairs])
    return model.predict(window), [window]


def _next(
    model: Model, row: Array, memory: list[Array], layout: Layout
) -> tuple[Array, list[Array]]:
    """Return v after one more row (B, 1, F) of inputs, and what the next one needs."""
    if layout.lags is None:
        v, state = model.predict(row, state=tuple(memory), return_state=True)
        return v[:, 0], list(state)
    window = np.concatenate([memory[0][:, 1:], row], axis=1)
    return model.predict(window), [window]


def _summed(past: Past, z: Array, layout: Layout) -> Array:
    """Return y(t) = b(t) + s z(t) after the last step of a series, for paths (P, steps, O)."""
    if not layout.season:
        return past.mean + past.scale * z
    y = list(past.y[-layout.season :])
    for j in range(z.shape[1]):
        y.append(y[j] + past.scale * z[:, j])
    return np.stack([np.broadcast_to(a, z[:, 0].shape) for a in y[layout.season :]], axis=1)


def residuals(model: Model, pasts: list[Past], layout: Layout) -> Array:
    """Return by how much the network missed what it was trained on, (N, k, O), scaled."""
    found = []
    for past in pasts:
        t = layout.times(past)
        found.append(layout.targets(past, t) - blocks(model, past, t, layout)[:, 0])
    return np.concatenate(found)


def simulated(
    models: tuple[Model, ...], pasts: list[Past], layout: Layout, steps: int, count: int, rng: Any
) -> Array:
    """Return paths that could come, at least `count` of them, (S, P, steps, O).

    Each is a forecast of one of the models, to which residuals of that model are added,
    drawn with replacement: at every step, and fed back, or a row of k steps at once.
    """
    each, found = -(-count // len(models)), []
    for model in models:
        missed = residuals(model, pasts, layout)
        draws = rng.integers(len(missed), size=(len(pasts), each, -(-steps // layout.steps)))
        noise = missed[draws].reshape(len(pasts), each, -1, missed.shape[-1])[:, :, :steps]
        if layout.steps == 1:
            found.append(recursive(model, pasts, layout, noise))
        else:
            paths = [
                (y[:1, :steps] + past.scale * e)[None]
                for past, y, e in zip(pasts, direct(model, pasts, layout), noise, strict=True)
            ]
            found.append(np.concatenate(paths))
    return np.concatenate(found, axis=1)
