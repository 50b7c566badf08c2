"""The hidden states over time."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from xprnn._model import Model
from xprnn.backend import to_host
from xprnn.plotting.canvas import legend_on_top, new_axes
from xprnn.plotting.series import along, index, labels, one, one_pair


def states(
    model: Model,
    x: object,
    y: object | None = None,
    *,
    layer: int = 0,
    units: Iterable[int] | None = None,
    sequence: int = 0,
    ax: Any = None,
):
    """Draw the hidden units of a recurrent layer over time, on top of one another.

    Units at the ends of the activation's range are saturated: they pass next to no
    gradient.

    Parameters
    ----------
    model : Model
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    y : array or list of arrays, optional
        Data to draw behind the units, with an axis of their own on the right.
    layer : int
        Which of the recurrent layers.
    units : iterable of int, optional
        Which of the hidden units; left out, all. Ten or fewer are named.
    sequence : int
        Which of the B sequences.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Those of the units.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there is no such layer, unit or sequence, or y has other steps than the states.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> model = xprnn.fit(x, y, hidden_size=8, epochs=1)
    >>> len(plotting.states(model, x).lines)
    8
    >>> len(plotting.states(model, x, y, units=[0, 3]).lines)
    2
    """
    inputs, targets, hidden = _hidden(model, x, y, layer, sequence)
    count = hidden.shape[1]
    shown = range(count) if units is None else [index("units", u, count, "units") for u in units]
    if not shown:
        raise ValueError("units must name at least one unit, got none")
    ax = new_axes(ax)
    steps, label = along(inputs, len(hidden))
    named = len(shown) <= 10
    for unit in shown:
        style = {"label": f"unit {unit}"} if named else {"linewidth": 0.7, "alpha": 0.7}
        ax.plot(steps, hidden[:, unit], **style)
    ax.set(xlabel=label, ylabel=f"hidden states of layer {layer}")
    lines, drawn = list(ax.lines[-len(shown) :]) if named else [], [ax]
    if targets is not None:
        behind = ax.twinx()
        dots = behind.plot(
            steps, targets, ".", color="0.6", markersize=4, label=labels("data", targets)
        )
        behind.set_ylabel("data")
        ax.set_zorder(behind.get_zorder() + 1)  # the units stand before the data
        ax.patch.set_visible(False)
        lines, drawn = [*dots, *lines], [ax, behind]
    if lines:
        legend_on_top(lines, *drawn)
    return ax


def heatmap(model: Model, x: object, *, layer: int = 0, sequence: int = 0, ax: Any = None):
    """Draw the hidden units of a recurrent layer over time as colours, a row for each.

    Parameters
    ----------
    model : Model
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    layer : int
        Which of the recurrent layers.
    sequence : int
        Which of the B sequences.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there is no such layer or sequence.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> plotting.heatmap(xprnn.fit(x, y, hidden_size=8, epochs=1), x).get_ylabel()
    'unit of layer 0'
    """
    inputs, _, hidden = _hidden(model, x, None, layer, sequence)
    ax = new_axes(ax)
    steps, label = along(inputs, len(hidden))
    most = np.abs(hidden).max() or 1.0
    colours = ax.pcolormesh(
        steps, np.arange(hidden.shape[1]), hidden.T,
        shading="nearest", cmap="RdBu_r", vmin=-most, vmax=most, rasterized=True,
    )  # fmt: skip
    ax.figure.colorbar(colours, ax=ax, label="h")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel=label, ylabel=f"unit of layer {layer}")
    return ax


def _hidden(model: Model, x: object, y: object, layer: Any, sequence: Any) -> tuple[Any, Any, Any]:
    """Return x (T, F), y (T, O) or None, and the states (T, H) of a layer."""
    targets = None
    if y is None:
        inputs = one("x", x, sequence, model)
    else:
        inputs, targets = one_pair(model, x, y, sequence)
    _, layers = model.predict(inputs, return_states=True)
    if not layers:
        raise ValueError("the model has no recurrent layer, and so no hidden states to draw")
    h = to_host(layers[index("layer", layer, len(layers), "recurrent layers")])
    hidden = np.reshape(h, h.shape[-2:])
    if targets is not None and len(targets) != len(hidden):
        raise ValueError(
            f"y must have the {len(hidden)} step(s) of the states of layer {layer}, "
            f"got {len(targets)}"
        )
    return inputs, targets, hidden
