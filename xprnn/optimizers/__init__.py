"""Optimizers and clipping: pure functions over trees.

An optimizer holds hyper-parameters only. What it remembers is a tree of its
own, handed in and out::

    optimizer.init(params, *, xp)                    -> state
    optimizer.update(grads, state, params, *, xp)    -> params, state
    optimizer.rate(i)                                -> the learning rate of update i

Updates are counted from i = 0. A learning rate is a number or one of
`xprnn.schedules`.
"""

from xprnn.optimizers.adam import Adam, AdamW, NAdam
from xprnn.optimizers.clipping import clip_by_global_norm, clip_by_value, global_norm
from xprnn.optimizers.protocol import Optimizer
from xprnn.optimizers.rmsprop import RMSprop
from xprnn.optimizers.sgd import SGD
from xprnn.optimizers.table import TABLE, get

__all__ = [
    "SGD",
    "TABLE",
    "Adam",
    "AdamW",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "clip_by_global_norm",
    "clip_by_value",
    "get",
    "global_norm",
]
