"""A run as its callbacks see it, and how they write without ending it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import InitVar, dataclass, field
from pathlib import Path

from xprnn import serialization
from xprnn._fields import number, warn
from xprnn._model import Model
from xprnn._record import History


@dataclass(eq=False, repr=False)
class Training:
    """A run as its callbacks see it, after an epoch.

    Attributes
    ----------
    epoch : int
        The number of this epoch, from 1.
    epochs : int
        The number of epochs to train for.
    history : History
        The curves so far.
    validates : bool
        Whether there are validation data.
    factor : float
        The product by which callbacks have multiplied the learning rate in this epoch.
    files : list of path
        Where callbacks save the run after this epoch.
    unwritten : tuple of path
        Where saving failed after the previous epoch.
    """

    epoch: int
    epochs: int
    history: History
    build: InitVar[Callable[[], Model]]
    validates: bool = False
    unwritten: tuple[Path, ...] = ()
    factor: float = field(default=1.0, init=False)
    files: list[Path] = field(default_factory=list, init=False)

    def __post_init__(self, build: Callable[[], Model]) -> None:
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

        It is written after all callbacks have seen this epoch, because it holds their states
        and decisions. If it can't be written, there is a warning, and the training goes on.

        Raises
        ------
        ValueError, MissingExtraError
            If the path has another ending, as `xprnn.save`.
        """
        with contextlib.suppress(FileNotFoundError):  # the warning comes when it is written
            serialization.check_path(path)
        self.files.append(Path(path))


class Writer:
    """Lets a training go on if a file or a line can't be written, and warns once.

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
        """Catch an OSError, set `failed` if there is one, and warn of the first."""
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
