"""The curves of a training run, with one number for each epoch."""

import copy
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple, Self

from xprnn._typing import Array
from xprnn.backend import of, to_host
from xprnn.losses.units import Value

_CURVES = ("loss", "val_loss", "gradient_norm", "clipped", "learning_rate", "seconds")
_COLUMNS = (*_CURVES, "minimised loss", "minimised val_loss")


class Epoch(NamedTuple):
    """The measurements of an epoch, as arrays on the device."""

    losses: list[Value]
    """The loss before each update, 0-d."""
    shares: list[float]
    """The weight of each loss in the loss of the epoch."""
    norms: list[Array]
    """The norm of each gradient before clipping, 0-d."""
    clip_norm: float | None
    val_loss: list[Value]
    """The validation loss after the epoch; empty without validation data."""
    learning_rate: float
    """The learning rate of the last update."""


def _make_row(
    epoch: Epoch,
    seconds: float,
    in_units: Iterator[float],
    minimised: Iterator[float],
    fetched_norms: Iterator[float],
) -> list[float]:
    """Return an epoch's numbers in the order of _COLUMNS."""
    loss, least = (sum(next(a) * share for share in epoch.shares) for a in (in_units, minimised))
    val_loss, val_least = (next(a) if epoch.val_loss else math.nan for a in (in_units, minimised))
    norms = [next(fetched_norms) for _ in epoch.norms]
    limit = math.inf if epoch.clip_norm is None else epoch.clip_norm
    clipped = sum(norm > limit for norm in norms) / len(norms)
    norm = sum(norms) / len(norms)
    return [loss, val_loss, norm, clipped, epoch.learning_rate, seconds, least, val_least]


def _fetch(*kinds: list[Array]) -> list[Iterator[float]]:
    """Fetch 0-d arrays of several kinds from the device, all in one transfer."""
    if not kinds[0]:
        return [iter(()) for _ in kinds]
    place = of(kinds[0][0])
    with place.active():
        xp = place.xp
        stacks = [xp.astype(xp.stack(arrays), xp.float64) for arrays in kinds]
        numbers = iter(to_host(xp.concat(stacks)).tolist())
    return [iter([next(numbers) for _ in arrays]) for arrays in kinds]


class History:
    """The curves of one training run, one number for each epoch.

    The numbers stay on the device until they are read, so a GPU waits for the host only in epochs
    in which they are.

    Attributes
    ----------
    ended : str
        ``"completed"``, ``"interrupted"`` (Ctrl-C), ``"stopped"`` (by a
        callback), ``"diverged"`` (the model is then on a NonFiniteError) or,
        during training, ``"running"``.
    """

    def __init__(self) -> None:
        self.ended = "running"
        # the numbers of each epoch, or its arrays on the device and its seconds
        self._epochs: list[list[float] | tuple[Epoch, float]] = []

    @classmethod
    def of(cls, curves: dict[str, Any]) -> "History":
        """Return the history of a finished run, from ``{"ended": ..., **as_dict()}``."""
        history = cls()
        history.ended = curves["ended"]
        rows = zip(*(curves[name] for name in _CURVES), strict=True)
        history._epochs = [[*row, math.nan, math.nan] for row in rows]
        return history

    def append(self, epoch: Epoch, seconds: float) -> None:
        """Add an epoch, and the seconds that it took."""
        self._epochs.append((epoch, seconds))

    def until(self, epoch: int) -> Self:
        """Return the history of the first `epochs` epochs."""
        history = copy.copy(self)
        history._epochs = self._epochs[:epoch]
        return history

    def _read(self) -> list[list[float]]:
        """Fetch all numbers that are still on the device, in one transfer; return all epochs."""
        pending = [row[0] for row in self._epochs if isinstance(row, tuple)]
        values = [value for epoch in pending for value in (*epoch.losses, *epoch.val_loss)]
        fetched = _fetch(
            [value.in_units for value in values],
            [value.minimised for value in values],
            [norm for epoch in pending for norm in epoch.norms],
        )
        rows = [
            _make_row(*row, *fetched) if isinstance(row, tuple) else row for row in self._epochs
        ]
        self._epochs = [*rows]  # one assignment, so that Ctrl-C leaves either all or nothing done
        return rows

    def _read_curve(self, name: str) -> list[float]:
        index = _COLUMNS.index(name)
        return [row[index] for row in self._read()]

    @property
    def loss(self) -> list[float]:
        """The training loss over the batches of the epoch.

        It is computed in the original units of y, so a squared loss is in squared units of y. It
        is infinity or 0 where float64 can't represent it.
        """
        return self._read_curve("loss")

    @property
    def val_loss(self) -> list[float]:
        """The loss on the validation data after the epoch; NaN without validation data."""
        return self._read_curve("val_loss")

    @property
    def gradient_norm(self) -> list[float]:
        """The global norm of the gradient before clipping, mean over the batches."""
        return self._read_curve("gradient_norm")

    @property
    def clipped(self) -> list[float]:
        """The share of the epoch's updates whose gradient was clipped, 0 to 1."""
        return self._read_curve("clipped")

    @property
    def learning_rate(self) -> list[float]:
        """The learning rate of the last update of the epoch."""
        return self._read_curve("learning_rate")

    @property
    def seconds(self) -> list[float]:
        """The wall-clock seconds from the end of the previous epoch to the end of this one."""
        return self._read_curve("seconds")

    def value(self, curve: str, index: int = -1) -> Value:
        """Return one value of the curve "loss" or "val_loss", in the units of y and standardised.

        The loss on the standardised y is NaN for epochs from a file.
        """
        row = dict(zip(_COLUMNS, self._read()[index], strict=True))
        return Value(row[f"minimised {curve}"], row[curve])

    def alone(self) -> list["History"]:
        """Return the history of each model; here there is only one."""
        return [self]

    def finite(self, since: int) -> bool:
        """Whether the minimised loss and the gradients were finite from epoch `since` on."""
        numbers = (self._read_curve(name)[since:] for name in ("minimised loss", "gradient_norm"))
        return all(map(math.isfinite, chain(*numbers)))

    def as_dict(self) -> dict[str, list[float]]:
        """Return all curves by name."""
        return {name: self._read_curve(name) for name in _CURVES}

    def __len__(self) -> int:
        return len(self._epochs)

    def __repr__(self) -> str:
        if not len(self):
            return "History(no epochs)"
        return f"History({len(self)} epochs, loss {self.loss[-1]:.4g}, {self.ended})"
