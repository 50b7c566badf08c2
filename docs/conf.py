"""How Sphinx builds these pages: python -m sphinx -W --keep-going -b html docs docs/_build."""

import inspect
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parents[1]))
import xprnn
from xprnn._explorer import make_page

project = "xprnn"
author = "the xprnn developers"
project_copyright = author
release = version = xprnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"xprnn {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

CONTENTS = {
    "Use": "install tutorial guides from_pytorch from_keras cells sequences files estimators "
    "forecasting command_line results examples gallery backends onnx performance gpu api",
    "Understand": "bptt explorer lecture exercises exercises_answers notebooks proof",
    "Change": "architecture decisions",
}


def _add_contents(app, name, source):
    """Add the contents to the first page, which is plain Markdown like all others."""
    if name == "index":
        for caption, pages in CONTENTS.items():
            lines = "\n".join([":hidden:", f":caption: {caption}", "", *pages.split()])
            source[0] += f"\n```{{toctree}}\n{lines}\n```\n"


def _plain(app, what, name, obj, options, lines):
    """Let docstrings be plain text: a field without one has none, and |z| is an absolute value."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()
    literal = False
    for i, line in enumerate(lines):
        literal = literal and (not line or line.startswith(" "))
        if not literal and ">>>" not in line:
            lines[i] = line.replace("|", r"\|")
        literal = literal or line.endswith("::")


def _skip(app, what, name, obj, skip, options):
    """Leave out what a module does not name in __all__."""
    module = sys.modules.get(getattr(obj, "__module__", None))
    return skip or (what == "module" and name not in getattr(module, "__all__", [name]))


def _complete(app, env):
    """Warn of a public name that the reference does not have."""
    there = env.domains["py"].objects
    for name in xprnn.__all__:
        module = getattr(xprnn, name)
        if not inspect.ismodule(module):
            names = [f"xprnn.{name}"] if callable(module) else []
        else:
            public = [n for n in module.__all__ if callable(getattr(module, n))]
            names = [f"{module.__name__}.{n}" for n in public]
        for missing in sorted({*names} - {*there}):
            logging.getLogger(__name__).warning("%s is public, and not in the reference", missing)


def _link(app, doctree):
    """Link the names of the library in plain Markdown, such as `xprnn.fit`, to the reference."""
    if Path(app.env.doc2path(app.env.docname)).suffix != ".md":
        return
    for literal in [*doctree.findall(nodes.literal)]:
        name = literal.astext()
        if re.fullmatch(r"xprnn(\.\w+)+", name) and not isinstance(literal.parent, nodes.reference):
            reference = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=name, refwarn=False
            )
            literal.replace_self(reference)
            reference += literal


LESSON = "_static/lesson.html"
FRAME = f'<iframe src="{LESSON}" title="The explorer" class="explorer"></iframe>'
ALONE = f'<p><a href="{LESSON}">Open it on a page of its own</a></p>'


def _embed_explorer(app, doctree):
    """Put the explorer itself in the place of its picture."""
    for image in [*doctree.findall(nodes.image)]:
        if app.env.docname == "explorer" and image["uri"].endswith("explorer.png"):
            image.replace_self(nodes.raw("", FRAME + ALONE, format="html"))


def _write_explorer(app, exception):
    """Write the explorer's file."""
    if exception is None and app.builder.format == "html":
        Path(app.outdir, LESSON).write_text(make_page(), encoding="utf-8")


def setup(app):
    app.connect("doctree-read", _embed_explorer)
    app.connect("build-finished", _write_explorer)
    app.connect("source-read", _add_contents)
    app.connect("doctree-read", _link)
    app.connect("env-check-consistency", _complete)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _plain)
