"""Yearly sunspots: a forecast of the 30 years that the network has not seen."""

import xprnn
from xprnn import datasets, plotting

years, numbers = datasets.sunspots()
past, truth = numbers[:-30], numbers[-30:]
model = xprnn.fit(past[:-1], past[1:], hidden_size=32, epochs=200)
ahead = model.forecast(past, steps=30)

axes = plotting.forecast(past[-100:], ahead, truth, start=int(years[-130]))
axes.set(xlabel="year", ylabel="sunspots")
