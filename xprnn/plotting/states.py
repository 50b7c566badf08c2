"""Plots of a recurrent layer over time: its hidden states and its gates."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from xprnn._model import Model
from xprnn._model.gates import gate_names
from xprnn.backend import to_host
from xprnn.plotting import series
from xprnn.plotting.canvas import add_right_axis, draw_legend, open_axes, open_rows
from xprnn.plotting.steps import choose_steps


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
    """Draw the hidden units of a recurrent layer over time, in one plot.

    Units at the limits of the activation's range are saturated: they pass almost no gradient.

    Parameters
    ----------
    model : Model
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    y : array or list of arrays, optional
        Data to draw behind the units, with a separate axis on the right.
    layer : int
        The index of the recurrent layer.
    units : iterable of int, optional
        The indices of the hidden units; by default all. The legend names up to ten.
    sequence : int
        The index of the sequence.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        The Axes of the units.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there is no such layer, unit or sequence, or the steps of y are not those of the states.

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
    inputs, targets, hidden = _read_states(model, x, y, layer, sequence)
    count = hidden.shape[1]
    if units is None:
        units = range(count)
    shown = [series.read_index("units", unit, count, "units") for unit in units]
    if not shown:
        raise ValueError("units must name at least one unit, got none")
    steps = choose_steps(model, x, inputs, len(hidden), sequence)
    ax = open_axes(ax, ylabel=f"hidden states of layer {layer}")
    steps.show(ax)
    named = len(shown) <= 10
    lines = []
    for unit in shown:
        style = {"label": f"unit {unit}"} if named else {"linewidth": 0.7, "alpha": 0.7}
        lines += ax.plot(steps.values, hidden[:, unit], **style)
    lines, axes = lines if named else [], [ax]
    if targets is not None:
        axes.append(add_right_axis(ax, "data"))
        name = series.label_columns("data", targets)
        style = {"color": "0.6", "markersize": 4, "label": name}
        lines = [*axes[1].plot(steps.values, targets, ".", **style), *lines]
    if lines:
        draw_legend(*axes, lines=lines)
    return ax


def heatmap(model: Model, x: object, *, layer: int = 0, sequence: int = 0, ax: Any = None):
    """Draw the hidden units of a recurrent layer over time as colours, one row per unit.

    Parameters
    ----------
    model : Model
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    layer : int
        The index of the recurrent layer.
    sequence : int
        The index of the sequence.
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
    inputs, _, hidden = _read_states(model, x, None, layer, sequence)
    steps = choose_steps(model, x, inputs, len(hidden), sequence)
    ax = open_axes(ax, ylabel=f"unit of layer {layer}")
    steps.show(ax)
    most = np.abs(hidden).max() or 1.0
    colours = ax.pcolormesh(
        steps.values, np.arange(hidden.shape[1]), hidden.T,
        shading="nearest", cmap="RdBu_r", vmin=-most, vmax=most, rasterized=True,
    )  # fmt: skip
    ax.figure.colorbar(colours, ax=ax, label="h")
    ax.yaxis.get_major_locator().set_params(integer=True)
    return ax


def gates(
    model: Model,
    x: object,
    *,
    layer: int = 0,
    unit: int | None = None,
    sequence: int = 0,
    axes: Any = None,
):
    """Draw the gates of a recurrent layer over time, each on its own Axes.

    A gate lies between 0 (closed) and 1 (open): near 1, a forget gate keeps the cell's state; near
    0, it erases it. The candidate, which a gate lets in, lies between -1 and 1. The y-axes show
    these ranges; with other activations they show the range of the values.

    Parameters
    ----------
    model : Model
        A model whose cells name their gates, such as LSTM and GRU.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    layer : int
        The index of the recurrent layer.
    unit : int, optional
        The index of the hidden unit. By default a line shows the mean over all units, and a band
        around it contains 80 % of them.
    sequence : int
        The index of the sequence.
    axes : array of matplotlib Axes, optional
        One Axes for each gate, such as ``plt.subplots(4, sharex=True)[1]``.

    Returns
    -------
    array of matplotlib Axes
        One Axes for each gate, in the order of the cell's ``gate_names``.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there is no such layer, unit or sequence, the layer's cell names no gates, or the number
        of `axes` is not the number of gates.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> model = xprnn.fit(x, y, cell="gru", hidden_size=4, epochs=1)
    >>> [ax.get_ylabel() for ax in plotting.gates(model, x)]
    ['reset', 'update', 'candidate']
    """
    inputs = series.read_sequence("x", x, sequence, model)
    cell = series.find_cell(model, layer)
    names = gate_names(cell)
    if not names:
        raise ValueError(f"gates draws gates, and the cell of layer {layer} names none: {cell!r}")
    trace = model.trace(inputs)[layer]
    values = [np.reshape(to_host(trace[name]), trace[name].shape[-2:]) for name in names]
    count, units = values[0].shape
    if unit is not None:
        unit = series.read_index("unit", unit, units, "units")
    steps = choose_steps(model, x, inputs, count, sequence)
    axes = open_rows(axes, names)
    whose = "mean, and where 80 % of the units are" if unit is None else f"unit {unit}"
    axes[0].set_title(f"gates of layer {layer}: {whose}")
    for ax, name, value in zip(axes, names, values, strict=True):
        drawn = value.mean(axis=1) if unit is None else value[:, unit]
        steps.show(ax)
        ax.plot(steps.values, drawn)
        if unit is None:
            edges = np.quantile(value, [0.1, 0.9], axis=1)
            ax.fill_between(steps.values, *edges, color=ax.lines[-1].get_color(), alpha=0.2, lw=0)
        place = ax.get_subplotspec()
        if place is not None and not place.is_last_row():
            ax.set_xlabel("")
        ax.set_ylabel(name)
        _show_range(ax, value, -1 if name == "candidate" else 0)
    return axes


def _show_range(ax: Any, values: Any, least: int) -> None:
    """Set a y-axis to the range from `least` to 1, if the values lie in it."""
    if values.min() >= least and values.max() <= 1:
        margin = 0.04 * (1 - least)
        ax.set(ylim=(least - margin, 1 + margin), yticks=np.linspace(least, 1, 3))


def _read_states(
    model: Model, x: object, y: object, layer: Any, sequence: Any
) -> tuple[Any, Any, Any]:
    """Return x (T, F), y (T, O) or None, and the states (T, H) of a layer."""
    inputs, targets = series.read_data(model, x, y, sequence)
    _, layers = model.predict(inputs, return_states=True)
    if not layers:
        raise ValueError("the model has no recurrent layer and so no hidden states to draw")
    h = to_host(layers[series.read_index("layer", layer, len(layers), "recurrent layers")])
    hidden = np.reshape(h, h.shape[-2:])
    if targets is not None and len(targets) != len(hidden):
        raise ValueError(
            f"y must have the {len(hidden)} step(s) of the states of layer {layer}, "
            f"got {len(targets)}"
        )
    return inputs, targets, hidden
