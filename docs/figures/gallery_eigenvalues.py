"""The recurrent matrix of an Elman network before and after its training."""

import matplotlib.pyplot as plt

import xprnn
from xprnn import datasets, plotting

x, y = datasets.noisy_sine()

figure, axes = plt.subplots(1, 2)
for ax, epochs in zip(axes, (1, 200), strict=True):
    model = xprnn.fit(x, y, hidden_size=32, epochs=epochs)
    plotting.eigenvalues(model, ax=ax).set_title(f"epochs: {epochs}")
