"""Compile xprnn's C source for the machine that runs it.

Compilers are looked up in ``CC``, on the path, and in the package ziglang; if one fails, the next
is tried. The caller's `prove` tests the library, which is then cached (see store.py), so that the
compiler does not run again.
"""

import contextlib
import ctypes
import functools
import importlib.util
import itertools
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xprnn.kernels.store import digest, folder, keep, load_kept, warn_once

FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared")

TUNED = (("-march=native",), ("-mcpu=native",), ())
"""Flags that tune for this processor; which flag works depends on compiler and processor."""

LAST = ("-fno-fast-math", "-fno-unsafe-math-optimizations", "-fvisibility=default")
"""Flags at the end, which override those in ``CC``. The second prevents gcc from linking code that
flushes subnormal numbers to zero in the whole process."""

ON_PATH = ("cc", "gcc", "clang") if os.name != "nt" else ("clang",)
"""gcc does not align wide vectors on Windows."""

PATIENCE = 20.0
"""The total seconds that failing compilers may take; after that none runs in this process."""

PROCESSOR = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
    *("cpu", "isa", "uarch", "features"),
)
"""The lines in Linux's cpuinfo that tell one kind of processor from another."""

LOST: list[float] = []
"""The seconds that each failed compiler took."""


class UnbuildableError(Exception):
    """There is no compiled code; the message says why."""


class WrongError(UnbuildableError):
    """The compiled code computes wrong results."""


def find_compiler() -> tuple[str, ...]:
    """Return the command of the first C compiler.

    Raises
    ------
    UnbuildableError
        If there is no compiler.
    """
    if commands := _find_compilers():
        return commands[0]
    raise UnbuildableError(
        "there is no C compiler; install one, or pip install ziglang, which brings one"
    )


def _find_compilers() -> list[tuple[str, ...]]:
    """Return the commands of all C compilers, starting with ``CC``."""
    asked = os.environ.get("CC", "")
    try:
        commands = [tuple(shlex.split(asked, posix=os.name != "nt"))]
    except ValueError:
        commands = [(asked,)]  # a program that does not exist; the warning shows the text
    paths = [path for path in map(shutil.which, ON_PATH) if path]
    programs = {os.path.realpath(path): (path,) for path in reversed(paths)}  # cc is usually gcc
    commands += reversed(programs.values())
    if importlib.util.find_spec("ziglang"):
        commands.append((sys.executable, "-m", "ziglang", "cc"))
    return list(filter(None, commands))


@functools.cache
def build(source: Path, prove: Callable[..., None] | None = None, **macros: int) -> ctypes.CDLL:
    """Compile a file with macros defined, unless it is cached, and load it.

    Parameters
    ----------
    source : Path
    prove : callable, optional
        A function that is called with the newly compiled library and the macros. It raises
        `WrongError`, or any other exception, if the library is wrong.
    **macros : int

    Raises
    ------
    UnbuildableError
        If there is no compiler, or, after a warning, if all compilers fail.
    """
    defines = tuple(f"-D{name}={value}" for name, value in macros.items())
    sources = [path.read_text(encoding="utf-8") for path in sorted(source.parent.glob("*.[ch]"))]
    key = digest(sources, FLAGS, TUNED, LAST, defines, _describe_processor())
    failures: list[tuple[tuple[str, ...], UnbuildableError]] = []
    check = None if prove is None else functools.partial(prove, **macros)
    with folder() as place:
        for command in _find_compilers():
            name = f"{source.stem}-{key}-{digest(command)}-"
            try:
                library = load_kept(place, name)
                if library is None:
                    library = _build(command, (*defines, str(source)), place, name, check)
            except UnbuildableError as error:
                failures.append((command, error))
            else:
                _warn_of(failures, key, f"{shlex.join(command)} compiles it instead")
                return library
        library = load_kept(place, f"{source.stem}-{key}-")
    if library is not None:
        _warn_of(failures, key, "code that another compiler made before is used")
        return library
    if not failures:
        find_compiler()  # raises the error that there is none
    _warn_of(failures, key, "slower code runs")
    raise UnbuildableError(str(failures[0][1]))


def _warn_of(
    failures: list[tuple[tuple[str, ...], UnbuildableError]], library: str, then: str
) -> None:
    """Warn about the first failure, once for each compiler that fails and each wrong library."""
    if failures:
        command, error = failures[0]
        warn_once(
            (command, then, library if isinstance(error, WrongError) else None),
            f"xprnn's C code could not be built, and {then} (with XPRNN_KERNELS=reference the "
            f"reference runs, without this warning): {error}",
        )


@functools.cache
def _describe_processor() -> list[str]:
    """Return an identifier of this kind of processor; code compiled for it may fail on others."""
    import platform

    about = [sys.platform, platform.machine(), str(sys.maxsize)]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            first = itertools.takewhile(str.strip, lines)  # of them all
            found = [line for line in first if line.partition(":")[0].strip() in PROCESSOR]
    except OSError:
        found = []
    if not found and sys.platform == "darwin":
        text, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
        name = b"machdep.cpu.brand_string"
        ctypes.CDLL(None).sysctlbyname(name, text, ctypes.byref(size), None, ctypes.c_size_t(0))
        found = [repr(text.value)]
    return about + (found or [platform.processor()])


def _build(
    command: tuple[str, ...],
    arguments: tuple[str, ...],
    place: Path | None,
    name: str,
    prove: Callable[[ctypes.CDLL], None] | None,
) -> ctypes.CDLL:
    """Compile, load and prove a library, and cache it if there is a cache folder."""
    import tempfile  # not imported with xprnn

    for base in [None] if place is None else [place, None]:  # the first place may be full
        try:
            with tempfile.TemporaryDirectory(
                prefix="xprnn-", dir=base, ignore_cleanup_errors=True
            ) as private:
                output = Path(private) / "made.so"
                _compile(command, arguments, output)
                library = _load(output)
                if prove is not None:
                    _test(library, prove)
                if base is not None:
                    keep(output, base, name)
                return library
        except WrongError as error:
            raise WrongError(f"the code of {shlex.join(command)} is wrong: {error}") from error
        except UnbuildableError as error:
            last = error
        except OSError as error:
            last = UnbuildableError(f"the code of {shlex.join(command)} can't be loaded: {error}")
        if _count_seconds_left() <= 0:
            break
    raise last


def _test(library: ctypes.CDLL, prove: Callable[[ctypes.CDLL], None]) -> None:
    """Prove a library; any failure, such as a missing function, raises WrongError."""
    try:
        prove(library)
    except WrongError:
        raise
    except Exception as error:
        raise WrongError(f"{type(error).__name__}: {error}") from error


def _compile(command: tuple[str, ...], arguments: tuple[str, ...], output: Path) -> None:
    """Compile with the first flags that the compiler accepts."""
    for tuned in TUNED:
        try:
            return _run((*command, *FLAGS, *tuned, *LAST, *arguments, "-o", str(output)))
        except UnbuildableError as error:
            last = UnbuildableError(f"{shlex.join(command)} {error}")
        if _count_seconds_left() <= 0:
            break
    raise last


def _count_seconds_left() -> float:
    """Return the seconds that a compiler may still run."""
    return PATIENCE - sum(LOST)


def _run(command: tuple[str, ...]) -> None:
    """Run a compiler, with its temporary files in the folder of its output."""
    import subprocess  # not imported with xprnn

    start, left = time.monotonic(), _count_seconds_left()
    if left <= 0:
        raise UnbuildableError(f"does not run: {PATIENCE:g} s were lost on compilers that failed")
    folder = os.path.dirname(command[-1])
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": folder, "TMP": folder},
            start_new_session=True,  # so that its children can be stopped too
        )
    except OSError as error:
        raise UnbuildableError(f"does not run: {error}") from error
    try:
        _, said = process.communicate(timeout=left)
    except BaseException as error:  # Ctrl-C too
        _stop(process)
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        LOST.append(left)
        raise UnbuildableError(f"did not end, and was stopped after {left:.3g} s") from error
    if process.returncode:
        LOST.append(time.monotonic() - start)
        text = said.decode(errors="replace").strip()[:1000]
        raise UnbuildableError(f"failed: {text or f'exit status {process.returncode}'}")


def _stop(process: Any) -> None:
    """End a process and all its children."""
    if os.name == "nt":
        process.kill()
    else:
        import signal

        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()


def _load(path: Path) -> ctypes.CDLL:
    """Load a library; raise if it changes how the whole process computes."""
    flushed, state = _flushes(), ctypes.create_string_buffer(1024)
    own: Any = ctypes.CDLL(None) if os.name != "nt" else None
    if hasattr(own, "fegetenv"):
        own.fegetenv(state)
    library = ctypes.CDLL(str(path))
    if flushed or not _flushes():
        return library
    if hasattr(own, "fesetenv"):
        own.fesetenv(state)
    raise WrongError("it makes the processor flush subnormal numbers to zero")


def _flushes() -> bool:
    """Return whether this thread flushes subnormal numbers to zero."""
    return sys.float_info.min / 2 == 0
