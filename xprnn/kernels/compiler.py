"""C source of ours, compiled for the machine that runs it.

A compiler is looked for where ``CC`` says, on the path, and in the package ziglang. What
it makes is kept in the user's cache, under a name that changes with the source, the
compiler and the processor.
"""

import contextlib
import ctypes
import functools
import importlib.util
import os
import shlex
import shutil
import sys
import threading
from pathlib import Path

__all__ = ["NoCompilerError", "UnbuildableError", "build", "compiler"]

FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared")

TUNED = (("-march=native",), ("-mcpu=native",), ())
"""For the processor that is there; which spelling a compiler takes, depends on both."""

ON_PATH = ("cc", "gcc", "clang") if os.name != "nt" else ("clang",)
"""gcc does not align wide vectors on Windows."""


class UnbuildableError(Exception):
    """Why there is no compiled code."""


class NoCompilerError(UnbuildableError):
    """There is nothing to compile with."""


@functools.cache
def compiler() -> tuple[str, ...]:
    """Return the command of a C compiler.

    Raises
    ------
    NoCompilerError
        If there is none.
    """
    if asked := os.environ.get("CC"):
        return tuple(shlex.split(asked, posix=os.name != "nt"))
    if found := next(filter(None, map(shutil.which, ON_PATH)), None):
        return (found,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    raise NoCompilerError(
        "there is no C compiler; install one, or pip install 'xprnn[compiled]', which brings one"
    )


@functools.cache
def _flags() -> tuple[tuple[str, ...], str]:
    """Return the flags, and all that the compiler says with them of itself and the processor."""
    for tuned in TUNED:
        flags = (*FLAGS, *tuned)
        try:
            return flags, _run((*compiler(), *flags, "-dM", "-E", "-x", "c", os.devnull))
        except UnbuildableError as error:
            last = error
    raise last


def _run(command: tuple[str, ...]) -> str:
    """Return what a command prints."""
    import subprocess  # no part of importing xprnn

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnbuildableError(f"{command[0]} does not run: {error}") from error
    if done.returncode:
        raise UnbuildableError(f"{shlex.join(command)} failed: {done.stderr.strip()[:2000]}")
    return done.stdout


def cache() -> Path:
    """Return the folder where what was compiled is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base or Path.home() / ".cache") / "xprnn"


@functools.cache
def build(source: Path, **macros: int) -> ctypes.CDLL:
    """Compile a file with macros defined, unless it is in the cache, and load it.

    Parameters
    ----------
    source : Path
    **macros : int

    Raises
    ------
    UnbuildableError
        If there is no compiler, or it fails.
    """
    import hashlib  # no part of importing xprnn

    defines = tuple(f"-D{name}={value}" for name, value in macros.items())
    flags, about = _flags()
    command = (*compiler(), *flags, *defines)
    texts = [path.read_text(encoding="utf-8") for path in sorted(source.parent.glob("*.[ch]"))]
    key = hashlib.sha256("\0".join([*texts, about, *command]).encode()).hexdigest()
    name = f"{source.stem}-{key[:24]}.so"
    try:
        folder = cache()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _load(folder / name, (*command, str(source)))
    except (OSError, RuntimeError):  # no place to keep it: for this process alone then
        import tempfile

        try:
            with tempfile.TemporaryDirectory(prefix="xprnn", ignore_cleanup_errors=True) as own:
                return _load(Path(own) / name, (*command, str(source)))
        except OSError as error:
            raise UnbuildableError(f"what was compiled can't be loaded: {error}") from error


def _load(library: Path, command: tuple[str, ...]) -> ctypes.CDLL:
    """Load a library; compile it first if it is not there, or is damaged."""
    if library.exists():
        with contextlib.suppress(OSError):
            return ctypes.CDLL(str(library))
    fresh = library.with_name(f"{library.stem}-{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        fresh.touch()  # raises OSError, where a compiler would only fail
        _run((*command, "-o", str(fresh)))
        os.replace(fresh, library)  # whole or not at all, whoever else compiles it too
    finally:
        fresh.unlink(missing_ok=True)
    return ctypes.CDLL(str(library))
