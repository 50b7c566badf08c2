"""matplotlib, and where it draws."""

from pathlib import Path
from typing import Any

from xprnn._validate import unknown
from xprnn.errors import MissingExtraError


def pyplot() -> Any:
    """Return matplotlib.pyplot.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("plotting needs matplotlib: pip install matplotlib") from error
    return plt


def check_path(path: str) -> None:
    """Raise unless a picture can be written to a path.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If matplotlib writes no files of that ending.
    FileNotFoundError
        If its folder does not exist.
    """
    figure = pyplot().figure()
    endings = figure.canvas.get_supported_filetypes()
    pyplot().close(figure)
    if Path(path).suffix.removeprefix(".") not in endings:
        raise unknown("the ending of a picture", Path(path).suffix, (f".{e}" for e in endings))
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(Path(path).parent)!r}")


def new_axes(ax: Any, width: float = 8, height: float = 4) -> Any:
    """Return `ax`, or new Axes of so many inches."""
    if ax is not None:
        return ax
    return pyplot().subplots(figsize=(width, height), layout="constrained")[1]


def legend_on_top(lines: list[Any], *axes: Any) -> None:
    """Draw a legend of lines in rows of five at the top, with room for it on all the axes."""
    rows = -(-len(lines) // 5)
    for ax in axes:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.13 * rows * (high - low))
    axes[0].legend(handles=lines, loc="upper center", ncols=min(len(lines), 5))
