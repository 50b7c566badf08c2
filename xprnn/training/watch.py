"""A watch for numbers that become NaN or infinite in a training run.

Between epochs, at most ten times a second, it checks that all numbers are finite. If one is not,
it repeats the run update by update from the last finite position, to find out which number and
when.
"""

import time

from xprnn import tree
from xprnn._record import History
from xprnn._typing import Tree
from xprnn.errors import NonFiniteError
from xprnn.training.epoch import Position, Run

LOOK_EVERY = 0.1
"""Seconds between two checks."""


class Watch:
    """Check the numbers now and then, and keep the last position at which all were finite."""

    def __init__(self, run: Run, position: Position, history: History):
        self.run, self.last_finite, self.history = run, position, history
        self.last_look = time.perf_counter()

    def due(self) -> bool:
        """Return whether it is time for a check."""
        return time.perf_counter() - self.last_look >= LOOK_EVERY

    def look(self, position: Position) -> float:
        """Return the last loss; raise NonFiniteError if a number is NaN or infinite."""
        finite = self.history.finite(since=self.last_finite.epoch)
        if not finite or self._find_nonfinite(position.params) is not None:
            last, name = self._blame(position.epoch)
            self.history.ended = "diverged"
            model = self.run.model(last, self.history)
            advice = "a smaller learning_rate or a smaller clip_norm"
            if model.x_scaler is None:
                advice = "a smaller learning_rate, a smaller clip_norm or standardize=True"
            raise NonFiniteError(
                f"the {name} was no longer finite in epoch {last.epoch + 1}; try {advice} "
                "(the model with the last finite parameters is this error's .model)",
                epoch=last.epoch + 1,
                name=name,
                model=model,
            )
        self.last_finite, self.last_look = position, time.perf_counter()
        return self.history.loss[-1]

    def _blame(self, epochs: int) -> tuple[Position, str]:
        """Repeat the run up to its first non-finite number.

        Return the last finite position, and the name of that number.
        """
        position = self.last_finite
        while position.epoch < epochs:
            for update in self.run.updates(position):
                for kind, arrays in (
                    ("loss", {"": update.value.minimised}),
                    ("gradient of ", update.grads),
                    ("gradient norm", {"": update.norm}),
                    ("parameter ", update.after.params),
                ):
                    name = self._find_nonfinite(arrays)
                    if name is not None:
                        return update.before, kind + name
                position = update.after
            position = position._replace(epoch=position.epoch + 1)
        return position._replace(epoch=epochs - 1), "loss"

    def _find_nonfinite(self, arrays: Tree) -> str | None:
        """Return the name of the first array with a non-finite number."""
        xp = self.run.xp
        for name, array in tree.flatten(arrays).items():
            if not bool(xp.all(xp.isfinite(array))):
                return name
        return None
