"""Monitor a loss for improvement."""

import math
from typing import Any

from xprnn._fields import number, one_of, optional
from xprnn.callbacks.training import Training
from xprnn.losses.units import Value

NOTHING = Value(math.inf, math.inf)
"""The best loss before the first epoch."""


class Monitor:
    """A monitored loss that knows whether it has improved.

    It compares losses on the standardised y, which never overflow, underflow or lose precision,
    whatever the units of y. With `min_delta`, which is in the units of y, it compares the losses
    in the history.
    """

    def __init__(self, curve: str | None, min_delta: float):
        self.curve = optional(one_of(("loss", "val_loss")))("monitor", curve)
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
        """Continue from a state that `state` returned."""
        if not isinstance(state, dict):
            raise ValueError(
                "resume: an older xprnn wrote the checkpoint and compared different losses; "
                "expected a checkpoint of this version, or a run from the start"
            )
        self.best = Value(**state)
