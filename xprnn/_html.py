"""HTML tables, which notebooks show in place of text.

Text has the colour of the page, and a mark has its own background, so that both are readable on
light and dark pages.
"""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

GOOD, BAD, OPEN = "#1a7f37", "#b3261e", "#7a5900"
"""Background colours for white text."""


class Mark(NamedTuple):
    """A word on a coloured background."""

    text: str
    colour: str


def make_table(
    caption: str, rows: Iterable[tuple[str | Mark, ...]], head: tuple[str, ...] = ()
) -> str:
    """Return a table whose rows start with their names; with a head, the other cells are numbers.

    Examples
    --------
    >>> from xprnn._html import make_table
    >>> text = make_table("sizes", [("a & b", "3")])
    >>> text[text.index("<tbody>") : text.index("</tbody>")]
    '<tbody><tr><th scope="row" style="text-align: left">a &amp; b</th><td
    style="text-align: left; font-family: monospace; white-space: pre-wrap">3</td></tr>'
    """
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    align = "right" if head else "left"
    body = "".join(f"<tr>{_make_row(row, align)}</tr>" for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"{f'<thead><tr>{top}</tr></thead>' if top else ''}<tbody>{body}</tbody></table>"
    )


def _make_row(row: tuple[str | Mark, ...], align: str) -> str:
    name, *cells = row
    first = f'<th scope="row" style="text-align: left">{escape(str(name))}</th>'
    return first + "".join(_make_cell(cell, align) for cell in cells)


def _make_cell(cell: str | Mark, align: str) -> str:
    if isinstance(cell, Mark):
        style = f"background: {cell.colour}; color: #ffffff; text-align: center"
        return f'<td style="{style}">{escape(cell.text)}</td>'
    style = f"text-align: {align}; font-family: monospace; white-space: pre-wrap"
    return f'<td style="{style}">{escape(cell)}</td>'
