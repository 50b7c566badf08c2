"""Files as tables: what is read, and what a file is that is no CSV file."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import tracemalloc
import zipfile

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from xprnn._cli import tables
from xprnn._cli.tables import csv_files
from xprnn._cli.tables.parse import looks_like_time, parse_number

CSV = "größe,y\n1,2\n3,4\n"


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return file.getvalue()


def arrays():
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    return file.getvalue()


def parquet():
    pd = pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("pyarrow", reason="pyarrow is in nox -s tests-torch")
    file = io.BytesIO()
    pd.DataFrame({"a": [1, 2]}).to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (gzip.compress(CSV.encode(), mtime=0), "compressed by gzip; unpack it"),
        (bz2.compress(CSV.encode()), "bzip2 archive; unpack it"),
        (lzma.compress(CSV.encode()), "xz archive; unpack it"),
        (zipped(a="1"), "zip archive; unpack it"),
        (zipped(xl__workbook="1"), "Excel workbook.*save its sheet as CSV"),
        (zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"),
        (arrays, "NumPy arrays or a model"),
        (parquet, r"Parquet file; rename it so that it ends in \.parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), r"Excel workbook \(\.xls\)"),
        (CSV.encode("utf-16"), "UTF-16; write it in UTF-8"),
        (b"\xfe\xff" + CSV.encode("utf-16-be"), "UTF-16; write it in UTF-8"),
        (CSV.encode("utf-16-le"), "UTF-16LE; write it in UTF-8"),
        (CSV.encode("utf-16-be"), "UTF-16BE; write it in UTF-8"),
        (CSV.encode("utf-32"), "UTF-32; write it in UTF-8"),
        (CSV.encode("cp1252"), "byte 0xf6 in line 1; write it in UTF-8, .* iconv -f WINDOWS"),
        (b"a,b\n1,\xfc\n", "byte 0xfc in line 2"),
        (b"a,b\n1,\0\n", "a zero byte in line 2"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF"),
        (b"%PDF-1.4\n1 0 obj\n", "a PDF"),
        (b"\n<!DOCTYPE html>\n<html><body>", "an HTML page"),
        (b"<html><table>", "an HTML page"),
        (b'<?xml version="1.0"?>\n<a>', "an XML file"),
        (json.dumps([{"a": 1}, {"a": 2}]).encode(), "JSON"),
        (json.dumps({"a": [1, 2]}, indent=2).encode(), "JSON"),
        (b'{"a": 1}\n{"a": 2}\n', "JSON"),
        (b"SQLite format 3\0" + bytes(84), "SQLite"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_kind_of_other_files(tmp_path, data, kind):
    path = tmp_path / "f.csv"
    path.write_bytes(data() if callable(data) else data)
    with pytest.raises(ValueError, match=rf"f\.csv must be a CSV file in UTF-8, got .*{kind}"):
        tables.read(str(path))


@given(st.text(st.characters(codec="utf-8", exclude_characters='"\r\n,;\t|\0'), min_size=1))
def test_names_that_look_like_other_files(tmp_path, name):
    """PAR1 and BZh may be columns; HTML and JSON begin with signs."""
    path = tmp_path / "f.csv"
    for first in (name, f"PAR1{name}", "BZh9", "PK", "ARROW1"):
        path.write_text(f'"{first}",y\n1,2\n', encoding="utf-8")
        assert tables.read(str(path)).columns["y"].tolist() == [2.0]


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([".", ","]))
def test_numbers_are_read_as_they_are(value, decimal):
    assert parse_number(repr(value).replace(".", decimal), decimal) == value
    assert parse_number(f" {value:+.17e} ".replace(".", decimal), decimal) == value


@given(st.text(max_size=20))
def test_no_other_text_is_a_number(text):
    """What is one is one to Python too, in ASCII and without underscores."""
    value = parse_number(text)
    if value is not None:
        assert float(text) == value
        assert text.strip().isascii()
        assert "_" not in text


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1e999999", "9" * 5000, "0x1", "1,5", "--1", "١"]
)
def test_what_is_no_number(text):
    assert parse_number(text) is None


@given(st.text(max_size=60))
def test_any_text_may_be_asked_whether_it_looks_like_time(text):
    assert looks_like_time(text) in (True, False)


def test_lines_of_rows(tmp_path):
    """Blank lines and lines within quotes count; a row is called by its last one."""
    path = tmp_path / "f.csv"
    path.write_text('a,b\n\n1,"x\ny"\n2,z\n')
    table = tables.read(str(path))
    assert [table.row_name(i) for i in (0, 1)] == ["line 4", "line 5"]
    turned = table.reorder(np.asarray([1, 0]))
    assert (turned.row_name(0), turned.text["b"]) == ("line 5", ["z", "x\ny"])
    assert turned.columns["a"].tolist() == [2, 1]
    assert tables.Table({}, {}, {}).row_name(1) == "row 2"


def test_decimal_commas_are_points_in_the_text_too(tmp_path):
    """Where a cell is a number, whether or not all of its column are."""
    path = tmp_path / "f.csv"
    path.write_text("a;b\n1,5;2,5\n1,75;Total, all\n")
    table = tables.read(str(path), decimal=",")
    assert table.text == {"a": ["1.5", "1.75"], "b": ["2.5", "Total, all"]}
    assert table.unusable["b"].startswith("line 3 holds 'Total, all'")


def test_headers(tmp_path):
    path = tmp_path / "f.csv"
    for first in ("Jan 2024,5", "2024-01,5", "31.1.2024,5.5", "5,12:30"):
        path.write_text(f"{first}\n1,2\n")
        with pytest.raises(ValueError, match=r"must name its columns .* use --no-header"):
            tables.read(str(path))
    for first in ("Jan,Feb", "country,2024", "year,y"):
        path.write_text(f"{first}\n1,2\n")
        assert [*tables.read(str(path)).columns] == first.split(",")


def test_a_few_names_of_many_columns_are_said():
    table = tables.Table({f"c{k}": np.zeros(1) for k in range(1000)}, {}, {})
    for name in ("c1001", "zebra"):
        with pytest.raises(ValueError, match="column must be one of") as found:
            table.column(name)
        assert len(str(found.value)) < 300


def test_a_bound_on_the_columns(tmp_path, monkeypatch):
    path = tmp_path / "f.csv"
    monkeypatch.setattr(csv_files, "MOST_COLUMNS", 5)
    for text in ("a,b,c,d,e,f\n", ",,,,,,,,\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="columns, more than 5"):
            tables.read(str(path))


@pytest.mark.parametrize(
    "data",
    [
        b"9" * 5_000_000,
        b"," * 5_000_000,
        b'a,b\n"' + b"x,\n" * 1_500_000,
        b"a,b\n1,2\n1\n" + b"1,2\n" * 1_000_000,
        b"\0" * 5_000_000,
        b"a," + b"1_" * 2_000_000 + b"\n1,2\n",
        b"[" * 5_000_000,
        b"a;b\n" + b"1" * 100_000 + b"x;2\n",
    ],
    ids=range(8),
)
def test_hostile_files_are_refused_within_bounds(tmp_path, data):
    """A valid file takes more for each byte."""
    path = tmp_path / "f.csv"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"f\.csv|column 'a' cannot be used") as found:
            tables.read(str(path)).column("a")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15 * len(data) + 2**20
    assert len(str(found.value)) < 500


def test_damaged_parquet(tmp_path, monkeypatch, rng):
    whole = parquet()
    path = tmp_path / "f.PARQUET"
    path.write_bytes(whole)
    assert tables.read(str(path)).columns["a"].tolist() == [1, 2]
    for cut in (0, 3, 100, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="is not a Parquet file that can be read"):
            tables.read(str(path))
    for _ in range(20):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=5):
            damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(ValueError):
            tables.read(str(path))
