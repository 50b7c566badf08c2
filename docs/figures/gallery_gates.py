"""The gates of an LSTM that reads sunspots."""

import xprnn
from xprnn import datasets, plotting

_, numbers = datasets.sunspots()
model = xprnn.fit(numbers[:-1], numbers[1:], cell="lstm", hidden_size=16, epochs=200)

plotting.gates(model, numbers[-90:])
