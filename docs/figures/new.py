"""The network on x that it has not seen, and its hidden states."""

import matplotlib.pyplot as plt
import numpy as np

import xprnn
from xprnn import datasets, plotting

x, y = datasets.noisy_sine()
model = xprnn.fit(x, y, hidden_size=32, epochs=200)
x_new = np.arange(0, 20, 0.3)

figure, (left, right) = plt.subplots(1, 2)
plotting.fit(model, x_new, np.sin(x_new), ax=left)
plotting.states(model, x_new, ax=right)
