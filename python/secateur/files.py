"""Writes a file whole or not at all. Every file that secateur writes is written here."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from secateur.errors import SaveError

locks: ModuleType | None
try:
    import fcntl as locks
except ImportError:  # Windows
    locks = None

# Where paths name open files, not places in a folder.
_OPEN_FILES = ("/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/")


def save_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` into a temporary file beside the path, syncs it, and renames it onto the path.

    A link is followed, and what it points at replaced. A file that stood there keeps its mode, and its owner
    where the process may give it. What is no regular file (a device, a pipe, /dev/stdout) is written
    through. A temporary file that a killed process left is removed the next time that the file is saved.

    Raises SaveError; what stood there stays.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_atomically(Path(folder) / "m.sct", b"bytes")
    ...     (Path(folder) / "m.sct").read_bytes()
    b'bytes'
    """
    try:
        if writes_through(path):
            _write_through(path, data)
        else:
            _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise SaveError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


def writes_through(path: str | os.PathLike[str]) -> bool:
    """Whether the path is of something that must not be replaced by a file: a device, a pipe, a socket."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        return False
    return not stat.S_ISREG(mode) or os.path.abspath(path).startswith(_OPEN_FILES)


def _write_through(path: str | os.PathLike[str], data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
        file.write(data)


def _replace(target: Path, data: bytes) -> None:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.is_symlink():  # resolved, and still a link
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    _remove_leftovers(target)
    old = os.stat(target) if target.exists() else None
    with _temporary(target, 0o666 if old is None else 0o600) as (temporary, handle):
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        if old is not None:
            if (old.st_uid, old.st_gid) != (os.fstat(handle).st_uid, os.fstat(handle).st_gid):
                with contextlib.suppress(OSError):
                    os.chown(temporary, old.st_uid, old.st_gid)
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        os.fsync(handle)
        os.replace(temporary, target)
    _sync_folder(target.parent)


def _prefix(target: Path) -> str:
    return f".{target.name[:48]}."  # a name may have 255 bytes, the temporary one as well


@contextlib.contextmanager
def _temporary(target: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """A new file beside the target, locked while this process lives; removed unless it was renamed."""
    while True:
        path = target.with_name(f"{_prefix(target)}{secrets.token_hex(8)}.part")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        try:
            if locks is not None:
                with contextlib.suppress(OSError):  # some network folders know no locks
                    locks.flock(handle, locks.LOCK_EX)
            if os.fstat(handle).st_nlink:  # else taken for a leftover between the two calls, and removed
                yield path, handle
                return
        finally:
            os.close(handle)
            with contextlib.suppress(OSError):
                os.unlink(path)


def _remove_leftovers(target: Path) -> None:
    """Removes temporary files of this target that no living process has locked."""
    if locks is None:
        return
    prefix = _prefix(target)
    for name in os.listdir(target.parent):
        if not (name.startswith(prefix) and name.endswith(".part") and len(name) == len(prefix) + 21):
            continue
        path = target.with_name(name)
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                locks.flock(handle, locks.LOCK_EX | locks.LOCK_NB)
                os.unlink(path)
            finally:
                os.close(handle)


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a power cut; a folder that cannot be synced is left."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
