"""Callbacks: they watch a training, and may stop it.

A callback is any callable. After every epoch it is called with the `Training`. The run ends
if it returns True, or a `Model`, whose parameters are then the result::

    def good_enough(training):
        return training.history.loss[-1] < 0.01

    xprnn.fit(x, y, callbacks=[good_enough])

A callback that remembers something from epoch to epoch begins anew at epoch 1. If it has
two more methods, it goes on where it was when a run is resumed::

    state()                -> arrays, numbers and None, in dicts and tuples
    restore(state, model)     with the model at which the run goes on

Reading `training.history` makes a GPU wait, and so does a prediction of `training.model`. A
callback should read them no more often than it needs to.
"""

from xprnn.callbacks.checkpoint import Checkpoint
from xprnn.callbacks.log import Log, progress_bar
from xprnn.callbacks.monitor import EarlyStopping, ReduceOnPlateau
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
