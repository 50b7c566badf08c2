"""All hidden units."""

import xprnn
from xprnn import datasets, plotting

x, y = datasets.noisy_sine()
model = xprnn.fit(x, y, hidden_size=32, epochs=200)

plotting.heatmap(model, x)
