"""Every Python block of the README and of the pages runs, and prints what it says it prints.

The blocks of a page share one namespace and run in their order, each as a subtest.
"""

import doctest
import importlib.util
import re
import unittest
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.testing.compare import compare_images
from PIL import Image, ImageSequence

import xprnn

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
DOCS = [page for page in PAGES if page.parent.name == "docs"]
SIMILAR = 12
"""How far pictures may differ, as a root mean square of 255: another matplotlib, other rounding."""
SAME = 3
"""How far drawings may: they rest on no computation, and one wrong letter makes 5."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
refresh = importlib.util.module_from_spec(spec)
spec.loader.exec_module(refresh)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Keep the files that a page writes, and the pictures it draws, to itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page(page, subtests):
    sybil = pytest.importorskip("sybil", reason="sybil, which reads the pages, is not installed")
    from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

    parsers = PythonCodeBlockParser(doctest_optionflags=FLAGS), SkipParser()
    document = sybil.Document.parse(str(ROOT / page), *parsers)
    for example in document:
        picture = refresh.PICTURE.match(document.text, example.end)
        with subtests.test(line=example.line):
            try:
                if picture:
                    plt.close("all")
                example.evaluate()
                if picture:
                    compare_picture(Path(picture["path"]))
            except unittest.SkipTest as skip:
                pytest.skip(str(skip))


def test_the_citation_names_the_version():
    assert f"\nversion: {xprnn.__version__}\n" in (ROOT / "CITATION.cff").read_text()


# What a page shows, it shows in the repository as on the site


def parts(page):
    """Return the prose of a page, and what its code shows as results."""
    pieces = re.split(r"^```.*\n((?:.|\n)*?)^```$", (ROOT / page).read_text(), flags=re.MULTILINE)
    return "\n".join(pieces[::2]), "\n".join(pieces[1::2])


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_plain_markdown(page):
    """No role, directive or empty link of Sphinx, which a repository shows as it is."""
    text = (ROOT / page).read_text()
    prose, _ = parts(page)
    assert not re.findall(r"^```\{.*|^:::.*", text, re.MULTILINE)
    assert not re.findall(r"\{[\w:-]+\}`[^`]*`", prose)
    links = re.findall(r"\[([^\]]*)\]\(([^)\s]*)\)", re.sub(r"`[^`]*`", "code", prose))
    assert all(text and target for text, target in links)
    for _, target in links:
        name = target.partition("#")[0]
        if name and "://" not in name:
            assert (ROOT / page).parent.joinpath(name).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_shows_numbers_and_not_that_they_are_right(page):
    """True is the answer to a question of two values alone, such as ``a == b``."""
    _, code = parts(page)
    asked = re.findall(r"^>>> (.*(?:\n\.\.\. .*)*)\n(?:True|False)$", code, re.MULTILINE)
    assert [line for line in asked if not re.search(r" (==|is|in) ", line)] == []


@pytest.mark.parametrize("page", DOCS, ids=str)
def test_a_page_shows_what_its_sources_have_now(page, subtests):
    """If this fails: python docs/refresh.py"""
    for path, draw in refresh.drawings(ROOT / page):
        with subtests.test(path):
            draw()
            compare_picture(Path(path), SAME)
            plt.close("all")
    assert refresh.refresh(ROOT / page) == (ROOT / page).read_text()


def test_a_piece_that_is_not_that_of_its_source_is_found(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "source.py").write_text(
        "class A:\n    def b(self):\n        c = 1\n        return c\n"
    )
    text = '<!-- from source.py: A.b, from "c =" -->\n```py\n{}```\n'
    page.write_text(text.format("return 2\n"))
    assert refresh.refresh(page) == text.format("c = 1\nreturn c\n")


def test_all_pictures_are_on_pages():
    shown = "".join((ROOT / page).read_text() for page in DOCS)
    for path in ROOT.glob("docs/figures/*"):
        assert f"figures/{path.name}" in shown


def compare_picture(path, tolerance=SIMILAR):
    """Fail unless a committed picture is the one that was just drawn."""
    committed, drawn = ROOT / "docs" / path, Path(path.name).resolve()
    if path.suffix == ".gif":
        (count, committed), (now, drawn) = read_last(committed), read_last(drawn)
        assert count == now
    else:
        plt.savefig(drawn, dpi=refresh.DPI)
    assert compare_images(str(committed), str(drawn), tol=tolerance) is None


def read_last(path):
    """Return the number of frames of a GIF, and its last one as a file of its own."""
    with Image.open(path) as image:
        last = Path(f"{path.parent.name}-last.png").resolve()
        image.seek(image.n_frames - 1)
        image.convert("RGB").save(last)
        return image.n_frames, last


def test_a_gif_that_is_not_what_its_block_draws_is_found():
    """Another last frame, or another number of them."""
    path = Path("figures/training.gif")
    with Image.open(ROOT / "docs" / path) as committed:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(committed)]
    frames[0].save(path.name, save_all=True, append_images=frames[1:])
    compare_picture(path)
    for others in (frames[1:-1], [*frames[1:-1], frames[1]]):
        frames[0].save(path.name, save_all=True, append_images=others)
        with pytest.raises(AssertionError):
            compare_picture(path)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_who_runs_the_block_of_a_picture_sees_it(page):
    """It shows the picture or writes it to a file."""
    blocks = re.findall(
        r"^```python\n((?:(?!^```).*\n)*?)^```\s*(!\[.*)?", text_of(page), re.MULTILINE
    )
    for block, picture in blocks:
        if picture:
            assert re.search(r"^(plt\.show\(\)|\w+\.save\(.*\))$", block.splitlines()[-1]), block


def text_of(page):
    return (ROOT / page).read_text()
