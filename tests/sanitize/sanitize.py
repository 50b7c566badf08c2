"""The loops in C and their threads, watched by gcc's or clang's sanitizers.

``python tests/sanitize/sanitize.py`` runs all cells, dtypes and widths of vectors, and with
``--short`` one of each. A sanitizer that the compiler lacks is said, and is a failure.
"""

import argparse
import itertools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from xprnn.kernels import compiled, compiler

HERE = Path(__file__).parent
SOURCE = compiled.SOURCE.parent

SANITIZERS = ("address", "undefined", "thread")
FLAGS = (
    "-std=gnu11",
    "-O1",
    "-g",
    "-pthread",
    "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=all",
)
OPTIONS = {
    "ASAN_OPTIONS": "exitcode=66",
    "UBSAN_OPTIONS": "exitcode=66:print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=66:halt_on_error=1",
}

PROBE = "int main(void) { return 0; }\n"


class Program(NamedTuple):
    """A driver, and how it is compiled."""

    driver: str
    cell: int = 1
    real: int = 64
    width: str = "-march=native"

    def __str__(self):
        if self.driver == "workers_driver.c":
            return "workers"
        return f"loops of {self.cell} gate(s), {self.real} bits, {self.width}"


ALL = (
    Program("workers_driver.c"),
    *itertools.starmap(
        Program, itertools.product(["loops_driver.c"], (1, 3, 4), (32, 64), ("-march=native", ""))
    ),
)
SHORT = (
    Program("workers_driver.c"),
    Program("loops_driver.c", 3, 32),
    Program("loops_driver.c", 4, 64, ""),
)


def build(program: Program, sanitizer: str, folder: Path, source: Path = SOURCE) -> Path:
    """Compile a driver with the source it includes, and return the program."""
    made = folder / f"{program.driver}-{sanitizer}-{program.cell}-{program.real}{program.width}"
    flags = (*FLAGS, f"-fsanitize={sanitizer}", *program.width.split())
    macros = (f"-DCELL={program.cell}", f"-DREAL={program.real}")
    files = (f"-I{source}", str(HERE / program.driver), "-o", str(made), "-lm")
    _run(compiler.find_compiler() + flags + macros + files, check=True)
    return made


def run(made: Path, seed: int, count: int) -> subprocess.CompletedProcess:
    """Run a program on so many problems."""
    # ThreadSanitizer does not bear every random layout of memory
    before = ("setarch", platform.machine(), "-R") if shutil.which("setarch") else ()
    return _run((*before, str(made), str(seed), str(count)))


def _run(command, check=False):
    environment = os.environ | OPTIONS
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done


def missing(sanitizer: str, folder: Path) -> str | None:
    """Return why a sanitizer can't be used here; None if it can."""
    source, made = folder / "probe.c", folder / f"probe-{sanitizer}"
    source.write_text(PROBE, encoding="utf-8")
    try:
        command = (*compiler.find_compiler(), *FLAGS, f"-fsanitize={sanitizer}", str(source))
        _run((*command, "-o", str(made)), check=True)
        if done := run(made, 0, 0).returncode:
            return f"what is compiled with it ends with {done}"
    except (RuntimeError, OSError, compiler.UnbuildableError) as error:
        return str(error)
    return None


def main(arguments=None) -> int:
    """Run everything; 1 if anything was found or could not be looked at."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="one program of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sanitizer in SANITIZERS:
            if reason := missing(sanitizer, folder):
                print(f"{sanitizer}: NOT CHECKED, {reason}", flush=True)
                failed = True
                continue
            for program in SHORT if options.short else ALL:
                made = build(program, sanitizer, folder)
                done = run(made, options.seed, 10 if options.short else 100)
                fine = done.returncode == 0 and done.stdout == "done\n"
                print(f"{sanitizer}: {program}: {'fine' if fine else 'FAILED'}", flush=True)
                if not fine:
                    print(done.stderr[:4000], flush=True)
                    failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
