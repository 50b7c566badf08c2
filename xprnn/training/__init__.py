"""Training: `fit` and its steps.

`fit` is three lines that you can also write yourself::

    network, method = Network(cell="lstm", hidden_size=32), Method(epochs=100)
    setup = prepare(x, y, network, method)
    model = train(setup)

`Network` and `Method` hold the options of `fit`, checked and frozen. A `Setup` is a training run
before its first epoch: the untrained model, the standardised data on the device, and the method.
`Run` trains it epoch by epoch, for a custom loop. `Setup.stacked` turns it into several models
that train at once.
"""

from xprnn.training.epoch import Position, Run
from xprnn.training.fit import fit
from xprnn.training.options import Method, Network
from xprnn.training.setup import Setup, prepare
from xprnn.training.train import train

__all__ = ["Method", "Network", "Position", "Run", "Setup", "fit", "prepare", "train"]
