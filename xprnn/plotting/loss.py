"""The curves of a training."""

from typing import Any

import numpy as np

from xprnn._record import History
from xprnn._validate import show
from xprnn.plotting.canvas import new_axes


def loss(history: History, *, learning_rate: bool = False, ax: Any = None):
    """Draw the training loss, and the validation loss if there is one, on a log axis.

    A loss that is not above zero everywhere, such as ``"gaussian_nll"``, gets a linear
    axis.

    Parameters
    ----------
    history : History
        ``model.history``.
    learning_rate : bool
        Draw the learning rate too, with a log axis of its own on the right.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Those of the loss.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    TypeError
        If `history` is none.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> history = xprnn.fit(*datasets.noisy_sine(), epochs=2).history
    >>> plotting.loss(history).get_yscale()
    'log'
    """
    if not isinstance(history, History):
        raise TypeError(f"history must be a History, such as model.history, got {show(history)}")
    ax = new_axes(ax)
    epochs = np.arange(1, len(history) + 1)
    lines = ax.plot(epochs, history.loss, label="training")
    if np.isfinite(np.asarray(history.val_loss)).any():
        lines += ax.plot(epochs, history.val_loss, label="validation")
    positive = all(value > 0 or np.isnan(value) for value in (*history.loss, *history.val_loss))
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if positive else "linear")
    if learning_rate:
        right = ax.twinx()
        lines += right.plot(
            epochs, history.learning_rate, color="0.6", linestyle="--", label="learning rate"
        )
        rates = np.asarray(history.learning_rate)
        right.set(ylabel="learning rate", yscale="log" if (rates > 0).all() else "linear")
        ax.set_zorder(right.get_zorder() + 1)
        ax.patch.set_visible(False)
    ax.legend(handles=lines)
    return ax
