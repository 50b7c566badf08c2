"""The gates over time."""

from typing import Any

import numpy as np

from xprnn._model import Model
from xprnn._model.gates import gate_names
from xprnn.backend import to_host
from xprnn.layers.walk import recurrent_layers
from xprnn.plotting.canvas import legend_on_top, new_axes
from xprnn.plotting.series import along, index, one


def gates(
    model: Model,
    x: object,
    *,
    layer: int = 0,
    unit: int | None = None,
    sequence: int = 0,
    ax: Any = None,
):
    """Draw the gates of a recurrent layer over time: of one unit, or of all together.

    A forget gate near 1 keeps what it has, near 0 loses it.

    Parameters
    ----------
    model : Model
        With cells that name their gates, such as LSTM and GRU.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    layer : int
        Which of the recurrent layers.
    unit : int, optional
        Which hidden unit; left out, a line is the mean over all, and the band around it
        holds 80 % of them.
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
        If there is no such layer, unit or sequence, or the layer's cell names no gates.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> model = xprnn.fit(x, y, cell="gru", hidden_size=4, epochs=1)
    >>> [text.get_text() for text in plotting.gates(model, x).get_legend().get_texts()]
    ['reset', 'update', 'candidate']
    """
    inputs = one("x", x, sequence, model)
    layers = list(recurrent_layers(model.network))
    cell = layers[index("layer", layer, len(layers), "recurrent layers")].cell
    names = gate_names(cell)
    if not names:
        raise ValueError(f"gates draws gates, and the cell of layer {layer} names none: {cell!r}")
    seen = {name: to_host(a) for name, a in model.trace(inputs)[layer].items()}
    values = {name: np.reshape(seen[name], seen[name].shape[-2:]) for name in names}
    if unit is not None:
        unit = index("unit", unit, values[names[0]].shape[1], "units")
    ax = new_axes(ax)
    steps, label = along(inputs, len(values[names[0]]))
    for name, value in values.items():
        if unit is not None:
            ax.plot(steps, value[:, unit], label=name)
            continue
        (line,) = ax.plot(steps, value.mean(axis=1), label=name)
        edges = np.quantile(value, [0.1, 0.9], axis=1)
        ax.fill_between(steps, *edges, color=line.get_color(), alpha=0.15, lw=0)
    whose = "mean over the units" if unit is None else f"unit {unit}"
    ax.set(xlabel=label, ylabel=f"gates of layer {layer}, {whose}")
    legend_on_top(ax.lines[-len(names) :], ax)
    return ax
