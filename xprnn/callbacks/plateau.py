"""Reduce the learning rate when the loss no longer falls."""

from xprnn._fields import number, whole
from xprnn._model import Model
from xprnn._typing import Tree
from xprnn.callbacks.monitor import Monitor
from xprnn.callbacks.training import Training


class ReduceOnPlateau:
    """A callback that reduces the learning rate when the loss no longer falls.

    It works like torch's ``ReduceLROnPlateau`` with an absolute threshold.

    Parameters
    ----------
    factor : float
        The factor by which to multiply the learning rate, above 0 and below 1.
    patience : int
        The number of epochs without improvement to wait; one more reduces the learning rate.
    monitor : {"val_loss", "loss"}, optional
        The loss to monitor; by default the validation loss if there is one.
    min_delta : float
        The smallest fall of the loss in the history that counts as an improvement. With 0, losses
        on the standardised y are compared, which don't depend on the units of y.
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
        """Count the epochs without improvement, and reduce the learning rate after too many."""
        better = self._monitor.better(training)
        self._bad = 0 if better or training.epoch == 1 else self._bad + 1
        if self._bad > self.patience:
            training.multiply_learning_rate(self.factor)
            self._bad = 0

    def state(self) -> Tree:
        """Return the best loss so far, and the number of epochs since then."""
        return {"best": self._monitor.state(), "bad": self._bad}

    def restore(self, state: Tree, model: Model) -> None:
        """Continue from a state that `state` returned."""
        self._monitor.restore(state["best"])
        self._bad = state["bad"]
