"""The loops in C under sanitizers, in short: tests/sanitize/; and that these see what is wrong."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sanitize"))

import sanitize

pytestmark = pytest.mark.slow

if os.name == "nt":
    pytest.skip("the drivers need POSIX threads", allow_module_level=True)

LOOPS = sanitize.Program("loops_driver.c", 4, 32)
WORKERS = sanitize.Program("workers_driver.c")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sanitize")


@pytest.fixture(scope="session")
def usable(folder):
    """Return what skips a test for which there is no sanitizer."""
    reasons = {name: sanitize.missing(name, folder) for name in sanitize.SANITIZERS}

    def check(sanitizer):
        if reasons[sanitizer]:
            pytest.skip(f"no {sanitizer} sanitizer: {reasons[sanitizer]}")

    return check


@pytest.mark.parametrize("sanitizer", sanitize.SANITIZERS)
@pytest.mark.parametrize("program", [LOOPS, WORKERS], ids=str)
def test_the_sanitizers_find_nothing(program, sanitizer, folder, usable):
    usable(sanitizer)
    done = sanitize.run(sanitize.build(program, sanitizer, folder), 1, 5)
    assert done.stdout == "done\n", done.stderr[:2000]
    assert done.returncode == 0


PLANTED = {
    "a few units are read as many": (
        "address", LOOPS, "vectors.h",
        "memcpy(&x, a, n * sizeof(real))", "memcpy(&x, a, sizeof x)",
        "AddressSanitizer",
    ),
    "a panel too many": (
        "address", LOOPS, "loops.c",
        "count * part / parts, count * (part + 1) / parts",
        "count * part / parts, count * (part + 1) / parts + 1",
        "heap-buffer-overflow",
    ),
    "an int counts what it can't": (
        "undefined", LOOPS, "loops.c",
        "return (range){count * part / parts,",
        "const int most = 2147483647 + (int)count;\n"
        "    return (range){most == 1 ? 0 : count * part / parts,",
        "signed integer overflow",
    ),
    "no unit waits for the others": (
        "thread", LOOPS, "loops.c",
        "__ATOMIC_ACQUIRE) < all; turns++", "__ATOMIC_ACQUIRE) < 0; turns++",
        "data race",
    ),
    "what is done is counted without an atomic": (
        "thread", WORKERS, "workers.c",
        "__atomic_fetch_add(&b->done, 1, __ATOMIC_SEQ_CST)", "b->done++",
        "data race",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_is_found(name, usable, tmp_path):
    sanitizer, program, file, right, wrong, said = PLANTED[name]
    usable(sanitizer)
    copy = tmp_path / "copy"
    shutil.copytree(sanitize.SOURCE, copy)
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(right) == 1
    (copy / file).write_text(text.replace(right, wrong), encoding="utf-8")
    done = sanitize.run(sanitize.build(program, sanitizer, tmp_path, copy), 1, 10)
    assert said in done.stderr, done
    assert done.returncode != 0


def test_a_sanitizer_that_is_missing_is_a_failure_that_says_so(monkeypatch, capsys):
    monkeypatch.setattr(sanitize, "missing", lambda name, folder: "cannot find -lasan")
    assert sanitize.main(["--short"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: NOT CHECKED, cannot find -lasan" for name in sanitize.SANITIZERS
    ]
