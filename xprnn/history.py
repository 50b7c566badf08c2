"""What happened in training, epoch by epoch."""

import math
from typing import Any

from xprnn._typing import Array, Namespace
from xprnn.backend import to_host

__all__ = ["History"]

_CURVES = ("loss", "gradient_norm", "clipped", "val_loss")


class History:
    """The curves of one training run, one number for each epoch.

    The numbers stay on the device until somebody looks at them: a GPU then waits
    for nobody in an epoch that nobody looks at.

    Attributes
    ----------
    ended : str
        ``"completed"``, ``"interrupted"`` (Ctrl-C), ``"stopped"`` (by a
        callback) or, during training, ``"running"``.
    learning_rate : list of float
        Of the last update of the epoch.
    seconds : list of float
        Wall-clock seconds of the epoch.
    """

    def __init__(self) -> None:
        self.ended = "running"
        self.learning_rate: list[float] = []
        self.seconds: list[float] = []
        self._pending: list[Array] = []
        self._rows: list[list[float]] = []

    @classmethod
    def of(cls, curves: dict[str, Any]) -> "History":
        """Return the history of a run that ended, from ``{"ended": ..., **as_dict()}``."""
        history = cls()
        history.ended = curves["ended"]
        history.learning_rate = list(curves["learning_rate"])
        history.seconds = list(curves["seconds"])
        history._rows = [list(row) for row in zip(*(curves[n] for n in _CURVES), strict=True)]
        return history

    def append(
        self, numbers: list[Array], learning_rate: float, seconds: float, *, xp: Namespace
    ) -> None:
        """Add an epoch.

        Parameters
        ----------
        numbers : list of 0-d arrays
            Loss, gradient norm, share clipped and, if there is one, validation loss.
        learning_rate, seconds : float
        xp : namespace
        """
        self._pending.append(xp.stack(numbers))
        self.learning_rate.append(learning_rate)
        self.seconds.append(seconds)

    def _curve(self, name: str) -> list[float]:
        self._rows += [[*map(float, to_host(row)), math.nan] for row in self._pending]
        self._pending = []
        index = _CURVES.index(name)
        return [row[index] for row in self._rows]

    @property
    def loss(self) -> list[float]:
        """The training loss in the units of y, over the batches of the epoch."""
        return self._curve("loss")

    @property
    def val_loss(self) -> list[float]:
        """The loss on the validation data after the epoch; NaN where there are none."""
        return self._curve("val_loss")

    @property
    def gradient_norm(self) -> list[float]:
        """The global norm of the gradient before clipping, mean over the batches."""
        return self._curve("gradient_norm")

    @property
    def clipped(self) -> list[float]:
        """The share of the epoch's updates whose gradient was clipped, 0 to 1."""
        return self._curve("clipped")

    def as_dict(self) -> dict[str, list[float]]:
        """Return all curves by name."""
        names = (*_CURVES, "learning_rate", "seconds")
        return {name: list(getattr(self, name)) for name in names}

    def __len__(self) -> int:
        return len(self.seconds)

    def __repr__(self) -> str:
        if not len(self):
            return "History(no epochs)"
        return f"History({len(self)} epochs, loss {self.loss[-1]:.4g}, {self.ended})"
