"""How a run is saved between two epochs, and how it goes on from there."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from xprnn import serialization, tree
from xprnn._typing import Tree
from xprnn.backend import to_host
from xprnn.batches import Data
from xprnn.callbacks import Training
from xprnn.errors import ModelFileError
from xprnn.model import Model
from xprnn.run import Position, Run
from xprnn.scaling import Scaler
from xprnn.serialization import Snapshot
from xprnn.serialization.hyperparameters import differences, label

__all__ = ["resumed", "save"]

SAME = 1e-3
"""By how much of a standard deviation the data of two runs may differ in their own."""


def save(
    run: Run,
    position: Position,
    model: Model,
    callbacks: tuple[Callable[[Training], Any], ...],
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
    """
    snapshot = Snapshot(
        model,
        None if model.params is position.params else position.params,
        position.epoch,
        position.updates,
        position.factor,
        position.memory,
        tuple((type(c).__name__, state) for c, state in _remembering(callbacks)),
        _plan(run, model),
    )
    serialization.save_snapshot(snapshot, path)


def resumed(
    snapshot: Snapshot,
    run: Run,
    start: Position,
    epochs: int,
    callbacks: tuple[Callable[[Training], Any], ...],
    model: Model,
) -> Position:
    """Return where a saved run goes on, and let its callbacks go on too.

    Parameters
    ----------
    snapshot : Snapshot
    run : Run
    start : Position
        Where the run would begin.
    epochs : int
    callbacks : tuple of callable
    model : Model
        With what the run would begin.

    Raises
    ------
    ValueError
        If the snapshot is of another run; says what differs.
    ModelFileError
        If a callback can't take what the snapshot holds for it.
    """
    _check(snapshot, run, start, epochs, model)
    remembering = _remembering(callbacks)
    mine = [type(callback).__name__ for callback, _ in remembering]
    theirs = [name for name, _ in snapshot.callbacks]
    if mine != theirs:
        raise ValueError(
            "resume needs the callbacks of the checkpoint, as they remember something: "
            f"expected {', '.join(theirs) or 'none'}, got {', '.join(mine) or 'none'}"
        )
    for (callback, _), (name, state) in zip(remembering, snapshot.callbacks, strict=True):
        try:
            callback.restore(state, snapshot.model)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"resume: what the checkpoint holds for {name} is no state of it: {error}"
            ) from error
    goes_on = snapshot.model.history.ended == "running" and snapshot.epoch < epochs
    params = snapshot.params if goes_on and snapshot.params is not None else snapshot.model.params
    return Position(snapshot.epoch, snapshot.updates, params, snapshot.memory, snapshot.factor)


def _remembering(callbacks: Iterable[Any]) -> list[tuple[Any, Tree]]:
    """Return the callbacks that remember something, and what."""
    able = [
        callback
        for callback in callbacks
        if all(callable(getattr(callback, name, None)) for name in ("state", "restore"))
    ]
    states = [(callback, callback.state()) for callback in able]
    return [(callback, state) for callback, state in states if state is not None]


def _plan(run: Run, model: Model) -> dict[str, Any]:
    """Return what is trained on what and how, as JSON: all on which the result depends."""
    plan = {
        "x": _shape(run.data.x),
        "y": _shape(run.data.y),
        "valid steps": _valid(run.data),
        "sample_weight": None if run.data.weights is None else _shape(run.data.weights),
        "validation_data": None if run.validation is None else _shapes(run.validation),
        "mode": model.mode,
        "feature_names": model.feature_names,
        "output_names": model.output_names,
        "dtype": model.dtype,
        "standardize": model.x_scaler is not None,
        "network": model.network,
        "loss": model.loss,
        "optimizer": run.optimizer,
        "penalty": run.penalty,
        "clip_norm": run.clip_norm,
        "batch_size": run.batch_size,
        "tbptt": run.tbptt,
        "checkpoint_every": run.checkpoint_every,
        "seed": run.seed,
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


def _check(snapshot: Snapshot, run: Run, start: Position, epochs: int, model: Model) -> None:
    """Raise unless the snapshot is of this run."""
    found = differences(_plan(run, model), snapshot.plan)
    for name in ("x", "y"):
        mine, its = (getattr(m, f"{name}_scaler") for m in (model, snapshot.model))
        if not found and not _same(mine, its):
            found.append(f"the values of {name} have another mean or deviation")
    if not found and _shapes_of(start.memory) != _shapes_of(snapshot.memory):
        found.append("the optimizer remembers something else")
    if found:
        raise ValueError(f"resume: the checkpoint is of another training: {'; '.join(found)}")
    if epochs < snapshot.epoch:
        raise ValueError(
            f"epochs must be at least {snapshot.epoch}, as many as the checkpoint has done, "
            f"got {epochs}"
        )


def _same(mine: Scaler | None, other: Scaler | None) -> bool:
    """Whether two standardisations are those of the same data, up to rounding."""
    if mine is None or other is None:
        return mine is other
    (mean, scale), (its_mean, its_scale) = (map(to_host, scaler) for scaler in (mine, other))
    near = (abs(mean - its_mean) <= SAME * scale) & (abs(scale - its_scale) <= SAME * scale)
    return bool(near.all())


def _shapes_of(memory: Tree) -> dict[str, tuple[int, ...] | None]:
    """Return the shapes of all arrays by name, None for a number."""
    return {
        name: tuple(leaf.shape) if hasattr(leaf, "shape") else None
        for name, leaf in tree.flatten(memory).items()
    }
