"""A training run: batches, gradients, updates, and the watch over their numbers.

Nothing in an epoch waits for the device. Between epochs, ten times a second at the
most, the watch looks at the numbers; if something stopped being finite, the run is
repeated from the last position known to be finite, step by step, to find out what
and when.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from xprnn import optimizers, tree
from xprnn._typing import Array, Tree
from xprnn.backend import Backend
from xprnn.batches import Batch, batches
from xprnn.errors import NonFiniteError
from xprnn.history import History
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.model import Model
from xprnn.objective import value_and_grad
from xprnn.optimizers import Optimizer

__all__ = ["Position", "Run", "Watch"]

LOOK_EVERY = 0.1
"""Seconds between two looks."""


class Position(NamedTuple):
    """Where a run stands. Nothing in it is ever changed in place, so it can be kept."""

    epoch: int
    updates: int
    params: Tree
    memory: Tree
    """What the optimizer remembers."""


@dataclass(frozen=True)
class Run:
    """What is trained, on what, and how."""

    network: Layer
    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None
    x: Array
    """(T, B, F)"""
    y: Array
    """(T, B, O)"""
    validation: tuple[Array, Array] | None
    batch_size: int | None
    seed: int
    backend: Backend

    def start(self, params: Tree) -> Position:
        """Return the position before the first epoch."""
        return Position(0, 0, params, self.optimizer.init(params, xp=self.backend.xp))

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, the same ones whenever it is asked."""
        return batches(self.x, self.y, self.batch_size, (self.seed, epoch), self.backend)

    def gradient(self, params: Tree, batch: Batch) -> tuple[Array, Tree]:
        """Return the loss of a batch and its gradient."""
        xp = self.backend.xp
        state = self.network.initial_state(params, batch.x.shape[1], xp=xp)
        value, grads, _ = value_and_grad(
            self.network, self.loss, params, batch.x, batch.y, state, None, xp=xp
        )
        return value, grads

    def update(self, position: Position, grads: Tree) -> tuple[Position, Array]:
        """Clip and step; also return the norm of the gradient before."""
        xp = self.backend.xp
        if self.clip_norm is None:
            norm = optimizers.global_norm(grads, xp=xp)
        else:
            grads, norm = optimizers.clip_by_global_norm(grads, self.clip_norm, xp=xp)
        params, memory = self.optimizer.update(grads, position.memory, position.params, xp=xp)
        return Position(position.epoch, position.updates + 1, params, memory), norm

    def epoch(self, position: Position) -> tuple[Position, list[Array]]:
        """Go through the data once; also return loss, norm, share clipped, validation loss."""
        xp, losses, norms = self.backend.xp, [], []
        for batch in self.batches(position.epoch):
            value, grads = self.gradient(position.params, batch)
            position, norm = self.update(position, grads)
            losses.append(value * batch.share)
            norms.append(norm)
        norm = xp.stack(norms)
        limit = math.inf if self.clip_norm is None else self.clip_norm
        clipped = xp.mean(xp.astype(norm > limit, norm.dtype))
        numbers = [xp.sum(xp.stack(losses)), xp.mean(norm), clipped]
        if self.validation is not None:
            numbers.append(self.validate(position.params, *self.validation))
        return position._replace(epoch=position.epoch + 1), numbers

    def validate(self, params: Tree, x: Array, y: Array) -> Array:
        """Return the loss on other data."""
        xp = self.backend.xp
        state = self.network.initial_state(params, x.shape[1], xp=xp)
        y_hat, _, _ = self.network.forward(params, x, state, None, xp=xp)
        return self.loss(y_hat, y, None, xp=xp)[0]

    def unfinite(self, named: Tree) -> str | None:
        """Return the name of the first array that is not finite throughout."""
        xp = self.backend.xp
        for name, array in tree.flatten(named).items():
            if not bool(xp.all(xp.isfinite(array))):
                return name
        return None

    def blame(self, position: Position, epochs: int) -> tuple[Position, str]:
        """Repeat the run from a finite position to its first number that is not finite.

        Returns the last finite position, and what was no longer finite after it.
        """
        while position.epoch < epochs:
            for batch in self.batches(position.epoch):
                value, grads = self.gradient(position.params, batch)
                after, norm = self.update(position, grads)
                for kind, arrays in (
                    ("loss", {"": value}),
                    ("gradient of ", grads),
                    ("gradient norm", {"": norm}),
                    ("parameter ", after.params),
                ):
                    name = self.unfinite(arrays)
                    if name is not None:
                        return position, kind + name
                position = after
            position = position._replace(epoch=position.epoch + 1)
        return position._replace(epoch=epochs - 1), "loss"


class Watch:
    """Looks at the numbers now and then, and keeps the last position known to be finite."""

    def __init__(
        self, run: Run, position: Position, history: History, build: Callable[[Position], Model]
    ):
        self.run, self.good, self.history, self.build = run, position, history, build
        self.looked = time.perf_counter()

    def due(self) -> bool:
        """Whether it is time for a look."""
        return time.perf_counter() - self.looked >= LOOK_EVERY

    def look(self, position: Position) -> float:
        """Return the last loss; raise NonFiniteError if a number stopped being finite."""
        loss, norm = self.history.loss, self.history.gradient_norm
        since = slice(self.good.epoch, None)
        finite = all(map(math.isfinite, loss[since] + norm[since]))
        if not finite or self.run.unfinite(position.params) is not None:
            good, name = self.run.blame(self.good, position.epoch)
            self.history.ended = "diverged"
            raise NonFiniteError(
                f"the {name} was not finite any more in epoch {good.epoch + 1}; try a smaller "
                "learning_rate, a smaller clip_norm or standardize=True (the model with the last "
                "finite parameters is this error's .model)",
                epoch=good.epoch + 1,
                name=name,
                model=self.build(good),
            )
        self.good, self.looked = position, time.perf_counter()
        return loss[-1]
