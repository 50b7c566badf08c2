"""Save a run to a file between two epochs, and restore it."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from xprnn import serialization, tree
from xprnn._model import Model, load_snapshot
from xprnn._record import History
from xprnn._sequences.batches import Data
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Tree
from xprnn.backend import to_host
from xprnn.callbacks import Training
from xprnn.errors import ModelFileError
from xprnn.serialization import Snapshot
from xprnn.serialization.hyperparameters import differences, label
from xprnn.training.epoch import Position, Run
from xprnn.training.members import Together
from xprnn.training.setup import Setup

TOLERANCE = 1e-3
"""Means and scales of the same data differ by at most this share of a scale."""

Callbacks = tuple[Callable[[Training], Any], ...]


def save(
    run: Run,
    position: Position,
    model: Model,
    callbacks: Callbacks,
    path: str | os.PathLike[str],
) -> None:
    """Write a run to a file.

    Parameters
    ----------
    run : Run
    position : Position
    model : Model
        The result if the run ends here; a callback may have chosen other parameters than the run's.
    callbacks : tuple of callable
    path : str or path

    Raises
    ------
    ValueError
        If several members are trained side by side.
    """
    if isinstance(model, Together):
        raise ValueError(
            "callbacks must not save the run, as Checkpoint does: a file holds one model, but "
            "several members are trained; expected members=1, in a forecaster with one number of "
            "lags, or other callbacks"
        )
    snapshot = Snapshot(
        model=model,
        params=None if model.params is position.params else position.params,
        epoch=position.epoch,
        updates=position.updates,
        factor=position.factor,
        memory=position.memory,
        callbacks=tuple((type(c).__name__, state) for c, state in _read_states(callbacks)),
        plan=_plan(run.setup),
    )
    serialization.save_snapshot(snapshot, path)


def restore(
    path: str | os.PathLike[str], run: Run, start: Position, callbacks: Callbacks
) -> tuple[Position, History]:
    """Return the position and the history of a saved run, and restore its callbacks.

    Parameters
    ----------
    path : str or path
    run : Run
    start : Position
        The initial position of a new run.
    callbacks : tuple of callable

    Raises
    ------
    ValueError
        If the file belongs to another run; the error says what differs.
    FileNotFoundError, ModelFileError
        If the file can't be read, or a callback can't restore its state from the file.
    """
    snapshot = load_snapshot(path, run.setup.place)
    _check(snapshot, run.setup, start)
    stateful = [callback for callback, _ in _read_states(callbacks)]
    names = [type(callback).__name__ for callback in stateful]
    expected = [name for name, _ in snapshot.callbacks]
    if names != expected:
        raise ValueError(
            "resume needs the callbacks whose state the checkpoint holds: "
            f"expected {', '.join(expected) or 'none'}, got {', '.join(names) or 'none'}"
        )
    for callback, (name, state) in zip(stateful, snapshot.callbacks, strict=True):
        try:
            callback.restore(state, snapshot.model)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"resume: {name} cannot take its state in the checkpoint: {error}"
            ) from error
    history = snapshot.model.history
    goes_on = history.ended == "running" and snapshot.epoch < run.setup.method.epochs
    params = snapshot.params if goes_on and snapshot.params is not None else snapshot.model.params
    position = Position(snapshot.epoch, snapshot.updates, params, snapshot.memory, snapshot.factor)
    return position, history


def _read_states(callbacks: Iterable[Any]) -> list[tuple[Any, Tree]]:
    """Return the callbacks with a state, each with that state."""
    states = [
        (callback, callback.state())
        for callback in callbacks
        if all(callable(getattr(callback, name, None)) for name in ("state", "restore"))
    ]
    return [(callback, state) for callback, state in states if state is not None]


def _plan(setup: Setup) -> dict[str, Any]:
    """Return everything that the result of a training run depends on, as JSON."""
    model, data, validation = setup.model, setup.data, setup.validation
    plan = {
        **vars(setup.method),
        "early_stopping": setup.method.early_stopping or None,  # older files lack it
        "standardize": model.x_scaler is not None,
        **dict(zip(("x", "y", "valid steps"), _sizes(data), strict=True)),
        "sample_weight": None if data.weights is None else _shape(data.weights),
        "validation_data": None if validation is None else _sizes(validation),
        "mode": model.mode,
        "feature_names": model.feature_names,
        "output_names": model.output_names,
        "dtype": model.dtype,
        "network": model.network,
    }
    del plan["epochs"], plan["learning_rate"]  # more epochs may follow; the optimizer has the rate
    return {name: label(value) for name, value in plan.items()}


def _sizes(data: Data) -> tuple[Any, ...]:
    """Return the shapes of x and y, and the number of valid steps (None if all are valid)."""
    valid = None if data.valid is None else int(data.valid.sum())
    return _shape(data.x), _shape(data.y), valid


def _shape(array: Any) -> tuple[int, ...]:
    """Return the shape (B, T, F) of an array (T, B, F)."""
    steps, batch, features = array.shape
    return batch, steps, features


def _check(snapshot: Snapshot, setup: Setup, start: Position) -> None:
    """Raise ValueError unless the snapshot belongs to this training run."""
    differs = differences(_plan(setup), snapshot.plan)
    for name in ("x", "y"):
        ours, its = (getattr(model, f"{name}_scaler") for model in (setup.model, snapshot.model))
        if not differs and not _match(ours, its):
            differs.append(f"the values of {name} have a different mean or standard deviation")
    if not differs and _read_shapes(start.memory) != _read_shapes(snapshot.memory):
        differs.append("the optimizer's state has different arrays")
    if differs:
        raise ValueError(f"resume: the checkpoint is from another run: {'; '.join(differs)}")
    if setup.method.epochs < snapshot.epoch:
        raise ValueError(
            f"epochs must be at least {snapshot.epoch}, the number that the checkpoint has done, "
            f"got {setup.method.epochs}"
        )


def _match(one: Scaler | None, other: Scaler | None) -> bool:
    """Return whether two standardisations agree up to rounding."""
    if one is None or other is None:
        return one is other
    limit = TOLERANCE * to_host(one.scale)
    pairs = zip(map(to_host, one), map(to_host, other), strict=True)  # the means, then the scales
    return all((abs(ours - its) <= limit).all() for ours, its in pairs)


def _read_shapes(memory: Tree) -> dict[str, Any]:
    """Return the shapes of all arrays by name, with None for a number."""
    return {name: getattr(leaf, "shape", None) for name, leaf in tree.flatten(memory).items()}
