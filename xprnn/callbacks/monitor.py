"""A loss curve, and whether it got better."""

import math

from xprnn._validate import number, unknown
from xprnn.callbacks.training import Training

__all__ = ["Monitor"]


class Monitor:
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
