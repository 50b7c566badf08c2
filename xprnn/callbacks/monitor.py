"""A monitored loss: whether it still improves, and what follows when it does not."""

import dataclasses
import math
from typing import Any

from xprnn._model import Model
from xprnn._typing import Tree
from xprnn._validate import flag, number, unknown, whole
from xprnn.callbacks.training import Training
from xprnn.losses.units import Value

NOTHING = Value(math.inf, math.inf)
"""The best loss before the first epoch."""


class Monitor:
    """Whether a loss improved.

    It compares losses of the standardised y, which never overflow, underflow or lose digits in
    any units of y. With `min_delta`, which is in the units of y, it compares the losses that
    the history reports.
    """

    def __init__(self, curve: str | None, min_delta: float):
        if curve not in (None, "loss", "val_loss"):
            raise unknown("monitor", curve, ("loss", "val_loss"))
        self.curve = curve
        self.min_delta = number("min_delta", min_delta, least=0)
        self.best = NOTHING

    def better(self, training: Training) -> bool:
        """Return whether the last epoch is the best so far."""
        if training.epoch == 1:
            self.best = NOTHING
        curve = self.curve or ("val_loss" if training.validates else "loss")
        if curve == "val_loss" and not training.validates:
            raise ValueError("monitor='val_loss' needs validation_data")
        last = training.history.value(curve)
        if self.min_delta:
            better = last.in_units < self.best.in_units - self.min_delta
        else:
            better = last.minimised < self.best.minimised
        if better:
            self.best = last
        return bool(better)

    def state(self) -> dict[str, float]:
        """Return the best loss so far."""
        return dict(self.best._asdict())

    def restore(self, state: Any) -> None:
        """Go on from what `state` returned."""
        if not isinstance(state, dict):
            raise ValueError(
                "resume: an older xprnn wrote the checkpoint, and compared other losses than this "
                "one; expected a checkpoint of this version, or a training from the start"
            )
        self.best = Value(**state)


class EarlyStopping:
    """Ends a run that no longer improves, with the parameters of its best epoch.

    A run that reaches its last epoch ends with the parameters of its best one as well.

    Parameters
    ----------
    patience : int
        The run ends after this many epochs without improvement.
    monitor : {"val_loss", "loss"}, optional
        The loss to compare; left out, the validation loss if there is one.
    min_delta : float
        An improvement counts if the loss in the history falls by more than this. With 0,
        losses of the standardised y are compared, which don't depend on the units of y.
    restore_best : bool
        With False, the run ends with the parameters of its last epoch.

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
        """Return whether the run is over, or the best model if it is."""
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
        """Return the best loss so far, its epoch, and its parameters."""
        model = self._model if self.restore_best else None
        weights = None if model is None else model.params
        return {"best": self._monitor.state(), "best_epoch": self.best_epoch, "weights": weights}

    def restore(self, state: Tree, model: Model) -> None:
        """Go on from what `state` returned."""
        self._monitor.restore(state["best"])
        self.best_epoch = state["best_epoch"]
        history, weights = model.history.until(self.best_epoch), state["weights"]
        self._model = None
        if weights is not None:
            self._model = dataclasses.replace(model, params=weights, history=history)


class ReduceOnPlateau:
    """Multiplies the learning rate by a factor when the loss no longer falls.

    It does the same as torch's ``ReduceLROnPlateau`` with an absolute threshold.

    Parameters
    ----------
    factor : float
        Above 0 and below 1.
    patience : int
        This many epochs without improvement leave the rate; the next one reduces it.
    monitor : {"val_loss", "loss"}, optional
        The loss to compare; left out, the validation loss if there is one.
    min_delta : float
        An improvement counts if the loss in the history falls by more than this. With 0,
        losses of the standardised y are compared, which don't depend on the units of y.
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
        self._monitor = Monitor(monitor, min_delta)
        self._bad = 0

    def __call__(self, training: Training) -> None:
        """Count the epochs without improvement, and reduce the rate after too many."""
        better = self._monitor.better(training)
        self._bad = 0 if better or training.epoch == 1 else self._bad + 1
        if self._bad > self.patience:
            training.multiply_learning_rate(self.factor)
            self._bad = 0

    def state(self) -> Tree:
        """Return the best loss so far, and the number of epochs since."""
        return {"best": self._monitor.state(), "bad": self._bad}

    def restore(self, state: Tree, model: Model) -> None:
        """Go on from what `state` returned."""
        self._monitor.restore(state["best"])
        self._bad = state["bad"]
