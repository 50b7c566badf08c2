"""Save a training run between two epochs, and load it."""

import os
from dataclasses import replace
from typing import Any, NamedTuple

from xprnn._fields import number, whole
from xprnn._record import Record
from xprnn._typing import Tree
from xprnn.backend import Backend, resolve
from xprnn.errors import ModelFileError
from xprnn.serialization import files
from xprnn.serialization.json_text import pack, unpack
from xprnn.serialization.model import (
    check,
    describe_model,
    make_misfit_error,
    move,
    restore,
    to_backend,
)


class Snapshot(NamedTuple):
    """Everything that a training run needs to continue as if it had not been interrupted.

    It holds no random number generator: an epoch draws its numbers from the epoch number and the
    seed, which is in the plan.
    """

    model: Record
    """The model, with the history and the parameters of the result if the run ended here."""
    params: Tree | None
    """The parameters to continue from, if a callback chose others for the result."""
    epoch: int
    updates: int
    factor: float
    memory: Tree
    """The state of the optimizer."""
    callbacks: tuple[tuple[str, Tree], ...]
    """The class name and the state of each callback that has a state."""
    plan: Any
    """The network, the data and the options of the training, as JSON."""


def save_snapshot(snapshot: Snapshot, path: str | os.PathLike[str]) -> None:
    """Write a training run to a file, which `load` reads as a model.

    Raises
    ------
    TypeError
        If the network, the optimizer's state or a callback's state can't be written.
    """
    header, arrays = describe_model(snapshot.model)
    header["training"] = {
        "plan": snapshot.plan,
        "epoch": snapshot.epoch,
        "updates": snapshot.updates,
        "factor": snapshot.factor,
        "params": pack(snapshot.params, "training.params", arrays),
        "memory": pack(snapshot.memory, "training.memory", arrays),
        "callbacks": [
            [name, pack(state, f"training.callbacks.{i}", arrays)]
            for i, (name, state) in enumerate(snapshot.callbacks)
        ],
    }
    files.write(path, header, arrays)


def load_snapshot(path: str | os.PathLike[str], backend: str | Backend) -> Snapshot:
    """Read a training run, with its arrays on a backend.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ModelFileError
        As for `load`, and if the file holds only a model.
    """
    place = resolve(backend)
    header, arrays = files.read(path)
    model = restore(path, header, arrays)
    if "training" not in header:
        raise ModelFileError(
            f"{path} holds a model but no training run: callbacks.Checkpoint writes files that "
            "can be resumed"
        )
    try:
        run = _build_snapshot(model, header["training"], arrays)
    except Exception as error:  # mismatched parts can raise anything
        raise make_misfit_error(path, error) from error
    return run._replace(
        model=to_backend(model, place),
        params=move(run.params, place),
        memory=move(run.memory, place),
        callbacks=tuple((name, move(state, place)) for name, state in run.callbacks),
    )


def _build_snapshot(model: Record, run: dict[str, Any], arrays: dict[str, Any]) -> Snapshot:
    """Return the training run that a header describes, on the host."""
    params = unpack(run["params"], arrays)
    if params is not None:
        params = check(replace(model, params=params)).params
    callbacks = tuple((name, unpack(state, arrays)) for name, state in run["callbacks"])
    if not all(isinstance(name, str) for name, _ in callbacks):
        raise TypeError(f"callbacks have the names {[name for name, _ in callbacks]}")
    return Snapshot(
        model=model,
        params=params,
        epoch=whole("epoch", run["epoch"], least=0),
        updates=whole("updates", run["updates"], least=0),
        factor=number("factor", run["factor"], least=0),
        memory=unpack(run["memory"], arrays),
        callbacks=callbacks,
        plan=run["plan"],
    )
