"""C source of ours, compiled for the machine that runs it.

A compiler is looked for where ``CC`` says, on the path, and in the package ziglang. What
it makes is kept in the user's cache, under a name that changes with the source, the
compiler and the processor.
"""

import ctypes
import functools
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["Unbuildable", "build", "compiler"]

FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fPIC", "-shared")

CHOICES = ("cc", "gcc", "clang")


class Unbuildable(Exception):
    """Why there is no compiled code."""


@functools.cache
def compiler() -> tuple[tuple[str, ...], str]:
    """Return the command of a C compiler, and all that it says of itself and the processor.

    Raises
    ------
    Unbuildable
        If there is none, or it can't do the least thing.
    """
    asked = os.environ.get("CC")
    if asked:
        command = tuple(shlex.split(asked))
    elif found := next(filter(None, map(shutil.which, CHOICES)), None):
        command = (found,)
    elif importlib.util.find_spec("ziglang"):
        command = (sys.executable, "-m", "ziglang", "cc")
    else:
        raise Unbuildable(
            "there is no C compiler; install one, or pip install 'xprnn[compiled]', which brings it"
        )
    about = _run((*command, *FLAGS[:3], "-dM", "-E", "-x", "c", os.devnull))
    return command, about


def _run(command: tuple[str, ...]) -> str:
    """Return what a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unbuildable(f"{command[0]} does not run: {error}") from error
    if done.returncode:
        raise Unbuildable(f"{shlex.join(command)} failed: {done.stderr.strip()[:2000]}")
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
    Unbuildable
        If there is no compiler, or it fails.
    """
    command, about = compiler()
    defines = tuple(f"-D{name}={value}" for name, value in macros.items())
    texts = [path.read_text() for path in sorted(source.parent.glob("*.[ch]"))]
    key = hashlib.sha256("\0".join([*texts, about, *command, *FLAGS, *defines]).encode())
    name = f"{source.stem}-{key.hexdigest()[:24]}.so"
    folder = cache()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _load(folder / name, (*command, *FLAGS, *defines, str(source)))
    except OSError:
        with tempfile.TemporaryDirectory(prefix="xprnn", ignore_cleanup_errors=True) as own:
            return _load(Path(own) / name, (*command, *FLAGS, *defines, str(source)))


def _load(library: Path, command: tuple[str, ...]) -> ctypes.CDLL:
    """Load a library; compile it first if it is not there."""
    if not library.exists():
        handle, fresh = tempfile.mkstemp(suffix=".so", dir=library.parent)
        os.close(handle)
        try:
            _run((*command, "-o", fresh))
            os.replace(fresh, library)  # whole or not at all, whoever else compiles it too
        finally:
            Path(fresh).unlink(missing_ok=True)
    return ctypes.CDLL(str(library))
