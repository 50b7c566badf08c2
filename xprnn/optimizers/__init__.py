"""Optimizers and clipping: pure functions over trees.

An optimizer holds hyper-parameters only. Its state is a tree that its methods take and return::

    optimizer.init(params, *, xp)                    -> state
    optimizer.update(grads, state, params, *, xp)    -> params, state
    optimizer.rate(i)                                -> the learning rate of update i

Updates are counted from i = 0. A learning rate is a number or one of
`xprnn.schedules`.
"""

import dataclasses
from typing import Any, Protocol

from xprnn._fields import choose
from xprnn._typing import Namespace, Tree
from xprnn.optimizers.adam import Adam, AdamW, NAdam
from xprnn.optimizers.clipping import clip_by_global_norm, clip_by_value, global_norm
from xprnn.optimizers.rmsprop import RMSprop
from xprnn.optimizers.sgd import SGD
from xprnn.schedules import Schedule

__all__ = [
    "SGD",
    "TABLE",
    "Adam",
    "AdamW",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "clip_by_global_norm",
    "clip_by_value",
    "get",
    "global_norm",
]


class Optimizer(Protocol):
    """The protocol of an optimizer."""

    def init(self, params: Tree, *, xp: Namespace) -> Tree:
        """Return the state before the first update."""

    def update(self, grads: Tree, state: Tree, params: Tree, *, xp: Namespace) -> tuple[Tree, Tree]:
        """Return the parameters and the state after one update."""

    def rate(self, i: int) -> float:
        """Return the learning rate of update i."""


TABLE: dict[str, type] = {
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
"""The optimizers by name."""


def get(optimizer: str | Optimizer, learning_rate: float | Schedule | None = None) -> Optimizer:
    """Return the optimizer with this name, or the object itself.

    Parameters
    ----------
    optimizer : str or Optimizer
        ``"adam"``, ``"adamw"``, ``"nadam"``, ``"rmsprop"``, ``"sgd"``, or an object
        with `init`, `update` and `rate`.
    learning_rate : float or Schedule, optional
        Replaces the optimizer's learning rate.

    Raises
    ------
    ValueError
        If no optimizer has this name, or the learning rate is not above 0.
    TypeError
        If the object lacks a method or has no `learning_rate` to replace, or if the
        learning rate is neither a number nor a callable.

    Examples
    --------
    >>> from xprnn import optimizers, schedules
    >>> optimizers.get("sgd", learning_rate=0.5).rate(0)
    0.5
    >>> optimizers.get("adamw", schedules.Exponential(0.8, factor=0.5)).rate(3)
    0.1
    """
    found: Any = choose("optimizer", optimizer, TABLE, ("init", "update", "rate"))
    if isinstance(found, type):
        found = found()
    if learning_rate is None:
        return found
    if not hasattr(found, "learning_rate"):
        raise TypeError(f"learning_rate cannot be set on {found!r}; set it in the optimizer")
    changed: Optimizer = dataclasses.replace(found, learning_rate=learning_rate)
    return changed
