"""A column of times goes on as it began."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from xprnn.commands import timeline
from xprnn.tables import Table

KNOWN, MORE = st.integers(4, 12), st.integers(1, 9)


def table(column, **others):
    """Return a table as if it were read: columns of numbers and of text."""
    text = {"t": list(column), **{name: list(map(str, y)) for name, y in others.items()}}
    columns, left_out = {}, {}
    for name, texts in text.items():
        try:
            columns[name] = np.asarray([float(t) for t in texts])
        except ValueError:
            left_out[name] = "not numbers"
    return Table(columns, left_out, text)


def goes_on(texts, known):
    found = timeline.read(table(texts[:known]), "t")
    assert found.known == texts[:known]
    assert found.after(len(texts) - known) == texts[known:]


@given(st.integers(-600, 1500), st.integers(1, 20), KNOWN, MORE)
def test_months(start, step, known, more):
    months = np.datetime64("1970-01") + start + step * np.arange(known + more)
    goes_on([str(m) for m in months], known)
    for day in ("01", "15", "28"):
        goes_on([f"{m}-{day}" for m in months], known)
        goes_on([f"{m}-{day} 06:30:00" for m in months], known)


@given(st.integers(-600, 1500), st.integers(1, 20), KNOWN, MORE)
def test_the_last_day_of_every_month(start, step, known, more):
    """As calendars have it: the day before the first of the next one."""
    months = np.datetime64("1970-01") + start + step * np.arange(known + more)
    goes_on([str((m + 1).astype("datetime64[D]") - 1) for m in months], known)


@given(
    st.sampled_from(["D", "m", "s"]),
    st.integers(-(10**8), 10**8),
    st.integers(1, 27),
    st.sampled_from([1, -1]),
    KNOWN,
    MORE,
)
def test_days_minutes_and_seconds(unit, start, step, way, known, more):
    if unit == "D":
        start //= 10**4
    times = np.datetime64(0, unit) + start + way * step * np.arange(known + more)
    goes_on([str(t) for t in times], known)
    if unit != "D":
        goes_on([str(t).replace("T", " ") for t in times], known)


@given(st.integers(-(10**6), 10**6), st.integers(1, 999), st.integers(0, 3), KNOWN, MORE)
def test_numbers(start, step, decimals, known, more):
    """Of so many decimals, as integers say them exactly."""
    numbers = start + step * np.arange(known + more)
    goes_on([f"{n / 10**decimals:.{decimals}f}" for n in numbers.tolist()], known)


def test_years_with_a_rounded_part():
    """Months as parts of a year have three decimals and no even steps."""
    texts = [f"{1949 + k / 12:.3f}" for k in range(60)]
    ahead = timeline.read(table(texts[:48]), "t").after(12)
    np.testing.assert_allclose(np.asarray(ahead, float), np.asarray(texts[48:], float), atol=2e-3)


def test_the_first_of_january():
    """Three years of 365 days are years, and the leap year after them is one more."""
    found = timeline.read(table(["2021-01-01", "2022-01-01", "2023-01-01"]), "t")
    assert found.after(2) == ["2024-01-01", "2025-01-01"]


@pytest.mark.parametrize(
    "texts",
    [
        ["2020-01-01", "2020-01-02", "2020-01-04"],
        ["2020-01-01", "2020-01-01"],
        ["2020-01-31", "2020-02-30", "2020-03-31"],
        ["2020-01", "2020-01-02"],
        ["1", "2", "4"],
        ["3", "3", "3"],
        ["3"],
        ["one", "two"],
    ],
)
def test_what_does_not_step_evenly_is_refused(texts):
    with pytest.raises(ValueError, match="column 't' must hold numbers or dates"):
        timeline.read(table(texts), "t")
    assert timeline.find(table(texts, y=[1.5, 0, 7][: len(texts)]), "y") is None


def test_which_column_is_found():
    days = ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert timeline.find(table(["1", "2", "3"]), None) is None
    assert timeline.find(table(["1", "2", "3"], y=[5, 1, 3]), None).name == "t"
    assert timeline.find(table(["1", "2", "3"], y=[5, 1, 3]), "t") is None
    assert timeline.find(table(["1", "2", "3"], day=days), None).name == "day"
    with pytest.raises(ValueError, match=r"column must be one of .* got 'when'"):
        timeline.read(table(days, y=[1, 2, 3]), "when")
