"""The eigenvalues of a recurrent matrix."""

from typing import Any

import numpy as np

from xprnn._model import Model
from xprnn.backend import to_host
from xprnn.layers.walk import recurrent_layers
from xprnn.plotting.canvas import new_axes
from xprnn.plotting.series import index


def eigenvalues(model: Model, *, layer: int = 0, ax: Any = None):
    """Draw the eigenvalues of a recurrent matrix U in the complex plane, with the unit circle.

    Outside of the circle what a linear recurrence remembers grows from step to step, inside
    it fades. Of a cell with gates each has a matrix of its own, a block of U.

    Parameters
    ----------
    model : Model
    layer : int
        Which of the recurrent layers.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there is no such layer.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> model = xprnn.fit(*datasets.noisy_sine(), hidden_size=8, epochs=1)
    >>> plotting.eigenvalues(model).get_xlabel()
    'real part'
    """
    layers = list(recurrent_layers(model.network))
    matrices = [array for name, array in model.named().items() if name.split(".")[-1] == "U"]
    i = index("layer", layer, len(layers), "recurrent layers")
    cell, U = layers[i].cell, to_host(matrices[i])
    names = getattr(cell, "gate_names", ())
    if len(names) != cell.gates:
        names = [f"gate {k}" for k in range(cell.gates)]
    ax = new_axes(ax, 5, 5)
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="0.6", linewidth=1)
    for name, block in zip(names, np.split(U, cell.gates, axis=-1), strict=True):
        values = np.linalg.eigvals(block.astype("float64"))
        ax.plot(values.real, values.imag, "o", markersize=4, alpha=0.7, label=name)
    ax.set(xlabel="real part", ylabel="imaginary part", aspect="equal")
    ax.set_title(f"eigenvalues of U, layer {layer}")
    if cell.gates > 1:
        ax.legend()
    return ax
