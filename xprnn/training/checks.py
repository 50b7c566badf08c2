"""What the plain arguments of `fit` may be, and what they ask of the network."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from xprnn._typing import Tree
from xprnn._validate import chosen, whole
from xprnn.backend import host
from xprnn.layers import Layer
from xprnn.modes import Pair
from xprnn.objective import check_cuttable

__all__ = ["check", "check_cuts", "check_steps", "listed"]


def check(standardize: Any, progress: Any, resume: Any, penalty: Any) -> None:
    """Raise unless each of these arguments is of its kind."""
    if not isinstance(standardize, bool):
        raise TypeError(f"standardize must be True or False, got {standardize!r}")
    if not isinstance(progress, bool | None):
        raise TypeError(f"progress must be True, False or None, got {progress!r}")
    if not isinstance(resume, str | os.PathLike | None):
        raise TypeError(f"resume must be the path of a file, got {resume!r}")
    if penalty is not None:
        chosen("penalty", penalty, {}, ("gradient", "constrain"))


def listed(callbacks: Any) -> tuple[Callable[..., Any], ...]:
    """Return callbacks as a tuple; raise unless it is of callables."""
    if callable(callbacks) or not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of callables, got {callbacks!r}")
    callbacks = tuple(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must hold callables, got {callback!r}")
    return callbacks


def check_steps(network: Layer, drawn: Tree, features: int, pairs: list[Pair]) -> None:
    """Raise unless a network that changes the number of steps gives as many as y has."""
    if network.keeps_steps:
        return
    y_hat, _, _ = network.forward(drawn, host.zeros((1, 1, features)), None, None, xp=host)
    for name, pair in zip(("y", "validation_data[1]"), pairs, strict=False):
        if pair.y.shape[1] != y_hat.shape[0]:
            raise ValueError(
                f"{name} must have {y_hat.shape[0]} step(s), as the network gives, "
                f"got {pair.y.shape[1]}"
            )


def check_cuts(network: Layer, tbptt: int | None, checkpoint_every: int | None) -> None:
    """Raise unless the network can be cut in time as asked."""
    for argument, size in (("tbptt", tbptt), ("checkpoint_every", checkpoint_every)):
        if size is not None:
            whole(argument, size)
            check_cuttable(network, argument)
    if tbptt is not None and not network.keeps_steps:
        raise ValueError(
            "tbptt updates after every chunk and so needs outputs at every step; this network "
            "gives one output for many steps"
        )
