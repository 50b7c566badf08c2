"""matplotlib, and the Axes that it draws on."""

from pathlib import Path
from typing import Any

from xprnn._fields import unknown
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


def open_axes(ax: Any, size: tuple[float, float] = (8, 4), **properties: str) -> Any:
    """Return `ax`, or new Axes of a size in inches, with labels and scales set."""
    if ax is None:
        ax = pyplot().subplots(figsize=size, layout="constrained")[1]
    ax.set(**properties)
    return ax


def add_right_axis(ax: Any, ylabel: str) -> Any:
    """Return Axes behind `ax`, with the same steps and a y-axis on the right."""
    right = ax.twinx()
    right.set_ylabel(ylabel)
    ax.set_zorder(right.get_zorder() + 1)
    ax.patch.set_visible(False)
    return right


def draw_legend_on_top(lines: list[Any], *axes: Any) -> None:
    """Draw a legend of lines in rows of five at the top, with room for it on all the axes."""
    rows = -(-len(lines) // 5)
    for ax in axes:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.13 * rows * (high - low))
    axes[0].legend(handles=lines, loc="upper center", ncols=min(len(lines), 5))
