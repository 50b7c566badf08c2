"""Files and lines that callbacks write during a training."""

import contextlib
from collections.abc import Iterator

from xprnn._validate import warn

__all__ = ["Writer"]


class Writer:
    """Lets a training go on when something can't be written, and warns once.

    Examples
    --------
    >>> import warnings
    >>> from xprnn.callbacks.writing import Writer
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
