"""The comparison of devices: it goes on where it stopped, and times nothing that is wrong."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ["numpy", "array_api_strict:cpu"]


@pytest.fixture
def devices(monkeypatch):
    """The script."""
    monkeypatch.syspath_prepend(str(FOLDER))
    made = importlib.import_module("devices")
    monkeypatch.setattr(made, "draw", lambda *given: None)
    return made


@pytest.fixture
def run(devices, monkeypatch, tmp_path, capsys):
    """Return what runs it: the exit code, what it wrote and what it printed."""

    def call(*options):
        given = ["--quick", "--only", "numpy", "array_api_strict", "--output", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["devices.py", *given, *options])
        code = devices.main()
        return code, json.loads((tmp_path / "devices.json").read_text()), capsys.readouterr()

    return call


def rows(report):
    """Return all rows."""
    return [row for part in report["parts"].values() for row in part["found"]["rows"]]


def test_every_size_is_checked_timed_and_compared_with_numpy(devices, run):
    code, report, said = run()
    assert code == 0
    assert report["complete"]
    assert len(rows(report)) == len(devices.QUICK_SIZES) * len(devices.DTYPES) * len(NAMES)
    for row in rows(report):
        assert row["times_numpy"] == pytest.approx(1) or row["backend"] != "numpy"
        assert row["precision"] == row["dtype"]
        assert row["loop"] in ("reference", "compiled")
    assert "array_api_strict:cpu: losses of 5 epochs within " in said.out
    assert "times faster than numpy in that dtype" in said.out


def test_it_goes_on_where_it_was_killed(devices, run, monkeypatch, tmp_path):
    honest, begun = devices.measure, []

    def ending(found, size, *more):
        begun.append(size)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return honest(found, size, *more)

    monkeypatch.setattr(devices, "measure", ending)
    with pytest.raises(KeyboardInterrupt):
        run()
    left = json.loads((tmp_path / "devices.json").read_text())
    assert len(left["parts"]) == 1
    assert [*left["not_there_yet"].values()] == ["under way"]
    code, report, said = run()
    assert code == 0
    first, second = devices.QUICK_SIZES
    assert begun == [first, second, second]
    assert "taken over from" in said.err
    assert len(report["parts"]) == 2
    run("--cell", "GRU")
    assert begun[3:] == [first, second], "another cell starts anew"


def test_where_there_is_no_time_it_says_so(run):
    code, report, said = run("--minutes", "0.1")
    assert code == 0
    assert not report["parts"]
    assert (
        "not there yet: B=1, T=20, H=8: not begun: it may take 6 s, and there are 0 s" in said.out
    )


@pytest.mark.parametrize("kind", ["value", "raising", "late"])
def test_a_backend_that_is_wrong_or_fails_is_not_timed(devices, run, kind, monkeypatch):
    losses, seconds = devices.losses, devices.seconds_an_epoch

    def bad(spec, *given):
        if spec != "numpy" and kind == "raising":
            raise RuntimeError("no driver")
        return losses(spec, *given) * (1 + 1e-6 * (spec != "numpy" and kind == "value"))

    def late(spec, size, dtype, *given):
        if spec != "numpy" and kind == "late" and dtype == "float32":
            raise RuntimeError("out of memory")
        return seconds(spec, size, dtype, *given)

    monkeypatch.setattr(devices, "losses", bad)
    monkeypatch.setattr(devices, "seconds_an_epoch", late)
    code, report, said = run()
    assert code == 1
    assert {row["backend"] for row in rows(report) if row["dtype"] == "float32"} == {"numpy"}
    assert (len(rows(report)) == 6) == (kind == "late")
    words = {
        "value": "array_api_strict:cpu: WRONG: losses 1.0e-06 from NumPy's, not 1e-09",
        "raising": "array_api_strict:cpu: FAILED: RuntimeError: no driver",
        "late": "array_api_strict:cpu: FAILED in float32: RuntimeError: out of memory",
    }
    assert all(why == words[kind] for why in report["wrong"].values())
    assert len(report["wrong"]) == 2
    assert words[kind] in said.out


def test_tf32_is_named(devices, monkeypatch):
    monkeypatch.setattr(devices, "tf32", lambda: True)
    matmul = SimpleNamespace(allow_tf32=True)
    torch = SimpleNamespace(backends=SimpleNamespace(cuda=SimpleNamespace(matmul=matmul)))
    monkeypatch.setattr(devices.importlib, "import_module", {"torch": torch}.get)
    named = "float32, products in tf32"
    assert devices.precision("cupy:0", "float32") == named
    assert devices.precision("torch:cuda:0", "float32") == named
    assert devices.precision("torch:cpu", "float32") == "float32"
    assert devices.precision("numpy", "float32") == "float32"
    assert devices.precision("cupy:0", "float64") == "float64"


def test_a_backend_without_rows_is_no_obstacle_to_the_picture(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(FOLDER))
    made = importlib.import_module("devices")
    ms = {"median": 2.0, "low": 1.0, "high": 3.0}
    some = [
        {"size": [1, 20, 8], "dtype": dtype, "backend": "numpy", "ms": ms} for dtype in made.DTYPES
    ]
    made.draw(some, NAMES, {name: {} for name in NAMES}, "Elman", tmp_path)
    assert (tmp_path / "devices.png").stat().st_size > 10_000
