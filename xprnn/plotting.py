"""Pictures of a model and its training, with matplotlib (extra ``plot``).

Every function takes ``ax=`` and returns the Axes that it drew on; without it, it
draws on new ones. matplotlib is imported when the first picture is drawn.
"""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from xprnn._validate import unknown, whole
from xprnn.backend import to_host
from xprnn.callbacks import Training
from xprnn.errors import MissingExtraError
from xprnn.history import History
from xprnn.model import Model
from xprnn.sequences import sequences

__all__ = ["EveryEpochs", "fit", "forecast", "loss", "states"]


def pyplot() -> Any:
    """Return matplotlib.pyplot.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("plotting needs matplotlib: pip install matplotlib") from error
    return plt


def check_path(path: str) -> None:
    """Raise unless a picture can be written to a path.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If matplotlib writes no files of that ending.
    FileNotFoundError
        If its folder does not exist.
    """
    figure = pyplot().figure()
    endings = figure.canvas.get_supported_filetypes()
    pyplot().close(figure)
    if Path(path).suffix.removeprefix(".") not in endings:
        raise unknown("the ending of a picture", Path(path).suffix, (f".{e}" for e in endings))
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(Path(path).parent)!r}")


def _axes(ax: Any) -> Any:
    """Return `ax`, or new Axes."""
    return pyplot().subplots(figsize=(8, 4), layout="constrained")[1] if ax is None else ax


def _one(argument: str, value: object, sequence: int) -> Any:
    """Return one sequence of an argument as a host array (T, F)."""
    array = sequences(argument, value).array
    if not 0 <= sequence < array.shape[0]:
        raise ValueError(
            f"sequence must be one of the {array.shape[0]} of {argument}, got {sequence}"
        )
    return to_host(array)[sequence]


def _labels(name: str, columns: Any) -> Any:
    """Return the label of one column, or the labels of several."""
    count = columns.shape[1]
    return name if count == 1 else [f"{name} {i}" for i in range(count)]


def _time(x: Any) -> tuple[Any, str]:
    """Return what to draw along: x itself if it is one rising feature, else the step."""
    if x.shape[-1] == 1 and (np.diff(x[:, 0]) > 0).all():
        return x[:, 0], "x"
    return np.arange(x.shape[0]), "step"


def fit(model: Model, x: object, y: object | None = None, *, sequence: int = 0, ax: Any = None):
    """Draw the predictions for x, over the data y if they are given.

    Parameters
    ----------
    model : Model
    x : array, (B, T, F), (T, F) or (T,)
    y : array, (B, T, O), (T, O) or (T,), optional
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

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> plotting.fit(xprnn.fit(x, y, epochs=1), x, y).get_ylabel()
    'y'
    """
    inputs = _one("x", x, sequence)
    along, label = _time(inputs)
    y_hat = np.reshape(to_host(model.predict(inputs)), (inputs.shape[0], -1))
    targets = None if y is None else _one("y", y, sequence)
    if targets is not None and len(targets) != len(inputs):
        raise ValueError(
            f"x and y must have the same lengths: x has {len(inputs)} step(s), y {len(targets)}"
        )
    ax = _axes(ax)
    if targets is not None:
        ax.plot(along, targets, ".", color="0.6", markersize=4, label=_labels("data", targets))
    ax.plot(along, y_hat, label=_labels("prediction", y_hat))
    ax.set(xlabel=label, ylabel="y")
    ax.legend()
    return ax


def states(model: Model, x: object, *, layer: int = 0, sequence: int = 0, ax: Any = None):
    """Draw every hidden unit of a recurrent layer over time, on top of one another.

    Units at the ends of the activation's range are saturated: they pass next to no
    gradient.

    Parameters
    ----------
    model : Model
    x : array, (B, T, F), (T, F) or (T,)
    layer : int
        Which of the recurrent layers.
    sequence : int
        Which of the B sequences.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> len(plotting.states(xprnn.fit(x, y, hidden_size=8, epochs=1), x).lines)
    8
    """
    inputs = _one("x", x, sequence)
    along, label = _time(inputs)
    _, layers = model.predict(inputs, return_states=True)
    if not 0 <= layer < len(layers):
        raise ValueError(f"layer must be one of the {len(layers)} recurrent layers, got {layer}")
    ax = _axes(ax)
    ax.plot(along, to_host(layers[layer]), linewidth=0.7, alpha=0.7)
    ax.set(xlabel=label, ylabel=f"hidden states of layer {layer}")
    return ax


def loss(history: History, *, ax: Any = None):
    """Draw the training loss, and the validation loss if there is one, on a log axis.

    Parameters
    ----------
    history : History
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> history = xprnn.fit(*datasets.noisy_sine(), epochs=2).history
    >>> plotting.loss(history).get_yscale()
    'log'
    """
    ax = _axes(ax)
    epochs = np.arange(1, len(history) + 1)
    ax.plot(epochs, history.loss, label="training")
    if np.isfinite(np.asarray(history.val_loss)).any():
        ax.plot(epochs, history.val_loss, label="validation")
    ax.set(xlabel="epoch", ylabel="loss", yscale="log")
    ax.legend()
    return ax


def forecast(
    past: object, predicted: object, truth: object | None = None, *, start: int = 0, ax: Any = None
):
    """Draw a series, its forecast and, if known, what really came.

    Parameters
    ----------
    past : array, (T,)
    predicted : array, (steps,)
    truth : array, (steps,), optional
    start : int
        The number of the first step of `past`, a year for example.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from xprnn import plotting
    >>> plotting.forecast([1.0, 2.0, 3.0], [4.0, 5.0], [4.0, 6.0]).get_xlabel()
    'step'
    """
    ax = _axes(ax)
    known, coming = _one("past", past, 0)[:, 0], _one("predicted", predicted, 0)[:, 0]
    cut = start + known.shape[0]
    ahead = np.arange(cut, cut + coming.shape[0])
    ax.plot(np.arange(start, cut), known, color="0.6", label="past")
    if truth is not None:
        ax.plot(ahead, _one("truth", truth, 0)[:, 0], color="0.3", marker=".", label="truth")
    ax.plot(ahead, coming, color="C3", marker=".", label="forecast")
    ax.axvline(cut - 0.5, color="0.8", linewidth=1)
    ax.set(xlabel="step", ylabel="value")
    ax.legend()
    return ax


class EveryEpochs:
    """A callback that draws the fit every n epochs, as the lecture does.

    Parameters
    ----------
    every : int
        n.
    x, y : array
        What to draw, as for `fit`.
    path : str or Path, optional
        Where to save, with a place for the epoch: ``"fit-{epoch:04d}.png"``.
        Without it, the picture is shown in a window, where there is a screen.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> draw = plotting.EveryEpochs(2, x, y)
    >>> model = xprnn.fit(x, y, epochs=4, callbacks=[draw])
    >>> draw.ax.get_title().startswith("epoch 4")
    True
    """

    def __init__(self, every: int, x: object, y: object, path: str | PathLike[str] | None = None):
        pyplot()  # what is missing is missed before the training
        self.every = whole("every", every)
        self.x, self.y, self.path = x, y, path
        self.ax: Any = None

    def __call__(self, training: Training) -> None:
        """Draw, if it is time."""
        if training.epoch % self.every:
            return
        self.ax = _axes(self.ax)
        self.ax.clear()
        fit(training.model, self.x, self.y, ax=self.ax)
        self.ax.set_title(f"epoch {training.epoch}, loss {training.history.loss[-1]:.4g}")
        figure = self.ax.figure
        if self.path is not None:
            figure.savefig(fspath(self.path).format(epoch=training.epoch))
        elif figure.canvas.required_interactive_framework:
            pyplot().show(block=False)
            figure.canvas.draw_idle()
            figure.canvas.flush_events()
