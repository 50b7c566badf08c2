"""Every Python block of the README and of the pages runs, and prints what it says it prints.

The blocks of a page share one namespace and run in their order, each as a subtest.
"""

import doctest
import runpy
import unittest
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import xprnn

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FIGURES = sorted(path.relative_to(ROOT) for path in ROOT.glob("docs/figures/*.py"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Keep the files that a page writes, and the pictures it draws, to itself."""
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page(page, subtests):
    sybil = pytest.importorskip("sybil", reason="sybil, which reads the pages, is not installed")
    from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

    parsers = PythonCodeBlockParser(doctest_optionflags=FLAGS), SkipParser()
    document = sybil.Document.parse(str(ROOT / page), *parsers)
    for example in document:
        with subtests.test(line=example.line):
            try:
                example.evaluate()
            except unittest.SkipTest as skip:
                pytest.skip(str(skip))


def test_the_citation_names_the_version():
    assert f"\nversion: {xprnn.__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_figure(figure):
    runpy.run_path(str(ROOT / figure))
    assert plt.get_fignums()
