"""Some hidden units over the data."""

import xprnn
from xprnn import datasets, plotting

x, y = datasets.noisy_sine()
model = xprnn.fit(x, y, hidden_size=32, epochs=200)

plotting.states(model, x, y, units=[0, 5, 12, 20])
