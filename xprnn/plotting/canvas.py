"""Import matplotlib, and prepare its Axes."""

from pathlib import Path
from typing import Any

import numpy as np

from xprnn._fields import unknown
from xprnn.errors import MissingExtraError

INCHES, LINE = 1.15, 0.45
"""The width of a name in a legend, and the height of a line, in inches."""


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
    """Raise unless a plot can be written to a path.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If matplotlib does not write files with that extension.
    FileNotFoundError
        If the folder of the path does not exist.
    """
    figure = pyplot().figure()
    endings = figure.canvas.get_supported_filetypes()
    pyplot().close(figure)
    if Path(path).suffix.removeprefix(".") not in endings:
        raise unknown("the ending of a picture", Path(path).suffix, (f".{e}" for e in endings))
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(Path(path).parent)!r}")


def open_axes(ax: Any, size: tuple[float, float] = (8, 4), **properties: str) -> Any:
    """Return `ax`, or new Axes with a size in inches, with labels and scales set."""
    if ax is None:
        ax = pyplot().subplots(figsize=size, layout="constrained")[1]
    ax.set(**properties)
    return ax


def open_rows(axes: Any, names: tuple[str, ...]) -> Any:
    """Return `axes` as an array (n,), or new Axes stacked vertically, one for each name.

    Raises
    ------
    ValueError
        If the number of `axes` is not the number of names.
    """
    if axes is None:
        size = 8, 0.6 + 1.3 * len(names)
        options = {"sharex": True, "squeeze": False, "layout": "constrained"}
        figure, axes = pyplot().subplots(len(names), figsize=size, **options)
        figure.align_ylabels(axes)
        return axes[:, 0]
    axes = np.ravel(np.asarray(axes, dtype=object))
    if len(axes) != len(names):
        raise ValueError(
            f"axes must be {len(names)} Axes, one for each of {', '.join(names)}, got {len(axes)}"
        )
    return axes


def add_right_axis(ax: Any, ylabel: str) -> Any:
    """Return Axes behind `ax`, with the same steps and a y-axis on the right."""
    right = ax.twinx()
    right.set_ylabel(ylabel)
    ax.set_zorder(right.get_zorder() + 1)
    ax.patch.set_visible(False)
    return right


def draw_legend(ax: Any, *behind: Any, lines: list[Any] | None = None) -> None:
    """Draw a legend at the top of Axes, with enough room that it covers no data.

    If the Axes already have a legend, it is redrawn in the same room, for lines that were added.

    Parameters
    ----------
    ax : matplotlib Axes
    *behind : matplotlib Axes
        Other Axes in the same place, which get the same room.
    lines : list of matplotlib artists, optional
        The artists to name; by default all with a label.

    Raises
    ------
    ValueError
        If no artist has a label.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> ax = plotting.fit(xprnn.fit(x, y, epochs=1), x, y)
    >>> _ = ax.axhline(0, label="zero")
    >>> plotting.draw_legend(ax)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['data', 'prediction', 'zero']
    """
    lines = ax.get_legend_handles_labels()[0] if lines is None else lines
    if not lines:
        raise ValueError("ax must have an artist with a label for the legend, got none")
    width, height = ax.get_window_extent().size / ax.figure.dpi
    columns = min(len(lines), max(1, int(width / INCHES)))
    room = LINE * -(-len(lines) // columns) / height
    for each in (ax, *behind) if ax.get_legend() is None else ():
        scale = each.yaxis.get_transform()
        low, high = scale.transform(each.get_ylim())
        each.set_ylim(scale.inverted().transform([low, high + room * (high - low)]))
    ax.legend(handles=lines, loc="upper center", ncols=columns, columnspacing=1.2)
