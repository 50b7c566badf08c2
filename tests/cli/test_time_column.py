"""A column of times goes on as it began."""

import random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from xprnn._cli import time_column
from xprnn._cli.tables import Table

KNOWN, MORE = st.integers(4, 12), st.integers(1, 9)
DAY, MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")


def counted(origin, unit, start, step, n):
    """Return n times, so many units apart."""
    return np.datetime64(origin, unit) + np.timedelta64(1, unit) * (start + step * np.arange(n))


def table(column, **others):
    """Return a table as if it were read: columns of numbers and of text."""
    text = {"t": list(column), **{name: list(map(str, y)) for name, y in others.items()}}
    columns, unusable = {}, {}
    for name, texts in text.items():
        try:
            columns[name] = np.asarray([float(t) for t in texts])
        except ValueError:
            unusable[name] = "not numbers"
    return Table(columns, unusable, text)


def goes_on(texts, known):
    """The first times give the others, in whatever order their rows stand."""
    rows = [*range(known)]
    for order in (rows, rows[::-1], random.Random(known).sample(rows, known)):
        given = table([texts[i] for i in order], y=order)
        for found in (time_column.read(given, "t"), time_column.find(given, "y")):
            arranged, time = found
            assert (time.name, time.times) == ("t", texts[:known])
            assert time.after(len(texts) - known) == texts[known:]
            assert time.sorted == (order != rows)
            assert arranged.column("y").tolist() == rows
            assert arranged.text["y"] == [*map(str, rows)]


@given(st.integers(-600, 1500), st.integers(1, 20), KNOWN, MORE)
def test_months(start, step, known, more):
    months = counted("1970-01", "M", start, step, known + more)
    goes_on([str(m) for m in months], known)
    for day in ("01", "15", "28"):
        goes_on([f"{m}-{day}" for m in months], known)
        goes_on([f"{m}-{day} 06:30:00" for m in months], known)


@given(st.integers(-600, 1500), st.integers(1, 20), KNOWN, MORE)
def test_the_last_day_of_every_month(start, step, known, more):
    """As calendars have it: the day before the first of the next one."""
    months = counted("1970-01", "M", start, step, known + more)
    goes_on([str((m + MONTH).astype("datetime64[D]") - DAY) for m in months], known)


@given(
    st.sampled_from(["D", "m", "s"]), st.integers(-(10**8), 10**8), st.integers(1, 27), KNOWN, MORE
)
def test_days_minutes_and_seconds(unit, start, step, known, more):
    if unit == "D":
        start //= 10**4
    times = counted(0, unit, start, step, known + more)
    goes_on([str(t) for t in times], known)
    if unit != "D":
        goes_on([str(t).replace("T", " ") for t in times], known)
        goes_on([f"{t}Z" for t in times], known)
        goes_on([f"{t}-03:30" for t in times], known)


@given(st.integers(0, 20000), st.integers(6, 30), MORE, st.sampled_from(["", " 16:30"]))
def test_business_days(start, known, more, clock):
    """From Friday on to Monday; six of them or more show a weekend."""
    days = np.busday_offset(np.datetime64(start, "D"), np.arange(known + more), roll="forward")
    goes_on([f"{day}{clock}" for day in days], known)


@given(st.integers(-3000, 1500), st.integers(1, 20), KNOWN, MORE)
def test_months_and_days_without_signs_between(start, step, known, more):
    months = counted("1970-01", "M", start, step, known + more)
    goes_on([str(m).replace("-", "") for m in months], known)
    for days in (months + 0 * DAY, counted(months[0], "D", 0, step, known + more)):
        goes_on([str(d).replace("-", "") for d in days.astype("datetime64[D]")], known)


def test_hours_while_clocks_change():
    """With their offsets from UTC they are even, and go on in the last one."""
    spring = ["2024-03-31T00:00+01:00", "2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"]
    goes_on([*spring, "2024-03-31T04:00+02:00", "2024-03-31T05:00+02:00"], 4)
    goes_on(
        ["2024-10-27 01:30+0200", "2024-10-27 02:30+0200", "2024-10-27 02:30+0100",
         "2024-10-27 03:30+0100", "2024-10-27 04:30+0100"], 4,
    )  # fmt: skip


@given(st.integers(-(10**6), 999), st.integers(1, 999), st.integers(0, 3), KNOWN, MORE)
def test_numbers(start, step, decimals, known, more):
    """Of so many decimals, as integers say them exactly."""
    assume(step % 100)  # whole hundreds may be hours
    numbers = start + step * np.arange(known + more)
    goes_on([f"{n / 10**decimals:.{decimals}f}" for n in numbers.tolist()], known)


@given(st.integers(10**15, 10**18), st.integers(10**6, 10**9), KNOWN, MORE)
def test_numbers_with_more_digits_than_a_float_has(start, step, known, more):
    goes_on([str(start + step * k) for k in range(known + more)], known)


@given(st.integers(0, 900), st.integers(1, 4), KNOWN, MORE)
def test_numbers_with_zeros_before(start, step, known, more):
    goes_on([f"{start + step * k:04}" for k in range(known + more)], known)


@pytest.mark.parametrize(
    "texts",
    [
        ["2000", "2100", "2200", "2300"],
        ["0", "600", "1200", "1800"],
        ["2024.09", "2024.10", "2024.11", "2024.12"],
        ["9.2024", "10.2024", "11.2024", "12.2024"],
        ["28.10", "29.10", "30.10", "31.10"],
        ["240128", "240129", "240130", "240131"],
        ["28012024", "29012024", "30012024", "31012024"],
        [f"{k}012024" for k in range(5, 32)],
        ["099", "399", "699", "999"],
        ["092024", "102024", "112024", "122024"],
        ["20241", "20242", "20243", "20244"],
        ["202449", "202450", "202451", "202452"],
        ["2024363", "2024364", "2024365", "2024366"],
        ["2024013120", "2024013121", "2024013122", "2024013123"],
        ["202309.0", "202310.0", "202311.0", "202312.0"],
        ["9996-01-01", "9997-01-01", "9998-01-01", "9999-01-01"],
    ],
)  # fmt: skip
def test_numbers_that_may_be_dates_end_where_these_would(texts):
    """No December is followed by a month 13."""
    _, time = time_column.read(table(texts), "t")
    with pytest.raises(ValueError, match=r"column 't' cannot be continued for 4 rows.*--rows"):
        time.after(4)


@pytest.mark.parametrize(
    "texts",
    [
        [f"{hour % 24:02d}00" for hour in range(8, 32)],
        [f"{month % 12 + 1:02d}2024" for month in (11, *range(11))],
    ],
)
def test_numbers_that_may_be_dates_are_not_sorted(texts):
    """0000 comes after 2300 if they are times of day."""
    with pytest.raises(ValueError, match="that could be dates or times of day are not sorted"):
        time_column.read(table(texts), "t")


def test_years_with_a_rounded_part():
    """Months as parts of a year have three decimals, and even steps but for their rounding."""
    texts = [f"{1949 + k / 12:.3f}" for k in range(60)]
    ahead = time_column.read(table(texts[:48]), "t")[1].after(12)
    np.testing.assert_allclose(np.asarray(ahead, float), np.asarray(texts[48:], float), atol=2e-3)


def test_the_first_of_january():
    """Three years of 365 days are years, and the leap year after them is one more."""
    goes_on(["2021-01-01", "2022-01-01", "2023-01-01", "2024-01-01", "2025-01-01"], 3)


DAYS = [f"2020-01-{k:02}" for k in range(1, 10)]
HOURS = [f"2024-03-31 {k:02}:00" for k in (0, 1, 3, 4, 5)]


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["2020-01-01", "2020-01-02", "2020-01-04"],
         "row 3 holds '2020-01-04', and the time before"),
        (["2020-01-01", "2020-01-01"], "row 2 holds 2020-01-01 again, after row 1"),
        (["2020-01-31", "2020-02-30", "2020-03-31"],
         "row 2 holds '2020-02-30', which does not exist"),
        (["2020-01", "2020-01-02"], "row 2 holds '2020-01-02', which is not written as '2020-01'"),
        (["1", "2", "4"], "row 3 holds '4'"),
        (["3", "3", "3"], "row 2 holds 3 again"),
        (["3"], None),
        (["one", "two"], "row 1 holds 'one', which is neither"),
        ([*DAYS[:4], *DAYS[5:]],
         "row 5 holds '2020-01-06', and the time before it is '2020-01-04'"),
        ([*DAYS[:4][::-1], *DAYS[5:]], "row 5 holds '2020-01-06'"),
        ([*DAYS, "Total"], "row 10 holds 'Total', which is neither"),
        (["", *DAYS], "row 1 holds ''"),
        (["2000", "2001", "2002", "2003", "Total"], "row 5 holds 'Total', which is not written as"),
        ([*DAYS, *DAYS], "row 10 starts again at 2020-01-01 after 2020-01-09"),
        ([*DAYS[::-1], *DAYS[::-1]], "row 10 starts again at 2020-01-09 after 2020-01-01"),
        ([*"1234", *"1234"], "row 5 starts again at 1 after 4"),
        ([day for day in DAYS for _ in range(3)], "row 2 holds 2020-01-01 again, after row 1"),
        (HOURS, "row 3 holds '2024-03-31 03:00'.*local times need their offset from UTC"),
        (["2024-10-27 01:00", *["2024-10-27 02:00"] * 2],
         "row 3 holds .* again.*offset from UTC"),
        (["2024-01-05", "2024-01-08", "2024-01-09", "2024-01-11"], "row 4 holds '2024-01-11'"),
        (["20240128", "20240129", "20240130", "20240231"],
         "row 4 holds '2024-02-31', which does not"),
        (["20240131", "20240201", "20240202", "20240232"],
         "row 4 holds '20240232', which is not a date"),
        (["202401", "202402", "20240301"], "row 3 holds '20240301', and the time before"),
        (["001", "002", "3", "004"], "row 3 holds '3', which .* as many digits as '001'"),
        (["1", "2", "1e1", "4"], "row 3 holds '1e1', which is not written as '2'"),
        (["1", "2", "3", "5000000000000000000"], "row 4 .* too many digits"),
        (["2023_09", "2023_10", "2023_11", "2023_12"], "row 1 holds '2023_09', which is neither"),
        (["2024-01-01T00:00+99:00", "2024-01-01T00:00Z"], r"which is not written as"),
        (["2024-01-01T00:00+99:00", "2024-01-01T01:00+01:00"], r"row 1 holds the offset \+99:00"),
    ],
)  # fmt: skip
def test_what_does_not_step_evenly_is_refused(texts, why):
    given = table(texts, y=np.arange(len(texts)) % 2)
    if why is None:
        _, time = time_column.read(given, "t")
        with pytest.raises(ValueError, match="a single row does not define a step"):
            time.after(1)
        return
    with pytest.raises(ValueError, match=f"column 't' must hold numbers or dates.*{why}.*--rows"):
        time_column.read(given, "t")


OTHERS = {
    "days": ["31.12.2020", "12/31/2020", "31/12/20", "2020/12/31", "2020.12.31", "31-12-2020"],
    "names": ["Dec 2020", "December 31, 2020", "31 Dec 2020", "31-Dec-20", "Dec-20", "Thu Dec 31"],
    "parts": ["2020Q4", "Q4 2020", "4Q20", "2020-W53", "2020W53", "12/2020", "2020/12", "12/20"],
    "clocks": ["23:00", "11:00 PM", "20201231T2300", "2020-12-31T23", "2020-12-31T23:00:00.1"],
    "words": ["day 1", "Week 01", "FY2020", "2020_12", "2020年12月", "Dec", "2020, 12"],
}


@pytest.mark.parametrize("texts", OTHERS.values(), ids=OTHERS)
def test_times_in_other_notations_are_never_counted(texts):
    for text in texts:
        given = table([text, f"{text} "[:-1], text, "2020x"], y=[1, 2, 3, 5])
        with pytest.raises(ValueError, match=r"column 't' must hold .* row 1 holds"):
            time_column.find(given, "y")


@pytest.mark.parametrize(
    "text", ["Total", "north", "A-1", "9.5 kg", "10-150", "no. 7, new", "decimal", "n/a"]
)
def test_other_text_is_no_time(text):
    assert time_column.find(table([f"{text}"] * 4, y=[1, 2, 3, 5]), "y")[1].numbered


def test_which_column_is_found():
    days = ["2020-01-01", "2020-01-02", "2020-01-03"]

    def found(target, column, **others):
        time = time_column.find(table(column, **others), target)[1]
        return None if time.numbered else time.name

    assert found(None, "123") is None
    assert found(None, "123", y=[5, 1, 3]) == "t"
    assert found("t", "123", y=[5, 1, 3]) is None
    assert found(None, "123", day=days) == "day"
    assert found("y", "0123", year=[2003, 2002, 2001, 2000], y=[5, 1, 3, 2]) == "year"
    assert (
        found("y", "0123", made=[*days, days[0]], day=[*days, "2020-01-04"], y=[5, 1, 3, 2])
        == "day"
    )
    assert found("y", "1234", made=days[:1] * 4, y=[5, 1, 3, 2]) == "t"
    with pytest.raises(ValueError, match=r"--time must be one of .* got 'when'"):
        time_column.read(table(days, y=[1, 2, 3]), "when")
    with pytest.raises(ValueError, match="column 'day' must hold"):  # t does not stand in for it
        found("y", "0123", day=[*days, "2020-01-09"], y=[5, 1, 3, 2])
    with pytest.raises(ValueError, match="column 'year' must hold"):
        found("y", "0123", year=[2003, 2002, 2001, 1999], y=[5, 1, 3, 2])


def test_features_are_times_only_where_they_step_evenly():
    hours = [*"012345"] * 3
    given = table(hours, y=np.arange(18) % 5)
    with pytest.raises(ValueError, match="starts again at 0 after 5"):
        time_column.find(given, "y")
    assert time_column.find(given, "y", features=["t"])[1].numbered
    years = table([str(2020 - k) for k in range(5)], y=[1, 2, 0, 1, 5])
    assert time_column.find(years, "y", features=["t"])[1].times[0] == "2016"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=30))
def test_features_of_any_size_raise_no_warning(numbers):
    given = table(["x"] * len(numbers), a=numbers, y=[0] * len(numbers))
    time_column.find(given, "y", features=["a"])
