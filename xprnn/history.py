"""What happened in training, epoch by epoch."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from xprnn._typing import Array
from xprnn.backend import of, to_host

__all__ = ["Epoch", "History"]

_CURVES = ("loss", "val_loss", "gradient_norm", "clipped", "learning_rate", "seconds")


class Epoch(NamedTuple):
    """What was measured in an epoch; the numbers are still on the device."""

    losses: list[Array]
    """Before each update, 0-d."""
    shares: list[float]
    """Their parts in the loss of the epoch."""
    norms: list[Array]
    """Of each gradient before clipping, 0-d."""
    clip_norm: float | None
    val_loss: list[Array]
    """After the epoch, if there are validation data."""
    learning_rate: float
    """Of the last update."""

    @property
    def numbers(self) -> list[Array]:
        """All that is on the device."""
        return [*self.losses, *self.norms, *self.val_loss]


class _Waiting(NamedTuple):
    """An epoch that nobody has looked at yet."""

    epoch: Epoch
    seconds: float


def _row(waiting: _Waiting, fetched: Iterator[float]) -> list[float]:
    """Return an epoch's numbers in the order of _CURVES."""
    epoch = waiting.epoch
    loss = sum(next(fetched) * share for share in epoch.shares)
    norms = [next(fetched) for _ in epoch.norms]
    limit = math.inf if epoch.clip_norm is None else epoch.clip_norm
    clipped = sum(norm > limit for norm in norms) / len(norms)
    val_loss = next(fetched) if epoch.val_loss else math.nan
    norm = sum(norms) / len(norms)
    return [loss, val_loss, norm, clipped, epoch.learning_rate, waiting.seconds]


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
        self._epochs: list[list[float] | _Waiting] = []

    @classmethod
    def of(cls, curves: dict[str, Any]) -> "History":
        """Return the history of a run that ended, from ``{"ended": ..., **as_dict()}``."""
        history = cls()
        history.ended = curves["ended"]
        history._epochs = [list(row) for row in zip(*(curves[n] for n in _CURVES), strict=True)]
        return history

    def append(self, epoch: Epoch, seconds: float) -> None:
        """Add an epoch, and how long it took."""
        self._epochs.append(_Waiting(epoch, seconds))

    def until(self, epoch: int) -> "History":
        """Return the history of the first epochs."""
        history = History()
        history.ended = self.ended
        history._epochs = self._epochs[:epoch]
        return history

    def _read(self) -> list[list[float]]:
        """Fetch, in one piece, what is still on the device; return all epochs."""
        waiting = [row.epoch for row in self._epochs if isinstance(row, _Waiting)]
        numbers = [number for epoch in waiting for number in epoch.numbers]
        fetched = iter(to_host(of(numbers[0]).xp.stack(numbers)).tolist() if numbers else ())
        rows = [_row(row, fetched) if isinstance(row, _Waiting) else row for row in self._epochs]
        self._epochs = [*rows]  # one assignment, so that Ctrl-C finds all or nothing done
        return rows

    def _curve(self, name: str) -> list[float]:
        index = _CURVES.index(name)
        return [row[index] for row in self._read()]

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
        """The wall-clock seconds from the end of the epoch before to the end of this one."""
        return self._curve("seconds")

    def as_dict(self) -> dict[str, list[float]]:
        """Return all curves by name."""
        return {name: self._curve(name) for name in _CURVES}

    def __len__(self) -> int:
        return len(self._epochs)

    def __repr__(self) -> str:
        if not len(self):
            return "History(no epochs)"
        return f"History({len(self)} epochs, loss {self.loss[-1]:.4g}, {self.ended})"
