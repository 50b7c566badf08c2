"""What reaches the states on the way back through time."""

from typing import Any

import numpy as np

from xprnn import gradients as flow
from xprnn import tree
from xprnn._model import Model
from xprnn._model.gates import state_names
from xprnn.backend import to_host
from xprnn.layers.walk import recurrent_layers
from xprnn.plotting.canvas import new_axes
from xprnn.plotting.series import one, one_pair


def gradients(model: Model, x: object, y: object, *, sequence: int = 0, ax: Any = None):
    """Draw ‖∂L/∂h(t)‖, how much of the loss reaches the state at each step, on a log axis.

    Where it falls towards the first steps the gradient vanishes, and what happened then
    can hardly be learnt; where it rises it explodes. L is the loss of the training, of
    standardised data if the model standardises.

    Parameters
    ----------
    model : Model
        Whose network can be cut in time.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    y : array or list of arrays
        As for `fit` of the model.
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
        If the network sees sequences whole, x and y do not fit, or the loss is unknown.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> len(plotting.gradients(xprnn.fit(x, y, cell="lstm", epochs=1), x, y).lines)
    2
    """
    if model.loss is None:
        raise ValueError("gradients needs the loss, and the model was loaded without: set its loss")
    inputs, targets = one_pair(model, x, y, sequence)
    place = model.backend
    with place.active():
        X = _standardised(model, model.x_scaler, inputs)
        Y = _standardised(model, model.y_scaler, targets)
        found = flow.through_time(model.network, model.loss, _weights(model), X, Y, xp=place.xp)
    norms = [to_host(norm)[:, 0] for norm in found]
    ax = new_axes(ax)
    for name, norm in zip(_names(model, len(norms)), norms, strict=True):
        ax.plot(np.arange(len(norm)), norm, label=name)
    if any((norm > 0).any() for norm in norms):
        ax.set_yscale("log")
    ax.set(xlabel="step t", ylabel=f"‖∂L/∂{_state(model)}(t)‖")
    ax.legend()
    return ax


def singular_values(model: Model, x: object, *, sequence: int = 0, ax: Any = None):
    """Draw the singular values of ∂h(T)/∂h(t), on a log axis.

    They say by how much a small change of the state at step t is stretched or shrunk on
    its way to the end, in each of its directions. The state is all of the network's: of
    a layer of LSTM h and c. What is smaller than the rounding of the largest is not
    drawn.

    Parameters
    ----------
    model : Model
        Whose network can be cut in time.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
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
        If the network sees sequences whole or has no state, and if x does not fit.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> plotting.singular_values(xprnn.fit(x, y, hidden_size=4, epochs=1), x).get_yscale()
    'log'
    """
    inputs = one("x", x, sequence, model)
    place = model.backend
    with place.active():
        X = _standardised(model, model.x_scaler, inputs)
        found = flow.state_jacobians(model.network, _weights(model), X, xp=place.xp)
    values = np.linalg.svd(to_host(found)[:, 0], compute_uv=False)
    eps = np.finfo(values.dtype).eps
    seen = np.where(values > eps * values[:, :1], values, np.nan)
    ax = new_axes(ax)
    steps = np.arange(len(seen))
    if seen.shape[1] > 1:
        ax.plot(steps, seen[:, 1:], color="C0", linewidth=0.7, alpha=0.4)
        ax.lines[-1].set_label("the others")
    ax.plot(steps, seen[:, 0], color="C3", label="the largest")
    if (values > 0).any():
        ax.set_yscale("log")
    state = _state(model)
    ax.set(xlabel="step t", ylabel=f"singular values of ∂{state}(T)/∂{state}(t)")
    ax.legend()
    return ax


def _standardised(model: Model, scaler: Any, array: Any) -> Any:
    """Return a host array (T, F) as the network takes it, (T, 1, F) in float64."""
    moved = model.backend.asarray(array[:, None, :], "float64")
    return moved if scaler is None else model.backend.asarray(scaler.apply(moved), "float64")


def _weights(model: Model) -> Any:
    """Return the weights in float64, in which a gradient may vanish further."""
    return tree.map(lambda a: model.backend.asarray(a, "float64"), model.params)


def _state(model: Model) -> str:
    """Return what to call the state: h if it is nothing else."""
    names = [state_names(layer.cell) for layer in recurrent_layers(model.network)]
    return "h" if names == [("h",)] else "state"


def _names(model: Model, count: int) -> list[str]:
    """Return what to call each array of the network's state."""
    layers = [state_names(layer.cell) for layer in recurrent_layers(model.network)]
    where = "" if len(layers) == 1 else " of layer {}"
    names = [f"{name}{where.format(i)}" for i, own in enumerate(layers) for name in own]
    return names if len(names) == count else [f"state {k}" for k in range(count)]
