"""Callbacks: functions that watch a training run, and may stop it.

A callback is any callable. It is called with the `Training` after every epoch. If it returns True,
the run stops. If it returns a `Model`, the run stops with that model's parameters::

    def good_enough(training):
        return training.history.loss[-1] < 0.01

    xprnn.fit(x, y, callbacks=[good_enough])

A callback that keeps a state between epochs must start afresh at epoch 1. With two more methods,
it continues where it was when a run is resumed::

    state()                -> arrays, numbers and None, in dicts and tuples
    restore(state, model)     with the model from which the run continues

Reading `training.history` or predicting with `training.model` makes a GPU wait. A callback should
do so only when it needs to.
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
