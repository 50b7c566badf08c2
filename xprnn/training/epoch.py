"""An epoch: its batches, their chunks in time, and the parameter updates.

Nothing in an epoch waits for the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from xprnn import optimizers, tree
from xprnn._fields import set_fields
from xprnn._model import Model
from xprnn._noise import Noise
from xprnn._record import Epoch, History
from xprnn._sequences.batches import Batch, Data, draw_batches
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array, Tree
from xprnn.backend import dtype_name, host
from xprnn.gradients.checkpointing import Chunk, chunks, every
from xprnn.gradients.objective import apply, value_and_grad
from xprnn.losses import standardizes
from xprnn.losses.units import InUnits, Value
from xprnn.training.setup import Setup


class Position(NamedTuple):
    """A point in a run from which training can continue. It is immutable."""

    epoch: int
    updates: int
    params: Tree
    memory: Tree
    """The state of the optimizer."""
    factor: float = 1.0
    """The factor by which callbacks have multiplied the learning rate."""


class Update(NamedTuple):
    """One parameter update."""

    before: Position
    after: Position
    value: Value
    """The loss before the update."""
    share: float
    """The weight of the value in the epoch's loss."""
    grads: Tree
    norm: Array
    """The norm of the gradient before clipping."""


@dataclass(frozen=True, eq=False)
class Run:
    """A training run, epoch by epoch: it maps one position to the next.

    Parameters
    ----------
    setup : Setup
    xp : namespace, optional
        A namespace from `xprnn.kernels.workspace`. The default is the backend's own namespace.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.training import Method, Network, Run, prepare
    >>> x = np.arange(0, 6, 0.1)
    >>> run = Run(prepare(x, np.sin(x), Network(hidden_size=8), Method(learning_rate=0.01)))
    >>> position = run.start()
    >>> for _ in range(3):
    ...     position, measured = run.epoch(position)
    >>> position.epoch, position.updates, run.model(position).predict(x).shape
    (3, 3, (60,))
    """

    setup: Setup
    xp: Any = None

    def __post_init__(self) -> None:
        if self.xp is None:
            set_fields(self, xp=self.setup.place.xp)

    @cached_property
    def _y_scaler(self) -> Scaler | None:
        """The standardisation of y, in float64."""
        scaler = self.setup.model.y_scaler
        return None if scaler is None else scaler.on(self.setup.place, "float64")

    def _loss(self, weights: Array | None) -> Any:
        """Return a loss whose value has two forms: on the standardised y and in the units of y."""
        return InUnits(self.setup.method.loss, self._y_scaler, weights)

    def start(self) -> Position:
        """Return the position before the first epoch."""
        params = self.setup.params
        return Position(0, 0, params, self.setup.method.optimizer.init(params, xp=self.xp))

    def model(self, position: Position, history: History | None = None) -> Model:
        """Return the model at a position, with the history up to it."""
        curves = History() if history is None else history.until(position.epoch)
        return replace(self.setup.model, params=position.params, history=curves)

    def epoch(self, position: Position) -> tuple[Position, Epoch]:
        """Pass over the data once; return the next position and the epoch's measurements."""
        setup = self.setup
        losses, shares, norms, val_loss = [], [], [], []
        for update in self.updates(position):
            losses.append(update.value)
            shares.append(update.share)
            norms.append(update.norm)
            position = update.after
        if setup.validation is not None:
            val_loss.append(self.measure(position.params, setup.validation))
        rate = setup.method.optimizer.rate(position.updates - 1) * position.factor
        measured = Epoch(losses, shares, norms, setup.method.clip_norm, val_loss, rate)
        return position._replace(epoch=position.epoch + 1), measured

    def updates(self, position: Position) -> Iterator[Update]:
        """Yield the updates of the epoch at a position; a repetition yields the same ones."""
        data, method, place = self.setup.data, self.setup.method, self.setup.place
        per_step, seed = self.setup.network.keeps_steps, (method.seed, position.epoch)
        batches = draw_batches(data, method.sequences, seed, per_step, place)
        for number, batch in enumerate(batches):
            state, noise = None, Noise((*seed, number, 1))
            for chunk, share in self._chunks(batch, noise):
                value, grads, state = self._gradient(position.params, chunk, state)
                after, norm = self._update(position, grads)
                yield Update(position, after, value, share, grads, norm)
                position = after

    def _chunks(self, batch: Batch, noise: Noise) -> Iterator[tuple[Chunk, float]]:
        """Yield the chunks of a batch, or all of it, and their weights in the epoch's loss."""
        x, y, valid, weights, _ = batch.data
        mask = batch.data.mask(self.setup.place)
        cuts = every(self.setup.method.tbptt or x.shape[0], x)
        for cut, chunk in zip(cuts, chunks(cuts, x, y, mask, noise), strict=True):
            if valid is None:
                share = chunk.x.shape[0] / x.shape[0]
            else:
                share = float(valid[cut].sum() / valid.sum())
            if share:  # otherwise there is nothing to learn from
                per_step = weights is not None and weights.shape[0] > 1
                part = weights[cut, ...] if per_step else weights  # type: ignore[index]
                yield chunk._replace(weights=part), batch.share * share

    def _gradient(self, params: Tree, chunk: Chunk, state: Tree | None) -> tuple[Value, Tree, Tree]:
        """Return the loss of a chunk, the gradient including the penalty's, and the final state."""
        xp, method = self.xp, self.setup.method
        value, grads, state = value_and_grad(
            self.setup.network,
            self._loss(chunk.weights),
            params,
            chunk.x,
            chunk.y,
            state=state,
            mask=chunk.mask,
            noise=chunk.noise,
            checkpoint_every=method.checkpoint_every,
            xp=xp,
        )
        if method.penalty is not None:
            grads = tree.map(lambda g, p: g + p, grads, method.penalty.gradient(params, xp=xp))
        return value, grads, state

    def _update(self, position: Position, grads: Tree) -> tuple[Position, Array]:
        """Clip the gradient and update; return the new position and the norm before clipping."""
        xp, method, factor = self.xp, self.setup.method, position.factor
        if method.clip_norm is None:
            norm = optimizers.global_norm(grads, xp=xp)
        else:
            grads, norm = optimizers.clip_by_global_norm(grads, method.clip_norm, xp=xp)
        params, memory = method.optimizer.update(grads, position.memory, position.params, xp=xp)
        if factor != 1:
            params = tree.map(lambda a, b: a + factor * (b - a), position.params, params)
        if method.penalty is not None:
            params = method.penalty.constrain(params, xp=xp)
        after = position._replace(updates=position.updates + 1, params=params, memory=memory)
        return after, norm

    def measure(self, params: Tree, data: Data) -> Value:
        """Return the loss on data, without dropout."""
        mask = data.mask(self.setup.place)
        y_hat, _ = apply(self.setup.network, params, data.x, state=None, mask=mask, xp=self.xp)
        return self._value(y_hat, data)

    def measure_zero(self) -> Value | None:
        """Return the loss of outputs that are all zero.

        Zero is the mean of a standardised y, and makes all classes equally likely. For quantities
        that are not standardised the result is None, since zero means nothing there.
        """
        model, data = self.setup.model, self.setup.data
        if model.y_scaler is None and standardizes(self.setup.method.loss):
            return None
        shape = (*data.y.shape[:-1], model.outputs)
        zeros = self.setup.place.asarray(host.zeros(shape), dtype_name(data.x))
        return self._value(zeros, data)

    def _value(self, y_hat: Array, data: Data) -> Value:
        """Return the loss of outputs on data."""
        mask = data.loss_mask(self.setup.place) if self.setup.network.keeps_steps else None
        value: Value = self._loss(data.weights)(y_hat, data.y, mask, xp=self.xp)[0]
        return value
