"""The benchmark of the recurrence on a GPU, without one: it goes to its end, and it judges."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import xprnn
from xprnn.recurrence import REFERENCE, Unroll

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Return what imports a file of the benchmark."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return lambda name: importlib.import_module(f"_gpu_{name}")


@pytest.fixture
def ground(part, tmp_path):
    """A GPU that is none, where the reference stands for our loop."""
    made = part("ground").Rehearsal(tmp_path)
    made.launcher = None
    return made


def test_a_dry_run_goes_through_everything(tmp_path):
    pytest.importorskip("matplotlib")
    root = Path(xprnn.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, FOLDER / "gpu.py", "--dry-run", "--device", "A100", "--output", tmp_path],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "a dry run: no GPU was used" in done.stdout
    report = json.loads((tmp_path / "gpu-dry-run.json").read_text())
    assert (tmp_path / "gpu-dry-run.png").stat().st_size > 10_000
    assert report["dry_run"]
    assert not report["skipped"]
    emulated = sys.platform == "linux" and shutil.which("g++")
    assert ("emulated by g++" if emulated else "the reference stands in") in report["ground"][
        "device"
    ]
    assert max(row["distance"] for row in report["checks"]["distances"]) < 1e-5
    planned = {(row["case"], row["loop"]) for row in report["plans"]}
    for verdict in report["verdicts"]:
        assert {(verdict["case"], "forward"), (verdict["case"], "backward")} <= planned
    sides = {row["side"] for row in report["rows"]}
    assert {"xprnn", "xprnn, plain CuPy"} <= sides
    if importlib.util.find_spec("torch"):
        assert {"torch, float32", "torch, tf32, graph", "torch, float16"} <= sides
        assert max(report["torch_apart"].values()) < 1e-5
        assert {name.partition(": ")[2] for name in report["missing"]} == {"xprnn, graph"}
    assert {len(report[name]) > 0 for name in ("micro", "lines", "parts", "fit")} == {True}


def test_without_a_gpu_it_says_so(tmp_path):
    if xprnn.backend.status("cupy").usable:
        pytest.skip("there is a GPU")
    done = subprocess.run(
        [sys.executable, FOLDER / "gpu.py", "--output", tmp_path],
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--dry-run needs no GPU" in done.stderr


def wrong(kind):
    """Return the reference with a mistake."""
    count = iter(range(10**6))

    def forward(cell, params, x, state, *, mask, keep, xp):
        h, *rest = REFERENCE.forward(cell, params, x, state, mask=mask, keep=keep, xp=xp)
        if kind == "value":
            h = h * (1 + 1e-4)
        if kind == "unwritten":
            old, h = h, xp.empty(h.shape, dtype=h.dtype)
            h[:-1] = old[:-1]
        if kind == "changing":
            h = h * (1 + 1e-7 * (next(count) % 3))
        return h, *rest

    return Unroll(forward, REFERENCE.backward)


@pytest.mark.parametrize("kind", ["value", "unwritten", "changing"])
def test_a_wrong_loop_is_not_timed(part, ground, kind, monkeypatch, capsys, tmp_path):
    ground.unroll = lambda plan=None: wrong(kind)
    monkeypatch.setattr(part("checks"), "DOUBLE", 1e-6)  # so that "changing" gets to its check
    monkeypatch.setattr(part("plans"), "run", lambda device: [])
    gpu, options = importlib.import_module("gpu"), SimpleNamespace(minutes=1, output=tmp_path)
    assert gpu.report_on(ground, None, options, 0.0) == 1
    said = capsys.readouterr().err
    assert "nothing was timed" in said
    assert ("numbers changed" in said) == (kind == "changing")
    assert not list(tmp_path.glob("gpu*"))


def test_memory_is_poisoned(part):
    made = part("checks").Poisoned(np).empty((2, 3), dtype=np.float32)
    assert np.isnan(made).all()
    assert made.dtype == np.float32


def test_the_reference_passes_the_checks(part, ground):
    found = part("checks").run(ground)
    assert found["distances"][0]["distance"] == 0


def test_a_loop_that_runs_nothing_does_not_pass(part, ground):
    ground.obstacle = lambda case, dtype: "too small a device"
    with pytest.raises(part("checks").Wrong, match="ran no case: too small a device"):
        part("checks").run(ground)


def test_a_line_over_the_steps():
    """A call of 40 µs and 3 µs a step."""
    sys.path.insert(0, str(FOLDER))
    try:
        line = importlib.import_module("_gpu_measure").line
    finally:
        sys.path.remove(str(FOLDER))
    steps = np.asarray([50, 100, 400])
    found = line(steps, (40 + 3 * steps) / 1e3)
    assert found == pytest.approx({"us_a_step": 3.0, "us_a_call": 40.0})


def test_sides_take_turns_in_their_setting(part, ground):
    sides, measure = part("sides"), part("measure")
    order, inside = [], []

    class Setting:
        def __enter__(self):
            inside.append(True)

        def __exit__(self, *error):
            inside.pop()

    made = {
        name: sides.Side(lambda name=name: order.append((name, len(inside))), Setting)
        for name in "ab"
    }
    rows = measure.by_turns(ground, made, warm=2, repeats=3)
    assert order == [(n, 1) for n in ("a", "b", "a", "a", "b", "b", "a", "b", "a", "b", "a", "b")]
    assert rows["a"]["calls"] == rows["b"]["calls"] == 3
    assert rows["a"]["ms"]["median"] == pytest.approx(1)


def test_a_slow_side_is_called_less_often(part, ground):
    ticks = iter(range(1000))
    ground.clock = lambda: float(next(ticks))
    rows = part("measure").by_turns(ground, {"slow": part("sides").Side(lambda: None)}, repeats=30)
    assert rows["slow"]["calls"] == part("measure").LEAST


@pytest.mark.parametrize(
    ("torch", "verdict"), [(2.0, "MISSED"), (3.0, "met"), (4.9, "met"), (5.0, "stretch met")]
)
def test_a_missed_target_is_called_missed(part, torch, verdict):
    report, cases = part("report"), part("cases")
    case = cases.TARGETS[0].case

    def row(side, milliseconds):
        times = {"median": milliseconds, "low": milliseconds, "high": milliseconds}
        return {"case": str(case), "pass": cases.STEP, "side": side, "ms": times, "calls": 30}

    rows = [row(cases.OURS, 1.0), row("torch, float32", torch), row("torch, tf32", 0.1)]
    found = report.verdicts(rows)
    assert found[0]["verdict"] == verdict
    assert found[1]["verdict"] == "not measured"
    assert verdict in report.verdict_table(found)


def test_what_fails_is_named_and_the_rest_is_measured(part, ground, monkeypatch):
    cases, gpu = part("cases").SMALL, importlib.import_module("gpu")

    def failing(ground, case=None, **how):
        if case in (None, cases[0]):
            raise RuntimeError("out of memory")
        return [{"case": str(case)}], {}, 0.0

    monkeypatch.setattr(gpu, "measure_case", failing)
    monkeypatch.setattr(part("micro"), "run", failing)
    budget = gpu.Budget(1)
    found = gpu.measure(ground, budget)
    failed = ["ceilings, launches, rings", str(cases[0])]
    assert budget.skipped == [f"{what}: RuntimeError: out of memory" for what in failed]
    assert [row["case"] for row in found["rows"]] == [str(case) for case in cases[1:]]
    assert found["fit"]
    assert part("report").small_tables(found)


def test_another_network_is_not_compared(part, ground, monkeypatch):
    pytest.importorskip("torch")
    gpu, case = importlib.import_module("gpu"), part("cases").SMALL[0]
    monkeypatch.setattr(gpu, "check_torch", lambda ground, case: 0.1)
    rows, missing, apart = gpu.measure_case(ground, case, warm=1, repeats=2)
    assert apart == 0.1
    assert "1.0e-01 from ours" in missing[f"{case}: torch"]
    assert {row["side"] for row in rows} == {"xprnn", "xprnn, plain CuPy"}


def test_what_there_is_no_time_for_is_named(part):
    part("cases")
    gpu = importlib.import_module("gpu")
    budget = gpu.Budget(0)
    assert not budget.has("the last case")
    assert budget.run("a table", None, []) == []
    assert budget.skipped == ["the last case", "a table"]
