"""A run as its callbacks see it, and writing that does not stop the run on failure."""

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
    """A training run after an epoch, as its callbacks see it.

    Attributes
    ----------
    epoch : int
        The number of this epoch, counted from 1.
    epochs : int
        The number of epochs to train for.
    history : History
        The loss curves so far.
    validates : bool
        Whether there are validation data.
    factor : float
        The factor by which callbacks have multiplied the learning rate after this epoch.
    files : list of path
        The files to which callbacks save the run after this epoch.
    unwritten : tuple of path
        The files that could not be written after the previous epoch.
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
        """Multiply the learning rate of all following updates."""
        self.factor *= number("factor", factor, above=0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file that `xprnn.load` reads and ``fit(resume=)`` continues from.

        The file is written after all callbacks have seen this epoch, because it holds their states
        and decisions. If it can't be written, there is a warning and the training continues.

        Raises
        ------
        ValueError, MissingExtraError
            If the path has the wrong extension, and as for `xprnn.save`.
        """
        with contextlib.suppress(FileNotFoundError):  # the warning comes when the file is written
            serialization.check_path(path)
        self.files.append(Path(path))


class Writer:
    """A base that lets training continue if a file or a line can't be written, and warns once.

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
    ['the picture could not be written, and the training continues: No space left on device']
    """

    def __init__(self) -> None:
        self.warned = False
        self.failed = False

    @contextlib.contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Catch an OSError and set `failed`; warn about the first one."""
        self.failed = False
        try:
            yield
        except OSError as error:
            self.failed = True
            if not self.warned:
                self.warned = True
                warn(
                    f"{what} could not be written, and the training continues: {error}",
                    RuntimeWarning,
                )
