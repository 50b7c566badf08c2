"""A run in a file between two epochs: how it is saved, and how it goes on."""

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
from xprnn.training.members import Together
from xprnn.training.run import Position, Run
from xprnn.training.setup import Setup

SAME = 1e-3
"""By which part of a deviation the means and deviations of two data sets may differ."""

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
        Where it stands.
    model : Model
        What it ends with if it ends here; a callback may have chosen other parameters.
    callbacks : tuple of callable
    path : str or path

    Raises
    ------
    ValueError
        If several members are trained side by side.
    """
    if isinstance(model, Together):
        raise ValueError(
            "callbacks must not save the run, as Checkpoint does: a file holds one model, and "
            "several members are trained at once; expected members=1 or other callbacks"
        )
    snapshot = Snapshot(
        model=model,
        params=None if model.params is position.params else position.params,
        epoch=position.epoch,
        updates=position.updates,
        factor=position.factor,
        memory=position.memory,
        callbacks=tuple((type(c).__name__, state) for c, state in _remembering(callbacks)),
        plan=_plan(run.setup),
    )
    serialization.save_snapshot(snapshot, path)


def restore(
    path: str | os.PathLike[str], run: Run, start: Position, callbacks: Callbacks
) -> tuple[Position, History]:
    """Return where a saved run goes on, with its history, and let its callbacks go on too.

    Parameters
    ----------
    path : str or path
    run : Run
    start : Position
        Where the run would begin.
    callbacks : tuple of callable

    Raises
    ------
    ValueError
        If the file is of another run; says what differs.
    FileNotFoundError, ModelFileError
        If the file can't be read, or a callback can't take what it holds for it.
    """
    snapshot = load_snapshot(path, run.setup.place)
    _check(snapshot, run.setup, start)
    remembering = _remembering(callbacks)
    names = [type(callback).__name__ for callback, _ in remembering]
    expected = [name for name, _ in snapshot.callbacks]
    if names != expected:
        raise ValueError(
            "resume needs the callbacks of the checkpoint, as they remember something: "
            f"expected {', '.join(expected) or 'none'}, got {', '.join(names) or 'none'}"
        )
    for (callback, _), (name, state) in zip(remembering, snapshot.callbacks, strict=True):
        try:
            callback.restore(state, snapshot.model)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"resume: what the checkpoint holds for {name} is no state of it: {error}"
            ) from error
    history = snapshot.model.history
    goes_on = history.ended == "running" and snapshot.epoch < run.setup.method.epochs
    params = snapshot.params if goes_on and snapshot.params is not None else snapshot.model.params
    epoch, updates, memory = snapshot.epoch, snapshot.updates, snapshot.memory
    return Position(epoch, updates, params, memory, snapshot.factor), history


def _remembering(callbacks: Iterable[Any]) -> list[tuple[Any, Tree]]:
    """Return the callbacks that remember something, and what."""
    able = [
        callback
        for callback in callbacks
        if all(callable(getattr(callback, name, None)) for name in ("state", "restore"))
    ]
    states = [(callback, callback.state()) for callback in able]
    return [(callback, state) for callback, state in states if state is not None]


def _plan(setup: Setup) -> dict[str, Any]:
    """Return all that the result of a training depends on, as JSON."""
    model, method, data, validation = setup.model, setup.method, setup.data, setup.validation
    plan = {
        "x": _shape(data.x),
        "y": _shape(data.y),
        "valid steps": _valid(data),
        "sample_weight": None if data.weights is None else _shape(data.weights),
        "validation_data": None if validation is None else _shapes(validation),
        "mode": model.mode,
        "feature_names": model.feature_names,
        "output_names": model.output_names,
        "dtype": model.dtype,
        "standardize": model.x_scaler is not None,
        "network": model.network,
        "loss": method.loss,
        "optimizer": method.optimizer,
        "penalty": method.penalty,
        "clip_norm": method.clip_norm,
        "batch_size": method.batch_size,
        "tbptt": method.tbptt,
        "checkpoint_every": method.checkpoint_every,
        "seed": method.seed,
    }
    return {name: label(value) for name, value in plan.items()}


def _shape(array: Any) -> tuple[int, ...]:
    """Return the (B, T, F) of a (T, B, F)."""
    steps, batch, features = array.shape
    return batch, steps, features


def _shapes(data: Data) -> tuple[Any, ...]:
    return _shape(data.x), _shape(data.y), _valid(data)


def _valid(data: Data) -> int | None:
    """Return the number of valid steps, None if all are."""
    return None if data.valid is None else int(data.valid.sum())


def _check(snapshot: Snapshot, setup: Setup, start: Position) -> None:
    """Raise unless the snapshot is of this training."""
    differs = differences(_plan(setup), snapshot.plan)
    for name in ("x", "y"):
        ours, its = (getattr(model, f"{name}_scaler") for model in (setup.model, snapshot.model))
        if not differs and not _same(ours, its):
            differs.append(f"the values of {name} have another mean or deviation")
    if not differs and _shapes_of(start.memory) != _shapes_of(snapshot.memory):
        differs.append("the optimizer remembers something else")
    if differs:
        raise ValueError(f"resume: the checkpoint is of another training: {'; '.join(differs)}")
    if setup.method.epochs < snapshot.epoch:
        raise ValueError(
            f"epochs must be at least {snapshot.epoch}, as many as the checkpoint has done, "
            f"got {setup.method.epochs}"
        )


def _same(one: Scaler | None, other: Scaler | None) -> bool:
    """Whether two standardisations are those of the same data, up to rounding."""
    if one is None or other is None:
        return one is other
    (mean, scale), (its_mean, its_scale) = (map(to_host, scaler) for scaler in (one, other))
    near = (abs(mean - its_mean) <= SAME * scale) & (abs(scale - its_scale) <= SAME * scale)
    return bool(near.all())


def _shapes_of(memory: Tree) -> dict[str, tuple[int, ...] | None]:
    """Return the shapes of all arrays by name, None for a number."""
    return {
        name: tuple(leaf.shape) if hasattr(leaf, "shape") else None
        for name, leaf in tree.flatten(memory).items()
    }
