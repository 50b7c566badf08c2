"""Plots of a training run: its loss curves, and the fit every few epochs."""

import sys
from os import PathLike, fspath
from typing import Any

import numpy as np

from xprnn._fields import show, whole
from xprnn._record import History
from xprnn.callbacks import Training, Writer
from xprnn.plotting.canvas import add_right_axis, check_path, draw_legend, open_axes, pyplot
from xprnn.plotting.predictions import draw_fit, read_fit


def loss(history: History, *, learning_rate: bool = False, ax: Any = None):
    """Draw the training loss, and the validation loss if there is one, on a log axis.

    The axis is linear if a loss is zero or negative, as ``"gaussian_nll"`` can be.

    Parameters
    ----------
    history : History
        The loss curves, such as ``model.history``.
    learning_rate : bool
        Whether to draw the learning rate too, on a separate axis on the right.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        The Axes of the loss.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    TypeError
        If `history` is not a `History`.

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
    positive = all(value > 0 or np.isnan(value) for value in (*history.loss, *history.val_loss))
    scale = "log" if positive else "linear"
    ax = open_axes(ax, xlabel="epoch", ylabel="loss", yscale=scale)
    epochs = np.arange(1, len(history) + 1)
    lines = ax.plot(epochs, history.loss, label="training")
    if np.isfinite(np.asarray(history.val_loss)).any():
        lines += ax.plot(epochs, history.val_loss, label="validation")
    behind = [add_right_axis(ax, "learning rate")] if learning_rate else []
    for right in behind:
        rates = np.asarray(history.learning_rate)
        lines += right.plot(epochs, rates, color="0.6", linestyle="--", label="learning rate")
        right.set_yscale("log" if (rates > 0).all() else "linear")
    draw_legend(ax, *behind, lines=lines)
    return ax


def name_epoch(training: Training) -> str:
    """Return the title of a plot after an epoch."""
    return f"epoch {training.epoch}, loss {training.history.loss[-1]:.4g}"


class EveryEpochs:
    """A callback that draws the fit every few epochs.

    Parameters
    ----------
    every : int
        The number of epochs between plots.
    x, y : array
        The data to draw, as for `xprnn.plotting.fit`.
    path : str or Path, optional
        The files to write, with a placeholder for the epoch: ``"fit-{epoch:04d}.png"``. Without
        `path`, the newest plot appears below the notebook cell, or in a window if there is a
        screen. If a file can't be written, there is a warning and the training continues.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError, FileNotFoundError
        If matplotlib does not write files with the extension of `path`, or its folder is missing.

    See Also
    --------
    Animation : Turns all plots into one animation.

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
        pyplot()  # raise before the training if matplotlib is not installed
        self.every = whole("every", every)
        self.x, self.y, self.path = x, y, path
        if path is not None:
            check_path(self._at(1))
        self.ax: Any = None
        self._writer = Writer()
        self._shown: Any = None

    def _at(self, epoch: int) -> str:
        try:
            return fspath(self.path).format(epoch=epoch)  # type: ignore[arg-type]
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(
                f"path may have a placeholder for the epoch, such as {{epoch:04d}}, and no other, "
                f"got {self.path!r}"
            ) from error

    def __call__(self, training: Training) -> None:
        """Draw if a plot is due."""
        if training.epoch == 1:
            self._writer, self._shown = Writer(), None
            read_fit(training.model, self.x, self.y)  # raises at once if x and y are invalid
        if training.epoch % self.every:
            return
        drawn = read_fit(training.model, self.x, self.y)
        self.ax = open_axes(self.ax)
        self.ax.clear()
        draw_fit(self.ax, drawn)
        self.ax.set_title(name_epoch(training))
        figure = self.ax.figure
        if self.path is not None:
            path = self._at(training.epoch)
            with self._writer.writing(path):
                figure.savefig(path)
        elif (display := _find_display()) is not None:
            pyplot().close(figure)  # otherwise the page shows it a second time
            if self._shown is None:
                self._shown = display(figure, display_id=True)
            else:
                self._shown.update(figure)
        elif figure.canvas.required_interactive_framework:
            pyplot().show(block=False)
            figure.canvas.draw_idle()
            figure.canvas.flush_events()


def _find_display() -> Any:
    """Return IPython's function `display`, or None outside a notebook with inline plots."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    inline = "inline" in pyplot().get_backend()
    if not inline or getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display
