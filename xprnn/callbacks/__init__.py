"""What may watch or stop a training run.

A callback is any callable that takes the `Training` after every epoch. The run ends
when it returns True, or a `Model`, whose parameters are then the result::

    def good_enough(training):
        return training.history.loss[-1] < 0.01

    xprnn.fit(x, y, callbacks=[good_enough])

A callback that remembers something from epoch to epoch begins anew at epoch 1. One
with two methods more goes on where it was when a run is resumed::

    state()                -> arrays, numbers and None, in dicts and tuples
    restore(state, model)     with the model at which the run goes on

Reading `training.history` or `training.model` makes a GPU wait; a callback that
needs them rarely should look rarely.
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
