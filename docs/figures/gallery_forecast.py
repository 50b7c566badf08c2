"""A forecast of the sunspots, with the errors of earlier forecasts as its interval."""

import numpy as np

import xprnn
from xprnn import datasets, plotting

years, numbers = datasets.sunspots()
past, truth = numbers[:-22], numbers[-22:]
model = xprnn.fit(past[:-1], past[1:], hidden_size=32, epochs=200)
ahead = model.forecast(past, steps=22)

cuts = range(120, len(past) - 22, 11)
earlier = [model.forecast(past[:cut], steps=22) - past[cut : cut + 22] for cut in cuts]
low, high = ahead - np.quantile(earlier, [[0.9], [0.1]], axis=0)[:, 0]

ax = plotting.forecast(past[-88:], ahead, truth, interval=(low, high), start=int(years[-110]))
ax.set(xlabel="year", ylabel="sunspots")
