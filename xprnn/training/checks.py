"""What the plain arguments of `fit` may be, and what they ask of the network."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from xprnn._typing import Tree
from xprnn._validate import chosen, whole
from xprnn.backend import host
from xprnn.layers import Layer, check_cuttable
from xprnn.model import Model
from xprnn.modes import Pair

__all__ = ["check", "check_cuts", "check_effects", "check_steps", "listed"]


def check(resume: Any, penalty: Any) -> None:
    """Raise unless each of these arguments is of its kind."""
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
        if isinstance(callback, type):
            raise TypeError(
                f"callbacks must hold objects, got the class {callback.__name__}: make one of it, "
                f"{callback.__name__}(...)"
            )
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


def check_effects(
    pair: Pair,
    batch_size: int | None,
    recurrent_dropout: float,
    standardize: bool,
    warm_start: Model | None,
) -> None:
    """Raise ValueError for an argument that can have no effect on these data or this model."""
    steps, features = pair.x.array.shape[1:]
    if batch_size is not None and pair.x.rank < 3:
        raise ValueError(
            f"batch_size={batch_size} has no effect: a batch is of whole sequences, and x is one "
            f"sequence of {steps} steps of {features} feature(s). If the rows of x are samples, "
            "give x as (N, 1, F), x[:, None, :], or see xprnn.estimators.RNNClassifier and "
            "RNNRegressor; to update within one long sequence give tbptt"
        )
    if recurrent_dropout and steps == 1 and pair.mode.startswith("many_to"):
        raise ValueError(
            "recurrent_dropout has no effect: x has one step, whose recurrent state is the first "
            "one, of zeros"
        )
    if warm_start is not None and not standardize and warm_start.x_scaler is not None:
        raise ValueError(
            "standardize=False has no effect: warm_start was trained with a standardisation, and "
            "keeps it"
        )


def check_cuts(network: Layer, tbptt: int | None, checkpoint_every: int | None) -> None:
    """Raise unless the network can be cut in time as asked."""
    for argument, size in (("tbptt", tbptt), ("checkpoint_every", checkpoint_every)):
        if size is not None:
            whole(argument, size)
            check_cuttable(network, argument)
    if tbptt is not None and checkpoint_every is not None and checkpoint_every >= tbptt:
        raise ValueError(
            f"checkpoint_every={checkpoint_every} has no effect with tbptt={tbptt}, which keeps no "
            f"more than {tbptt} steps anyway: give fewer"
        )
    if tbptt is not None and not network.keeps_steps:
        raise ValueError(
            "tbptt updates after every chunk and so needs outputs at every step; this network "
            "gives one output for many steps"
        )
