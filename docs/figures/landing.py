import xprnn
from xprnn import datasets, plotting

years, numbers = datasets.sunspots()
model = xprnn.fit(numbers[:-31], numbers[1:-30], hidden_size=32, epochs=200)
ahead = model.forecast(numbers[:-30], steps=30)
plotting.forecast(numbers[-130:-30], ahead, numbers[-30:], start=int(years[-130]))
