"""Plots of a model and its training, with matplotlib (extra ``plot``).

Every function takes ``ax=`` and returns the Axes that it drew on, which are new without ``ax``;
`gates` takes ``axes=`` and returns an array of Axes. A pandas index is the x-axis. Models may be
on any backend. ``sequence=`` selects one of several sequences, and ``layer=`` one of several
recurrent layers, in the order of the states of `Model.predict`. matplotlib is imported with the
first plot.
"""

from xprnn.plotting.animation import Animation
from xprnn.plotting.canvas import check_path, draw_legend, pyplot
from xprnn.plotting.gradients import eigenvalues, gradients, singular_values
from xprnn.plotting.predictions import fit, forecast
from xprnn.plotting.states import gates, heatmap, states
from xprnn.plotting.training import EveryEpochs, loss

__all__ = [
    "Animation",
    "EveryEpochs",
    "check_path",
    "draw_legend",
    "eigenvalues",
    "fit",
    "forecast",
    "gates",
    "gradients",
    "heatmap",
    "loss",
    "pyplot",
    "singular_values",
    "states",
]
