"""A smaller learning rate when the loss no longer falls."""

from xprnn._typing import Tree
from xprnn._validate import number, whole
from xprnn.callbacks.monitor import Monitor
from xprnn.callbacks.training import Training
from xprnn.model import Model

__all__ = ["ReduceOnPlateau"]


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
        By how much the loss in the history must fall to count. If it is 0, losses of the
        standardised y are compared, which do not depend on the units of y.
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
        """Count the epochs that got no better, and reduce after too many."""
        better = self._monitor.better(training)
        self._bad = 0 if better or training.epoch == 1 else self._bad + 1
        if self._bad > self.patience:
            training.multiply_learning_rate(self.factor)
            self._bad = 0

    def state(self) -> Tree:
        """Return the best loss so far, and the epochs since."""
        return {"best": self._monitor.state(), "bad": self._bad}

    def restore(self, state: Tree, model: Model) -> None:
        """Go on from what `state` returned."""
        self._monitor.restore(state["best"])
        self._bad = state["bad"]
