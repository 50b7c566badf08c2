"""What a callback sees of a run, and how it writes without ending it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from xprnn import serialization
from xprnn._validate import number, warn
from xprnn.history import History
from xprnn.model import Model

__all__ = ["Training", "Writer"]


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


class Writer:
    """Lets a training go on when something can't be written, and warns once.

    Examples
    --------
    >>> import warnings
    >>> from xprnn.callbacks import Writer
    >>> writer = Writer()
    >>> with warnings.catch_warnings(record=True, action="always") as seen:
    ...     for _ in range(2):
    ...         with writer.writing("the picture"):
    ...             raise OSError("No space left on device")
    >>> [str(warning.message) for warning in seen]
    ['the picture could not be written, and the training goes on: No space left on device']
    """

    def __init__(self) -> None:
        self.warned = False
        self.failed = False

    @contextlib.contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Turn an OSError into a warning, the first time; `failed` says whether there was one."""
        self.failed = False
        try:
            yield
        except OSError as error:
            self.failed = True
            if not self.warned:
                self.warned = True
                warn(
                    f"{what} could not be written, and the training goes on: {error}",
                    RuntimeWarning,
                )
