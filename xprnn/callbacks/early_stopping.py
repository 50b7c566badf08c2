"""Early stopping."""

import dataclasses

from xprnn._fields import flag, whole
from xprnn._model import Model
from xprnn._typing import Tree
from xprnn.callbacks.monitor import Monitor
from xprnn.callbacks.training import Training


class EarlyStopping:
    """A callback that stops a run that no longer improves, with the best epoch's parameters.

    A run that reaches its last epoch also ends with the best epoch's parameters.

    Parameters
    ----------
    patience : int
        The number of epochs without improvement after which to stop.
    monitor : {"val_loss", "loss"}, optional
        The loss to monitor; by default the validation loss if there is one.
    min_delta : float
        The smallest fall of the loss in the history that counts as an improvement. With 0, losses
        on the standardised y are compared, which don't depend on the units of y.
    restore_best : bool
        Whether to restore the best epoch's parameters. With False, the run ends with the last
        epoch's.

    Attributes
    ----------
    best_epoch : int
        The epoch with the best loss, counted from 1.

    Examples
    --------
    >>> import numpy as np
    >>> import xprnn
    >>> x = np.arange(0, 10, 0.1)
    >>> stop = xprnn.callbacks.EarlyStopping(patience=5)
    >>> model = xprnn.fit(x, np.sin(x), optimizer="sgd", learning_rate=0.2, callbacks=[stop])
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
        self.restore_best = flag("restore_best", restore_best)
        self.best_epoch = 0
        self._monitor = Monitor(monitor, min_delta)
        self._model: Model | None = None

    def __call__(self, training: Training) -> bool | Model:
        """Return False, or when the run should stop, the best model or True."""
        if training.epoch == 1:
            self.best_epoch, self._model = 0, None
        if self._monitor.better(training):
            self.best_epoch, self._model = training.epoch, training.model
        over = training.epoch - self.best_epoch >= self.patience
        last = training.epoch == training.epochs
        if self.restore_best and self._model is not None and (over or last):
            return self._model
        return over

    def state(self) -> Tree:
        """Return the best loss so far, with its epoch and parameters."""
        model = self._model if self.restore_best else None
        weights = None if model is None else model.params
        return {"best": self._monitor.state(), "best_epoch": self.best_epoch, "weights": weights}

    def restore(self, state: Tree, model: Model) -> None:
        """Continue from a state that `state` returned."""
        self._monitor.restore(state["best"])
        self.best_epoch = state["best_epoch"]
        history, weights = model.history.until(self.best_epoch), state["weights"]
        self._model = None
        if weights is not None:
            self._model = dataclasses.replace(model, params=weights, history=history)
