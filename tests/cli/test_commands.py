"""The commands on series: what they write, for people and for machines, and what they refuse."""

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xprnn
from xprnn import cells, datasets, layers
from xprnn.__main__ import main
from xprnn._cli import machine
from xprnn._cli.output import format_csv
from xprnn.forecasting import RNNForecaster
from xprnn.optimizers import Adam
from xprnn.training import Run

TRAINED = ["--steps", "2", "--calibration", "0"]
QUICK = ["--epochs", "2", "--members", "1", "--hidden-size", "3"]


@pytest.fixture
def sunspots(tmp_path):
    years, numbers = datasets.sunspots()
    return written(tmp_path / "sunspots.csv", year=years, sunspots=numbers)


@pytest.fixture
def airline(tmp_path):
    months, passengers = datasets.airline()
    return written(tmp_path / "airline.csv", month=months, passengers=passengers)


def written(path, **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def ran(capsys, *arguments):
    """Return what a command that succeeds prints."""
    status = main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out


def refused(capsys, *arguments):
    """Return the one line of a command that ends with status 2."""
    status = main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if "left out" not in line]
    assert len(lines) == 1, err
    return lines[0]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_forecast_is_that_of_the_forecaster(airline, capsys):
    """The same numbers, to the last bit, and the months that follow."""
    found = rows(ran(capsys, "forecast", airline, "--steps", 3, *QUICK, "--interval", 0.8))
    assert [row["month"] for row in found] == ["1961-01", "1961-02", "1961-03"]
    _, y = datasets.airline()
    forecaster = RNNForecaster(
        horizon=3, hidden_size=3, epochs=2, members=1,
    ).fit(y)  # fmt: skip
    for name, expected in {
        "passengers": forecaster.predict(),
        "lower": forecaster.predict_interval(0.8).lower,
        "upper": forecaster.predict_interval(0.8).upper,
    }.items():
        np.testing.assert_array_equal([float(row[name]) for row in found], expected)


def test_the_interval_is_calibrated_if_asked_for(sunspots, capsys):
    found = rows(ran(capsys, "forecast", sunspots, "--steps", 4, *QUICK, "--calibration", 5))
    forecaster = RNNForecaster(
        horizon=4, hidden_size=3, epochs=2, members=1, calibration=5,
    ).fit(datasets.sunspots()[1])  # fmt: skip
    lower, upper = forecaster.predict_interval(0.9)
    np.testing.assert_array_equal([float(row["lower"]) for row in found], lower)
    np.testing.assert_array_equal([float(row["upper"]) for row in found], upper)


@pytest.mark.parametrize(
    ("option", "value", "argument"),
    [
        ("--cell", "lstm", {"cell": "lstm"}),
        ("--lags", 7, {"lags": 7}),
        ("--differencing", 1, {"differencing": 1}),
        ("--seed", 5, {"seed": 5}),
        ("--num-layers", 2, {"num_layers": 2}),
        ("--skip", 5, {"skip": 5}),
        ("--learning-rate", 0.1, {"optimizer": Adam(0.1)}),
        ("--members", 2, {"members": 2}),
        ("--epochs", 3, {"epochs": 3}),
    ],
)
def test_every_option_reaches_the_forecaster(sunspots, capsys, option, value, argument):
    found = rows(ran(capsys, "forecast", sunspots, "--steps", 2, *QUICK, option, value))
    assert [row["year"] for row in found] == ["2009", "2010"]
    settings = {"hidden_size": 3, "epochs": 2, "members": 1, **argument}
    expected = RNNForecaster(horizon=2, **settings).fit(datasets.sunspots()[1]).predict()
    np.testing.assert_array_equal([float(row["sunspots"]) for row in found], expected)


@pytest.mark.parametrize(("name", "folds", "steps"), [("sunspots", 4, 11), ("airline", 3, 12)])
def test_the_defaults_beat_the_rules(name, folds, steps, request, capsys):
    """On the series on which they were tried."""
    path = request.getfixturevalue(name)
    found = json.loads(ran(capsys, "backtest", path, "--folds", folds, "--steps", steps, "--json"))
    ours, *others = (scores["MAE"] for scores in found["scores"].values())
    assert len(others) == 3
    assert ours < 0.8 * min(others)


def test_backtest_prints_the_table(sunspots, capsys):
    out = ran(capsys, "backtest", sunspots, "--folds", 2, "--steps", 5, *QUICK)
    assert [line[:14].strip() for line in out.splitlines()[:5]] == [
        "", "RNNForecaster", "naive", "seasonal naive", "drift",
    ]  # fmt: skip
    assert "2 fold(s) of 5 step(s), expanding window" in out


def test_the_windows_are_those_of_the_season(airline, sunspots, capsys):
    """Each fold of a backtest has its own, so that report says no number."""
    arguments = ["--steps", 4, *QUICK, "--json"]
    for path, season in ((airline, 12), (sunspots, 11)):
        report = json.loads(ran(capsys, "forecast", path, *arguments))
        assert [tuple(each.values()) for each in report["windows"]] == [
            (season, 0, True), (season, 1, False), (2 * season, 0, False),
        ]  # fmt: skip
        assert [*report["windows"][0]] == ["lags", "differencing", "center"]
        assert report["linear"] in (True, False)
    assert json.loads(ran(capsys, "backtest", airline, *arguments))["lags"] == "auto"


def test_json_says_what_csv_says(sunspots, capsys, tmp_path):
    arguments = ["forecast", sunspots, "--steps", 4, *QUICK]
    text, found = ran(capsys, *arguments), json.loads(ran(capsys, *arguments, "--json"))
    assert format_csv(found["forecast"]) == text
    assert [row["year"] for row in found["forecast"]] == [2009, 2010, 2011, 2012]
    assert (found["target"], found["time"], found["interval"]) == ("sunspots", "year", 0.9)
    assert ran(capsys, *arguments, "--output", tmp_path / "f.csv") == ""
    assert (tmp_path / "f.csv").read_text() == text


def test_a_picture(airline, capsys, tmp_path):
    picture = tmp_path / "p.png"
    ran(capsys, "forecast", airline, "--steps", 3, *QUICK, "--plot", picture)
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_odd_files(tmp_path, capsys, monkeypatch, bom):
    """A BOM, quotes, a comma in a name, text beside, blank lines, and standard input."""
    numbers = np.sin(np.arange(40)).tolist()
    lines = "\r\n\r\n".join(f'"no. 7, {k}","{number}"' for k, number in enumerate(numbers))
    data = f'{bom}"note, in words","the ""y"""\r\n{lines}\r\n'.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    found = rows(ran(capsys, "forecast", "-", "--steps", 2, *QUICK))
    assert [*found[0]] == ["row", 'the "y"', "lower", "upper"]
    assert [row["row"] for row in found] == ["41", "42"]


@pytest.mark.parametrize(
    ("delimiter", "decimal", "header", "options"),
    [
        (";", ",", "Tag;Wert, in kg", ["--decimal", ","]),
        ("\t", ".", "day\tvalue", []),
        ("|", ".", "day|value", ["--delimiter", "|"]),
        ("\t", ".", "day\tvalue", ["--delimiter", "tab"]),
        (";", ".", None, ["--no-header"]),
        (",", ".", "0,1", []),
    ],
)
def test_files_of_other_places(tmp_path, capsys, delimiter, decimal, header, options):
    """The same numbers, however they are written."""
    numbers = np.sin(np.arange(30.0))
    days = np.arange("2020-01-01", "2020-01-31", dtype="datetime64[D]")
    lines = [
        f"{day}{delimiter}{str(number).replace('.', decimal)}"
        for day, number in zip(days, numbers, strict=True)
    ]
    path = tmp_path / "f.csv"
    path.write_text("\n".join(([] if header is None else [header]) + lines))
    found = rows(ran(capsys, "forecast", path, "--steps", 2, *options, *QUICK))
    plain = written(tmp_path / "plain.csv", day=days, value=numbers)
    expected = rows(ran(capsys, "forecast", plain, "--steps", 2, *QUICK))
    assert [[*row.values()] for row in found] == [[*row.values()] for row in expected]


DAYS = [str(day) for day in np.arange("2020-01-01", "2020-01-13", dtype="datetime64[D]")]


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ([*DAYS[:3], *DAYS[4:]], "line 5 holds '2020-01-05', and the time before it is"),
        ([*DAYS[:3], *DAYS[2:]], "line 5 holds 2020-01-03 again, after line 4"),
        ([*DAYS[:6], *DAYS[:6]], "line 8 starts again at 2020-01-01 after 2020-01-06"),
        ([*DAYS, "Total"], "line 14 holds 'Total'"),
        ([f"{k:02}.02.2020" for k in range(1, 13)], "line 2 holds '01.02.2020'"),
        ([f"2020-02-{k}" for k in range(20, 32)], "line 12 holds '2020-02-30', which does not"),
        ([*range(2000, 2005), *range(2006, 2013)], "line 7 holds '2006'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["forecast", "backtest", "fit", "predict"])
def test_uneven_times_are_refused_by_every_command(tmp_path, capsys, command, days, why):
    """Unless rows are asked for; then they are counted as they stand, and JSON says so."""
    y = np.sin(range(len(days)))
    path, saved = written(tmp_path / "f.csv", day=days, y=y), tmp_path / "m.npz"
    quick = ["--epochs", 1, "--hidden-size", 2]
    arguments = {
        "forecast": [path, "--steps", 2, "--members", 1, *quick],
        "backtest": [path, "--steps", 2, "--folds", 2, "--members", 1, *quick],
        "fit": [path, "--target", "y", "--features", "y", *quick],
        "predict": [saved, path],
    }
    if command != "fit":
        plain = written(tmp_path / "plain.csv", y=y)
        ran(capsys, "fit", plain, "--target", "y", *quick, "--save", saved)
    target = ["--target", "y"] if command in ("forecast", "backtest") else []
    line = refused(capsys, command, *arguments[command], *target)
    assert line.startswith(
        "xprnn: column 'day' must hold numbers or dates, such as 2026-01-31, that"
    )
    assert why in line
    assert "--rows counts the rows in the order of the file" in line
    found = json.loads(ran(capsys, command, *arguments[command], *target, "--rows", "--json"))
    assert (found["time"], found["sorted"], found["numbered"]) == ("row", False, True)
    if command == "forecast":
        assert [row["row"] for row in found["forecast"]] == [len(days) + 1, len(days) + 2]
    if command == "predict":
        assert [row["row"] for row in found["predictions"]] == [*range(2, len(days) + 1)]


@pytest.mark.parametrize("newest", [True, False])
@pytest.mark.parametrize("times", [DAYS, [*range(2001, 2013)]], ids=["days", "years"])
def test_rows_in_another_order_are_sorted(tmp_path, capsys, rng, times, newest):
    """Every command does with them what it does with the sorted file, and says so."""
    y, a = np.sin(range(12)), rng.standard_normal(12)
    order = [*range(12)][::-1] if newest else rng.permutation(12).tolist()
    plain = written(tmp_path / "a.csv", a=a, time=times, y=y)
    moved = written(tmp_path / "b.csv", a=a[order], time=[times[i] for i in order], y=y[order])
    quick = ["--target", "y", "--epochs", 1, "--hidden-size", 2, "--json"]
    saved = tmp_path / "m.npz"
    for command, *arguments in (
        ("forecast", "--steps", 2, "--members", 1, *quick),
        ("backtest", "--steps", 2, "--folds", 2, "--members", 1, *quick),
        ("fit", "--features", "a", "--save", saved, *quick),
        ("predict", "--json"),
    ):
        given = [saved] if command == "predict" else []
        expected = json.loads(ran(capsys, command, *given, plain, *arguments))
        assert main([*map(str, (command, *given, moved, *arguments))]) == 0
        out, err = capsys.readouterr()
        assert "xprnn: the rows are sorted by 'time', the oldest first" in err
        assert json.loads(out) == {**expected, "sorted": True}
        assert (expected["time"], expected["sorted"], expected["numbered"]) == (
            "time",
            False,
            False,
        )


def test_the_picture_says_sorted_times(tmp_path, capsys, monkeypatch):
    labels = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_xticks", lambda ax, at, text: labels.extend(text))
    path = written(tmp_path / "f.csv", day=DAYS[::-1], y=np.sin(range(12)))
    ran(capsys, "forecast", path, "--steps", 2, *QUICK, "--plot", tmp_path / "p.png")
    assert labels[:2] == ["2020-01-01", "2020-01-03"]
    assert labels == sorted(labels)


@pytest.mark.parametrize(
    ("times", "ahead"),
    [
        (["202309", "202310", "202311", "202312"], [202401, 202402]),
        (["20240128", "20240129", "20240130", "20240131"], [20240201, 20240202]),
        ([f"{k:03}" for k in range(1, 24)], ["024", "025"]),
        (["8.50", "8.75", "9.00", "9.25"], [9.5, 9.75]),
        (["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11"],
         ["2024-01-12", "2024-01-15"]),
        (["2024-03-31T00:30+01:00", "2024-03-31T01:30+01:00", "2024-03-31T03:30+02:00",
          "2024-03-31T04:30+02:00"], ["2024-03-31T05:30+02:00", "2024-03-31T06:30+02:00"]),
    ],
)  # fmt: skip
def test_times_go_on_in_csv_and_json(tmp_path, capsys, times, ahead):
    path = written(tmp_path / "f.csv", t=times, y=np.cos(range(len(times))))
    arguments = ["forecast", path, "--target", "y", "--steps", 2, *QUICK, "--calibration", 0]
    found = rows(ran(capsys, *arguments))
    expected = ["9.50", "9.75"] if ahead[0] == 9.5 else [*map(str, ahead)]
    assert [row["t"] for row in found] == expected
    found = json.loads(ran(capsys, *arguments, "--json"))["forecast"]
    assert [row["t"] for row in found] == ahead


def test_a_number_that_may_be_a_date_does_not_go_on_past_its_end(tmp_path, capsys):
    path = written(tmp_path / "f.csv", t=[2000, 2100, 2200, 2300], y=[1, 4, 2, 8])
    arguments = ["forecast", path, "--target", "y", "--steps", 2, *QUICK, "--calibration", 0]
    line = refused(capsys, *arguments)
    assert "column 't' cannot be continued for 2 rows: if 2300 is a date or a time of day" in line
    assert [row["row"] for row in rows(ran(capsys, *arguments, "--rows"))] == ["5", "6"]


def test_numbers_have_digits_alone(tmp_path, capsys):
    """1_000 and Arabic digits are numbers in Python; with decimal commas a point is no sign."""
    path = tmp_path / "f.csv"
    for text, options in (("1_000", []), ("١", []), ("1.234", ["--decimal", ","])):
        path.write_text(f"y\n{text}\n" + "1\n2\n1\n4\n")
        line = refused(capsys, "forecast", path, "--steps", 2, *QUICK, *options)
        assert f"'y': line 2 holds '{text}', which is not a finite number" in line
    path.write_text("t;y\n" + "".join(f"0,{k};{k % 3},5\n" for k in range(1, 7)))
    found = ran(capsys, "forecast", path, "--target", "y", "--steps", 2, *QUICK, "--decimal", ",")
    assert [row["t"] for row in rows(found)] == ["0.7", "0.8"]


def test_one_row_with_a_date(tmp_path, capsys):
    path, saved = written(tmp_path / "f.csv", ds=["2024-01-01"], y=[1]), tmp_path / "m.npz"
    for command in ("forecast", "backtest"):
        line = refused(capsys, command, path, "--steps", 2)
        assert re.search(r"has 1 rows|must have at least 4 rows, got 1", line)
    xprnn.fit(np.arange(5.0), np.arange(5.0), epochs=1).save(saved)
    (row,) = rows(ran(capsys, "predict", saved, path))
    assert row["ds"] == "2024-01-01"


def test_two_columns_that_may_be_time_are_refused(tmp_path, capsys):
    wave = np.cos(range(9)).round(3)
    path = written(tmp_path / "f.csv", time=range(9), price=wave, volume=range(0, 90, 10))
    line = refused(capsys, "fit", path, "--target", "price")
    assert "'time' and 'volume' step evenly; --time must name the time column" in line
    assert "--features names the columns to learn from" in line
    options = "--target", "price", "--epochs", 1, "--json"
    fitted = json.loads(ran(capsys, "fit", path, *options, "--time", "time"))
    assert (fitted["time"], fitted["features"]) == ("time", ["volume"])
    fitted = json.loads(ran(capsys, "fit", path, *options, "--features", "volume"))
    assert (fitted["time"], fitted["features"]) == ("time", ["volume"])


@pytest.mark.parametrize("cell", ["", "NA", "1_000"])
@pytest.mark.parametrize("first", ["year", "x"])
def test_a_damaged_column_is_not_passed_over_for_another(first, cell, tmp_path, capsys):
    """Else the years would be forecast, as the only column of numbers."""
    other = range(2000, 2009) if first == "year" else np.cos(range(9)).round(3)
    path = written(tmp_path / "f.csv", **{first: other}, y=[1, 5, cell, 3, 8, 2, 7, 1, 4])
    for command in ("forecast", "backtest"):
        line = refused(capsys, command, path, "--steps", 2)
        assert f"only {first!r} can be used, as 'y' cannot: line 4 holds {cell!r}" in line


def test_flags_are_one_and_zero(tmp_path, capsys):
    wave = np.cos(range(9)).round(3)
    path = written(tmp_path / "f.csv", flag=["True", "False", "True"] * 3, y=wave)
    fitted = json.loads(ran(capsys, "fit", path, "--target", "y", "--epochs", 1, "--json"))
    assert fitted["features"] == ["flag"]
    path = written(tmp_path / "f.csv", flag=["True", "no", "True"] * 3, x=wave, y=wave)
    line = refused(capsys, "fit", path, "--target", "y", "--features", "flag")
    assert "line 2 holds 'True', which is not a finite number" in line


def test_the_time_is_no_feature(sunspots, airline, tmp_path, capsys):
    """The year says little of the sunspots; the number one year before says more."""

    def fitted(path, target, *options):
        found = json.loads(ran(capsys, "fit", path, "--target", target, "--json", *options))
        return found["features"], found["mean_absolute_error"]["this network"]["held_out"]

    quick = ["--epochs", 60, "--hidden-size", 8]
    default, itself, year = (
        fitted(sunspots, "sunspots", *quick, *options)
        for options in ([], ["--features", "sunspots"], ["--features", "year"])
    )
    assert default == itself
    assert default[0] == ["sunspots"]
    assert year[0] == ["year"]
    assert default[1] < 0.8 * year[1]
    years, wave = range(2000, 2009), np.cos(range(9))
    path = written(tmp_path / "f.csv", id=range(9), year=years, x=wave, y=wave**2)
    assert fitted(path, "y", "--epochs", 1)[0] == ["id", "x"]
    assert fitted(path, "y", "--epochs", 1, "--time", "id")[0] == ["year", "x"]
    assert fitted(path, "y", "--epochs", 1, "--rows")[0] == ["x"]
    named = fitted(path, "y", "--epochs", 1, "--rows", "--features", "id,year,x")
    assert named[0] == ["id", "year", "x"]
    line = refused(capsys, "fit", path, "--target", "y", "--time", "y")
    assert "--target and --time must be two columns, got 'y' twice" in line


def test_predict_leaves_out_the_time_as_fit_does(tmp_path, capsys, rng):
    years, a, y = np.arange(2000, 2020), rng.standard_normal(20), rng.standard_normal(20)
    path, saved = written(tmp_path / "f.csv", year=years, a=a, y=y), tmp_path / "m.npz"
    model = xprnn.fit(a, y, epochs=1)
    model.save(saved)
    found = rows(ran(capsys, "predict", saved, path, "--target", "y"))
    assert [row["year"] for row in found] == [*map(str, years)]
    np.testing.assert_array_equal(
        [float(row["prediction"]) for row in found], model.predict(a).ravel()
    )


def test_columns_of_our_names(tmp_path, capsys):
    path = written(tmp_path / "f.csv", upper=range(30), lower=np.sin(range(30)))
    (row,) = rows(ran(capsys, "forecast", path, "--steps", 1, *QUICK))
    assert [*row] == ["upper", "lower", "lower_", "upper_"]


def test_a_constant_goes_on(tmp_path, capsys):
    path = written(tmp_path / "c.csv", c=[3] * 20)
    found = rows(ran(capsys, "forecast", path, "--steps", 2, *QUICK))
    assert [float(row["c"]) for row in found] == pytest.approx([3, 3])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "must hold a line of column names and rows"),
        ("a\n1\n2\n", [], "must have at least 4 rows, got 2"),
        ("a\n1\n\"\"\n3\n4\n5\n", [], "'a': line 3 holds '', which is not a finite number"),
        ("1.5\n2\n3\n4\n5\n", [], "must name its columns in the first line, got 1.5; if there are"),
        ("2020-01,1.5\n2020-02,2\n", [], "in the first line, got 2020-01, 1.5"),
        ("a\n1\n\"\"\n3\n\"\"\n5\n", [], "not a finite number (2 of 5 rows hold none)"),
        ("a;b\n1,5;2,5\n1,5;2,5\n", [], "if the comma is the decimal sign, use --decimal ,"),
        ("a\n1\n2\n1\n5\n4\n", ["--decimal", "x"], "--decimal must be '.' or ',', got 'x'"),
        ("a\n1\n2\n1\n5\n4\n", ["--decimal", ";"], "--decimal must be '.' or ',', got ';'"),
        ("a\n1\n2\n1\n5\n4\n", ["--decimal", ",", "--delimiter", ","], "must differ from decimal"),
        ("a,b\nx,y\nz,w\n", [], "--target must name a numeric column; "),
        ("a,b\n1,2\n1,1\n4,2\n", [], "has 'a', 'b'"),
        ("a\n1\n2\n1\n5\n4\n", ["--target", "b"], "--target must be one of 'a', got 'b'"),
        ("a\n1\n2\n1\n5\n4\n", ["--time", "a"], "column 'a' must hold numbers or dates"),
        ("a\n1\n2\n3\n4\n5\n", ["--time", "a", "--target", "a"], "must be two columns, got 'a'"),
        ("a\n1\n2\n1\n5\n4\n", ["--lags", "9"], "column 'a' must have at least"),
        ("a\n1\n2\n1\n5\n4\n", ["--lags", "0"], "--lags must be at least 1, got 0"),
        ("a\n1\n2\n1\n5\n4\n", ["--steps", "0"], "--steps must be at least 1, got 0"),
        ("a\n1\n2\n1\n5\n4\n", ["--steps", "9" * 20], "--steps must be at most 1000000, got 99"),
        ("a\n1\n2\n1\n5\n4\n", ["--differencing", "-1"], "--differencing must be at least 0"),
        ("a\n1\n2\n1\n5\n4\n", ["--interval", "1"], "above 0 and below 1, got 1.0"),
        ("a\n1\n2\n1\n5\n4\n", ["--calibration", "-1"], "--calibration must be at least 0"),
        ("a\n1\n2\n1\n5\n4\n", ["--members", "0"], "--members must be at least 1, got 0"),
        ("a\n1\n2\n1\n5\n4\n", ["--hidden-size", "0"], "--hidden-size must be at least 1, got 0"),
        ("a\n1\n2\n1\n5\n4\n", ["--delimiter", ",,"], "--delimiter must be one character"),
        ("a\n1\n2\n1\n5\n4\n", ["--output", "none/f"], "--output: there is no folder 'none'"),
        ("a\n1\n2\n1\n5\n4\n", ["--plot", "f.pgn"], "--plot: the ending of a picture"),
        ("a\n1\n2\n1\n5\n4\n", ["--backend", "cuppy"], "--backend must be one of"),
    ],
)  # fmt: skip
def test_what_a_forecast_refuses(tmp_path, capsys, text, options, message):
    path = tmp_path / "f.csv"
    path.write_text(text)
    assert message in refused(capsys, "forecast", path, "--steps", 2, *options)


def test_a_file_in_another_code(tmp_path, capsys):
    path = tmp_path / "f.csv"
    path.write_bytes("größe\n1\n".encode("latin-1"))
    assert "must be a CSV file in UTF-8" in refused(capsys, "forecast", path, "--steps", 2)


def test_too_few_rows_for_a_backtest(airline, capsys):
    line = refused(capsys, "backtest", airline, "--steps", 30)
    assert "has 144 rows, too few for --folds 5 of --steps 30" in line


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_fit_then_predict(tmp_path, capsys, rng, cell):
    """The numbers are the model's; the columns stand in the order of the training."""
    a, b = rng.standard_normal((2, 30))
    days = np.arange("2020-01-01", "2020-01-31", dtype="datetime64[D]")
    path, saved = written(tmp_path / "f.csv", day=days, y=a - b, b=b, a=a), tmp_path / "m.npz"
    fitted = ran(
        capsys, "fit", path, "--target", "y", "--features", "a,b", "--save", saved, "--cell", cell,
        "--epochs", 3, "--json",
    )  # fmt: skip
    assert json.loads(fitted)["features"] == ["a", "b"]
    model = xprnn.load(saved)
    assert model.network.layers[0].cell == cells.get(cell)
    expected = model.predict(np.stack([a, b], axis=-1)).ravel()
    found = rows(ran(capsys, "predict", saved, path, "--features", "a,b", "--target", "y"))
    np.testing.assert_array_equal([float(row["prediction"]) for row in found], expected)
    np.testing.assert_array_equal([float(row["y"]) for row in found], a - b)
    assert [row["day"] for row in found] == [*map(str, days)]
    again = rows(ran(capsys, "predict", saved, path))
    assert again == found
    assert rows(ran(capsys, "predict", saved, path, "--features", "b,a")) == found
    later = written(tmp_path / "later.csv", b=b, more=a, a=a)
    assert [*rows(ran(capsys, "predict", saved, later))[0]] == ["row", "prediction"]


def test_predict_checks_the_names_of_the_model(tmp_path, capsys, rng):
    path, saved = written(tmp_path / "f.csv", y=rng.random(9), a=rng.random(9)), tmp_path / "m.npz"
    ran(capsys, "fit", path, "--target", "y", "--epochs", 1, "--save", saved)
    assert xprnn.load(saved).feature_names == ("a",)
    assert xprnn.load(saved).output_names == ("y",)
    other = written(tmp_path / "g.csv", y=rng.random(9), b=rng.random(9))
    for file, options, message in (
        (other, [], f"must have the column(s) that {saved} was trained on, a, but lacks a"),
        (path, ["--features", "y"], f"--features must be what {saved} was trained on, a, got y"),
        (path, ["--target", "a"], f"--target must be 'y', which {saved} was trained on, got 'a'"),
        (path, ["--features", "a,a"], "--features must name each column once"),
    ):
        assert message in refused(capsys, "predict", saved, file, *options)


def test_predict_by_a_model_without_names(tmp_path, capsys, rng):
    """The columns are those that are named, in their order."""
    a, b = rng.standard_normal((2, 30))
    path, saved = written(tmp_path / "f.csv", y=a - b, b=b, a=a), tmp_path / "m.npz"
    model = xprnn.fit(np.stack([a, b], axis=-1), a - b, epochs=2)
    model.save(saved)
    expected = model.predict(np.stack([b, a], axis=-1))
    swapped = json.loads(ran(capsys, "predict", saved, path, "--features", "b,a", "--json"))
    np.testing.assert_array_equal([p["prediction"] for p in swapped["predictions"]], expected)
    assert [p["row"] for p in swapped["predictions"]] == [*range(1, 31)]
    line = refused(capsys, "predict", saved, path)
    assert f"--features must name the 2 column(s) that {saved} was trained on, got y, b, a" in line


def test_predict_with_the_target_as_its_own_feature(airline, tmp_path, capsys):
    """The first row has none before it, so the second is the first that is predicted."""
    saved = tmp_path / "m.npz"
    ran(capsys, "fit", airline, "--target", "passengers", "--epochs", 2, "--save", saved)
    found = rows(ran(capsys, "predict", saved, airline, "--target", "passengers"))
    assert (found[0]["month"], float(found[0]["passengers"])) == ("1949-02", 118)
    expected = xprnn.load(saved).predict(datasets.airline()[1][:-1])
    np.testing.assert_array_equal([float(row["prediction"]) for row in found], expected.ravel())


def test_predict_refuses_what_gives_no_number_at_every_row(airline, tmp_path, capsys):
    x = np.zeros((4, 3, 1)) + np.arange(4).reshape(4, 1, 1)
    model = xprnn.fit(x, np.arange(4.0)[:, None], mode="many_to_one", epochs=1)
    model.save(tmp_path / "m.npz")
    assert "got 'many_to_one'" in refused(capsys, "predict", tmp_path / "m.npz", airline)
    assert "No such file" in refused(capsys, "predict", tmp_path / "none.npz", airline)
    assert "is not a model" in refused(capsys, "predict", damaged(tmp_path), airline)


def damaged(folder):
    np.savez(folder / "other.npz", a=1)
    return folder / "other.npz"


def test_check_gradients(tmp_path, capsys):
    found = json.loads(ran(capsys, "check-gradients", "--cell", "lstm", "--json"))
    assert found["ok"]
    assert {row["name"] for row in found["rows"]} >= {"params.0.U", "params.1.W", "x", "state.0.0"}
    xprnn.fit(np.zeros((3, 2)), np.zeros((3, 1)), cell="gru", epochs=1).save(tmp_path / "m.npz")
    out = ran(capsys, "check-gradients", "--model", tmp_path / "m.npz")
    assert out.splitlines()[-1] == "ok"
    assert "--backend must be one of" in refused(capsys, "check-gradients", "--backend", "cuppy")


def test_a_wrong_gradient_is_status_1(capsys, monkeypatch):
    right = layers.Dense.backward

    def wrong(*arguments, **named):
        dparams, dx, dstate = right(*arguments, **named)
        return dparams, 1.001 * dx, dstate

    monkeypatch.setattr(layers.Dense, "backward", wrong)
    assert main(["check-gradients", "--cell", "gru"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "not ok"


def test_bench(capsys, monkeypatch):
    monkeypatch.setattr(machine, "SIZES", ((4, 2),))
    monkeypatch.setattr(machine, "REPEATS", 1)
    (row,) = json.loads(ran(capsys, "bench", "--backend", "numpy", "--json"))["rows"]
    assert (row["backend"], row["hidden_size"], row["batch"]) == ("numpy", 4, 2)
    head, *lines = ran(capsys, "bench").splitlines()
    usable = [s.name for s in xprnn.backends() if s.usable and s.name != "array_api_strict"]
    assert head.split()[-1] == "ms/epoch"
    assert [line.split()[0] for line in lines] == usable


def test_backends_as_json(capsys):
    found = json.loads(ran(capsys, "backends", "--json"))["backends"]
    assert found[0]["name"] == "numpy"
    assert found[0]["usable"]


def test_parquet(airline, tmp_path, capsys):
    pd = pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("pyarrow", reason="pyarrow is in nox -s tests-torch")
    table = pd.read_csv(airline, parse_dates=["month"])
    expected = rows(ran(capsys, "forecast", airline, "--steps", 2, *QUICK))
    for frame in (table, table.set_index("month")):
        frame.to_parquet(tmp_path / "a.parquet")
        found = rows(ran(capsys, "forecast", tmp_path / "a.parquet", "--steps", 2, *QUICK))
        assert [row["month"] for row in found] == ["1961-01-01 00:00:00", "1961-02-01 00:00:00"]
        assert [row["passengers"] for row in found] == [row["passengers"] for row in expected]
    (tmp_path / "a.parquet").write_text("month\n")
    line = refused(capsys, "forecast", tmp_path / "a.parquet", "--steps", 2)
    assert "is not a Parquet file that can be read" in line


def test_parquet_without_pandas(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    (tmp_path / "a.parquet").touch()
    line = refused(capsys, "forecast", tmp_path / "a.parquet", "--steps", 2)
    assert line == "xprnn: Parquet files need pandas and pyarrow: pip install pandas pyarrow"


def test_a_reader_that_has_enough(airline):
    """As ``| head -1``: no traceback, and no message."""
    command = [sys.executable, "-m", "xprnn", "forecast", str(airline), *QUICK, *TRAINED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("command", ["forecast", "backtest", "fit"])
def test_ctrl_c_while_a_network_is_trained(airline, tmp_path, monkeypatch, capsys, command):
    """A forecast of half a training is none, nor are other folds; fit saves what there is."""
    epochs, epoch = [], Run.epoch

    def interrupt(*arguments):
        epochs.append(epoch(*arguments))
        if len(epochs) > 1:
            signal.raise_signal(signal.SIGINT)
        return epochs[-1]

    monkeypatch.setattr(Run, "epoch", interrupt)
    saved = tmp_path / "m.npz"
    options = ["--target", "passengers", "--save", saved] if command == "fit" else ["--steps", "2"]
    before = signal.getsignal(signal.SIGINT)
    assert main([command, str(airline), *map(str, options), "--epochs", "3"]) == 130
    out, err = capsys.readouterr()
    assert err == ""
    if command == "fit":
        assert "interrupted" in out
        assert xprnn.load(saved).history.ended == "interrupted"
    else:
        assert (out, len(epochs)) == ("", 2)
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupted(airline, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(RNNForecaster, "fit", interrupt)
    assert main(["forecast", str(airline), "--steps", "2"]) == 130
    assert capsys.readouterr() == ("", "")


def test_standard_input_in_a_process(airline):
    done = subprocess.run(
        [sys.executable, "-m", "xprnn", "forecast", "-", *QUICK, *TRAINED],
        input=airline.read_bytes(), capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith(b"month,passengers,lower,upper\n1961-01,")
    assert done.stderr == b""


def test_the_examples_of_the_page(sunspots, airline, tmp_path, monkeypatch, capsys):
    """Each line of the shell's blocks, in their order, but those tested elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "SIZES", ((4, 2),))
    page = (Path(__file__).parents[2] / "docs/command_line.md").read_text()
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).splitlines()
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("xprnn ")]
    with pytest.raises(SystemExit):
        main(["--help"])
    names = re.findall(r"^    ([a-z-]+)(?: |$)", capsys.readouterr().out, re.MULTILINE)
    assert {command[0] for command in commands} == {*names}
    for command in commands:
        if command[0] not in ("demo", "explore"):
            ran(capsys, *command)


@pytest.mark.parametrize("command", ["check-gradients", "bench", "demo", "explore"])
def test_a_seed_below_zero_is_refused_by_name(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, command, "--seed", -1).endswith("--seed must be at least 0, got -1")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "command",
    [
        "fit",
        "predict",
        "forecast",
        "backtest",
        "backends",
        "check-gradients",
        "bench",
        "demo",
        "explore",
    ],
)
def test_help_of_every_command(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"Example: xprnn {command}" in " ".join(capsys.readouterr().out.split())
