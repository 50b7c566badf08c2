"""Pictures of a model and its training, with matplotlib (extra ``plot``).

Every function takes ``ax=`` and returns the Axes that it drew on; without it, it
draws on new ones. Models may be on any backend; what is drawn comes to the host. Of
several sequences ``sequence=`` says which one, of several recurrent layers ``layer=``,
in the order of `Model.predict`'s states. matplotlib is imported when the first picture
is drawn.
"""

from xprnn.plotting.canvas import check_path, pyplot
from xprnn.plotting.gradients import eigenvalues, gradients, singular_values
from xprnn.plotting.predictions import fit, forecast
from xprnn.plotting.states import gates, heatmap, states
from xprnn.plotting.training import EveryEpochs, loss

__all__ = [
    "EveryEpochs",
    "check_path",
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
