"""The cache of compiled libraries: a folder of the user that nobody else can write.

The name of a library contains a digest of its sources and a digest of its own bytes. The latter is
compared before loading, since a truncated file would crash the process.

Nothing is loaded from a folder that belongs to another user or that others may write. On Windows
this is left to the access rights of ``%LOCALAPPDATA%``.
"""

import contextlib
import ctypes
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xprnn._fields import warn

STALE = 3600.0
"""The seconds after which an unfinished file counts as left by a killed process."""

TOLD: set[Any] = set()
"""The keys of the warnings given so far."""


def warn_once(key: Any, text: str) -> None:
    """Warn once for each key."""
    if key not in TOLD:
        TOLD.add(key)
        warn(text, RuntimeWarning)


def digest(*things: Any) -> str:
    """Return a short hash of some objects."""
    import hashlib  # not imported with xprnn

    content = things[0] if isinstance(things[0], bytes) else repr(things).encode()
    return hashlib.sha256(content).hexdigest()[:24]


def cache() -> Path:
    """Return the folder for compiled code.

    Raises
    ------
    RuntimeError
        If there is no home directory.
    """
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        if os.path.isabs(base := os.environ.get(name, "")):
            return Path(base) / "xprnn"
    if not (home := Path.home()).is_absolute():
        raise RuntimeError(f"the home directory is {str(home)!r}, which is not absolute")
    return home / ".cache" / "xprnn"


@contextlib.contextmanager
def folder() -> Iterator[Path | None]:
    """Yield the folder of compiled libraries, or None unless only this user can write it."""
    with contextlib.ExitStack() as stack:
        yield _open_folder(stack)


def _open_folder(stack: contextlib.ExitStack) -> Path | None:
    """Return the folder's path; on Linux, a path that stays valid after any renaming."""
    try:
        path = cache()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None  # there is no place for a folder
    if os.name == "nt":
        return path
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        stack.callback(os.close, handle)
        _check_ours(handle)
    except OSError as error:
        warn_once(
            path,
            f"xprnn keeps no compiled code in {path}, which must be a folder (not a link) that "
            f"belongs to this user and that nobody else may write ({error}); it compiles for this "
            "process alone",
        )
        return None
    through = Path(f"/proc/{os.getpid()}/fd/{handle}")  # also for a compiler
    return through if through.is_dir() else path


def _check_ours(handle: int) -> None:
    """Raise PermissionError unless the open file is ours and nobody else may write it."""
    status = os.fstat(handle)
    if status.st_uid != os.geteuid():
        raise PermissionError(f"it belongs to the user with the number {status.st_uid}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"its mode is {stat.filemode(status.st_mode)}")


def load_kept(folder: Path | None, start: str) -> ctypes.CDLL | None:
    """Load a library whose name begins with `start` and has the digest of its bytes."""
    for path in [] if folder is None else sorted(folder.glob(f"{start}*.so")):
        with contextlib.suppress(OSError):
            if path.stem.endswith(f"-{digest(_read(path))}"):
                return ctypes.CDLL(str(path))
            path.unlink()  # truncated, or otherwise damaged
    return None


def _read(path: Path) -> bytes:
    """Return the bytes of a file that belongs to this user."""
    if os.name == "nt":
        return path.read_bytes()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        _check_ours(file.fileno())
        return file.read()


def keep(made: Path, folder: Path, name: str) -> None:
    """Move a library into the folder, whole or not at all; if that fails, it is not cached."""
    with contextlib.suppress(OSError):
        made.chmod(0o700)
        with made.open("rb+") as file:
            final = folder / f"{name}{digest(file.read())}.so"
            os.fsync(file.fileno())
        made.replace(final)
        if os.name != "nt":
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    with contextlib.suppress(OSError):
        for other in folder.iterdir():
            if other.suffix != ".so" and time.time() - other.lstat().st_mtime > STALE:
                shutil.rmtree(other) if other.is_dir() else other.unlink()
