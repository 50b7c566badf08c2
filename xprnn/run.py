"""A training run: batches, gradients, updates, and the watch over their numbers.

Nothing in an epoch waits for the device. Between epochs, ten times a second at the
most, the watch looks at the numbers; if something stopped being finite, the run is
repeated from the last position known to be finite, step by step, to find out what
and when.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from xprnn import optimizers, tree
from xprnn._noise import Noise
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import Backend, dtype_name, host
from xprnn.batches import Batch, Data, batches
from xprnn.errors import NonFiniteError
from xprnn.gradients.objective import Chunk, apply, chunks, every, value_and_grad
from xprnn.history import Epoch, History
from xprnn.layers import Layer
from xprnn.losses import Loss, standardizes
from xprnn.losses.units import InUnits, Value
from xprnn.model import Model
from xprnn.optimizers import Optimizer
from xprnn.penalties import Penalty
from xprnn.scaling import Scaler

__all__ = ["Position", "Run", "Update", "Watch"]

LOOK_EVERY = 0.1
"""Seconds between two looks."""


class Position(NamedTuple):
    """Where a run stands. Nothing in it is ever changed in place, so it can be kept."""

    epoch: int
    updates: int
    params: Tree
    memory: Tree
    """What the optimizer remembers."""
    factor: float = 1.0
    """By which callbacks have multiplied the learning rate."""


class Update(NamedTuple):
    """One update of the parameters."""

    before: Position
    after: Position
    value: Value
    """The loss before."""
    share: float
    """Its part in the epoch's loss."""
    grads: Tree
    norm: Array


@dataclass(frozen=True)
class Run:
    """What is trained, on what, and how."""

    network: Layer
    loss: Loss
    optimizer: Optimizer
    penalty: Penalty | None
    clip_norm: float | None
    data: Data
    validation: Data | None
    batch_size: int | None
    tbptt: int | None
    checkpoint_every: int | None
    seed: int
    backend: Backend
    xp: Namespace
    """The backend's, or what kernels.workspace makes of it."""
    y_scaler: Scaler | None = None
    """The standardisation of y, in float64; None if there is none."""

    def start(self, params: Tree) -> Position:
        """Return the position before the first epoch."""
        return Position(0, 0, params, self.optimizer.init(params, xp=self.xp))

    def updates(self, position: Position) -> Iterator[Update]:
        """Yield the updates of an epoch, the same ones whenever it is asked."""
        per_step, seed = self.network.keeps_steps, (self.seed, position.epoch)
        for number, batch in enumerate(
            batches(self.data, self.batch_size, seed, per_step, self.backend)
        ):
            state, noise = None, Noise((*seed, number, 1))
            for part, share in self.parts(batch, noise):
                value, grads, state = self.gradient(position.params, part, state)
                after, norm = self.update(position, grads)
                yield Update(position, after, value, share, grads, norm)
                position = after

    def parts(self, batch: Batch, noise: Noise) -> Iterator[tuple[Chunk, float]]:
        """Yield the chunks of a batch, or the whole, with their part in the epoch's loss."""
        x, y, valid, weights = batch.data
        mask, cuts = batch.data.mask(self.backend), every(self.tbptt or x.shape[0], x)
        for cut, part in zip(cuts, chunks(cuts, x, y, mask, noise), strict=True):
            if valid is None:
                share = part.x.shape[0] / x.shape[0]
            else:
                share = float(valid[cut].sum() / valid.sum())
            if share:  # else there is nothing to learn from
                own = weights
                if weights is not None and weights.shape[0] > 1:
                    own = weights[cut, ...]
                yield part._replace(weights=own), batch.share * share

    def reported(self, weights: Array | None = None) -> InUnits:
        """Return the loss with two values: of the standardised y, and of y as it was given."""
        return InUnits(self.loss, self.y_scaler, weights)

    def gradient(self, params: Tree, part: Chunk, state: Tree | None) -> tuple[Value, Tree, Tree]:
        """Return the loss of a chunk, its gradient with the penalty's, and the last state."""
        xp = self.xp
        value, grads, state = value_and_grad(
            self.network,
            self.reported(part.weights),
            params,
            part.x,
            part.y,
            state=state,
            mask=part.mask,
            noise=part.noise,
            checkpoint_every=self.checkpoint_every,
            xp=xp,
        )
        if self.penalty is not None:
            grads = tree.map(lambda g, p: g + p, grads, self.penalty.gradient(params, xp=xp))
        return value, grads, state

    def update(self, position: Position, grads: Tree) -> tuple[Position, Array]:
        """Clip and step; also return the norm of the gradient before."""
        xp, factor = self.xp, position.factor
        if self.clip_norm is None:
            norm = optimizers.global_norm(grads, xp=xp)
        else:
            grads, norm = optimizers.clip_by_global_norm(grads, self.clip_norm, xp=xp)
        params, memory = self.optimizer.update(grads, position.memory, position.params, xp=xp)
        if factor != 1:
            params = tree.map(lambda a, b: a + factor * (b - a), position.params, params)
        if self.penalty is not None:
            params = self.penalty.constrain(params, xp=xp)
        after = position._replace(updates=position.updates + 1, params=params, memory=memory)
        return after, norm

    def epoch(self, position: Position) -> tuple[Position, Epoch]:
        """Go through the data once; also return what was measured."""
        losses, shares, norms, val_loss = [], [], [], []
        for update in self.updates(position):
            losses.append(update.value)
            shares.append(update.share)
            norms.append(update.norm)
            position = update.after
        if self.validation is not None:
            val_loss.append(self.measure(position.params, self.validation))
        rate = self.optimizer.rate(position.updates - 1) * position.factor
        measured = Epoch(losses, shares, norms, self.clip_norm, val_loss, rate)
        return position._replace(epoch=position.epoch + 1), measured

    def without_learning(self, outputs: int) -> Array | None:
        """Return the loss of a network whose outputs are all zero.

        Zero is the mean of a standardised y, and makes all classes equally likely. Of
        quantities that are not standardised it says nothing: None.
        """
        if self.y_scaler is None and standardizes(self.loss):
            return None
        y, mask = self.data.y, self.data.mask(self.backend)
        shape = (*y.shape[:-1], outputs)
        zeros = self.backend.asarray(host.zeros(shape), dtype_name(self.data.x))
        mask = mask if self.network.keeps_steps else None
        value: Value = self.reported(self.data.weights)(zeros, y, mask, xp=self.xp)[0]
        return value.minimised

    def measure(self, params: Tree, data: Data) -> Value:
        """Return the loss on data, without dropout."""
        xp, mask = self.xp, data.mask(self.backend)
        y_hat, _ = apply(self.network, params, data.x, mask=mask, xp=xp)
        kept = mask if self.network.keeps_steps else None
        value: Value = self.reported(data.weights)(y_hat, data.y, kept, xp=xp)[0]
        return value

    def unfinite(self, named: Tree) -> str | None:
        """Return the name of the first array that is not finite throughout."""
        xp = self.xp
        for name, array in tree.flatten(named).items():
            if not bool(xp.all(xp.isfinite(array))):
                return name
        return None

    def blame(self, position: Position, epochs: int) -> tuple[Position, str]:
        """Repeat the run from a finite position to its first number that is not finite.

        Returns the last finite position, and what was no longer finite after it.
        """
        while position.epoch < epochs:
            for update in self.updates(position):
                for kind, arrays in (
                    ("loss", {"": update.value.minimised}),
                    ("gradient of ", update.grads),
                    ("gradient norm", {"": update.norm}),
                    ("parameter ", update.after.params),
                ):
                    name = self.unfinite(arrays)
                    if name is not None:
                        return update.before, kind + name
                position = update.after
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
        finite = self.history.finite(since=self.good.epoch)
        if not finite or self.run.unfinite(position.params) is not None:
            good, name = self.run.blame(self.good, position.epoch)
            self.history.ended = "diverged"
            model = self.build(good)
            advice = "a smaller learning_rate or a smaller clip_norm"
            if model.x_scaler is None:
                advice = "a smaller learning_rate, a smaller clip_norm or standardize=True"
            raise NonFiniteError(
                f"the {name} was not finite any more in epoch {good.epoch + 1}; try {advice} "
                "(the model with the last finite parameters is this error's .model)",
                epoch=good.epoch + 1,
                name=name,
                model=model,
            )
        self.good, self.looked = position, time.perf_counter()
        return self.history.loss[-1]
