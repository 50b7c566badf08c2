"""A file that is written beside its place, and put there when it is whole."""

import contextlib
import errno
import glob
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["replacing"]

_OURS = re.compile(r"\.xprnn-[0-9a-f]{16}\.part")
"""The end of the name of an unfinished file; nobody else uses such names."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file beside `path`, and put it in its place if nothing goes wrong.

    A symbolic link is followed: the file that it points to is replaced. The new file has
    the permissions and, where the system allows it, the owner of the old one. Files that
    killed writers left there are removed.

    Raises
    ------
    OSError
        If `path` is a folder, a pipe, a device or anything else but a file.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not a file, and saving would put one in its place")
    _clear(path)
    part, file = _begun(path)
    try:
        with file:
            _take_over(path, file)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                part.replace(path)  # while the lock says that somebody needs it
        if fcntl is None:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _settle(path.parent)


def _take_over(path: Path, file: BinaryIO) -> None:
    """Give a new file the owner and the permissions of the one at `path`, if there is one."""
    if not hasattr(os, "fchown"):  # Windows
        return
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(old.st_mode)
    try:
        os.fchown(file.fileno(), old.st_uid, old.st_gid)
    except OSError:
        try:
            os.fchown(file.fileno(), -1, old.st_gid)
        except OSError:  # another group gets only what everybody may do
            mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    os.fchmod(file.fileno(), mode)


def _begun(path: Path) -> tuple[Path, BinaryIO]:
    """Return a new file beside `path`, locked, and its name."""
    while True:
        part = path.with_name(f"{path.name}.xprnn-{os.urandom(8).hex()}.part")
        file = part.open("xb")
        if not _locked(file, wait=True) or os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()  # somebody cleared it away before it was locked


def _clear(path: Path) -> None:
    """Remove the files beside `path` whose writers are dead."""
    for part in path.parent.glob(f"{glob.escape(path.name)}.xprnn-*.part"):
        if not _OURS.fullmatch(part.name.removeprefix(path.name)) or part.is_symlink():
            continue
        with contextlib.suppress(OSError), part.open("rb") as file:
            if _locked(file, wait=False):
                part.unlink()


def _locked(file: BinaryIO, *, wait: bool) -> bool:
    """Whether a file's lock could be had; the system takes it back from who dies."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another's, or a file system that has no locks
        return False
    return True


def _settle(folder: Path) -> None:
    """Wait until the disk has the new name, where a folder can be waited for."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what a file system says that cannot
            raise
    finally:
        os.close(opened)
