"""Files that an earlier version wrote load for ever, and predict what they predicted."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import xprnn

FOLDER = Path(__file__).parents[1] / "golden"
SPEC = importlib.util.spec_from_file_location("golden", FOLDER / "make.py")
golden = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(golden)

VERSIONS = sorted(path.parent for path in FOLDER.glob("*/about.json"))
FILES = [path for folder in VERSIONS for path in sorted(folder.glob("*")) if
         path.stem not in ("about", "predicted", "checkpoint", "resumed")]  # fmt: skip


def named(path):
    return f"{path.parent.name}/{path.name}"


def predicted(folder):
    with np.load(folder / "predicted.npz") as arrays:
        return dict(arrays)


def test_every_model_is_there():
    assert VERSIONS
    for folder in VERSIONS:
        names = json.loads((folder / "about.json").read_text())["models"]
        assert {path.stem for path in FILES if path.parent == folder} == set(names)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_predicts_what_it_predicted(path):
    expected, model = predicted(path.parent), xprnn.load(path)
    limit = 1e-9 if model.dtype == "float64" else 1e-5
    found = model.predict(expected["x"])
    assert found.dtype == expected[path.stem].dtype
    np.testing.assert_allclose(found, expected[path.stem], rtol=limit, atol=limit)
    np.testing.assert_array_equal(model.history.loss, expected[f"{path.stem}.loss"])


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_that_is_written_again_is_the_same_model(path, tmp_path):
    model = xprnn.load(path)
    again = tmp_path / f"again{path.suffix}"
    xprnn.save(model, again)
    copy = xprnn.load(again)
    assert copy.network == model.network
    assert (copy.mode, copy.loss, copy.history.loss) == (model.mode, model.loss, model.history.loss)
    for name, array in model.named().items():
        np.testing.assert_array_equal(copy.named()[name], array)


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_a_checkpoint_goes_on(folder):
    """To where the same version ended without a stop, up to rounding."""
    model = golden.run(4, resume=folder / "checkpoint.npz")
    expected = xprnn.load(folder / "resumed.npz")
    np.testing.assert_allclose(model.history.loss, expected.history.loss, rtol=1e-9)
    for name, array in expected.named().items():
        np.testing.assert_allclose(model.named()[name], array, rtol=1e-8, atol=1e-10)
