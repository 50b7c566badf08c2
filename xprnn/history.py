"""What happened in training, epoch by epoch."""

import math
from typing import Any

from xprnn._typing import Array, Namespace
from xprnn.backend import to_host

__all__ = ["History"]

_CURVES = ("loss", "val_loss", "gradient_norm", "clipped", "learning_rate", "seconds")


class History:
    """The curves of one training run, one number for each epoch.

    The numbers stay on the device until somebody looks at them: a GPU then waits
    for nobody in an epoch that nobody looks at.

    Attributes
    ----------
    ended : str
        ``"completed"``, ``"interrupted"`` (Ctrl-C), ``"stopped"`` (by a
        callback), ``"diverged"`` (the model is then on a NonFiniteError) or,
        during training, ``"running"``.
    """

    def __init__(self) -> None:
        self.ended = "running"
        self._pending: list[tuple[Array, float, float]] = []
        self._rows: list[list[float]] = []

    @classmethod
    def of(cls, curves: dict[str, Any]) -> "History":
        """Return the history of a run that ended, from ``{"ended": ..., **as_dict()}``."""
        history = cls()
        history.ended = curves["ended"]
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
        self._pending.append((xp.stack(numbers), learning_rate, seconds))

    def _curve(self, name: str) -> list[float]:
        for numbers, learning_rate, seconds in self._pending:
            loss, norm, clipped, *validation = map(float, to_host(numbers))
            val_loss = validation[0] if validation else math.nan
            self._rows.append([loss, val_loss, norm, clipped, learning_rate, seconds])
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

    @property
    def learning_rate(self) -> list[float]:
        """The learning rate of the last update of the epoch."""
        return self._curve("learning_rate")

    @property
    def seconds(self) -> list[float]:
        """The wall-clock seconds of the epoch."""
        return self._curve("seconds")

    def as_dict(self) -> dict[str, list[float]]:
        """Return all curves by name."""
        return {name: self._curve(name) for name in _CURVES}

    def __len__(self) -> int:
        return len(self._rows) + len(self._pending)

    def __repr__(self) -> str:
        if not len(self):
            return "History(no epochs)"
        return f"History({len(self)} epochs, loss {self.loss[-1]:.4g}, {self.ended})"
