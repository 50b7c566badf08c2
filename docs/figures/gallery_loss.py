"""The losses and the learning rate of a training with a schedule."""

import xprnn
from xprnn import datasets, plotting
from xprnn.schedules import Cosine

_, numbers = datasets.sunspots()
train, later = numbers[:240], numbers[240:]
model = xprnn.fit(
    train[:-1],
    train[1:],
    validation_data=(later[:-1], later[1:]),
    hidden_size=32,
    epochs=150,
    learning_rate=Cosine(0.02, steps=150, warmup=20),
)

plotting.loss(model.history, learning_rate=True)
