"""What a callback gets to see of a run."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from xprnn import serialization
from xprnn._record import History
from xprnn._validate import number
from xprnn.model import Model

__all__ = ["Training"]


class Training:
    """A training run as its callbacks see it, after an epoch.

    Attributes
    ----------
    epoch : int
        Epochs done.
    epochs : int
        Epochs asked for.
    history : History
        The curves so far.
    validates : bool
        Whether there are validation data.
    factor : float
        By which callbacks have multiplied the learning rate in this epoch.
    files : list of path
        Where callbacks want the run to be saved after this epoch.
    unwritten : tuple of path
        Where the run could not be saved after the previous epoch.
    """

    def __init__(
        self,
        epoch: int,
        epochs: int,
        history: History,
        build: Callable[[], Model],
        validates: bool = False,
        unwritten: tuple[Path, ...] = (),
    ):
        self.epoch = epoch
        self.epochs = epochs
        self.history = history
        self.validates = validates
        self.factor = 1.0
        self.files: list[Path] = []
        self.unwritten = unwritten
        self._build = build

    @property
    def model(self) -> Model:
        """The model so far."""
        return self._build()

    def multiply_learning_rate(self, factor: float) -> None:
        """Multiply the learning rate of all updates that follow."""
        self.factor *= number("factor", factor, above=0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file that `xprnn.load` reads and ``fit(resume=)`` goes on from.

        It is written when all callbacks have seen this epoch, as what they remember and
        decide is a part of it. If the file can't be written then, there is a warning and
        the training goes on.

        Raises
        ------
        ValueError, MissingExtraError
            As `xprnn.save`, if the ending of the path is wrong.
        """
        with contextlib.suppress(FileNotFoundError):  # the warning comes when it is written
            serialization.check_path(path)
        self.files.append(Path(path))
