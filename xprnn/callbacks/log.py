"""Show the progress of a run, as lines or as a bar."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator

from xprnn._fields import show, whole
from xprnn.callbacks.training import Training, Writer
from xprnn.errors import MissingExtraError


class Log:
    """A callback that writes a line every few epochs: epoch, losses, learning rate.

    Parameters
    ----------
    every : int
        The number of epochs between lines. The last epoch always has one.
    write : callable
        A function to call with each line, such as ``logging.getLogger("training").info``.

    Examples
    --------
    >>> import xprnn
    >>> model = xprnn.fit([0.0, 1, 2], [1.0, 2, 3], epochs=4, callbacks=[xprnn.callbacks.Log(2)])
    epoch 2/4, loss ..., learning rate 0.003
    epoch 4/4, loss ..., learning rate 0.003
    """

    def __init__(self, every: int = 10, write: Callable[[str], object] = print):
        self.every = whole("every", every)
        if not callable(write):
            raise TypeError(f"write must be callable, got {show(write)}")
        self.write = write
        self._writer = Writer()

    def __call__(self, training: Training) -> None:
        """Write a line if one is due."""
        if training.epoch == 1:
            self._writer = Writer()
        if training.epoch % self.every and training.epoch != training.epochs:
            return
        history = training.history
        validation = history.val_loss[-1]
        text = f"epoch {training.epoch}/{training.epochs}, loss {history.loss[-1]:.4g}"
        text += "" if math.isnan(validation) else f", validation loss {validation:.4g}"
        with self._writer.writing("a line"):
            self.write(f"{text}, learning rate {history.learning_rate[-1]:.4g}")


@contextlib.contextmanager
def progress_bar(progress: bool | None, epochs: int) -> Iterator[Callable[[int, float], None]]:
    """Yield a function ``report(epoch, loss)`` that updates a progress bar on standard error.

    Parameters
    ----------
    progress : bool or None
        Whether to show the bar; None shows it only on a terminal.
    epochs : int
        The number of epochs in the bar.

    Raises
    ------
    MissingExtraError
        If `progress` is True and tqdm is not installed.
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
            yield lambda epoch, loss: print(
                f"\repoch {epoch}/{epochs}, loss {loss:.4g}   ", end="", file=sys.stderr, flush=True
            )
        finally:
            print(file=sys.stderr)
        return
    with tqdm(total=epochs, unit="epoch", dynamic_ncols=True) as bar:

        def report(epoch, loss):
            bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            bar.update(epoch - bar.n)

        yield report
