"""Write into the pages what they show from elsewhere: pieces of the source, results, pictures.

    python docs/refresh.py              everything
    python docs/refresh.py gallery.md   one page

Pages are plain Markdown, which reads the same in the repository and on the site, so what they
show stands in them. A comment before a block says where it comes from:

    <!-- from ../xprnn/cells/elman.py: Elman.backward -->
    <!-- from ../benchmarks/results/peers.txt, from "summary" -->

A picture that follows a block of Python is what the block draws; a moving one, a GIF, is the file
of that name that the block writes into the working folder. A comment before a picture says which
function of a script draws it:

    <!-- drawn by drawings.py: forward -->

The tests hold every piece against its source, and every picture against what is drawn now.
"""

import ast
import doctest
import re
import runpy
import shutil
import sys
import textwrap
import unittest
from pathlib import Path

DOCS = Path(__file__).parent
DPI = 120
PIECE = re.compile(
    r"^<!-- from (?P<path>[\w./]+)(?:: (?P<name>[\w.]+))?"
    r"(?:, from \"(?P<first>[^\"]+)\")?(?:, until \"(?P<end>[^\"]+)\")? -->\n"
    r"```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PICTURE = re.compile(r"\s*!\[[^\]]+\]\((?P<path>figures/\w+\.(?:png|gif))\)")
DRAWING = re.compile(
    r"^<!-- drawn by (?P<script>\w+\.py): (?P<name>\w+) -->" + PICTURE.pattern, re.MULTILINE
)


def read_piece(page, match):
    """Return the text that a comment asks for."""
    text = (page.parent / match["path"]).read_text(encoding="utf-8")
    if match["name"]:
        node = ast.parse(text)
        for name in match["name"].split("."):
            node = next(each for each in node.body if getattr(each, "name", "") == name)
        text = "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n"
    lines = text.splitlines()
    if match["first"]:
        lines = lines[next(i for i, line in enumerate(lines) if match["first"] in line) :]
    if match["end"]:
        lines = lines[: next(i for i, line in enumerate(lines) if match["end"] in line)]
    return textwrap.dedent("\n".join(line.rstrip() for line in lines)).strip("\n") + "\n"


def refresh(page):
    """Return the text of a page with its pieces as their sources have them now."""

    def write(match):
        whole, start = match[0], match.start()
        first, last = match.start("text") - start, match.end("text") - start
        return whole[:first] + read_piece(page, match) + whole[last:]

    return PIECE.sub(write, page.read_text(encoding="utf-8"))


def drawings(page):
    """Yield the path of each picture of a page that a script draws, with the function."""
    for match in DRAWING.finditer(page.read_text(encoding="utf-8")):
        yield match["path"], runpy.run_path(str(DOCS / match["script"]))[match["name"]]


def draw(page):
    """Draw the pictures of a page; return their paths."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from sybil import Document
    from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

    text = page.read_text(encoding="utf-8")
    if not PICTURE.search(text):
        return []
    mpl.use("agg")
    plt.show = lambda: None

    def save(path):
        if path.endswith(".gif"):
            shutil.copyfile(Path(path).name, DOCS / path)
        else:
            plt.savefig(DOCS / path, dpi=DPI, metadata={"Software": None})
        plt.close("all")
        return DOCS / path

    drawn = []
    for path, function in drawings(page):
        function()
        drawn.append(save(path))
    if not PICTURE.search(DRAWING.sub("", text)):
        return drawn
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    parsers = PythonCodeBlockParser(doctest_optionflags=flags), SkipParser()
    document = Document.parse(str(page), *parsers)
    for example in document:
        picture = PICTURE.match(document.text, example.end)
        plt.close("all")
        try:
            example.evaluate()
        except unittest.SkipTest:
            continue
        if picture:
            drawn.append(save(picture["path"]))
    return drawn


def main(names):
    """Refresh some pages, or all."""
    for page in [DOCS / name for name in names] or sorted(DOCS.glob("*.md")):
        page.write_text(refresh(page), encoding="utf-8")
        for picture in draw(page):
            print(picture.relative_to(DOCS))


if __name__ == "__main__":
    main(sys.argv[1:])
