"""The noisy sine: what the network was trained on, what it gives there, and the loss."""

import matplotlib.pyplot as plt

import xprnn
from xprnn import datasets, plotting

x, y = datasets.noisy_sine()
model = xprnn.fit(x, y, hidden_size=32, epochs=200)

figure, (left, right) = plt.subplots(1, 2)
plotting.fit(model, x, y, ax=left)
plotting.loss(model.history, ax=right)
