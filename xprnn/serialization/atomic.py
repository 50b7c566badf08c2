"""Write a file under a temporary name, and rename it when it is complete."""

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

_OURS = re.compile(r"\.xprnn-[0-9a-f]{16}\.part")
"""The end of the name of an unfinished file; no other program uses such names."""


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that replaces `path` if nothing goes wrong.

    A symbolic link is followed: the file that it points to is replaced. The new file gets the
    permissions and, where the system allows it, the owner of the old file. Unfinished files of
    killed writers are removed.

    Raises
    ------
    OSError
        If `path` exists and is not a file: a folder, a pipe, a device.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not a regular file, and saving would replace it with one")
    _remove_leftovers(path)
    part, file = _create(path)
    try:
        with file:
            _copy_owner(path, file)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                part.replace(path)  # while the lock still prevents others from removing it
        if fcntl is None:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)


def _copy_owner(path: Path, file: BinaryIO) -> None:
    """Give a new file the owner and permissions of the file at `path`, if it exists."""
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
        except OSError:  # another group gets only the permissions of everybody
            mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    os.fchmod(file.fileno(), mode)


def _create(path: Path) -> tuple[Path, BinaryIO]:
    """Create a file in the folder of `path` and lock it; return its name and the file."""
    while True:
        part = path.with_name(f"{path.name}.xprnn-{os.urandom(8).hex()}.part")
        file = part.open("xb")
        if not _lock(file, wait=True) or os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()  # it was removed before it was locked


def _remove_leftovers(path: Path) -> None:
    """Remove the unfinished files in the folder of `path` whose writers have died."""
    for part in path.parent.glob(f"{glob.escape(path.name)}.xprnn-*.part"):
        if not _OURS.fullmatch(part.name.removeprefix(path.name)) or part.is_symlink():
            continue
        with contextlib.suppress(OSError), part.open("rb") as file:
            if _lock(file, wait=False):
                part.unlink()


def _lock(file: BinaryIO, *, wait: bool) -> bool:
    """Lock a file until it is closed or the process ends; return whether that succeeded."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has it, or the file system has no locks
        return False
    return True


def _sync(folder: Path) -> None:
    """Wait until the new name is on the disk, where the system can wait for a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot
            raise
    finally:
        os.close(opened)
