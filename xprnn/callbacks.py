"""What may watch or stop a training run.

A callback is any callable that takes the `Training` after every epoch. The run ends
when it returns True, or a `Model`, whose parameters are then the result::

    def good_enough(training):
        return training.history.loss[-1] < 0.01

    xprnn.fit(x, y, callbacks=[good_enough])

A callback that remembers something from epoch to epoch begins anew at epoch 1.
Reading `training.history` or `training.model` makes a GPU wait; a callback that
needs them rarely should look rarely.
"""

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from xprnn import serialization
from xprnn._validate import number, unknown, whole
from xprnn.errors import MissingExtraError
from xprnn.history import History
from xprnn.model import Model

__all__ = ["Checkpoint", "EarlyStopping", "Log", "ReduceOnPlateau", "Training", "progress_bar"]


class Training:
    """A training run as its callbacks see it, after an epoch.

    Attributes
    ----------
    epoch : int
        Epochs done.
    epochs : int
        Epochs asked for.
    history : History
        The curves so far.
    validates : bool
        Whether there are validation data.
    factor : float
        By which callbacks have multiplied the learning rate in this epoch.
    """

    def __init__(
        self,
        epoch: int,
        epochs: int,
        history: History,
        build: Callable[[], Model],
        validates: bool = False,
    ):
        self.epoch = epoch
        self.epochs = epochs
        self.history = history
        self.validates = validates
        self.factor = 1.0
        self._build = build

    @property
    def model(self) -> Model:
        """The model so far."""
        return self._build()

    def multiply_learning_rate(self, factor: float) -> None:
        """Multiply the learning rate of all updates that follow."""
        self.factor *= number("factor", factor, above=0)


class _Monitor:
    """Finds out whether a curve got better."""

    def __init__(self, curve: str | None, min_delta: float):
        if curve not in (None, "loss", "val_loss"):
            raise unknown("monitor", curve, ("loss", "val_loss"))
        self.curve = curve
        self.min_delta = number("min_delta", min_delta, least=0)
        self.best = math.inf

    def better(self, training: Training) -> bool:
        """Whether the last epoch is the best so far."""
        if training.epoch == 1:
            self.best = math.inf
        curve = self.curve or ("val_loss" if training.validates else "loss")
        if curve == "val_loss" and not training.validates:
            raise ValueError("monitor='val_loss' needs validation_data")
        value = getattr(training.history, curve)[-1]
        if value < self.best - self.min_delta:
            self.best = value
            return True
        return False


class EarlyStopping:
    """Ends a run that no longer gets better, with the parameters of its best epoch.

    A run that goes to its last epoch ends with those of its best one as well.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which the run ends.
    monitor : {"val_loss", "loss"}, optional
        The curve; left out, the validation loss if there is one.
    min_delta : float
        By how much the loss must fall to count, in the units of the loss.
    restore_best : bool
        False: end with the parameters of the last epoch.

    Attributes
    ----------
    best_epoch : int
        The epoch with the best loss, from 1.

    Examples
    --------
    >>> import numpy as np
    >>> import xprnn
    >>> x = np.arange(0, 10, 0.1)
    >>> stop = xprnn.callbacks.EarlyStopping(patience=5)
    >>> model = xprnn.fit(x, np.sin(x), optimizer="sgd", learning_rate=0.5, callbacks=[stop])
    >>> len(model.history) - stop.best_epoch
    5
    """

    def __init__(
        self,
        patience: int = 20,
        monitor: str | None = None,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ):
        self.patience = whole("patience", patience)
        self.restore_best = restore_best
        self.best_epoch = 0
        self._monitor = _Monitor(monitor, min_delta)
        self._model: Model | None = None

    def __call__(self, training: Training) -> bool | Model:
        """Return whether the run is over, or the best model if it is."""
        if self._monitor.better(training):
            self.best_epoch, self._model = training.epoch, training.model
        over = training.epoch - self.best_epoch >= self.patience
        last = training.epoch == training.epochs
        if self.restore_best and self._model is not None and (over or last):
            return self._model
        return over


class ReduceOnPlateau:
    """Multiplies the learning rate when the loss no longer falls.

    As torch's ``ReduceLROnPlateau`` with an absolute threshold.

    Parameters
    ----------
    factor : float
        By which the learning rate is multiplied, above 0 and below 1.
    patience : int
        Epochs without improvement that are let pass; the next one reduces.
    monitor : {"val_loss", "loss"}, optional
        The curve; left out, the validation loss if there is one.
    min_delta : float
        By how much the loss must fall to count, in the units of the loss.
    """

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        monitor: str | None = None,
        min_delta: float = 0.0,
    ):
        self.factor = number("factor", factor, above=0, below=1)
        self.patience = whole("patience", patience, least=0)
        self._monitor = _Monitor(monitor, min_delta)
        self._bad = 0

    def __call__(self, training: Training) -> None:
        """Count the epochs that got no better, and reduce after too many."""
        better = self._monitor.better(training)
        self._bad = 0 if better or training.epoch == 1 else self._bad + 1
        if self._bad > self.patience:
            training.multiply_learning_rate(self.factor)
            self._bad = 0


class Checkpoint:
    """Saves the model now and then, or when it is the best so far.

    Parameters
    ----------
    path : str or path
        Ends in ``.npz`` or ``.safetensors``; ``{epoch}`` in it becomes the epoch, so
        that every file is kept.
    every : int
        Epochs between two files.
    best_only : bool
        Write only when the monitored loss is the best so far.
    monitor : {"val_loss", "loss"}, optional
        The curve; left out, the validation loss if there is one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        best_only: bool = False,
        monitor: str | None = None,
    ):
        serialization.check_path(self._at(path, 1))
        self.path = path
        self.every = whole("every", every)
        self.best_only = best_only
        self._monitor = _Monitor(monitor, 0.0)

    @staticmethod
    def _at(path: str | os.PathLike[str], epoch: int) -> Path:
        return Path(os.fspath(path).replace("{epoch}", str(epoch)))

    def __call__(self, training: Training) -> None:
        """Save the model if it is time."""
        if training.epoch == 1:
            self._monitor.best = math.inf
        if training.epoch % self.every and training.epoch != training.epochs:
            return
        if not self.best_only or self._monitor.better(training):
            serialization.save(training.model, self._at(self.path, training.epoch))


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
            raise TypeError(f"write must be callable, got {write!r}")
        self.write = write

    def __call__(self, training: Training) -> None:
        """Write a line if it is time."""
        if training.epoch % self.every and training.epoch != training.epochs:
            return
        history = training.history
        validation = history.val_loss[-1]
        text = f"epoch {training.epoch}/{training.epochs}, loss {history.loss[-1]:.4g}"
        text += "" if math.isnan(validation) else f", validation loss {validation:.4g}"
        self.write(f"{text}, learning rate {history.learning_rate[-1]:.4g}")


@contextlib.contextmanager
def progress_bar(progress: bool | None, epochs: int) -> Iterator[Callable[[int, float], None]]:
    """Give a function ``report(epoch, loss)`` that moves a bar on standard error.

    Parameters
    ----------
    progress : bool or None
        None: a bar on a terminal, nothing in a pipe.
    epochs : int
        Where the bar ends.

    Raises
    ------
    MissingExtraError
        If a bar is asked for and tqdm is not installed.
    """
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not (on_terminal if progress is None else progress):
        yield lambda epoch, loss: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        if progress:
            raise MissingExtraError("progress=True needs tqdm: pip install tqdm") from error
        try:
            yield lambda epoch, loss: _line(epoch, epochs, loss)
        finally:
            print(file=sys.stderr)
        return
    with tqdm(total=epochs, unit="epoch", dynamic_ncols=True) as bar:

        def report(epoch, loss):
            bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            bar.update(epoch - bar.n)

        yield report


def _line(epoch: int, epochs: int, loss: float) -> None:
    print(f"\repoch {epoch}/{epochs}, loss {loss:.4g}   ", end="", file=sys.stderr, flush=True)
