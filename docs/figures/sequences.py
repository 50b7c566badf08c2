"""The same picture for a network that was trained on many sequences."""

import matplotlib.pyplot as plt
import numpy as np

import xprnn
from xprnn import plotting

rng = np.random.default_rng(0)
start, step = rng.uniform(-10, 10, (32, 1, 1)), rng.uniform(0.1, 0.3, (32, 1, 1))
x = start + step * np.arange(67)[:, None]
y = np.sin(x) + 0.1 * rng.standard_normal(x.shape)
model = xprnn.fit(x, y, hidden_size=32, epochs=100, batch_size=8)
x_new = np.arange(0, 20, 0.3)

figure, (left, right) = plt.subplots(1, 2)
for x_b, y_b in zip(x, y, strict=True):
    left.plot(x_b, y_b, linewidth=0.5)
left.set(xlabel="x", ylabel="y", title="trained on")
plotting.fit(model, x_new, np.sin(x_new), ax=right)
