"""Lines about a run."""

import math
from collections.abc import Callable

from xprnn._validate import shown, whole
from xprnn.callbacks.training import Training
from xprnn.callbacks.writing import Writer

__all__ = ["Log"]


class Log:
    """Says every few epochs how far the run is: epoch, losses, learning rate.

    Parameters
    ----------
    every : int
        Epochs between two lines.
    write : callable
        Gets each line, such as ``logging.getLogger("training").info``.

    Examples
    --------
    >>> import xprnn
    >>> model = xprnn.fit([0.0, 1, 2], [1.0, 2, 3], epochs=4, callbacks=[xprnn.callbacks.Log(2)])
    epoch 2/4, loss ..., learning rate 0.003
    epoch 4/4, loss ..., learning rate 0.003
    """

    def __init__(self, every: int = 10, write: Callable[[str], object] = print):
        self.every = whole("every", every)
        if not callable(write):
            raise TypeError(f"write must be callable, got {shown(write)}")
        self.write = write
        self._writer = Writer()

    def __call__(self, training: Training) -> None:
        """Write a line if it is time."""
        if training.epoch == 1:
            self._writer = Writer()
        if training.epoch % self.every and training.epoch != training.epochs:
            return
        history = training.history
        validation = history.val_loss[-1]
        text = f"epoch {training.epoch}/{training.epochs}, loss {history.loss[-1]:.4g}"
        text += "" if math.isnan(validation) else f", validation loss {validation:.4g}"
        with self._writer.writing("a line"):
            self.write(f"{text}, learning rate {history.learning_rate[-1]:.4g}")
