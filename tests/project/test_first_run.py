"""The first session on a GPU machine, without one: what it calls passed, and how it goes on."""

import ast
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
SCRIPT = FOLDER / "gpu_first_run.py"


@pytest.fixture
def part(monkeypatch):
    """Return what imports a file of the script."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def script(part, tmp_path, monkeypatch):
    """Return what makes steps of Python code and runs sessions of them, in one output folder."""
    first, steps = part("gpu_first_run"), part("_first_run.steps")
    state_of, log_of = part("_first_run.state").State, part("_first_run.state").Log
    output, scratch = tmp_path / "output", tmp_path / "scratch"
    output.mkdir()
    scratch.mkdir()

    def step(name, code, **more):
        options = {"expects": ("^fine",), "needs": (), "seconds": 30.0, **more}
        command = [sys.executable, "-c", textwrap.dedent(code)]
        return steps.Step(name, "", command=lambda place, seconds, files: command, **options)

    def session(*made, code="1", minutes=1.0, **chosen):
        state = state_of(output / "gpu-first-run.json", code, True)
        place = steps.Place(output, scratch, False)
        todo = first.choose(made, state, **chosen)
        end = time.monotonic() + 60 * minutes
        waiting = first.session(todo, place, state, log_of(output / "gpu-first-run.log"), end)
        table = first.verdicts(made, state, waiting)
        return SimpleNamespace(
            begun=[one.name for one in todo if one.name not in waiting],
            found={one.name: state.verdict(one.name) for one in made},
            said={one.name: state.steps.get(one.name, {}).get("said") for one in made},
            table=table, status=first.status(made, state),
        )  # fmt: skip

    return SimpleNamespace(step=step, session=session, output=output, first=first)


def run_script(*arguments, **more):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], env=environment, capture_output=True,
        text=True,
    )  # fmt: skip


def test_a_dry_run_goes_on_where_it_stopped(tmp_path):
    if sys.platform != "linux" or shutil.which("g++") is None:
        pytest.skip("the kernels are emulated by g++ on Linux")
    dry = "--dry-run", "--output", tmp_path
    done = run_script(*dry, "--only", "explain", "memcheck")
    assert done.returncode == 3, done.stdout + done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line[:1].isalpha()}
    assert "passed" in lines["explain"]
    assert "one launch: 2 of 2 cases" in lines["explain"]
    assert "exchanged between 2 blocks: 3 cells" in lines["memcheck"]
    assert "not begun" in lines["speed"]
    assert "no GPU was used" in done.stdout
    kept = json.loads((tmp_path / "gpu-first-run.json").read_text())
    assert {"date", "device", "CuPy", "NumPy", "Python", "commit"} <= set(kept["about"])
    assert "it computes: yes" in (tmp_path / "gpu-first-run.log").read_text()

    began = kept["steps"]["explain"]["began"]
    done = run_script(*dry, "--minutes", "0.5")  # there is time for devices alone
    kept = json.loads((tmp_path / "gpu-first-run.json").read_text())
    assert kept["steps"]["explain"]["began"] == began
    assert {"explain", "memcheck", "devices"} <= set(kept["steps"])
    refused = run_script("--output", tmp_path)
    assert refused.returncode == 2
    assert "is of a dry run; give another folder" in refused.stderr


@pytest.mark.parametrize(
    ("code", "verdict", "said"),
    [
        ("print('so'); print('fine, 3 of 3'); print('bye')", "passed", "fine, 3 of 3"),
        ("", "failed", "it did not print ^fine"),
        ("print('not fine')", "failed", "it did not print ^fine"),
        ("print('fine'); raise SystemExit(3)", "failed", "exit status 3: fine"),
        ("print('fine'); print('oh, no launch')", "failed", "it printed: oh, no launch"),
        ("print('fine'); print('left: 3')", "cut", "left: 3"),
        ("print('left: 3'); raise SystemExit(1)", "cut", "left: 3"),
        ("print('no launch'); print('left: 3')", "cut", "it printed: no launch; left: 3"),
        ("import os; print('fine', flush=True); os.abort()", "failed", "exit status -6: fine"),
        ("import sys; print('fine', file=sys.stderr)", "passed", "fine"),
    ],
)
def test_a_step_passes_if_it_ends_well_and_prints_what_it_must(script, code, verdict, said):
    step = script.step("a", code, forbids=("no launch",), unfinished="^left: ")
    done = script.session(step)
    assert (done.found["a"], done.said["a"]) == (verdict, said)
    assert done.status == {"passed": 0, "failed": 1, "cut": 3}[verdict]
    assert said in done.table


def test_silence_passes_no_step(part):
    steps, run = part("_first_run.steps"), part("_first_run.run")
    for step in steps.STEPS:
        for expects in (step.expects, step.rehearsed):
            if expects is not None:
                assert run.Reader(step, expects, None, None).judge(0)[0] == "failed", step.name


@pytest.mark.parametrize(
    ("step", "line", "right"),
    [
        ("memcheck", "========= ERROR SUMMARY: 0 errors", True),
        ("memcheck", "========= ERROR SUMMARY: 10 errors", False),
        ("racecheck", "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors", True),
        ("racecheck", "========= RACECHECK SUMMARY: 20 hazards displayed (20 errors", False),
        ("exchange", "3 passed, 9 deselected in 2.20s", True),
        ("exchange", "3 skipped, 9 deselected in 2.20s", False),
        ("exchange", "2 passed, 1 skipped, 9 deselected in 2.20s", False),
        ("exchange", "1 failed, 2 passed, 9 deselected in 2.20s", False),
        ("explain", "one launch: 6 of 6 cases", True),
        ("explain", "one launch: 5 of 6 cases", False),
        ("speed", "wrote first-run/gpu.json", True),
        ("speed", "not there yet: elman: FAILED: no memory", False),
        ("speed", "not there yet: elman: not begun", False),
        ("speed", "not there yet: elman: not begun: it may take 9 s, and there are 2 s", False),
        ("demo", "    0.0048  on the training data", True),
        ("demo", "    0.0481  on the training data", False),
        ("demo", "    nan  on the training data", False),
    ],
)  # fmt: skip
def test_what_a_step_must_print(part, step, line, right):
    (one,) = (s for s in part("_first_run.steps").STEPS if s.name == step)
    reader = part("_first_run.run").Reader(one, one.expects[:1], SimpleNamespace(add=len), None)
    reader.line(line)
    assert (reader.judge(0)[0] == "passed") is right


def test_a_step_ends_at_its_limit_with_all_that_it_began(script):
    code = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
        print("child", child.pid, flush=True)
        time.sleep(99)
    """
    done = script.session(
        script.step("slow", code, seconds=1.0), script.step("next", "print('fine')")
    )
    assert done.found == {"slow": "cut", "next": "passed"}
    assert done.said["slow"].startswith("after its 1 s; its last line: child ")
    status = Path("/proc", done.said["slow"].split()[-1], "stat")
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_is_slow_to_end_is_ended(script):
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        time.sleep(99)
    """
    done = script.session(script.step("deaf", code, seconds=1.0))
    assert done.said["deaf"] == "after its 1 s; its last line: deaf"


def test_a_failed_step_stops_those_that_need_it_and_no_others(script):
    steps = [
        script.step("a", "raise SystemExit(1)"),
        script.step("b", "print('fine')", needs=("a",)),
        script.step("c", "print('fine')"),
    ]
    done = script.session(*steps)
    assert done.found == {"a": "failed", "b": "untried", "c": "passed"}
    assert done.table.splitlines()[2].split() == ["b", "not", "begun", "it", "needs", "a"]
    assert done.status == 1


def test_the_untried_come_before_the_cut_and_what_failed_waits_for_a_change(script):
    steps = [
        script.step("broken", "print('bad')"),
        script.step("long", "import time; print('on', flush=True); time.sleep(99)", seconds=0.5),
        script.step("good", "print('fine')"),
        script.step("new", "print('fine')", seconds=99.0),
    ]
    assert script.session(*steps).begun == ["broken", "long", "good"]  # no time for the last
    steps[3] = script.step("new", "print('fine')")
    assert script.session(*steps).begun == ["new", "long"]
    assert script.session(*steps).begun == ["long"]
    assert script.session(*steps, again=True).begun == ["long", "broken"]
    assert script.session(*steps, only=["good"]).begun == ["good"]
    changed = script.session(*steps, code="2")
    assert changed.begun == ["long", "broken"]
    assert "passed, of other code" in changed.table
    assert script.session(*steps, code="2", again=True).begun == ["long", "broken", "good", "new"]


def test_a_verdict_on_other_code_is_not_success(script):
    step = script.step("a", "print('fine')")
    assert script.session(step).status == 0
    assert script.session(step, code="2").status == 3
    assert script.session(step, code="2", again=True).status == 0


def test_the_code_is_known_by_its_files(part, tmp_path):
    fingerprint = part("_first_run.state").fingerprint
    for name in ("xprnn", "tests", "benchmarks/results"):
        (tmp_path / name).mkdir(parents=True)
    source, result = tmp_path / "xprnn/loop.cu", tmp_path / "benchmarks/results/gpu.json"
    source.write_text("1")
    before = fingerprint(tmp_path)
    result.write_text("{}")
    assert fingerprint(tmp_path) == before
    source.write_text("2")
    assert fingerprint(tmp_path) != before


RUNNER = """
import sys
from pathlib import Path

import gpu_first_run as first
from _first_run.steps import Step

first.fingerprint = lambda: "1"
ran, ready = Path(sys.argv[1], "ran"), Path(sys.argv[1], "ready")
ONE = f"open({str(ran)!r}, 'a').write('one '); print('fine')"
TWO = f'''
import os, sys, time
parent, files = os.getppid(), sys.argv[1:]
open({str(ran)!r}, "a").write("two" + "".join(files) + " ")
if not files:
    print("file passed: tests/test_a.py", flush=True)
    while os.getppid() == parent:
        time.sleep(0.05)
print("fine")
'''

def command(code):
    return lambda place, seconds, files: [sys.executable, "-c", code, *files]

first.STEPS = (
    Step("one", "", 20.0, command(ONE), expects=("^fine",), needs=()),
    Step("two", "", 500.0, command(TWO), expects=("^fine",), needs=("one",), resumes=True),
)
sys.exit(first.main(["--output", sys.argv[1] + "/output"]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_session_that_was_ended_goes_on(part, tmp_path, number):
    runner, kept = tmp_path / "runner.py", tmp_path / "output/gpu-first-run.json"
    runner.write_text(RUNNER)
    command = [sys.executable, runner, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3000):
            if kept.exists() and "test_a.py" in kept.read_text():
                break
            time.sleep(0.02)
        process.send_signal(number)
        said = process.communicate()[0]
    assert json.loads(kept.read_text())["steps"]["two"]["files"] == ["tests/test_a.py"]
    assert part("_first_run.state").State(kept, "1", False).verdict("two") == "cut"
    if number != signal.SIGKILL:
        assert process.returncode == 3
        assert "two   cut" in said
        assert "the session was interrupted" in said
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "ran").read_text() == "one two twotests/test_a.py "


def test_two_calls_of_nine_minutes_have_room_for_every_limit(part, tmp_path, monkeypatch):
    """Even if every step takes all its time; what goes on where it was cut is cut each time."""
    first, steps, run = (part(n) for n in ("gpu_first_run", "_first_run.steps", "_first_run.run"))
    clock, begun, place = [0.0], [], steps.Place(tmp_path, tmp_path, False)
    monkeypatch.setattr(first, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def whole(step, place, seconds, log, state):
        clock[0] += seconds
        begun.append((step.name, seconds))
        return run.Run("cut" if step.resumes else "passed", seconds, "", ("device: it",))

    monkeypatch.setattr(first, "run", whole)
    for call in (1, 2):
        state = part("_first_run.state").State(tmp_path / "state.json", "1", False)
        end = clock[0] + 60 * first.MINUTES - first.GRACE
        first.session(first.choose(steps.STEPS, state), place, state, None, end)
        assert clock[0] <= end, call
    assert {name for name, _ in begun} == {step.name for step in steps.STEPS}
    assert dict(begun)["speed"] >= 120


def test_no_more_than_eight_files_and_none_too_large(script):
    folder = script.output
    for i in range(8):
        (folder / f"{i}").write_text("")
    assert script.first.faults(folder) == []
    with (folder / "0").open("r+") as file:
        file.truncate(16 << 20)
    (folder / "8").write_text("")
    assert script.first.faults(folder) == [
        "0 has 16 MiB",
        "9 files, which is more than 8: 0, 1, 2, 3, 4, 5, 6, 7, 8",
    ]


def test_of_a_long_step_the_log_has_the_start_and_the_end(script, part):
    code = "print('first'); [print('x' * 500) for _ in range(20_000)]; print('fine')"
    for _ in range(3):
        assert script.session(script.step("a", code), only=["a"]).status == 0
    log = (script.output / "gpu-first-run.log").read_text()
    assert len(log) < 3 * (1 << 20)
    assert log.count("\nfirst\n") == log.count("\nfine\n") == 3
    assert "lines were left out" in log


def test_the_log_of_many_calls_stays_small(part, tmp_path):
    state = part("_first_run.state")
    path = tmp_path / "log"
    path.write_text("old\n" * (state.LOG_BYTES // 2))
    log = state.Log(path)
    log.begin("a")
    log.end("over")
    assert path.stat().st_size < state.LOG_BYTES
    assert path.read_text().startswith("(what came before was left out)\n")
    assert path.read_text().endswith("===== over =====\n")


def test_results_of_two_machines_do_not_mix(script):
    one, other = (
        script.step("devices", f"print('device: {n}')", expects=("^device",)) for n in "AB"
    )
    assert script.session(one, only=["devices"]).status == 0
    with pytest.raises(ValueError, match="has results of A; here is B: give another folder"):
        script.session(other, only=["devices"])
    assert script.session(one, only=["devices"]).status == 0


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_a_file_is_said_to_pass_after_its_last_test(tmp_path, workers):
    if workers:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
        workers = ("-p", "xdist", *workers)
    test = "import pytest\n\n@pytest.mark.parametrize('i', range(4))\ndef test_it(i):\n    "
    for name, body in {
        "good": "pass",
        "bad": "assert i != 2",
        "skipped": "pytest.skip('none')",
        "torn": "pass\n\n@pytest.fixture(autouse=True)\ndef end():\n    yield\n    raise OSError",
        "other": "pass",
    }.items():
        (tmp_path / f"test_{name}.py").write_text(test + body + "\n")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(FOLDER)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "_first_run.files", "-k", "not other",
         "--rootdir", tmp_path, *workers, tmp_path],
        cwd=tmp_path, env={**os.environ, **alone}, capture_output=True, text=True,
    )  # fmt: skip
    said = sorted(line for line in done.stdout.splitlines() if line.startswith("file "))
    assert said == [
        "file failed: test_bad.py, 1 times",
        "file failed: test_torn.py, 4 times",
        "file passed: test_good.py",
        "file passed: test_skipped.py",
    ]


def test_tests_start_with_what_a_bare_machine_has():
    """An import at the top of one file that fails would stop the collection of all."""
    there = {"numpy", "pytest", "hypothesis", "matplotlib", "sklearn", "joblib"}
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"xprnn", "array_api_compat"}
    for path in sorted((ROOT / "tests").glob("*.py")):
        found = set()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
        assert found <= sys.stdlib_module_names | there | own, path.name


def test_files_that_passed_are_left_out(part):
    steps = part("_first_run.steps")
    place = steps.Place(Path("out"), Path("scratch"), False)
    whole = steps.pytest()(place, 100, [])
    assert {"tests/gradients/test_gradients.py", "tests/core/test_recurrence.py"} <= set(whole)
    assert "tests/project/test_docs.py" not in whole
    rest = steps.pytest()(place, 100, ["tests/gradients/test_gradients.py"])
    assert [name for name in whole if name not in rest] == ["tests/gradients/test_gradients.py"]


def test_compute_sanitizer_is_found_beside_the_compiler(part, script, tmp_path, monkeypatch):
    steps, folder = part("_first_run.steps"), tmp_path / "bin"
    for name in ("CUDA_PATH", "CUDA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    devices = script.step("devices", "print('device: it')", expects=("^device",))
    done = script.session(devices, steps.sanitized("memcheck"))
    assert done.said["memcheck"].startswith("there is no compute-sanitizer")
    folder.mkdir()
    for path in (folder / "nvcc", folder / "compute-sanitizer"):
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tmp_path / "nvcc").symlink_to(folder / "nvcc")
    assert steps.compute_sanitizer() == str(folder / "compute-sanitizer")


def wheel(folder, name):
    """Make a small wheel."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", "VALUE = 3\n")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")
    return path  # fmt: skip


def test_only_what_is_missing_is_installed_from_the_wheels(part, tmp_path):
    pytest.importorskip("pip", reason="pip, which installs wheels, is not installed")
    carry, wheels = part("_first_run.carry"), tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "numpy")
    assert carry.install(None, tmp_path / "not") == "wheels: none were given"
    assert "nothing of" in carry.install(wheels, tmp_path / "none")
    assert not any((tmp_path / "none").iterdir())
    wheel(wheels, "carried_thing")
    said = carry.install(wheels, tmp_path / "some")
    assert said == "wheels: installed for this call: carried_thing-1.0-py3-none-any.whl"
    assert (tmp_path / "some/carried_thing.py").exists()
    assert not (tmp_path / "some/numpy.py").exists()
    (wheels / "broken_thing-1.0-py3-none-any.whl").write_text("")
    with pytest.raises(ValueError, match=r"--wheels: pip did not install them: .*broken_thing"):
        carry.install(wheels, tmp_path / "broken")


def test_what_is_carried_is_what_the_project_asks_for(part):
    named = part("_first_run.carry").requirements()
    text = (ROOT / "pyproject.toml").read_text()
    assert len(named) == 2
    assert all(f'"{line}"' in text for line in named)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--output: a folder for the results is needed"),
        (["--output", "{}", "--wheels", "{}/none"], "--wheels: there is no folder"),
        (["--output", "{}", "--minutes", "0"], "--minutes must be above 0, got 0"),
        (["--output", "{}", "--only", "nothing"], "argument --only: invalid choice: 'nothing'"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, arguments, said):
    done = run_script(*(argument.format(tmp_path) for argument in arguments))
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("module", "passes"),
    [
        ("cupy", True),
        ("cupy._core.core", True),
        ("cupyx.scipy", False),
        ("array_api_compat.cupy", False),
        ("xprnn.layers", False),
        ("tests.test_layers", False),
    ],
)
def test_only_cupy_may_use_what_is_deprecated(module, passes):
    """NumPy may deprecate what CuPy uses inside, which no line of ours can mend."""
    code = "import warnings; warnings.warn('old', DeprecationWarning)"
    with warnings.catch_warnings(record=True):
        try:
            exec(code, {"__name__": module})
        except DeprecationWarning:
            assert not passes
        else:
            assert passes
