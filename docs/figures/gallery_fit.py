"""Predictions with the interval of a model that was trained on three quantiles."""

import numpy as np

import xprnn
from xprnn import plotting
from xprnn.losses import Pinball

rng = np.random.default_rng(0)
t = np.arange(0, 25, 0.1)
y = np.sin(t) + 0.1 * (1.2 + np.cos(t)) * rng.standard_normal(t.size)
x = np.stack([np.sin(t), np.cos(t)], axis=-1)
model = xprnn.fit(x, y, loss=Pinball((0.1, 0.5, 0.9)), hidden_size=16, epochs=200)

plotting.fit(model, x, y)
