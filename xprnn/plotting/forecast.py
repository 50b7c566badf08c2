"""A series and its forecast."""

from typing import Any

import numpy as np

from xprnn.plotting.canvas import new_axes
from xprnn.plotting.series import band, one_feature


def forecast(
    past: object,
    predicted: object,
    truth: object | None = None,
    *,
    interval: tuple[object, object] | None = None,
    start: int = 0,
    sequence: int = 0,
    ax: Any = None,
):
    """Draw a series, its forecast and, if known, how sure that is and what really came.

    Parameters
    ----------
    past : array, (T,), or (B, T, 1)
    predicted : array, (steps,), or (B, steps, 1)
    truth : array, as `predicted`, optional
    interval : pair of arrays, (steps,), optional
        From where to where the truth is expected.
    start : int
        The number of the first step of `past`, a year for example.
    sequence : int
        Which of the B sequences.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there are several features, or truth or interval have other steps than the
        forecast.

    Examples
    --------
    >>> from xprnn import plotting
    >>> plotting.forecast([1.0, 2.0, 3.0], [4.0, 5.0], [4.0, 6.0]).get_xlabel()
    'step'
    """
    known = one_feature("past", past, sequence)
    coming = one_feature("predicted", predicted, sequence)
    came = None if truth is None else one_feature("truth", truth, sequence)
    if came is not None and len(came) != len(coming):
        raise ValueError(f"truth must have the {len(coming)} step(s) of predicted, got {len(came)}")
    edges = None if interval is None else band(interval, (len(coming), 1), "predicted")
    cut = start + len(known)
    ahead = np.arange(cut, cut + len(coming))
    ax = new_axes(ax)
    ax.plot(np.arange(start, cut), known, color="0.6", label="past")
    if came is not None:
        ax.plot(ahead, came, color="0.3", marker=".", label="truth")
    ax.plot(ahead, coming, color="C3", marker=".", label="forecast")
    if edges is not None:
        low, high = edges
        ax.fill_between(ahead, low[:, 0], high[:, 0], color="C3", alpha=0.2, lw=0, label="interval")
    ax.axvline(cut - 0.5, color="0.8", linewidth=1)
    ax.set(xlabel="step", ylabel="value")
    ax.legend()
    return ax
