"""The training data as (T, B, F), and batches of them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from xprnn._typing import Array, Namespace
from xprnn.backend import Backend, generator, host

POOL = 8
"""The number of batches in a pool, within which sequences are sorted by length."""


def to_time_major(array: Array, *, xp: Namespace) -> Array:
    """Turn (B, T, F) into (T, B, F) with the memory in that order."""
    turned = xp.permute_dims(array, (1, 0, 2))
    flat = xp.reshape(turned, (-1,))  # copies the memory into the new order
    return xp.reshape(flat, turned.shape)


class Data(NamedTuple):
    """All sequences of a training run, or its validation data."""

    x: Array
    """(T, B, F)"""
    y: Array
    """(T, B, O); T may differ from that of x."""
    valid: Any = None
    """NumPy array of bool (T, B), False at padding steps; None if every step is valid."""
    weights: Array | None = None
    """(T, B, 1) or (1, B, 1), the weights of the steps of y in the loss; None if all are 1."""
    scored: Any = None
    """NumPy array of bool (T, B), True at the steps of validation data that count in the loss,
    while the network also reads earlier ones; None if all valid steps count."""

    def mask(self, backend: Backend) -> Array | None:
        """Return the mask (T, B, 1) on the backend of the arrays."""
        return None if self.valid is None else backend.asarray(self.valid[:, :, None], "bool")

    def loss_mask(self, backend: Backend) -> Array | None:
        """Return the mask (T, B, 1) of the loss at every step."""
        return (self if self.scored is None else self._replace(valid=self.scored)).mask(backend)

    def take(self, chosen: Any, per_step: bool, backend: Backend) -> "Data":
        """Return some of the sequences, cut to the longest of them.

        `per_step` says whether y has the steps of x.
        """
        xp, order = backend.xp, backend.asarray(chosen, "int64")
        x, y = xp.take(self.x, order, axis=1), xp.take(self.y, order, axis=1)
        weights = None if self.weights is None else xp.take(self.weights, order, axis=1)
        if self.valid is None:
            return Data(x, y, None, weights)
        valid = self.valid[:, chosen]
        steps = int(count_steps(valid).max())
        if weights is not None and weights.shape[0] > 1:
            weights = weights[:steps, ...]
        return Data(
            x[:steps, ...], y[:steps, ...] if per_step else y, drop_if_full(valid[:steps]), weights
        )


def count_steps(valid: Any) -> Any:
    """Return the number of steps of each sequence up to its last valid one, (B,)."""
    return valid.shape[0] - host.argmax(valid[::-1], axis=0)


def drop_if_full(valid: Any) -> Any:
    """Return None if every step is valid, else `valid`."""
    return None if valid.all() else valid


class Batch(NamedTuple):
    """Some of the sequences of the training data."""

    data: Data
    share: float
    """The share of all sequences, or of all valid steps, that this batch holds."""


def draw_batches(
    data: Data, batch_size: int | None, seed: tuple[int, ...], per_step: bool, backend: Backend
) -> Iterator[Batch]:
    """Yield the batches of one epoch.

    Parameters
    ----------
    data : Data
    batch_size : int or None
        The number of sequences in a batch; the last may hold fewer. None for all, in order.
    seed : tuple of int
        Seed for the shuffle, which is drawn on the host and so the same on every backend.
    per_step : bool
        Whether y has the steps of x, so that the loss is a mean over valid steps rather than over
        sequences.
    backend : Backend
        The backend of the arrays.
    """
    count = data.x.shape[1]
    if batch_size is None or batch_size >= count:
        yield Batch(data, 1.0)
        return
    rng = generator(seed)
    order = rng.permutation(count)
    weight = host.ones(count)
    if data.valid is not None:
        order = _sort_by_length(order, count_steps(data.valid), batch_size, rng)
        if per_step:
            weight = data.valid.sum(axis=0)
    for start in range(0, count, batch_size):
        chosen = order[start : start + batch_size]
        yield Batch(
            data.take(chosen, per_step, backend), float(weight[chosen].sum() / weight.sum())
        )


def _sort_by_length(order: Any, lengths: Any, batch_size: int, rng: Any) -> Any:
    """Sort a shuffled order by length within pools of batches, and shuffle the batches."""
    pool = POOL * batch_size
    parts = [order[i : i + pool] for i in range(0, len(order), pool)]
    order = host.concat([part[host.argsort(lengths[part], stable=True)] for part in parts])
    cut = len(order) - len(order) % batch_size
    full = order[:cut].reshape(-1, batch_size)
    return host.concat([rng.permutation(full).reshape(-1), order[cut:]])
