"""What compiles the loops, and where that is kept: faults of compilers, disks and other users."""

import contextlib
import ctypes
import errno
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import xprnn
from xprnn import kernels, losses, recurrence, tree, value_and_grad
from xprnn.cells import GRU, LSTM, Elman
from xprnn.kernels import compiled, compiler, store
from xprnn.kernels.proof import TOLERANCES, measure_difference
from xprnn.kernels.workers import Workers
from xprnn.layers import Dense, Recurrent, Stack

CELLS = {1: Elman(), 3: GRU(), 4: LSTM()}
DTYPES = ("float32", "float64")
SHAPES = {"x": (1, 1, 1), "U": (1, 1)}

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other access rights")


def is_right(cell, dtype="float64", loop=compiled.COMPILED):
    return measure_difference(loop, cell, 5, 3, np.dtype(dtype), xp=np) <= TOLERANCES[dtype]


def example(cell="lstm", dtype="float64"):
    """Return the loss and the gradients of a small network."""
    network, rng = Stack((Recurrent(4, cell), Dense(1))), np.random.default_rng(0)
    params = tree.map(lambda a: a.astype(dtype), network.init(rng, 1)[0])
    x = rng.standard_normal((5, 2, 1)).astype(dtype)
    value, grads, _ = value_and_grad(network, losses.HalfMSE(), params, x, x, xp=np)
    return tree.flatten({"value": np.asarray(value), "grads": grads})


def loop_of(cell, dtype=np.float64):
    return kernels.lookup(cell, np, SHAPES, dtype)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "xprnn"


@contextlib.contextmanager
def one_warning(match):
    with pytest.warns(RuntimeWarning, match=match) as told:
        yield
    assert len(told) == 1, [str(one.message) for one in told]


def libraries(folder):
    """Return the names of what is in a folder, which has libraries alone."""
    names = sorted(path.name for path in folder.iterdir())
    assert all(name.endswith(".so") for name in names), names
    return names


@pytest.fixture
def gcc():
    """Return the command that compiles what the tests compile."""
    return shlex.join(compiler.find_compiler())


@pytest.fixture
def script(tmp_path):
    """Return what writes a compiler of one's own, and gives its path."""
    if os.name == "nt":
        pytest.skip("it is a shell script")

    def write(text):
        path = tmp_path / "compiler"
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o700)
        return str(path)

    return write


def leave_alone(monkeypatch):
    """Leave ``CC`` as the only compiler."""
    find = importlib.util.find_spec
    monkeypatch.setattr(compiler, "ON_PATH", ())
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ziglang" else find(name, *a)
    )


@pytest.fixture
def alone(gcc, monkeypatch):
    """Leave ``CC`` as the only compiler, once it is known which there was."""
    leave_alone(monkeypatch)


@pytest.fixture
def quick(monkeypatch):
    """Compile quickly what may run slowly."""
    monkeypatch.setattr(compiler, "FLAGS", (*compiler.FLAGS, "-O0"))


SOURCE = """
int answer(void) { return NUMBER; }
"""


@pytest.fixture
def source(tmp_path):
    """Return a small source, which is compiled quickly."""
    path = tmp_path / "source" / "small.c"
    path.parent.mkdir()
    path.write_text(SOURCE, encoding="utf-8")
    return path


# What is kept


def test_what_was_compiled_is_used_again(compilations, fresh, folder):
    assert is_right(LSTM())
    assert len(compilations) == len(libraries(folder)) == 1
    fresh()
    assert is_right(LSTM())
    assert len(compilations) == 1


def test_another_source_or_macro_or_flag_or_processor_or_compiler_is_compiled_anew(
    compilations, fresh, monkeypatch, source, folder, gcc
):
    compiler.build(source, NUMBER=1)
    compiler.build(source, NUMBER=2)
    copy = source.parent.parent / "copy"
    shutil.copytree(source.parent, copy)
    compiler.build(copy / "small.c", NUMBER=1)
    assert len(libraries(folder)) == 2  # the same text
    (copy / "other.h").write_text("/* it may be included */\n")
    changes = [
        lambda: monkeypatch.setattr(compiler, "FLAGS", (*compiler.FLAGS, "-O1")),
        lambda: monkeypatch.setattr(compiler, "_describe_processor", lambda: ["another"]),
        lambda: monkeypatch.setenv("CC", f"{gcc} -DANYTHING"),
    ]
    for number, change in enumerate([lambda: None, *changes], start=3):
        change()
        fresh()
        assert compiler.build(copy / "small.c", NUMBER=1).answer() == 1
        assert len(libraries(folder)) == len(compilations) == number


def test_the_processor_is_told_by_what_it_can_do():
    """Whatever the system; the same each time, and without what changes from second to second."""
    about = compiler._describe_processor.__wrapped__()
    assert about == compiler._describe_processor.__wrapped__()
    assert len(about) > 3
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        assert any(line.startswith("flags") for line in about)
        assert not any("MHz" in line for line in about)


def cut(content):
    """Return a library as a full or broken disk leaves it."""
    size = len(content)
    for end in (0, 1, 64, size // 4, size // 2, size - size // 8, size - 1):
        yield content[:end]
    yield content[: size // 2] + bytes([content[size // 2] ^ 1]) + content[size // 2 + 1 :]
    yield b"not a library"


LOAD = """
import os, sys, warnings
from pathlib import Path
from xprnn.kernels import compiler
warnings.simplefilter("error")
source, *places = sys.argv[1:]
for place in places:
    os.environ["XDG_CACHE_HOME"] = place
    compiler.build.cache_clear()
    assert compiler.build(Path(source), NUMBER=7).answer() == 7
"""


def python(code, *arguments, **environment):
    """Start a Python of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process):
    """Wait for it; raise what it raised."""
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_a_library_that_was_damaged_is_compiled_anew_once(
    compilations, fresh, source, folder, monkeypatch
):
    """Whatever is left of it. To load such a thing may end the process."""
    compiler.build(source, NUMBER=7)
    (name,) = libraries(folder)
    places = []
    for number, damaged in enumerate(cut((folder / name).read_bytes())):
        places.append(folder.parent / str(number))  # one that was loaded is not read again
        path = places[-1] / "xprnn" / name
        path.parent.mkdir(parents=True, mode=0o700)
        path.write_bytes(damaged)
        path.chmod(0o700)
    finish(python(LOAD, source, *places))
    for place in places:
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        fresh()
        assert compiler.build(source, NUMBER=7).answer() == 7
        assert len(libraries(place / "xprnn")) == 1
    assert len(compilations) == 1  # here; the others were compiled by the other process


def test_a_library_is_on_the_disk_before_it_has_its_name(compilations, source, folder, monkeypatch):
    seen, sync, replace = [], os.fsync, Path.replace

    def watched_sync(file):
        seen.append(stat.S_ISDIR(os.fstat(file).st_mode))
        sync(file)

    def watched_replace(self, other):
        seen.append("renamed")
        return replace(self, other)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    compiler.build(source, NUMBER=1)
    assert seen[:2] == [False, "renamed"]
    if os.name != "nt":
        assert seen[2:] == [True]


KILLED = """
import sys
from pathlib import Path
from xprnn.kernels import compiler
compiler.build(Path(sys.argv[1]), NUMBER=1)
"""


def test_what_a_killed_process_left_is_removed_later(
    compilations, fresh, source, folder, script, tmp_path
):
    """Not what another one may be at."""
    slow = script(f'touch "{tmp_path}/started"; exec sleep 60')
    process = python(KILLED, source, CC=slow)
    try:
        for _ in range(6000):
            if (tmp_path / "started").exists():
                break
            time.sleep(0.01)
    finally:
        process.kill()
        process.communicate()
    (left,) = folder.iterdir()
    (folder / "loops-1-2.tmp").touch()  # as older versions left it
    compiler.build(source, NUMBER=1)
    assert left.exists()
    for path in (left, folder / "loops-1-2.tmp"):
        os.utime(path, (0, time.time() - 2 * store.STALE))
    compiler.build(source, NUMBER=2)
    assert len(libraries(folder)) == 2


def test_processes_may_compile_at_once(loops, folder, source):
    for process in [python(LOAD, source, folder.parent) for _ in range(2)]:
        finish(process)
    assert len(libraries(folder)) == 1  # and nothing half done


# Whose it is


EVIL = """
#include <stdio.h>
int answer(void) { return 666; }
__attribute__((constructor)) static void run(void) { fclose(fopen(MARKER, "w")); }
"""


@pytest.fixture
def planted(compilations, fresh, source, folder, tmp_path):
    """Put another library in the place of one that is kept, by its right name."""
    compiler.build(source, NUMBER=42)
    (name,) = libraries(folder)
    evil = tmp_path / "evil.c"
    evil.write_text(EVIL)
    marker = tmp_path / "it has run"
    made = tmp_path / "evil.so"
    flags = ["-shared", "-fPIC", f'-DMARKER="{marker}"']
    subprocess.run([*compiler.find_compiler(), *flags, evil, "-o", made], check=True)
    start = name.rpartition("-")[0]
    (folder / name).unlink()
    path = folder / f"{start}-{store.digest(made.read_bytes())}.so"
    made.replace(path)
    path.chmod(0o700)
    fresh()
    del compilations[:]
    return path, marker


@posix
def test_a_library_of_ours_would_be_loaded(planted, source):
    """So that the tests below say something."""
    _, marker = planted
    assert compiler.build(source, NUMBER=42).answer() == 666
    assert marker.exists()


def to_another(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, 12345, follow_symlinks=False)


def to_a_link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


WRONG = {
    "others may write it": lambda path: path.chmod(path.stat().st_mode | stat.S_IWOTH),
    "its group may write it": lambda path: path.chmod(path.stat().st_mode | stat.S_IWGRP),
    "it belongs to another": to_another,
    "it is a link": to_a_link,
}


@posix
@pytest.mark.parametrize("how", WRONG)
def test_a_library_from_a_folder_that_is_not_ours_alone_is_not_loaded(
    how, planted, source, compilations
):
    """It is compiled for this process, which a warning says."""
    path, marker = planted
    WRONG[how](path.parent)
    with one_warning("keeps no compiled code in"):
        assert compiler.build(source, NUMBER=42).answer() == 42
        assert compiler.build(source, NUMBER=43).answer() == 43
    assert not marker.exists()
    assert len(compilations) == 2
    assert [other.name for other in path.parent.iterdir()] == [path.name]  # nothing is put there


@posix
@pytest.mark.parametrize("how", WRONG)
def test_a_library_that_is_not_ours_alone_is_not_loaded(how, planted, source, compilations):
    path, marker = planted
    WRONG[how](path)
    assert compiler.build(source, NUMBER=42).answer() == 42
    assert not marker.exists()
    assert len(compilations) == 1


@posix
def test_nobody_but_the_user_of_the_process_counts(planted, source, monkeypatch):
    """Not the one who started it, and not root."""
    _, marker = planted
    user = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.warns(RuntimeWarning, match="keeps no compiled code in"):
        assert compiler.build(source, NUMBER=42).answer() == 42
    assert not marker.exists()


@posix
def test_what_is_kept_is_for_us_alone_whatever_the_umask(compilations, source, folder, fresh):
    before = os.umask(0)
    try:
        compiler.build(source, NUMBER=1)
    finally:
        os.umask(before)
    for path in (folder, *folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    fresh()
    compiler.build(source, NUMBER=1)
    assert len(compilations) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a path to an open folder")
def test_a_folder_that_is_renamed_meanwhile_is_not_followed(
    planted, source, monkeypatch, compilations
):
    """As where others may write the folder above."""
    path, marker = planted
    check = store._check_ours

    def checked(held):
        check(held)
        if stat.S_ISDIR(os.fstat(held).st_mode):
            path.parent.rename(path.parent.with_name("ours"))
            shutil.copytree(path.parent.with_name("ours"), path.parent)
            (path.parent.with_name("ours") / path.name).unlink()

    monkeypatch.setattr(store, "_check_ours", checked)
    assert compiler.build(source, NUMBER=42).answer() == 42
    assert not marker.exists()


# Where it can't be kept


def no_folder(monkeypatch, cache):
    cache.write_text("in the place of the folder")


def full(monkeypatch, cache):
    run = compiler._run

    def refused(command):
        if os.path.realpath(command[-1]).startswith(f"{os.path.realpath(cache)}{os.sep}"):
            raise compiler.UnbuildableError("failed: No space left on device")
        run(command)

    monkeypatch.setattr(compiler, "_run", refused)


def full_for_folders(monkeypatch, cache):
    make = os.mkdir

    def refused(path, *args, **options):
        if Path(os.path.realpath(path)).parent == Path(os.path.realpath(cache / "xprnn")):
            raise OSError(errno.ENOSPC, "No space left on device")
        make(path, *args, **options)

    monkeypatch.setattr(os, "mkdir", refused)


def full_at_the_end(monkeypatch, cache):
    def refused(file):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", refused)


def not_executable(monkeypatch, cache):
    load = ctypes.CDLL

    def refused(name, *args):
        if name and os.path.realpath(name).startswith(f"{os.path.realpath(cache)}{os.sep}"):
            raise OSError("failed to map segment from shared object")
        return load(name, *args)

    monkeypatch.setattr(ctypes, "CDLL", refused)


def homeless(monkeypatch, cache):
    def lost():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lost)


def relative(monkeypatch, cache):
    """Where a program starts says nothing of whose the folder is."""
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("HOME", "home")
    monkeypatch.setattr(Path, "home", lambda: Path("home"))


PLACES = [
    no_folder, full, full_for_folders, full_at_the_end, not_executable, homeless, relative,
]  # fmt: skip


@pytest.mark.parametrize("prepare", PLACES)
def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(
    prepare, compilations, source, monkeypatch, tmp_path
):
    """And nothing is left, there or where temporary files go."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)
    prepare(monkeypatch, tmp_path / "cache")
    assert compiler.build(source, NUMBER=42).answer() == 42
    assert list(temporary.iterdir()) == []
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == []
    assert not (tmp_path / "home").exists()


def test_a_library_that_cannot_be_loaded_anywhere_is_told_of(compilations, quick, monkeypatch):
    """As where nothing may be executed from a folder that can be written; the reference runs."""

    def refused(name, *args):
        raise OSError(f"{name}: failed to map segment from shared object")

    monkeypatch.setattr(ctypes, "CDLL", refused)
    with one_warning("can't be loaded"):
        assert loop_of(Elman()) is recurrence.REFERENCE
        with kernels.workspace(np) as xp:
            assert xp.threads == 1
        example()


# What is wrong is not used


FAST = [
    "-ffast-math",
    "-Ofast",
    "-funsafe-math-optimizations",
]

HELD = """
import sys, warnings
warnings.simplefilter("error")
import numpy as np
from xprnn.cells import GRU
from xprnn.kernels import compiled
from xprnn.kernels.proof import measure_difference
assert compiled._explain_missing(3, np.dtype(float)) is None
found = measure_difference(compiled.COMPILED, GRU(), 9, 3, np.dtype(float), xp=np)
assert found < 1e-12, found
assert sys.float_info.min / 2 > 0, "subnormal numbers are 0"
"""


@pytest.mark.parametrize("flags", FAST)
def test_flags_that_loosen_arithmetic_are_taken_back(flags, loops, gcc, tmp_path):
    finish(python(HELD, CC=f"{gcc} {flags}", XDG_CACHE_HOME=str(tmp_path)))


def test_a_compiler_that_loosens_arithmetic_itself_is_not_used(
    script, gcc, compilations, monkeypatch, alone, folder
):
    """It may flush small numbers in the whole process, or compute what is wrong."""
    monkeypatch.setenv("CC", script(f'exec {gcc} "$@" -ffast-math'))
    with one_warning("is wrong"):
        assert loop_of(GRU()) is recurrence.REFERENCE
    assert libraries(folder) == []
    assert sys.float_info.min / 2 > 0


WRONG_SOURCES = {
    "the bias is forgotten": ("loops.c", "ADD(R, &one, 0, 1,", "ADD(R, &one, 0, 0,"),
    "the last panel is left out": (
        "loops.c",
        "return (size + groups * LANES - 1) / (groups * LANES)",
        "return size / (groups * LANES)",
    ),
    "sizes are none": (
        "loops.c",
        "ptrdiff_t panel_width(void) { return VECTORS",
        "ptrdiff_t panel_width(void) { return -VECTORS",
    ),
    "NaN is taken for 0": (
        "elman.h",
        "choose(*z < 0, (vec){0}, *z)",
        "choose(*z > 0, *z, (vec){0})",
    ),
    "padding is a step like any other": (
        "loops.c",
        "if (!q->mask || q->mask[t * q->batch + row])\n        h = cell_forward",
        "if (1)\n        h = cell_forward",
    ),
}


@pytest.mark.parametrize("name", WRONG_SOURCES)
def test_a_wrong_library_is_told_of_and_not_used(
    name, compilations, quick, folder, monkeypatch, tmp_path
):
    """Nor kept. The others are used."""
    file, right, wrong = WRONG_SOURCES[name]
    copy = tmp_path / "copy"
    shutil.copytree(compiled.SOURCE.parent, copy)
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(right) == 1
    (copy / file).write_text(text.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(compiled, "SOURCE", copy / "loops.c")
    with one_warning("is wrong: "):
        for _ in range(2):
            assert loop_of(Elman()) is recurrence.REFERENCE
    assert "is wrong" in kernels.status()
    assert libraries(folder) == []
    assert Workers(0)


# Compilers that fail


FAILING = {
    "there is none of that name": "xprnn-no-such-compiler",
    "it can't be read": "gcc 'x",
    "it is a folder": "/",
    "it fails": "false",
    "it is not a compiler": sys.executable,
    "it makes nothing": "true",
}
SCRIPTS = {
    "what it says is no UTF-8": r"printf '\351\377' >&2; exit 1",
    "it is killed": "kill -9 $$",
    "it makes no library": 'for last; do :; done; echo no library > "$last"',
    "it only preprocesses": 'exec GCC "$@" -E',
}


@pytest.fixture(params=[*FAILING, *SCRIPTS])
def failing(request, script, gcc, compilations, monkeypatch):
    """Name a compiler that fails."""
    command = FAILING.get(request.param) or script(SCRIPTS[request.param].replace("GCC", gcc))
    monkeypatch.setenv("CC", command)
    return command


def test_another_compiler_takes_the_place_of_one_that_fails(failing, source):
    """Of which there is one warning, each time."""
    with one_warning("could not be built.*compiles it instead"):
        for number in (1, 2):
            assert compiler.build(source, NUMBER=number).answer() == number


def test_the_reference_takes_the_place_of_a_compiler_that_fails(failing, alone, monkeypatch):
    """With one warning, whatever is computed."""
    with one_warning("could not be built.*slower code runs"):
        found = {(name, t): example(name, t) for name in ("elman", "lstm") for t in DTYPES}
        with kernels.workspace(np) as xp:
            assert xp.threads == 1
        xprnn.fit(np.ones((3, 9, 1)), np.ones((3, 9, 1)), epochs=1).predict(np.ones((1, 5, 1)))
    assert failing in kernels.status().replace("\\", "")
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    for case, arrays in found.items():
        for name, array in example(*case).items():
            np.testing.assert_array_equal(array, arrays[name])


ASKED = ["", " ", "{gcc}", "{gcc} -DANYTHING", "{gcc} -fvisibility=hidden"]


@pytest.mark.parametrize("asked", ASKED)
def test_a_compiler_may_be_asked_for(asked, gcc, compilations, quick, monkeypatch, folder):
    """With arguments, which need not suit us; without a warning."""
    monkeypatch.setenv("CC", asked.format(gcc=gcc))
    assert compiler.find_compiler() == (*shlex.split(gcc), *shlex.split(asked)[1:])
    assert is_right(Elman())
    assert len(libraries(folder)) == 1


def test_what_hides_its_functions_is_wrong(script, gcc, compilations, quick, alone, monkeypatch):
    monkeypatch.setenv("CC", script(f'exec {gcc} "$@" -fvisibility=hidden'))
    with pytest.warns(RuntimeWarning, match="is wrong: AttributeError"):
        assert loop_of(Elman()) is recurrence.REFERENCE


def test_a_library_that_fails_later_leaves_the_others_as_they_are(
    script, gcc, compilations, quick, alone, monkeypatch
):
    """The first one says nothing of the next: of LSTM, of float64, of the workers."""
    kinds = "*-DCELL=4*|*workers.c*", "*-DREAL=64*"
    monkeypatch.setenv("CC", script(f'case "$*" in {kinds[0]}) exit 1;; esac; exec {gcc} "$@"'))
    assert loop_of(Elman()) is compiled.COMPILED
    with one_warning("could not be built"):
        assert loop_of(LSTM()) is recurrence.REFERENCE
        with kernels.workspace(np) as xp:
            assert xp.threads == 1
        example("lstm"), example("elman")
    assert "in C" in kernels.explain("elman", steps=3, batch=2, hidden_size=4, dtype="float64")
    assert "exit status 1" in kernels.explain("lstm", steps=3, batch=2, hidden_size=4)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_slopes_wider_than_any_loop_are_those_of_the_reference(
    cell, script, gcc, compilations, alone, monkeypatch
):
    """Where only float32 compiles, and where there is no such loop at all."""
    monkeypatch.setenv("CC", script(f'case "$*" in *REAL=64*) exit 1;; esac; exec {gcc} "$@"'))
    network, rng = Stack((Recurrent(4, cell), Dense(1))), np.random.default_rng(0)
    params = tree.map(lambda a: a.astype("float32"), network.init(rng, 1)[0])
    x = rng.standard_normal((5, 2, 1)).astype("float32")

    def gradients(dtype):
        args = network, losses.HalfMSE(), params, x, x.astype(dtype)
        return tree.flatten(value_and_grad(*args, xp=np)[1])

    with pytest.warns(RuntimeWarning, match="could not be built"):
        found = gradients("float64")
    assert compiled._explain_missing(Recurrent(4, cell).cell.gates, np.dtype("float32")) is None
    longest = gradients(np.longdouble)
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    for dtype, arrays in (("float64", found), (np.longdouble, longest)):
        for name, array in gradients(dtype).items():
            assert arrays[name].dtype == array.dtype
            np.testing.assert_allclose(arrays[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_compiler_that_hangs_is_stopped_with_all_that_it_started(
    script, compilations, fresh, monkeypatch, tmp_path, source
):
    """And no compiler runs again: all that a process waits for it is `PATIENCE`."""
    pids = tmp_path / "pids"
    monkeypatch.setattr(compiler, "PATIENCE", 0.5)
    monkeypatch.setenv("CC", script(f'sleep 600 & echo $! $$ >> "{pids}"; wait'))
    with one_warning("did not end, and was stopped after 0.5 s"):
        for cell in CELLS.values():
            for dtype in DTYPES:
                assert loop_of(cell, dtype) is recurrence.REFERENCE
        with pytest.raises(compiler.UnbuildableError):
            compiler.build(source, NUMBER=1)
    assert sum(compiler.LOST) <= 0.5
    (line,) = pids.read_text().splitlines()
    for pid in map(int, line.split()):
        for _ in range(1000):  # it ends, or waits to be collected by who has it now
            with contextlib.suppress(OSError):
                os.kill(pid, 0)
                state = Path(f"/proc/{pid}/stat")
                if not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z":
                    time.sleep(0.01)
                    continue
            break
        else:
            pytest.fail(f"{pid} still runs")


def test_compilers_that_fail_slowly_are_not_waited_for_without_end(
    script, compilations, monkeypatch, source, tmp_path
):
    """What each of them takes is counted together."""
    monkeypatch.setattr(compiler, "PATIENCE", 0.5)
    slow = [script("sleep 0.3; exit 1")]
    monkeypatch.setenv("CC", slow[0])
    with pytest.warns(RuntimeWarning), pytest.raises(compiler.UnbuildableError):
        compiler.build(source, NUMBER=1)
    assert sum(compiler.LOST) < 0.5 + 0.3
    assert len(compiler.LOST) == 2


def test_ctrl_c_stops_the_compiler(script, compilations, monkeypatch, source, tmp_path):
    """Nothing is left, and the next time it is compiled."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CC", script(f"sleep 0.2; kill -INT {os.getpid()}; exec sleep 600"))
    with pytest.raises(KeyboardInterrupt):
        compiler.build(source, NUMBER=1)
    monkeypatch.delenv("CC")
    assert not list(tmp_path.glob("xprnn-*"))
    assert compiler.build(source, NUMBER=1).answer() == 1


# Without a compiler


@pytest.mark.parametrize("asked", ["the same", "another", None])
def test_what_is_kept_needs_no_compiler(asked, compilations, quick, fresh, source, monkeypatch):
    """Whichever made it. A compiler that is asked for and fails is told of all the same."""
    if asked == "the same":
        monkeypatch.setenv("CC", "gcc")
    compiler.build(source, NUMBER=1)
    assert is_right(GRU())
    del compilations[:]
    leave_alone(monkeypatch)
    monkeypatch.setenv("PATH", "")
    if asked == "another":
        monkeypatch.setenv("CC", "another")
    fresh()
    with contextlib.ExitStack() as stack:
        if asked == "another":
            stack.enter_context(one_warning("made before is used"))
        assert compiler.build(source, NUMBER=1).answer() == 1
        assert is_right(GRU())
    assert compilations == [] or asked == "another"
