"""Keyring files on disk: private, locked, replaced as a whole.

Rules of this file: a file is never written in place (temporary file, fsync, rename, fsync of the
folder); whoever changes one holds ``<file>.lock``; it is read only if nobody else can read it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import stat
from collections.abc import Iterator

from secureacct.keys.errors import KeyringAltered, KeyringError, KeyringExists, KeyringNotFound, KeyringUnsafe

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without POSIX locks
    fcntl = None  # type: ignore[assignment]

MOST_BYTES = 1 << 20  # 1 MiB: thousands of keys; a bigger file is not a keyring
PRIVATE = 0o600  # read and write for the owner, nothing for anybody else

Mark = tuple[int, int, int]


def mark_of(path: str) -> Mark | None:
    """What changes when the file is replaced: inode, time in ns, size. None: no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def read_private(path: str) -> tuple[bytes, Mark]:
    """The bytes of the file, if it is ours alone.

    :raises KeyringNotFound: no such file.
    :raises KeyringUnsafe: others may read it, or replace it.
    :raises KeyringAltered: it is far too large to be a keyring.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeyringNotFound(f"{path} does not exist; make one with: secureacct keys init {path}") from None
    except OSError as error:
        raise KeyringError(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(handle)
        _refuse_unless_private(path, found)
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(MOST_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > MOST_BYTES:
        raise KeyringAltered(f"{path} is too large to be a keyring; restore it from a backup")
    return data, (found.st_ino, found.st_mtime_ns, found.st_size)


def write_private(path: str, data: bytes, *, must_be_new: bool) -> Mark:
    """Replace the file as a whole, or make it.

    :param must_be_new: refuse to replace anything, even a file that appeared this instant.
    :raises KeyringExists: ``must_be_new`` and there is one.
    :raises KeyringError: the folder cannot be written.
    """
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".{os.path.basename(path)}.{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), PRIVATE)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if must_be_new:
                os.link(temporary, path)
            else:
                os.rename(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync_folder(folder)
    except FileExistsError:
        raise KeyringExists(f"{path} exists; load it instead of making a new one") from None
    except OSError as error:
        raise KeyringError(f"{path} cannot be written: {error.strerror}") from None
    found = os.stat(path)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock of the file; other threads and processes wait. Clears what a crash left behind.

    :raises KeyringError: the lock cannot be taken.
    """
    if fcntl is None:  # pragma: no cover
        raise KeyringError("changing a keyring file needs POSIX file locks, which this system lacks")
    try:
        handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise KeyringError(f"{path}.lock cannot be made: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        left = os.path.join(os.path.dirname(path) or ".", f".{glob.escape(os.path.basename(path))}.*.tmp")
        for forgotten in glob.glob(left, include_hidden=True):
            with contextlib.suppress(OSError):
                os.unlink(forgotten)
        yield
    finally:
        os.close(handle)


def _refuse_unless_private(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyringAltered(f"{path} is not a file")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise KeyringUnsafe(f"{path} is open to others (mode {mode:04o}); run: chmod 600 {path}")
    if found.st_uid not in (os.geteuid(), 0):
        raise KeyringUnsafe(f"{path} belongs to another user; run: chown {os.geteuid()} {path}")
    folder = os.path.dirname(os.path.realpath(path))
    around = os.stat(folder).st_mode
    if around & stat.S_IWOTH and not around & stat.S_ISVTX:
        raise KeyringUnsafe(f"everybody may replace {path}; run: chmod o-w {folder}")


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
