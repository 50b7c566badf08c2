"""The bar that shows how far a run is."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from xprnn.errors import MissingExtraError

__all__ = ["progress_bar"]


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
