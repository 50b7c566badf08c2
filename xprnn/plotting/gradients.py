"""Plots of gradients through time, and of the eigenvalues of recurrent matrices."""

from typing import Any

import numpy as np

from xprnn import gradients as flow
from xprnn import tree
from xprnn._model import Model
from xprnn._model.gates import state_names
from xprnn.backend import to_host
from xprnn.layers.walk import recurrent_layers
from xprnn.plotting import series
from xprnn.plotting.canvas import open_axes


def gradients(model: Model, x: object, y: object, *, sequence: int = 0, ax: Any = None):
    """Draw ‖∂L/∂h(t)‖, how much the loss depends on the state at each step, on a log axis.

    A curve that falls towards the first steps shows a vanishing gradient: the network can hardly
    learn from these steps. A curve that rises towards them shows an exploding gradient. L is the
    loss of the training, on standardised data if the model standardises.

    Parameters
    ----------
    model : Model
        A model whose network can be cut in time.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    y : array or list of arrays
        The targets, as in training.
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
        If the network needs whole sequences, x or y is invalid, or the model has no loss.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> len(plotting.gradients(xprnn.fit(x, y, cell="lstm", epochs=1), x, y).lines)
    2
    """
    if model.loss is None:
        raise ValueError(
            "gradients needs the loss, and the model was loaded without one: set its loss"
        )
    inputs, targets = series.read_data(model, x, y, sequence)
    with model.backend.active():
        X = _standardise(model, model.x_scaler, inputs)
        Y = _standardise(model, model.y_scaler, targets)
        weights, xp = _convert_weights(model), model.backend.xp
        arrays = flow.through_time(model.network, model.loss, weights, X, Y, xp=xp)
    norms = [to_host(norm)[:, 0] for norm in arrays]
    scale = "log" if any((norm > 0).any() for norm in norms) else "linear"
    ylabel = f"‖∂L/∂{_name_state(model)}(t)‖"
    ax = open_axes(ax, xlabel="step t", ylabel=ylabel, yscale=scale)
    for name, norm in zip(_name_states(model, len(norms)), norms, strict=True):
        ax.plot(np.arange(len(norm)), norm, label=name)
    ax.legend()
    return ax


def singular_values(model: Model, x: object, *, sequence: int = 0, ax: Any = None):
    """Draw the singular values of ∂h(T)/∂h(t), on a log axis.

    They are the factors by which a small change of the state at step t grows or shrinks until the
    last step, one for each direction. The state is that of the whole network; an LSTM layer has h
    and c. Values below the rounding error of the largest are not drawn.

    Parameters
    ----------
    model : Model
        A model whose network can be cut in time.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
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
        If the network needs whole sequences or has no state, or if x is invalid.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> plotting.singular_values(xprnn.fit(x, y, hidden_size=4, epochs=1), x).get_yscale()
    'log'
    """
    inputs = series.read_sequence("x", x, sequence, model)
    with model.backend.active():
        X = _standardise(model, model.x_scaler, inputs)
        weights, xp = _convert_weights(model), model.backend.xp
        jacobians = flow.state_jacobians(model.network, weights, X, xp=xp)
    values = np.linalg.svd(to_host(jacobians)[:, 0], compute_uv=False)
    eps = np.finfo(values.dtype).eps
    visible = np.where(values > eps * values[:, :1], values, np.nan)
    scale, state = "log" if (values > 0).any() else "linear", _name_state(model)
    ylabel = f"singular values of ∂{state}(T)/∂{state}(t)"
    ax = open_axes(ax, xlabel="step t", ylabel=ylabel, yscale=scale)
    steps = np.arange(len(visible))
    if visible.shape[1] > 1:
        ax.plot(steps, visible[:, 1:], color="C0", linewidth=0.7, alpha=0.4)
        ax.lines[-1].set_label("the others")
    ax.plot(steps, visible[:, 0], color="C3", label="the largest")
    ax.legend()
    return ax


def eigenvalues(model: Model, *, layer: int = 0, ax: Any = None):
    """Draw the eigenvalues of a recurrent matrix U in the complex plane, with the unit circle.

    In a linear recurrence, components with eigenvalues outside the circle grow from step to step,
    and components with eigenvalues inside it decay. A cell with gates has a matrix for each gate,
    a block of U.

    Parameters
    ----------
    model : Model
    layer : int
        The index of the recurrent layer.
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
    cell = series.find_cell(model, layer)
    matrices = [array for name, array in model.named().items() if name.split(".")[-1] == "U"]
    U = to_host(matrices[layer])
    names = getattr(cell, "gate_names", ())
    if len(names) != cell.gates:
        names = [f"gate {k}" for k in range(cell.gates)]
    ax = open_axes(ax, (5, 5), xlabel="real part", ylabel="imaginary part", aspect="equal")
    ax.set_title(f"eigenvalues of U, layer {layer}")
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="0.6", linewidth=1)
    for name, block in zip(names, np.split(U, cell.gates, axis=-1), strict=True):
        values = np.linalg.eigvals(block.astype("float64"))
        ax.plot(values.real, values.imag, "o", markersize=4, alpha=0.7, label=name)
    if cell.gates > 1:
        ax.legend()
    return ax


def _standardise(model: Model, scaler: Any, array: Any) -> Any:
    """Return a host array (T, F) as the network's input, (T, 1, F) in float64."""
    moved = model.backend.asarray(array[:, None, :], "float64")
    return moved if scaler is None else model.backend.asarray(scaler.apply(moved), "float64")


def _convert_weights(model: Model) -> Any:
    """Return the weights in float64, which can represent smaller gradients."""
    return tree.map(lambda a: model.backend.asarray(a, "float64"), model.params)


def _name_state(model: Model) -> str:
    """Return the name of the network's state: h if it has nothing else."""
    names = [state_names(layer.cell) for layer in recurrent_layers(model.network)]
    return "h" if names == [("h",)] else "state"


def _name_states(model: Model, count: int) -> list[str]:
    """Return a name for each array of the network's state."""
    layers = [state_names(layer.cell) for layer in recurrent_layers(model.network)]
    where = "" if len(layers) == 1 else " of layer {}"
    names = [f"{name}{where.format(i)}" for i, own in enumerate(layers) for name in own]
    return names if len(names) == count else [f"state {k}" for k in range(count)]
