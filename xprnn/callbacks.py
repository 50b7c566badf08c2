"""What may watch or stop a training run.

A callback is any callable that takes the `Training` after every epoch; the run
ends when it returns True::

    def good_enough(training):
        return training.history.loss[-1] < 0.01

    xprnn.fit(x, y, callbacks=[good_enough])

Reading `training.history` or `training.model` makes a GPU wait; a callback that
needs them rarely should look rarely.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from xprnn.errors import MissingExtraError

if TYPE_CHECKING:
    from xprnn.history import History
    from xprnn.model import Model

__all__ = ["Training", "progress_bar"]


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
    """

    def __init__(self, epoch: int, epochs: int, history: "History", build: "Callable[[], Model]"):
        self.epoch = epoch
        self.epochs = epochs
        self.history = history
        self._build = build

    @property
    def model(self) -> "Model":
        """The model so far."""
        return self._build()


@contextlib.contextmanager
def progress_bar(progress: bool | None, epochs: int) -> Iterator[Callable[[int, float], None]]:
    """Give a function ``report(epoch, loss)`` that moves a bar on standard error.

    Parameters
    ----------
    progress : bool or None
        None: a bar on a terminal, nothing in a pipe.
    epochs : int
        Where the bar ends.

    Raises
    ------
    MissingExtraError
        If a bar is asked for and tqdm is not installed.
    """
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not (on_terminal if progress is None else progress):
        yield lambda epoch, loss: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        if progress:
            raise MissingExtraError("progress=True needs tqdm: pip install tqdm") from error
        try:
            yield lambda epoch, loss: _line(epoch, epochs, loss)
        finally:
            print(file=sys.stderr)
        return
    with tqdm(total=epochs, unit="epoch", dynamic_ncols=True) as bar:

        def report(epoch, loss):
            bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            bar.update(epoch - bar.n)

        yield report


def _line(epoch: int, epochs: int, loss: float) -> None:
    print(f"\repoch {epoch}/{epochs}, loss {loss:.4g}   ", end="", file=sys.stderr, flush=True)
