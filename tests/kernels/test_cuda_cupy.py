"""The stand-in for CuPy beside a real one, which needs no GPU to say what it is."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

CUDA = Path(__file__).parents[1] / "cuda"
STANDIN = CUDA / "standin"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("cupy") is None,
    reason="CuPy is not installed (nox -s tests-nvrtc installs one)",
)


def said(*arguments, path=()):
    """Return what a program of tests/cuda prints."""
    places = os.pathsep.join(map(str, [*path, *sys.path]))
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_names_and_arguments_are_those_of_the_version_they_were_read_from():
    print(said(CUDA / "read_cupy.py", "--compare"))


def test_both_do_the_same_where_no_kernel_runs():
    """In views, conversions and refusals."""
    real, ours = said(CUDA / "behaviour.py"), said(CUDA / "behaviour.py", path=[STANDIN])
    assert len(real.splitlines()) > 60
    assert ours.splitlines() == real.splitlines()
