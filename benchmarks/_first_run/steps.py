"""The steps of a first run: what each runs, how long it may take, what it must print."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _first_run.state import ROOT

HERE = Path(__file__).resolve().parents[1]
STANDIN = ROOT / "tests" / "cuda" / "standin"
"""Holds the package that stands for CuPy in a dry run."""

SHORT = ("core/test_sums.py", "core/test_penalties.py")
"""The numerical suite of a dry run; nox -s tests-cupy-standin has all of it."""

TIMEOUT = 120
"""Seconds of one test, after which its process is ended: a kernel can't be interrupted."""


STARTS = 10
"""Seconds in which a benchmark imports what it needs, before its clock runs."""


@dataclass(frozen=True)
class Place:
    """Where a session runs."""

    output: Path
    scratch: Path
    """A folder that is removed at the end; its `site` has what was installed."""
    dry_run: bool
    root: Path = ROOT

    @property
    def slower(self):
        """By how much the limits are longer: a CPU that plays a GPU takes its time."""
        return 4 if self.dry_run else 1

    def environment(self):
        """Return the environment of every step."""
        paths = [self.root, HERE, self.scratch / "site"]
        more = {"PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"}
        if self.dry_run:
            paths.insert(0, STANDIN)
            more["CUPY_CACHE_DIR"] = str(self.scratch / "kernels")
        if before := os.environ.get("PYTHONPATH"):
            paths.append(before)
        return {**os.environ, **more, "PYTHONPATH": os.pathsep.join(map(str, paths))}


@dataclass(frozen=True)
class Step:
    """One thing to try."""

    name: str
    about: str
    seconds: float
    """In one call."""
    command: Callable[[Place, float, list[str]], list[Any]]
    """Of the place, the seconds there are, and the files of tests that have passed. It raises
    LookupError where a tool is missing."""
    expects: tuple[str, ...]
    """Patterns, each of which a line must match; that of the first is shown as the verdict."""
    rehearsed: tuple[str, ...] | None = None
    """What a dry run must print instead."""
    forbids: tuple[str, ...] = ()
    unfinished: str | None = None
    """A line by which it was cut, and goes on at another call, whatever else became of it."""
    needs: tuple[str, ...] = ("devices",)
    always: bool = False
    """Run at every call."""
    resumes: bool = False
    """It goes on where it was cut, so it may begin with little time left."""
    least: float = 30.0
    """Seconds below which a step that resumes does not begin."""


def inspect(part):
    """Return the command of a part of `_first_run/examine.py`."""

    def command(place, seconds, files):
        dry = ["--dry-run"] if place.dry_run else []
        return [sys.executable, HERE / "_first_run/examine.py", part, place.output, *dry]

    return command


def pytest(*selected, words="cupy"):
    """Return the command that runs the tests on CuPy alone, in a few processes.

    Without files it takes all that name the fixture `place`; those that passed are left out.
    """

    def command(place, seconds, files):
        names = selected or (SHORT if place.dry_run else numerical())
        paths = [f"tests/{name}" for name in names if f"tests/{name}" not in files]
        backend = "cupy-standin" if place.dry_run else "cupy"
        return [
            sys.executable, "-m", "pytest", "--backend", backend, "-k", words, "-q",
            "-p", "_first_run.files", *workers(), *paths,
        ]  # fmt: skip

    return command


def numerical():
    """Return the files in tests/ whose tests run on a backend."""
    folder = ROOT / "tests"
    paths = sorted(folder.rglob("test_*.py"))
    found = [p for p in paths if re.search(r"\bplace\b", p.read_text(encoding="utf-8"))]
    return [p.relative_to(folder).as_posix() for p in found]


def workers():
    """Return pytest's options: processes that share a GPU, and a limit for a test."""
    found = []
    if _has("xdist"):  # each has a context of its own on the GPU, and proves kernels for itself
        found += ["-n", str(max(1, min(4, (os.cpu_count() or 1) // 2)))]
    if _has("pytest_timeout"):
        found += ["--timeout", str(TIMEOUT), "--timeout-method", "thread"]
    return found


def _has(name):
    """Whether a plug-in of pytest is installed."""
    from importlib.util import find_spec

    return find_spec(name) is not None


def sanitizer(tool):
    """Return the command that runs the exchange under a tool of compute-sanitizer."""

    def command(place, seconds, files):
        case = inspect("exchange")(place, seconds, files)
        if place.dry_run:
            return case
        return [
            compute_sanitizer(), "--tool", tool, "--error-exitcode", "9",
            "--report-api-errors", "no", *case,
        ]  # fmt: skip

    return command


def compute_sanitizer():
    """Return the path of compute-sanitizer, on the PATH or in a folder of CUDA."""
    folders = [os.environ.get(name, "") + "/bin" for name in ("CUDA_PATH", "CUDA_HOME")]
    if nvcc := shutil.which("nvcc"):
        folders += [str(Path(nvcc).parent), str(Path(nvcc).resolve().parent)]
    for path in (None, os.pathsep.join([*folders, "/usr/local/cuda/bin"])):
        if found := shutil.which("compute-sanitizer", path=path):
            return found
    raise LookupError("there is no compute-sanitizer on the PATH, beside nvcc or in CUDA_PATH")


def benchmark(name, *rehearsal):
    """Return the command of a benchmark, with the minutes that there are."""

    def command(place, seconds, files):
        dry = rehearsal if place.dry_run else ()
        minutes = f"{max(seconds - STARTS, 1) / 60:.2f}"
        script = HERE / f"{name}.py"
        return [sys.executable, script, "--output", place.output, "--minutes", minutes, *dry]

    return command


PASSED = r"^[1-9]\d* passed(, \d+ deselected)?(, \d+ warnings?)? in "
CLEAN = r"^=+ (ERROR SUMMARY: 0 errors|RACECHECK SUMMARY: 0 hazards displayed)"
EXCHANGED = r"^exchanged between 2 blocks: (?!0 )\d+ cells, forward and backward"
UNFINISHED = r"^not there yet: .*not begun(: it may take .*)?$"
WRONG = r"^(WRONG: |not there yet: .*: FAILED)"
"""Of a benchmark: there was no time for a part, and a part is not as it should be."""
UNPROVEN = r"cuda, on [^ ]*: "
"""In why a test of the kernels was skipped."""


def sanitized(tool):
    """Return a step that runs a small case under a tool."""
    return Step(
        tool, f"compute-sanitizer, {tool}, on blocks that exchange", 45, sanitizer(tool),
        expects=(CLEAN, EXCHANGED), rehearsed=(EXCHANGED,),
    )  # fmt: skip


STEPS = (
    Step(
        "devices", "devices and versions", 40, inspect("devices"), needs=(), always=True,
        expects=(r"^device: .*compute capability", r"^CuPy: \d", r"^it computes: yes"),
    ),
    Step(
        "explain", "plans, compiles and proves kernels of every kind", 60, inspect("explain"),
        expects=(r"^one launch: (\d+) of \1 cases",), forbids=(r"can't be used here",),
    ),
    Step(
        "exchange", "the test of blocks that exchange", 60,
        pytest("core/test_recurrence.py", words="cupy and exchange"), expects=(PASSED,),
        forbids=(UNPROVEN,),
    ),
    Step(
        "recurrence", "the tests of the recurrence", 110, pytest("core/test_recurrence.py"),
        expects=(r"^\d+ passed", r"^file passed: tests/core/test_recurrence.py"),
        forbids=(UNPROVEN,),
    ),
    Step(
        "suite", "the numerical suite, file by file", 240, pytest(), resumes=True,
        expects=(r"^\d+ passed", r"^file passed: "), forbids=(r"^no tests ran",),
    ),
    *map(sanitized, ("memcheck", "racecheck", "synccheck")),
    Step(
        "demo", "xprnn demo --backend cupy", 40, inspect("demo"),
        expects=(
            r"^    0\.00\d\d  on the training data", r"this network, closed loop", r"^kept .*\.png",
        ),
        rehearsed=(r"on the training data", r"this network, closed loop", r"^kept .*\.png"),
    ),
    Step(
        "epochs", "benchmarks/devices.py", 80,
        benchmark("devices", "--quick", "--only", "numpy", "cupy"), resumes=True,
        expects=(r"^cupy.*losses of .* of NumPy's", r"^wrote .*devices\.json"),
        forbids=(WRONG,), unfinished=UNFINISHED,
    ),
    Step(
        "speed", "benchmarks/gpu.py", 480, benchmark("gpu", "--dry-run"), resumes=True, least=120,
        expects=(r"^wrote .*gpu.*\.json",), forbids=(WRONG,), unfinished=UNFINISHED,
    ),
)  # fmt: skip
"""In the order of what they tell; two calls of nine minutes have room for all their limits, and
what they leave is that of the last."""
