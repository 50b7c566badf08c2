"""Draw CSV files from a grammar of what real ones look like, and forecast them.

A file is either read rightly, with the times that follow those that were drawn, or refused with
status 2 and one line. The exit status is 1 if any file had another outcome.

    python tests/fuzz/csv_files.py --count 2000 --seed 0
"""

import argparse
import contextlib
import csv
import datetime as dt
import gzip
import io
import json
import random
import sys
import tempfile
import time
import traceback
import warnings
import zoneinfo
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from xprnn.__main__ import main

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
QUICK = [
    "--epochs",
    "1",
    "--hidden-size",
    "2",
    "--members",
    "1",
    "--lags",
    "2",
    "--differencing",
    "0",
]

NOTES = (
    "is left out",
    "the rows are sorted by",
    "a lagged copy",
    "took the loss from",
    "the linear maps",
)
"""What standard error may say beside an error."""


# Times: each draws so many in their order. Those of READ must go on, those of REFUSED must not.


def day(draw):
    return dt.datetime(draw.randint(1900, 2100), draw.randint(1, 12), draw.randint(1, 28))


def months_from(draw, count, step=None):
    first, step = day(draw), step or draw.choice([1, 1, 1, 3, 12])
    at = [first.month - 1 + step * k for k in range(count)]
    return [first.replace(year=first.year + m // 12, month=m % 12 + 1) for m in at]


def evenly(draw, count, step):
    first = day(draw) + draw.randint(0, 23) * HOUR
    return [first + step * k for k in range(count)]


def days(draw, count):
    return [f"{t:%Y-%m-%d}" for t in evenly(draw, count, draw.choice([1, 1, 1, 2, 7, 14]) * DAY)]


def months(draw, count):
    return [f"{t:%Y-%m}" for t in months_from(draw, count)]


def firsts_of_months(draw, count):
    return [f"{t:%Y-%m}-01" for t in months_from(draw, count)]


def ends_of_months(draw, count):
    firsts = (t.replace(day=1) for t in months_from(draw, count))
    return [f"{(t + 31 * DAY).replace(day=1) - DAY:%Y-%m-%d}" for t in firsts]


def business_days(draw, count):
    first = day(draw)
    every = (first + k * DAY for k in range(2 * count + 9))
    return [f"{t:%Y-%m-%d}" for t in every if t.weekday() < 5][:count]


def minutes(draw, count):
    step = draw.choice([1, 5, 15, 60, 180, 1440]) * dt.timedelta(minutes=1)
    sign = draw.choice(" T")
    return [f"{t:%Y-%m-%d{sign}%H:%M}" for t in evenly(draw, count, step)]


def seconds(draw, count):
    step = draw.choice([1, 10, 60, 3600]) * dt.timedelta(seconds=1)
    return [f"{t:%Y-%m-%dT%H:%M:%S}" for t in evenly(draw, count, step)]


def in_utc(draw, count):
    zone = draw.choice(["Z", "+00:00", "+05:30", "-0800"])
    return [f"{t:%Y-%m-%dT%H:%M}{zone}" for t in evenly(draw, count, HOUR)]


def around_a_change_of_clocks(draw, count):
    """Hours that begin before a change and end after it."""
    change = draw.choice([dt.datetime(2024, 3, 31, 1), dt.datetime(2024, 10, 27, 1)])
    first = change.replace(tzinfo=dt.UTC) - draw.randint(3, 5) * HOUR
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    return [(first + k * HOUR).astimezone(zone) for k in range(count)]


def with_offsets(draw, count):
    return [t.isoformat() for t in around_a_change_of_clocks(draw, count)]


def without_offsets(draw, count):
    return [f"{t:%Y-%m-%d %H:%M}" for t in around_a_change_of_clocks(draw, count)]


def compact_days(draw, count):
    if draw.random() < 0.5:
        return [f"{t:%Y%m%d}" for t in months_from(draw, count)]
    return [f"{t:%Y%m%d}" for t in evenly(draw, count, draw.choice([1, 1, 7]) * DAY)]


def compact_months(draw, count):
    return [f"{t:%Y%m}" for t in months_from(draw, count)]


def years(draw, count):
    first, step = draw.randint(1700, 2020), draw.choice([1, 1, 1, 2, 5, 10])
    return [str(first + step * k) for k in range(count)]


def counter(draw, count):
    first, step = draw.randint(2, 90), draw.choice([1, 1, 1, 3])
    return [str(first + step * k) for k in range(count)]


def padded_counter(draw, count):
    first = draw.randint(0, 900)
    return [f"{first + k:04}" for k in range(count)]


def decimals(draw, count):
    first, step, places = draw.randint(10**4, 10**5), draw.choice([1, 5, 25]), draw.choice([1, 3])
    return [f"{(first + step * k) / 10**places:.{places}f}" for k in range(count)]


def seconds_since_1970(draw, count):
    first, step = draw.randint(10**9, 2 * 10**9), draw.choice([1, 60, 3600, 86400])
    scale = draw.choice([1, 1000, 10**9])
    return [str(scale * (first + step * k)) for k in range(count)]


def written(pattern, step=DAY):
    """Return a kind of dates in some notation of strftime."""

    def kind(draw, count):
        at = months_from(draw, count, 1) if step is None else evenly(draw, count, step)
        return [t.strftime(pattern) for t in at]

    kind.__name__ = pattern
    return kind


def quarters(draw, count):
    pattern = draw.choice(["{}Q{}", "{}-Q{}", "Q{1} {0}"])
    first = 4 * draw.randint(1950, 2050)
    return [pattern.format(k // 4, k % 4 + 1) for k in range(first, first + count)]


def quarters_in_digits(draw, count):
    year = draw.randint(1950, 2050)
    return [f"{year + k // 4}{k % 4 + 1}" for k in range(count)]


def weeks(draw, count):
    pattern = draw.choice(["{}-W{:02}", "{}W{:02}", "{}{:02}"])
    at = (t.isocalendar() for t in evenly(draw, count, 7 * DAY))
    return [pattern.format(t.year, t.week) for t in at]


def hours_in_digits(draw, count):
    return [f"{k % 24:02}00" for k in range(draw.randint(0, 20), 99)][:count]


def with_underscores(draw, count):
    return [f"{t:%Y_%m}" for t in months_from(draw, count, 1)]


READ = (
    days, months, firsts_of_months, ends_of_months, business_days, minutes, seconds, in_utc,
    with_offsets, compact_days, compact_months, years, counter, padded_counter, decimals,
    seconds_since_1970,
)  # fmt: skip
REFUSED = (
    without_offsets, quarters, quarters_in_digits, weeks, hours_in_digits, with_underscores,
    *map(written, ["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y"]),
    *(written(p, None) for p in ["%b %Y", "%m/%Y", "%Y.%m", "%m.%Y", "%m%Y"]),
    *map(written, ["%y%m%d", "%d%m%Y", "%Y%j"]),
    *(written(p, HOUR) for p in ["%H:%M", "%Y%m%dT%H%M", "%Y%m%d%H", "%d.%m.%Y %H:%M"]),
)  # fmt: skip
"""Each may go on all the same if it does so rightly, as 240105 after 240104."""


SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
FAULTS = ("gap", "repeated", "total", "empty", "several", "missing")
ENCODINGS = ("utf-8",) * 16 + ("utf-8-sig",) * 4 + ("utf-16", "cp1252", "gzip")
UNREADABLE = ("utf-16", "cp1252", "gzip")


@dataclass
class File:
    """A file, what to do with it, and what must come of it."""

    data: bytes
    command: str
    options: list
    quirks: list
    """What it is like: kind of times, order, fault, and so on."""
    ahead: list
    """The times that come next."""
    refused: bool
    """Whether it may be refused."""
    wrong: bool
    """Whether it must be refused."""
    sorted: bool
    numbered: bool


def draw_file(seed):
    """Return the file of a seed."""
    draw = random.Random(seed)
    kind = draw.choice(READ) if draw.random() < 0.7 else draw.choice(REFUSED)
    count, steps = draw.randint(12, 40), draw.randint(1, 6)
    times = kind(draw, count + steps)
    rows = [(t, f"{draw.uniform(-5, 50):.{draw.randint(1, 4)}f}") for t in times[:count]]
    order = draw.choice(("oldest first",) * 3 + ("newest first", "shuffled"))
    if order != "oldest first":
        rows = rows[::-1] if order == "newest first" else draw.sample(rows, count)
    fault = draw.choice(("none",) * 12 + FAULTS)
    if kind is without_offsets:
        fault = "none"  # without the hour that is there twice, it would be right
    rows = damaged(draw, rows, times, fault)
    numbered, encoding = draw.random() < 0.1, draw.choice(ENCODINGS)
    alone = fault != "missing" and kind not in REFUSED and not numbered and draw.random() < 0.5
    data, options, layout = laid_out(draw, kind, rows, encoding, alone)
    command = draw.choice(("forecast",) * 8 + ("backtest",) * (1 + alone) + ("fit",) * (not alone))
    if numbered:
        options.append("--rows")
        times = [str(k) for k in range(1, len(rows) + steps + 1)]
    if command != "fit":
        options += ["--steps", str(steps)]
    wrong = encoding in UNREADABLE or fault == "missing" or (fault != "none" and not numbered)
    return File(
        data=data, command=command, options=options, ahead=times[-steps:],
        quirks=[f"times {kind.__name__}", f"order {order}", f"fault {fault}", *layout],
        wrong=wrong, refused=wrong or (kind in REFUSED and not numbered),
        sorted=not numbered and [t for t, _ in rows] != times[:count], numbered=numbered,
    )  # fmt: skip


def damaged(draw, rows, times, fault):
    """Return rows with a fault."""
    at = draw.randrange(2, len(rows) - 2)
    time, value = rows[at]
    if fault == "gap":
        inner = next(row for row in rows if row[0] == times[at])
        return [row for row in rows if row is not inner]
    if fault == "repeated":
        return [*rows[:at], (draw.choice(rows)[0], "1.5"), *rows[at:]]
    if fault == "total":
        return [*rows, (draw.choice(["Total", "", "Sum", "Source: an office"]), "99.5")]
    if fault == "several":
        both = [*rows, *((t, f"9{v}".replace("9-", "-9")) for t, v in rows)]
        return both if draw.random() < 0.5 else sorted(both, key=lambda row: times.index(row[0]))
    cell = {
        "empty": ("", value),
        "missing": (time, draw.choice(["", "nan", "NA", "-", "1_000", "inf", "5 kg"])),
    }.get(fault, rows[at])
    return [*rows[:at], cell, *rows[at + 1 :]]


def laid_out(draw, kind, rows, encoding, alone):
    """Return the bytes of a file, the options that it needs, and what it looks like.

    The target needs no name if it stands alone with the time.
    """
    separator = draw.choice([*SEPARATORS])
    sign, comma = SEPARATORS[separator], separator != "comma" and draw.random() < 0.2
    target = draw.choice(["y", "größe", 'the "y", in kg', "value|x"])
    if encoding == "cp1252":
        target = "größe"
    dated = {days, months, minutes, seconds, *REFUSED[6:12]}
    columns = {
        draw.choice(["ds", "date", "Jahr", "t", ""]): [t for t, _ in rows],
        target: [v for _, v in rows],
    }
    extra = [] if alone else draw.sample(["index", "id", "x", "hour", "note"], draw.randint(0, 2))
    for name in extra:
        if name != "hour" or kind in dated:
            columns[name] = column(draw, name, len(rows))
    names = draw.sample([*columns], len(columns))
    if comma:
        columns = {
            name: [c.replace(".", ",") if name == target or kind is decimals else c for c in cells]
            for name, cells in columns.items()
        }
    options = ["--decimal", ","] * comma + ["--target", target] * (not alone)
    if draw.random() < 0.2:
        options += ["--delimiter", "tab" if separator == "tab" else sign]
    spaces = " " * draw.choice([0, 0, 0, 1, 3])
    columns = {n: [f"{spaces}{c}{spaces}" for c in cells] for n, cells in columns.items()}
    file = io.StringIO()
    quoting = draw.choice([csv.QUOTE_MINIMAL] * 3 + [csv.QUOTE_ALL])
    end = draw.choice(["\n", "\n", "\r\n", "\n\n", "\r"])
    writer = csv.writer(file, delimiter=sign, quoting=quoting, lineterminator=end)
    writer.writerows([names, *zip(*(columns[name] for name in names), strict=True)])
    text = file.getvalue()
    data = text[: len(text) - len(end) * draw.randint(0, 1)].encode(
        "utf-8" if encoding == "gzip" else encoding
    )
    layout = [f"encoding {encoding}", f"separator {separator}", f"decimal {',' if comma else '.'}"]
    layout += [f"column {name}" for name in extra] + ["spaces"] * bool(spaces)
    return gzip.compress(data) if encoding == "gzip" else data, options, layout


def column(draw, name, count):
    """Return a column that is neither time nor target."""
    return {
        "index": [str(k) for k in range(count)],
        "id": [draw.choice(["shop", "A-1", "north"])] * count,
        "x": [f"{draw.gauss(0, 1):.3f}" for _ in range(count)],
        "hour": [str(k % 24) for k in range(count)],
        "note": [draw.choice(["", "holiday", "checked, twice", "3 of 4"]) for _ in range(count)],
    }[name]


# The outcome: "right", "refused", or what is wrong.


def outcome(file, folder):
    """Return what came of a file."""
    path = Path(folder) / "file.csv"
    path.write_bytes(file.data)
    out, err = io.StringIO(), io.StringIO()
    json_too = ["--json"] if file.command != "forecast" else []
    quick = QUICK[: 4 if file.command == "fit" else None]
    if file.command == "backtest":
        quick = [*quick, "--folds", "1"]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out):
            warnings.simplefilter("error")
            with contextlib.redirect_stderr(err):
                status = main([file.command, str(path), *file.options, *quick, *json_too])
    except BaseException:
        return f"wrong: {traceback.format_exc()}"
    lines = err.getvalue().splitlines()
    moved = [line for line in lines if "the rows are sorted by" in line]
    told = [line for line in lines if not any(note in line for note in NOTES)]
    if status == 2:
        if out.getvalue() or len(told) != 1 or not told[0].startswith("xprnn: "):
            return f"wrong: refused with {out.getvalue()}{err.getvalue()}"
        return "refused" if file.refused else f"wrong: refused, {told[0]}"
    if status != 0:
        return f"wrong: status {status}, {err.getvalue()}"
    if file.wrong:
        return f"wrong: not refused, {out.getvalue()}{err.getvalue()}"
    if told or bool(moved) != file.sorted:
        return f"wrong: standard error says {err.getvalue()!r}"
    if file.command != "forecast":
        found = json.loads(out.getvalue())
        said = found.get("sorted"), found.get("numbered")
        return "right" if said == (file.sorted, file.numbered) else f"wrong: JSON says {said}"
    ahead = [next(iter(row.values())) for row in csv.DictReader(io.StringIO(out.getvalue()))]
    if instants(ahead) != instants(file.ahead):
        return f"wrong: {ahead} and not {file.ahead}"
    return "right"


def instants(texts):
    """Return times with offsets as times that compare, and others as they are."""
    if all(len(text) == 25 for text in texts):
        return [dt.datetime.fromisoformat(text) for text in texts]
    return texts


def run(count, seed):
    """Draw so many files; return the counts of outcomes by quirk, and what was wrong, by seed."""
    counts, wrong = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for k in range(seed, seed + count):
            file = draw_file(k)
            found = outcome(file, folder)
            short = found.partition(":")[0]
            for quirk in ("all", f"command {file.command}", *file.quirks):
                counts.setdefault(quirk, Counter())[short] += 1
            if short == "wrong":
                wrong[k] = found
    return counts, wrong


def command_line():
    """Run what the options say; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    counts, wrong = run(options.count, options.seed)
    print(f"{'':<36} right  refused  wrong")
    for quirk, found in sorted(counts.items()):
        print(f"{quirk:<36} {found['right']:>5} {found['refused']:>8} {found['wrong']:>6}")
    print(f"{options.count} files in {time.perf_counter() - start:.0f} s")
    for seed, why in wrong.items():
        file = draw_file(seed)
        print(f"\nseed {seed}: xprnn {file.command} {' '.join(file.options)}\n{why}")
        print(file.data[:500])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(command_line())
