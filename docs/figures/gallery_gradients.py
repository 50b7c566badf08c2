"""What the end of a sequence says of its beginning: an Elman network and an LSTM."""

import matplotlib.pyplot as plt
import numpy as np

import xprnn
from xprnn import plotting

x = np.random.default_rng(0).standard_normal((64, 60, 1))
y = x.sum(axis=(1, 2))

figure, axes = plt.subplots(1, 2, sharey=True)
for ax, cell in zip(axes, ("elman", "lstm"), strict=True):
    model = xprnn.fit(x, y, cell=cell, hidden_size=16, epochs=30)
    plotting.gradients(model, x, y, ax=ax).set_title(cell)
