"""Use an installed wheel with NumPy and array-api-compat alone, as `nox -s release` does."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import xprnn
from xprnn import datasets


def main():
    names = sorted(distribution.name for distribution in importlib.metadata.distributions())
    assert names == ["array-api-compat", "numpy", "xprnn"], names
    assert "site-packages" in xprnn.__file__, xprnn.__file__
    with tempfile.TemporaryDirectory() as folder:
        use_library(Path(folder))
        use_command_line(Path(folder))
    print(f"xprnn {xprnn.__version__} is whole, with NumPy {np.__version__} on {sys.version}")


def use_library(folder):
    """Read the data sets of the wheel; train, save, load, predict."""
    years, numbers = datasets.sunspots()
    months, passengers = datasets.airline()
    assert len(years) == len(numbers) > 300
    assert len(months) == len(passengers) == 144
    model = xprnn.fit(numbers[:-1], numbers[1:], hidden_size=4, epochs=3, progress=False)
    model.save(folder / "model.npz")
    loaded = xprnn.load(folder / "model.npz")
    assert np.array_equal(loaded.predict(numbers), model.predict(numbers))
    assert loaded.forecast(numbers, steps=3).shape == (3,)


def use_command_line(folder):
    """Ask for the version; train on a CSV file, and predict from it."""
    assert run("--version") == f"xprnn {xprnn.__version__}\n"
    x = np.arange(60)
    table = np.stack((x % 7, np.sin(x)), axis=1)
    file, model = folder / "table.csv", folder / "table.npz"
    np.savetxt(file, table, delimiter=",", header="x,y", comments="")
    fit = run(
        "fit", file, "--target", "y", "--features", "x", "--rows", "--epochs", 3, "--save", model
    )
    assert "held out" in fit, fit
    assert len(run("predict", model, file).splitlines()) > 1


def run(*arguments):
    command = Path(sys.executable).with_name("xprnn"), *map(str, arguments)
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    assert not done.stderr, f"{command}: {done.stderr}"
    return done.stdout


if __name__ == "__main__":
    main()
