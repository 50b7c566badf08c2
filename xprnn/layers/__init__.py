"""Layers: hyper-parameters with pure methods that take parameters and states as arguments.

Every layer, including a stack of layers, has these methods::

    init(rng, features)                             -> params, features of the output
    initial_state(params, batch, *, xp)             -> state
    forward(params, x, state, mask, *, noise, xp)   -> y, state, cache
    backward(params, dy, dstate, cache, *, xp)      -> grads, dx, dstate

    states(cache, *, xp)                             -> h(1) … h(T) of each recurrent layer

x is (..., T, B, F), y is (..., T, B, O), mask is (T, B, 1) or None. At padding steps y is zero,
and x and dy are never read. `init` draws NumPy arrays; the caller moves them to the device. A
state is a tuple of arrays (..., B, H), empty for a layer without memory. With None for the state,
a layer starts from its own initial state, and a learnt initial state gets a gradient. With None
for the noise, dropout is off, as it is after training.

Two properties describe how a layer works along time: `time` is ``"pointwise"``, ``"causal"`` or
``"whole"``, and `keeps_steps` is True if the output has the steps of the input.
"""

from xprnn.layers.bidirectional import Bidirectional, Reversed
from xprnn.layers.convolution import CausalConv
from xprnn.layers.decoder import EncoderDecoder, Extend, Feedback
from xprnn.layers.dense import Dense
from xprnn.layers.final import Final
from xprnn.layers.norm import LayerNorm
from xprnn.layers.parallel import Parallel
from xprnn.layers.pointwise import Activation, Dropout, Softmax
from xprnn.layers.pool import Pool
from xprnn.layers.protocol import METHODS, Layer, check_cuttable, check_layer
from xprnn.layers.recurrent import Recurrent
from xprnn.layers.stack import Stack

__all__ = [
    "METHODS",
    "Activation",
    "Bidirectional",
    "CausalConv",
    "Dense",
    "Dropout",
    "EncoderDecoder",
    "Extend",
    "Feedback",
    "Final",
    "Layer",
    "LayerNorm",
    "Parallel",
    "Pool",
    "Recurrent",
    "Reversed",
    "Softmax",
    "Stack",
    "check_cuttable",
    "check_layer",
]
