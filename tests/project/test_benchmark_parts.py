"""A benchmark in parts: killed at any moment it loses the part under way, and keeps its time."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn

FOLDER = Path(__file__).parents[2] / "benchmarks"
CONDITIONS = {"device": {"name": "H100"}, "driver": 13000, "code": "abc"}


@pytest.fixture
def parts(monkeypatch):
    """The module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("_parts")


def read(path):
    """Return what a file has, which is JSON without NaN."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def made(parts, names, done, **more):
    """Return parts that note that they were measured."""

    def measure(name):
        done.append(name)
        return {"rows": [name]}

    return [parts.Part(n, "case", 1, lambda n=n: measure(n), **more) for n in names]


KILLED = """
import os, sys
from pathlib import Path
from _parts import Part, Run

def last():
    print("under way", flush=True)
    os._exit(9)

run = Run(Path(sys.argv[1]), {"code": "abc"})
run.go([
    Part("a", "case", 1, lambda: {"rows": [1, 2]}),
    Part("b", "case", 1, last),
    Part("c", "case", 1, lambda: {}),
])
"""


def test_a_killed_process_leaves_all_parts_but_the_one_under_way(parts, tmp_path):
    path = tmp_path / "some.json"
    folders = os.pathsep.join((str(FOLDER), str(Path(xprnn.__file__).parents[1])))
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, path],
        env={**os.environ, "PYTHONPATH": folders}, capture_output=True, text=True,
    )  # fmt: skip
    assert (dead.returncode, dead.stdout) == (9, "under way\n")
    left = read(path)
    assert left["parts"]["a"]["found"] == {"rows": [1, 2]}
    assert left["not_there_yet"] == {"b": "under way", "c": "not begun"}
    assert not left["complete"]
    done = []
    run = parts.Run(path, {"code": "abc"})
    run.go(made(parts, "abc", done))
    assert done == ["c", "b"], "what was there is taken over, what killed the process comes last"
    assert read(path)["complete"]
    assert [len(read(path)["sessions"]), read(path)["parts"]["c"]["session"]] == [2, 1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["some.json"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_ends_a_run_loses_one_part(parts, tmp_path, kind):
    path, done = tmp_path / "some.json", []

    def stop():
        raise kind

    some = made(parts, "abc", done)
    some[1] = parts.Part("b", "case", 1, stop)
    run = parts.Run(path, CONDITIONS)
    if issubclass(kind, Exception):
        run.go(some)
        assert done == ["a", "c"]
        assert run.verdict() == (
            ["not there yet: b: FAILED: MemoryError: ",
             "run it again with the same --output: it goes on where it stopped"], 1,
        )  # fmt: skip
    else:
        with pytest.raises(kind):
            run.go(some)
        assert read(path)["not_there_yet"] == {"b": "under way", "c": "not begun"}
    parts.Run(path, CONDITIONS).go(made(parts, "abc", done))
    assert sorted(done) == ["a", "b", "c"]


def test_the_file_is_whole_while_every_part_is_measured(parts, tmp_path):
    """Who has opened it before it is written anew reads what it was."""
    path, seen, opened = tmp_path / "some.json", [], []

    def look():
        seen.append(set(read(path)["parts"]))
        opened.append(path.open())
        return {"value": float("nan"), "distance": float("inf")}

    after = []
    run = parts.Run(path, CONDITIONS)
    run.go(
        [parts.Part(n, "case", 1, look) for n in "abc"],
        lambda: after.append(set(read(path)["parts"])),
    )
    assert seen == [set(), {"a"}, {"a", "b"}]
    assert after == [{"a"}, {"a", "b"}, {"a", "b", "c"}], "before the device is asked"
    for before, file in zip(seen, opened, strict=True):
        with file:
            assert set(json.load(file)["parts"]) == before
    assert read(path)["parts"]["a"]["found"] == {"value": "nan", "distance": "inf"}


def test_nothing_is_measured_twice(parts, tmp_path, capsys):
    path, done = tmp_path / "some.json", []
    for _ in range(2):
        run = parts.Run(path, CONDITIONS)
        run.go(made(parts, "abc", done))
        assert run.verdict() == ([], 0)
    assert done == ["a", "b", "c"]
    assert f"taken over from {path}: a; b; c" in capsys.readouterr().err
    assert run.found("case")["b"] == {"rows": ["b"]}


@pytest.mark.parametrize(
    "other",
    [{"device": {"name": "A100"}}, {"driver": 13010}, {"code": "abd"}, {"torch": "2.13"}],
)
def test_under_other_conditions_it_starts_anew_and_says_why(parts, tmp_path, capsys, other):
    path, done = tmp_path / "some.json", []
    parts.Run(path, CONDITIONS).go(made(parts, "ab", done))
    capsys.readouterr()
    parts.Run(path, {**CONDITIONS, **other}).go(made(parts, "ab", done))
    assert done == ["a", "b", "a", "b"]
    ((name, now),) = other.items()
    assert f"{name}: {CONDITIONS.get(name)!r} then, {now!r} now" in capsys.readouterr().err
    assert read(path)["conditions"] == {**CONDITIONS, **other}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"rows": []}', '{"conditions": 3, "parts": {}, "not_there_yet": {}}']
)
def test_a_file_of_another_kind_is_not_taken_over(parts, tmp_path, capsys, text):
    path, done = tmp_path / "some.json", []
    path.write_text(text)
    parts.Run(path, CONDITIONS).go(made(parts, "ab", done))
    assert done == ["a", "b"]
    assert "it is no unfinished benchmark" in capsys.readouterr().err
    assert read(path)["complete"]


def test_what_is_wrong_is_measured_again_and_nothing_after_it_before(parts, tmp_path):
    path, done = tmp_path / "some.json", []

    def go(found):
        check = parts.Part("check", "check", 1, lambda: found)
        run = parts.Run(path, CONDITIONS)
        run.go([check, *made(parts, "a", done, after=("check",)), *made(parts, "b", done)])
        return run

    run = go({"wrong": "1e-3 from the reference"})
    assert done == ["b"]
    assert read(path)["wrong"] == {"check": "1e-3 from the reference"}
    assert run.missing == {"a": "not begun: check: 1e-3 from the reference"}
    assert run.verdict()[1] == 1
    assert "WRONG: check: 1e-3 from the reference" in run.verdict()[0]
    assert go({}).verdict() == ([], 0)
    assert done == ["b", "a"]


def test_what_others_wait_for_keeps_its_place(parts, tmp_path):
    path, done = tmp_path / "some.json", []

    def fail():
        raise RuntimeError("no compiler")

    first = parts.Part("check", "check", 1, fail)
    some = [first, *made(parts, "a", done, after=("check",))]
    parts.Run(path, CONDITIONS).go(some)
    assert done == []
    why = "not begun: check: FAILED: RuntimeError: no compiler"
    assert read(path)["not_there_yet"]["a"] == why
    some[:1] = made(parts, ["check"], done)
    parts.Run(path, CONDITIONS).go(some)
    assert done == ["check", "a"]


def test_a_device_that_is_lost_ends_the_run(parts, tmp_path):
    done, answers = [], iter([None, "the device does not answer"])
    run = parts.Run(tmp_path / "some.json", CONDITIONS)
    run.go(made(parts, "abc", done), lambda: next(answers))
    assert done == ["a", "b"]
    assert run.missing == {"c": "not begun"}
    lines, code = run.verdict()
    assert code == 1
    assert "stopped: the device does not answer" in lines[-1]


@given(data=st.data())
def test_it_ends_in_time_and_names_what_it_left_out(parts, data):
    """Where no part takes longer than is to be expected of those before it."""
    now, begun = SimpleNamespace(time=100.0), []
    minutes = data.draw(st.floats(0, 10), "minutes")
    run = parts.Run(Path("does-not-exist"), {}, minutes, 100.0, lambda: now.time)
    run.write = lambda: None

    def measure(part):
        begun.append(part)
        now.time += data.draw(st.floats(0, run.expected(part)), "seconds")
        return {}

    some = []
    for number in range(data.draw(st.integers(0, 12), "parts")):
        kind, guess = data.draw(st.sampled_from(["case", "line"])), data.draw(st.floats(1, 120))
        part = parts.Part(str(number), kind, guess, lambda k=number: measure(some[k]))
        some.append(part)
    run.go(some)
    assert now.time <= 100 + max(60 * minutes - parts.FINISH, 0) + 1e-6
    assert {p.name for p in some} == set(run.done) | set(run.missing)
    assert set(run.done) == {p.name for p in begun}
    assert all(why.startswith("not begun: it may take ") for why in run.missing.values())
    assert run.verdict()[1] == 0
    for part in some:
        if part.name in run.missing:
            assert run.end - now.time < max(part.guess, run.expected(part))


def test_how_long_a_part_takes_is_learned_from_its_kind(parts, tmp_path):
    now = SimpleNamespace(time=0.0)

    def take(seconds):
        now.time += seconds
        return {}

    run = parts.Run(tmp_path / "some.json", CONDITIONS, 2, 0.0, lambda: now.time)
    assert run.end == 120 - parts.FINISH
    run.go([
        parts.Part("first", "case", 60, lambda: take(30)),
        parts.Part("slow", "case", 60, lambda: take(36)),
        parts.Part("none", "case", 60, lambda: take(1)),
        parts.Part("other", "line", 20, lambda: take(5)),
    ])  # fmt: skip
    assert set(run.done) == {"first", "slow", "other"}
    assert run.missing == {"none": "not begun: it may take 45 s, and there are 42 s"}


def test_other_kinds_teach_nothing(parts, tmp_path):
    run = parts.Run(tmp_path / "some.json", CONDITIONS)
    run.done["line"] = {"kind": "line", "guess": 5, "seconds": 20.0, "found": {}}
    assert run.expected(parts.Part("one", "case", 60, dict)) == 60
    assert run.expected(parts.Part("two", "line", 5, dict)) == 5 * 4 * parts.MARGIN
