"""A training run in a file, between two epochs."""

import os
from typing import Any, NamedTuple

from xprnn._typing import Tree
from xprnn.backend import Backend, resolve
from xprnn.errors import ModelFileError
from xprnn.model import Model
from xprnn.serialization import files
from xprnn.serialization.model import contents, restored
from xprnn.serialization.trees import pack, unpack

__all__ = ["Snapshot", "load_snapshot", "save_snapshot"]


class Snapshot(NamedTuple):
    """All that a training run needs to go on as if it had never ended.

    No generator of random numbers is among it: what an epoch draws follows from the
    seed, which the plan holds, and the number of the epoch.
    """

    model: Model
    """With the history, and the parameters with which the run ends if it ends here."""
    params: Tree | None
    """The parameters to go on from, if a callback chose others to end with."""
    epoch: int
    updates: int
    factor: float
    memory: Tree
    """What the optimizer remembers."""
    callbacks: tuple[tuple[str, Tree], ...]
    """The callbacks that remember something, by their class, and what."""
    plan: Any
    """What is trained on what and how, as JSON."""


def save_snapshot(snapshot: Snapshot, path: str | os.PathLike[str]) -> None:
    """Write a training run to a file, which `load` reads as a model.

    Raises
    ------
    TypeError
        If the network, the optimizer's memory or a callback's state cannot be written.
    """
    header, arrays = contents(snapshot.model)
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
    """Read a training run, its arrays on a backend.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        As `load`, and if the file holds a model only.
    """
    place = resolve(backend)
    header, arrays = files.read(path)
    model = restored(path, header, arrays, place)
    if "training" not in header:
        raise ModelFileError(
            f"{path} holds a model but no training run: callbacks.Checkpoint writes those that "
            "can be resumed"
        )
    run = header["training"]
    try:
        return Snapshot(
            model,
            unpack(run["params"], arrays, place),
            run["epoch"],
            run["updates"],
            run["factor"],
            unpack(run["memory"], arrays, place),
            tuple((name, unpack(state, arrays, place)) for name, state in run["callbacks"]),
            run["plan"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} does not hold what its header says: {error}") from error
