"""What notebooks show of models and reports: whole, escaped, and readable on any page."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import gradients
from xprnn._html import BAD, GOOD, OPEN, make_table

X = np.sin(np.arange(0, 6, 0.25))


class Table(HTMLParser):
    """Reads a table, and fails unless every tag is closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.caption, self.styles = [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.styles += [value for name, value in attributes if name == "style"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] == "caption":
            self.caption += data
        else:
            assert self.open[-1] in ("td", "th")
            self.rows[-1][-1] += data


markup = st.sampled_from(["<b>", "</td>", "&amp;", "&lt", '">', "<!--", "<script>"])
texts = markup | st.text(st.characters(exclude_categories=("C",)), min_size=1)


@given(st.lists(st.tuples(texts, texts)), texts)
def test_any_text_comes_back_as_it_was(rows, caption):
    table = Table(make_table(caption, rows, ("name", "value") if rows else ()))
    assert table.caption == caption
    assert [tuple(row) for row in table.rows[1:]] == rows


def test_a_report_is_a_table_of_what_it_prints():
    report = gradients.check(xprnn.layers.Recurrent(2))
    table = Table(report._repr_html_())
    head, *lines = str(report).splitlines()
    assert [" ".join(row) for row in table.rows[1:]] == [" ".join(x.split()) for x in lines]
    assert " ".join(table.rows[0]) == " ".join(head.split())
    assert table.caption == f"gradient check: {len(lines)} of {len(lines)} ok"


@pytest.mark.parametrize(
    ("verdict", "colour"), [("ok", GOOD), ("wrong", BAD), ("nan", BAD), ("kink", OPEN)]
)
def test_a_verdict_has_a_word_and_a_colour(verdict, colour):
    rows = (gradients.Row("<W>", 1.0, 2.0, 0.5, 0.1, 1e-3, verdict),)
    table = Table(gradients.Report(rows)._repr_html_())
    assert table.rows[1] == [
        "<W>", "1.000000000000000e+00", "2.000000000000000e+00", "5.0e-01", "1.0e-03", verdict,
    ]  # fmt: skip
    assert sum(colour in style for style in table.styles) == 1
    assert table.caption == f"gradient check: {int(verdict == 'ok')} of 1 ok"
    assert Table(gradients.Report(())._repr_html_()).caption == "gradient check: 0 of 0 ok"


def luminance(colour):
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))


def test_a_table_has_no_colour_but_in_its_marks():
    """White on the colour of a mark, and elsewhere the colours of the page."""
    for colour in (GOOD, BAD, OPEN):
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5
    report = gradients.check(xprnn.layers.Recurrent(2))
    for style in Table(report._repr_html_()).styles:
        assert ("background" in style) == ("color:" in style)
    model = xprnn.fit(X, X, hidden_size=2, epochs=1)
    assert not re.search("color|background", model._repr_html_())


def test_a_model_is_a_table_of_what_it_is():
    pd = pytest.importorskip("pandas")
    x = pd.DataFrame({"<b>wind</b>": X, "sun": -X})
    y = pd.Series(X, name="power & light")
    model = xprnn.fit(x, y, hidden_size=3, epochs=2, validation_data=(x, y))
    text = model._repr_html_()
    assert "<b>" not in text
    table = dict(Table(text).rows)
    assert table["features"] == "2: <b>wind</b>, sun"
    assert table["outputs"] == "1: power & light"
    assert table["network"] == repr(model.network)
    assert table["parameters"] == "22, float64 on numpy"
    assert table["loss"] == "HalfMSE()"
    assert table["epochs"] == "2, completed"
    assert table["last training loss"] == f"{model.history.loss[-1]:.4g}"
    assert table["last validation loss"] == f"{model.history.val_loss[-1]:.4g}"


def test_a_model_without_names_history_and_loss():
    trained = xprnn.fit(X, X, hidden_size=3, epochs=1)
    assert "last validation loss" not in dict(Table(trained._repr_html_()).rows)
    fields = ("network", "params", "features", "outputs")
    model = xprnn.Model(**{name: getattr(trained, name) for name in fields}, loss=None)
    table = dict(Table(model._repr_html_()).rows)
    assert (table["features"], table["loss"], table["epochs"]) == ("1", "not known", "none")
    assert not any(name.startswith("last") for name in table)
