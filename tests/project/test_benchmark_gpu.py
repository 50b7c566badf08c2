"""The benchmark of the recurrence on a GPU, without one: it goes to its end, and it judges."""

import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import array_api_compat.numpy
import numpy as np
import pytest

import xprnn
from xprnn.kernels.cuda.device import KNOWN
from xprnn.recurrence import REFERENCE, Unroll

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks"
CHECKS = ["check of elman", "check of lstm", "check of gru"]


@pytest.fixture
def part(monkeypatch):
    """Return what imports a file of the benchmark."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return lambda name: importlib.import_module(f"_gpu.{name}")


@pytest.fixture
def gpu(part):
    """The script."""
    return importlib.import_module("gpu")


class Ground:
    """A GPU that is none: NumPy, the reference for our loop, and a clock that only counts."""

    dry, torch_device, xp, cudnn = True, "cpu", array_api_compat.numpy, None
    torch, no_torch = None, "it is left out"
    launcher = SimpleNamespace(device=lambda: KNOWN["H100"])

    def __init__(self):
        ticks = itertools.count()
        self.clock = lambda: 1e-3 * next(ticks)

    def unroll(self, plan=None):
        return REFERENCE

    def obstacle(self, case, dtype):
        return None

    alive = wait = lambda self: None

    def loads(self, case, dtype):
        return [{"case": str(case), "dtype": dtype, "loop": "forward",
                 "load_seconds": 0.5, "compiled": True}]  # fmt: skip

    def empty_launch(self):
        return lambda: None

    def about(self):
        return {"device": "none"}


class WithTorch(Ground):
    """The same, with torch on the CPU."""

    no_torch = None

    def __init__(self):
        super().__init__()
        self.torch = pytest.importorskip("torch")


@pytest.fixture
def ground():
    """As `Ground`."""
    return Ground()


@pytest.fixture
def report(gpu, monkeypatch, tmp_path, capsys):
    """Return what runs all of the benchmark: the exit code, what it wrote and what it printed."""
    monkeypatch.setattr(importlib.import_module("_gpu.plans"), "run", lambda device: [])
    monkeypatch.setattr(importlib.import_module("_gpu.report"), "draw", lambda *given: None)

    def run(ground, minutes=60):
        options = SimpleNamespace(minutes=minutes, output=tmp_path)
        code = gpu.report_on(ground, KNOWN["H100"], options, None)
        return code, json.loads((tmp_path / "gpu-dry-run.json").read_text()), capsys.readouterr()

    return run


def rows(report, kind="case"):
    """Return the rows of all parts of a kind."""
    return [
        row
        for part in report["parts"].values()
        if part["kind"] == kind
        for row in part["found"].get("rows", [])
    ]


def python(*arguments, **environment):
    """Run Python with the library and the benchmarks."""
    folders = [str(FOLDER), str(Path(xprnn.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    kept = {name: value for name, value in os.environ.items() if "TF32" not in name}
    more = {"PYTHONPATH": os.pathsep.join(filter(None, folders)), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**kept, **more, **environment}, cwd=FOLDER.parent, capture_output=True, text=True,
    )  # fmt: skip


def script(*options):
    """Run the benchmark."""
    return python(FOLDER / "gpu.py", *options)


def test_a_dry_run_goes_through_everything_and_is_taken_over(tmp_path):
    pytest.importorskip("matplotlib")
    if sys.platform != "linux" or not shutil.which("g++"):
        pytest.skip("what stands in for CuPy takes Linux and g++")
    options = ["--dry-run", "--device", "A100", "--output", tmp_path]
    done = script(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    loud = "A DRY RUN: no GPU was used, and no time here means anything"
    assert done.stdout.endswith(f"\n{loud}\n")
    assert done.stderr.startswith(loud)
    report = json.loads((tmp_path / "gpu-dry-run.json").read_text())
    assert (tmp_path / "gpu-dry-run.png").stat().st_size > 10_000
    assert report["complete"]
    assert report["conditions"]["dry_run"]
    assert list(report["parts"])[:3] == CHECKS
    distances = [row["distance"] for row in rows(report, "check") if "distance" in row]
    assert len(distances) == 6
    assert 0 < max(distances) < 1e-5, "the kernels ran, and not the reference"
    planned = {(r["case"], r["dtype"], r["loop"]) for r in rows(report, "plans")}
    case = "elman, T=200, B=1, H=1024", "float32"
    assert {(*case, "forward"), (*case, "backward")} <= planned
    sides = {row["side"] for row in rows(report)}
    assert {"xprnn, float32", "xprnn, plain CuPy, float32"} <= sides
    trainings = {row["side"] for row in rows(report, "training")}
    found = [part["found"] for part in report["parts"].values()]
    missing = {what.partition(": ")[2] for one in found for what in one.get("missing", {})}
    if importlib.util.find_spec("torch"):
        assert {"torch, float32", "torch, tf32, graph", "torch, float16"} <= sides
        assert trainings == {"fit, float32", "torch, float32", "torch, tf32"}
        assert max(one["torch_apart"] for one in found if "torch_apart" in one) < 1e-5
        assert missing == {"xprnn, float32, graph"}
    assert {part["kind"] for part in report["parts"].values()} == {
        "check", "case", "training", "micro", "parts", "line", "plans"
    }  # fmt: skip
    again = script(*options)
    assert again.returncode == 0, again.stderr
    assert "taken over from" in again.stderr
    assert json.loads((tmp_path / "gpu-dry-run.json").read_text())["parts"] == report["parts"]
    assert again.stdout == done.stdout


def test_without_a_gpu_it_says_so(tmp_path):
    if xprnn.backend.status("cupy").usable:
        pytest.skip("there is a GPU")
    done = script("--output", tmp_path)
    assert done.returncode == 2
    assert "--dry-run needs no GPU" in done.stderr


def wrong(kind, cells=("Elman", "LSTM", "GRU")):
    """Return the reference with a mistake in some cells."""
    count = iter(range(10**6))

    def forward(cell, params, x, state, *, mask, keep, xp):
        h, *rest = REFERENCE.forward(cell, params, x, state, mask=mask, keep=keep, xp=xp)
        if type(cell).__name__ not in cells:
            return h, *rest
        if kind == "value":
            h = h * (1 + 1e-4)
        if kind == "unwritten":
            old, h = h, xp.empty(h.shape, dtype=h.dtype)
            h[:-1] = old[:-1]
        if kind == "changing":
            h = h * (1 + 1e-7 * (next(count) % 3))
        if kind == "raising":
            raise RuntimeError("CUDA_ERROR_LAUNCH_FAILED\nand more")
        return h, *rest

    return Unroll(forward, REFERENCE.backward)


@pytest.mark.parametrize("kind", ["value", "unwritten", "changing", "raising"])
def test_a_wrong_loop_is_not_timed(part, ground, report, kind, monkeypatch):
    ground.unroll = lambda plan=None: wrong(kind)
    loose = {"float64": 1e-6, "float32": 1e-4}  # so that "changing" gets to its check
    monkeypatch.setattr(part("checks"), "LIMITS", loose)
    code, found, said = report(ground)
    assert code == 1
    assert list(found["parts"]) == [*CHECKS, "plans"], "nothing is timed"
    assert set(found["wrong"]) == set(CHECKS)
    verdicts = {row["verdict"].partition(":")[0] for row in rows(found, "check")}
    assert verdicts <= {"WRONG", "right", "FAILED"}
    if kind != "unwritten":  # which may change, or not
        assert ("numbers changed in 3 repetitions" in said.out) == (kind == "changing")
    if kind == "raising":
        assert "FAILED: RuntimeError: CUDA_ERROR_LAUNCH_FAILED" in said.out
    assert "not there yet: elman, T=4, B=1, H=5: not begun: check of elman: " in said.out


def test_what_is_right_is_timed_beside_what_is_wrong(ground, report):
    ground.unroll = lambda plan=None: wrong("value", cells=("LSTM",))
    code, found, _ = report(ground)
    assert code == 1
    assert list(found["wrong"]) == ["check of lstm"]
    assert {row["case"].partition(",")[0] for row in rows(found)} == {"elman", "gru"}


@pytest.mark.parametrize("where", ["obstacle", "unroll", "reference"])
def test_a_check_that_fails_is_a_verdict(part, ground, report, where, monkeypatch):
    """G8: what a planner, a compiler or a driver raises, wherever it does."""

    def fail(*given, **more):
        raise RuntimeError("nvrtc: error: invalid option")

    if where == "reference":
        monkeypatch.setattr(part("checks"), "REFERENCE", Unroll(fail, fail))
    else:
        setattr(ground, where, fail)
    code, found, said = report(ground)
    assert code == 1
    failed = [row["verdict"] for row in rows(found, "check") if row["verdict"] != "right"]
    assert set(failed) == {"FAILED: RuntimeError: nvrtc: error: invalid option"}
    assert list(found["parts"]) == [*CHECKS, "plans"]
    assert "Traceback" not in said.out + said.err


def test_other_code_is_not_taken_over(gpu, ground, report, monkeypatch):
    digest = gpu.code("gpu.py", "_gpu/*.py")
    assert digest == gpu.code("gpu.py", "_gpu/*.py") != gpu.code("devices.py")
    found = report(ground)[1]
    assert found["conditions"]["code"] == digest
    monkeypatch.setattr(gpu, "code", lambda *scripts: "other")
    said = report(ground)[2].err
    assert f"code: {digest!r} then, 'other' now" in said
    assert "taken over from" not in said


def test_memory_is_poisoned(part):
    made = part("checks").Poisoned(np).empty((2, 3), dtype=np.float32)
    assert np.isnan(made).all()
    assert made.dtype == np.float32


def test_the_reference_passes_the_checks(part, ground):
    found = part("checks").run(ground, "lstm")
    assert "wrong" not in found
    assert [row["verdict"] for row in found["rows"]] == ["right"] * 3
    assert found["rows"][0]["distance"] == 0


def test_a_loop_that_runs_nothing_does_not_pass(part, ground):
    ground.obstacle = lambda case, dtype: "too small a device"
    found = part("checks").run(ground, "elman")
    assert found["wrong"] == "our loop ran no case: not run: too small a device"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_ended_goes_on_where_it_stopped(gpu, ground, report, kind, monkeypatch):
    honest, begun = gpu.measure_case, []

    def ending(ground, case, **how):
        begun.append(str(case))
        if len(begun) == 2:
            raise kind
        return honest(ground, case, **how)

    monkeypatch.setattr(gpu, "measure_case", ending)
    with pytest.raises(kind):
        report(ground)
    code, found, _ = report(ground)
    assert code == 0
    assert found["complete"]
    first, second, third = begun[:3]
    assert begun == [first, second, third, second], "the one that ended it comes last"
    assert len(found["sessions"]) == 2


def test_where_there_is_no_time_it_says_what_is_missing(ground, report):
    code, found, said = report(ground, minutes=0)
    assert code == 0
    assert not found["parts"]
    assert list(found["not_there_yet"])[:4] == [*CHECKS, "elman, T=4, B=1, H=5"]
    assert "not begun: it may take 15 s, and there are 0 s" in said.out
    assert report(ground)[1]["complete"]


def test_a_line_over_the_steps():
    """A call of 40 µs and 3 µs a step."""
    sys.path.insert(0, str(FOLDER))
    try:
        line = importlib.import_module("_gpu.measure").line
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
    rows, failed = measure.by_turns(ground, made, warm=2, repeats=3)
    assert not failed
    assert order == [(n, 1) for n in ("a", "b", "a", "a", "b", "b", "a", "b", "a", "b", "a", "b")]
    assert rows["a"]["calls"] == rows["b"]["calls"] == 3
    assert rows["a"]["ms"]["median"] == pytest.approx(1)


def test_a_slow_side_is_called_less_often(part, ground):
    ticks = iter(range(1000))
    ground.clock = lambda: float(next(ticks))
    slow = {"slow": part("sides").Side(lambda: None)}
    rows, _ = part("measure").by_turns(ground, slow, repeats=30)
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


def test_what_fails_is_named_and_the_rest_is_measured(gpu, part, ground, report, monkeypatch):
    cases, honest = part("cases").SMALL, gpu.measure_case

    def failing(ground, case=None, **how):
        if case in (None, cases[0]):
            raise RuntimeError("out of memory")
        return honest(ground, case, **how)

    monkeypatch.setattr(gpu, "measure_case", failing)
    monkeypatch.setattr(part("micro"), "run", failing)
    code, found, said = report(ground)
    assert code == 1
    failed = "FAILED: RuntimeError: out of memory"
    assert found["not_there_yet"] == {
        str(cases[0]): failed, "ceilings, launches, rings": failed
    }  # fmt: skip
    assert f"not there yet: {cases[0]}: {failed}" in said.out
    assert {row["case"] for row in rows(found)} == {str(case) for case in cases[1:]}
    assert rows(found, "training")


@pytest.mark.parametrize("late", [False, True])
def test_a_side_that_fails_does_not_cost_the_others(part, ground, late):
    count = itertools.count()

    def fail():
        if not late or next(count) == 4:
            raise RuntimeError("cuDNN: EXECUTION_FAILED\nmore")

    sides = {"good": part("sides").Side(lambda: None), "bad": part("sides").Side(fail)}
    found, failed = part("measure").by_turns(ground, sides, warm=2, repeats=6)
    assert failed == {"bad": "FAILED: RuntimeError: cuDNN: EXECUTION_FAILED"}
    assert list(found) == ["good"]
    assert found["good"]["calls"] == 6


@pytest.mark.parametrize(("name", "code"), [("xprnn, float32", 1), ("torch, tf32", 0)])
def test_that_a_side_of_ours_fails_is_wrong(gpu, part, ground, report, name, code, monkeypatch):
    def fail():
        raise RuntimeError("a wait went on for too long")

    side = part("sides").Side
    monkeypatch.setattr(gpu, "sides", lambda *given: ({name: side(fail), "b": side(list)}, {}))
    found = report(ground)
    assert found[0] == code
    assert bool(found[1]["wrong"]) == bool(code)
    said = f"elman, T=4, B=1, H=5, forward: {name}: FAILED: RuntimeError: a wait went on"
    assert said in found[2].out
    assert {row["side"] for row in rows(found[1])} == {"b"}


def test_another_network_is_not_compared(gpu, part, report, monkeypatch):
    ground = WithTorch()
    monkeypatch.setattr(gpu, "check_torch", lambda ground, case: 0.1)
    code, found, _ = report(ground)
    assert code == 1
    why = "torch's output is 1.0e-01 from ours, not 0.001"
    assert found["wrong"] == {str(case): why for case in part("cases").SMALL}
    assert {row["side"] for row in rows(found)} == {"xprnn, float32", "xprnn, plain CuPy, float32"}


def test_a_torch_that_raises_costs_only_its_own_rows(gpu, part, report, monkeypatch):
    ground = WithTorch()

    def fail(*given):
        raise RuntimeError("CUDNN_STATUS_NOT_INITIALIZED")

    monkeypatch.setattr(part("sides").Torch, "__init__", fail)
    monkeypatch.setattr(part("fit"), "in_tf32", fail)
    code, found, said = report(ground)
    assert code == 0
    assert {row["side"] for row in rows(found)} == {"xprnn, float32", "xprnn, plain CuPy, float32"}
    assert [row["side"] for row in rows(found, "training")] == [
        "fit, float32, by the reference loop"
    ]
    assert "torch: FAILED: RuntimeError: CUDNN_STATUS_NOT_INITIALIZED" in said.out


@pytest.mark.parametrize(("precision", "allowed"), [("float32", False), ("tf32", True)])
def test_a_training_of_torch_has_the_precision_of_its_name(part, precision, allowed, monkeypatch):
    """G6: cuDNN's RNNs have TF32 unless it is forbidden."""
    ground = WithTorch()
    torch, seen = ground.torch, []
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    honest = torch.nn.RNN.forward

    def forward(*given):
        seen.append((cudnn.allow_tf32, matmul.allow_tf32))
        return honest(*given)

    monkeypatch.setattr(torch.nn.RNN, "forward", forward)
    before = cudnn.allow_tf32, matmul.allow_tf32
    loss = part("fit").theirs(ground, part("fit").SMALL[0], precision)(3)
    assert seen == [(allowed, allowed)] * 3
    assert (cudnn.allow_tf32, matmul.allow_tf32) == before
    assert loss == pytest.approx(part("fit").ours(ground, part("fit").SMALL[0])(3), rel=1e-5)


def test_trainings_name_their_precisions(part):
    ground = WithTorch()
    ground.cudnn = 9, 10, 2
    found = part("fit").run(ground, part("fit").SMALL[0])
    assert {row["side"]: row.get("cudnn") for row in found["rows"]} == {
        "fit, float32, by the reference loop": None,
        "torch, float32": "9.10.2",
        "torch, tf32": "9.10.2",
    }
    for row, taken in zip(found["rows"], (2.0, 3.0, 1.0), strict=True):
        row["ms_an_epoch"] = [taken]
    found["rows"][0]["side"] = "fit, float32"
    head, _, *lines = part("report").fit_table(found["rows"]).splitlines()
    assert "over fit, float32" in head
    assert [line.split()[-2] for line in lines] == ["1.00", "1.50", "0.50"]


@pytest.mark.parametrize(
    ("cudnn", "why"),
    [
        ((9, 12, 1), "torch has bfloat16 RNNs of cuDNN from 9.13 on, and this is 9.12.1"),
        ((9, 13, 0), None),
        (None, None),
    ],
)
def test_a_side_that_cudnn_does_not_have_says_so(part, cudnn, why):
    ground, case = WithTorch(), part("cases").SMALL[0]
    ground.cudnn = cudnn
    found, missing = part("sides").sides(ground, case, "forward")
    assert missing.get("torch, bfloat16") == why
    assert ("torch, bfloat16" in found) == (why is None)
    version = ".".join(map(str, cudnn)) if cudnn else "none"
    assert {s.about.get("cudnn") for n, s in found.items() if "torch" in n} == {version}
    assert not any(s.about for n, s in found.items() if "torch" not in n)


def test_tf32_that_is_forbidden_is_not_measured(part, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    found, missing = part("sides").sides(WithTorch(), part("cases").SMALL[0], "forward")
    assert missing["torch, tf32"] == "NVIDIA_TF32_OVERRIDE=0 forbids it"
    assert "torch, tf32" not in found


@pytest.mark.parametrize(("number", "version"), [(91002, (9, 10, 2)), (8902, (8, 9, 2))])
def test_the_version_of_cudnn(part, number, version):
    torch = SimpleNamespace(backends=SimpleNamespace(cudnn=SimpleNamespace(version=lambda: number)))
    assert part("ground").Gpu.cudnn.fget(SimpleNamespace(dry=False, torch=torch)) == version


LABELS = """
import _gpu.checks, _gpu.report
from _gpu.cases import FIT, OURS, PLAIN, STEP, TARGETS
ms = {"median": 1.0, "low": 1.0, "high": 1.0}
rows = [
    {"case": str(TARGETS[0].case), "pass": STEP, "side": s, "ms": ms, "calls": 5}
    for s in (OURS, "torch, float32")
]
print(OURS, FIT, PLAIN, _gpu.report.verdicts(rows)[0]["verdict"], sep=" | ")
print(f"over {OURS}" in _gpu.report.times(rows))
"""


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({}, "xprnn, float32 | fit, float32 | xprnn, plain CuPy, float32 | MISSED"),
        ({"CUPY_TF32": "1"},
         "xprnn, float32 with products outside the loop in tf32 | "
         "fit, float32 with products outside the loop in tf32 | "
         "xprnn, plain CuPy, tf32 | not measured"),
        ({"CUPY_TF32": "1", "NVIDIA_TF32_OVERRIDE": "0"},
         "xprnn, float32 | fit, float32 | xprnn, plain CuPy, float32 | MISSED"),
    ],
)  # fmt: skip
def test_labels_name_what_cupy_computes_in(given, labels):
    done = python("-c", LABELS, **given)
    assert done.stdout.splitlines() == [labels, "True"], done.stderr


def test_every_ratio_names_both_precisions(part):
    cases, report = part("cases"), part("report")
    head = report.verdict_table(report.verdicts([])).splitlines()[0]
    assert "xprnn, float32" in head
    assert "times faster than torch, float32" in head
    assert "than torch, float32, graph" in head
    assert all(side.startswith("torch, ") for side in map("torch, {}".format, cases.PRECISIONS))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise ModuleNotFoundError", "it is not installed"),
        ("raise OSError('no libcudart.so.13')", "it can't be imported: OSError: no libcudart"),
        ("class cuda: is_available = lambda: False\n__version__ = '2.13'", "torch 2.13 finds no"),
    ],
)
def test_why_there_is_no_torch(part, text, why, monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch", None)
    del sys.modules["torch"]
    found, said = part("ground").torch_for("cuda")
    assert found is None
    assert said.startswith(why)


def test_a_program_is_loaded_once_and_timed(part, monkeypatch, tmp_path):
    ground, ticks, loaded = part("ground"), itertools.count(), []
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path))

    def load(self, program):
        loaded.append(program)
        if program == "new":
            (tmp_path / "some.cubin").touch()
        return program.upper()

    monkeypatch.setattr(ground.CuPy, "load", load)
    launcher = ground.Timed(lambda: float(next(ticks)))
    assert [launcher.load(p) for p in ("new", "old", "new")] == ["NEW", "OLD", "NEW"]
    assert launcher.loads == {
        "new": {"load_seconds": 1.0, "compiled": True},
        "old": {"load_seconds": 1.0, "compiled": False},
    }
    assert next(ticks) == 4
