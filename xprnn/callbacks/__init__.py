"""Callbacks watch a training, and may stop it.

A callback is any callable. It is called with the `Training` after every epoch. If it returns
True, the run ends. If it returns a `Model`, the run ends with the parameters of that model::

    def good_enough(training):
        return training.history.loss[-1] < 0.01

    xprnn.fit(x, y, callbacks=[good_enough])

A callback that remembers something from epoch to epoch must begin anew at epoch 1. With two
more methods, it continues where it was when a run is resumed::

    state()                -> arrays, numbers and None, in dicts and tuples
    restore(state, model)     with the model at which the run goes on

Reading `training.history` makes a GPU wait, and so does a prediction of `training.model`. A
callback should do either only when it needs to.
"""

from xprnn.callbacks.checkpoint import Checkpoint
from xprnn.callbacks.early_stopping import EarlyStopping
from xprnn.callbacks.log import Log, progress_bar
from xprnn.callbacks.plateau import ReduceOnPlateau
from xprnn.callbacks.training import Training, Writer

__all__ = [
    "Checkpoint",
    "EarlyStopping",
    "Log",
    "ReduceOnPlateau",
    "Training",
    "Writer",
    "progress_bar",
]
