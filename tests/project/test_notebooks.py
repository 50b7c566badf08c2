"""The notebooks are whole, small and up to date; this needs no Jupyter.

`nox -s notebooks` executes them in a kernel. Here their code runs as a script, and must print
what the notebook has kept.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIMIT = 150_000
"""Bytes."""


def read(path):
    """Return the cells of a notebook, and its code cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells, [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["bptt_by_hand", "forecast", "sine"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_executed_from_top_to_bottom(path):
    assert path.stat().st_size < LIMIT
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    cells, code = read(path)
    assert {cell["cell_type"] for cell in cells} == {"code", "markdown"}
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    kinds = {output.get("name", output["output_type"]) for output in outputs}
    assert kinds == {"stdout", "display_data"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_nothing_of_the_machine(path):
    """What it prints is held against what this machine prints, below."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert whole["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in whole["cells"]:
        assert cell["metadata"] == {}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    text = json.dumps(whole)
    assert not re.findall(r"(?<![\w.:/])/(?:home|root|tmp|usr|opt|Users)\b|[A-Z]:\\\\", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_link_of_a_notebook_leads_somewhere(path):
    cells, _ = read(path)
    prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)]+)\)", prose)
    assert links
    for link in links:
        assert FOLDER.joinpath(link).exists(), link


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_code_of_a_notebook_prints_what_the_notebook_has(path, tmp_path, monkeypatch, subtests):
    """If this fails: python docs/notebooks/execute.py"""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    names = {"__name__": "__main__"}
    with mpl.rc_context(), np.printoptions():
        for cell in read(path)[1]:
            with subtests.test(cell=cell["execution_count"]):
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(compile("".join(cell["source"]), path.name, "exec"), names)
                kept = [o["text"] for o in cell["outputs"] if o["output_type"] == "stream"]
                assert printed.getvalue() == "".join("".join(text) for text in kept)
