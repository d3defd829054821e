"""Sealed backups: useless to a thief, and either restored whole or not at all (C16).

Rules of this file: an archive has its own random key, wrapped by a passphrase or a key service; the
stream is Cobblestone-256 (C2SP chunked encryption: HKDF-SHA-512, AES-256-GCM, 16 KiB chunks), bound
to every byte of the header; what is opened goes to a file without a name, which gets its name only
after the last byte was authentic; a keyring and the data it opens never share an archive. Memory does
not grow with the file. The format, with known answers: ``docs/specs/sealed-backup.md``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from secureacct.errors import ConfigurationError, Rejected
from secureacct.keys import KeyProvider, KeyringError, KmsUnavailable

MAGIC = b"SECUREACCT-SEALED\n"
VERSION = 1
KEY_BYTES = 32  # AES-256
MAX_HEADER_BYTES = 65_536  # bytes; a key service's wrapped key has a few hundred
READ_BYTES = 1 << 20  # bytes in memory at a time, 1 MiB

Holds = Literal["data", "keyring"]


class BackupError(Rejected):
    """A backup could not be made or opened. Nothing was left half done."""

    code = "backup"
    http_status_hint = 500


class BackupAltered(BackupError):
    """The archive is damaged, cut short, altered, or not one of ours."""

    code = "backup_altered"


class BackupLocked(BackupError):
    """The passphrase or key service given does not open this archive."""

    code = "backup_locked"


class BackupExists(BackupError):
    """The target exists; nothing is ever overwritten."""

    code = "backup_exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupHeader:
    """What an archive says of itself, readable without the key and authenticated with it."""

    holds: Holds
    made_at: int  # seconds since the epoch
    provider: str
    key_id: str
    wrapped: bytes

    def to_bytes(self) -> bytes:
        """The header as it stands in front of the stream."""
        facts = {
            "holds": self.holds,
            "key_id": self.key_id,
            "made_at": self.made_at,
            "provider": self.provider,
            "wrapped": self.wrapped.hex(),
        }
        body = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        return MAGIC + bytes([VERSION]) + len(body).to_bytes(4, "big") + body


def read_header(source: BinaryIO) -> tuple[BackupHeader, bytes]:
    """The header of an archive, and its bytes exactly as they stand there. Nothing is verified yet.

    :raises BackupAltered: not an archive of ours.
    """
    head = source.read(len(MAGIC) + 5)
    length = int.from_bytes(head[-4:], "big")
    if head[: len(MAGIC)] != MAGIC or len(head) != len(MAGIC) + 5 or not 2 <= length <= MAX_HEADER_BYTES:
        raise BackupAltered("not a sealed backup")
    if head[len(MAGIC)] != VERSION:
        raise BackupAltered("sealed by a newer version of this program")
    body = source.read(length)
    try:
        facts = json.loads(body)
        header = BackupHeader(
            holds=facts["holds"],
            made_at=int(facts["made_at"]),
            provider=str(facts["provider"]),
            key_id=str(facts["key_id"]),
            wrapped=bytes.fromhex(facts["wrapped"]),
        )
    except (ValueError, KeyError, TypeError):
        raise BackupAltered("the header is damaged") from None
    if header.to_bytes() != head + body:
        raise BackupAltered("the header is damaged")
    return header, head + body


def _context(holds: str, made_at: int) -> dict[str, str]:
    return {"use": "secureacct/backup/v1", "holds": holds, "made_at": str(made_at)}


def _cobblestone() -> Any:
    try:
        from cryptography import cobblestone
    except ImportError:
        raise ConfigurationError(
            "sealed backups need cryptography 50 or later: pip install -U cryptography"
        ) from None
    return cobblestone


def seal_stream(
    source: BinaryIO,
    sink: BinaryIO,
    *,
    provider: KeyProvider,
    holds: Holds,
    made_at: int,
    key: bytes | None = None,
) -> int:
    """Seal everything in ``source`` into ``sink``. Gives how many bytes went in.

    :param key: 32 random bytes; made here unless given, which only known-answer tests do.
    :raises KmsUnavailable: the key service did not answer.
    """
    key = secrets.token_bytes(KEY_BYTES) if key is None else key
    wrapped = provider.wrap(key, context=_context(holds, made_at))
    header = BackupHeader(
        holds=holds, made_at=made_at, provider=provider.name, key_id=provider.key_id, wrapped=wrapped
    ).to_bytes()
    encryptor = _cobblestone().Cobblestone256Encryptor(key, hashlib.sha256(header).digest())
    sink.write(header)
    done = 0
    while piece := source.read(READ_BYTES):
        sink.write(encryptor.update(piece))
        done += len(piece)
    sink.write(encryptor.finalize())
    return done


def open_stream(source: BinaryIO, sink: BinaryIO, *, provider: KeyProvider) -> BackupHeader:
    """Open an archive into ``sink``. Trust nothing in ``sink`` before this returns.

    :raises BackupLocked: this passphrase or key service does not open it.
    :raises BackupAltered: damaged, cut short, longer than it was, or altered.
    :raises KmsUnavailable: the key service did not answer.
    """
    from cryptography.exceptions import InvalidTag

    header, raw = read_header(source)
    if header.provider != provider.name:
        raise BackupLocked(f"this archive was sealed with {header.provider!r}, not with {provider.name!r}")
    try:
        key = provider.unwrap(header.wrapped, context=_context(header.holds, header.made_at))
    except KmsUnavailable:
        raise
    except KeyringError:
        raise BackupLocked(
            "the passphrase or key does not open this archive, or its header was altered"
        ) from None
    decryptor = _cobblestone().Cobblestone256Decryptor(key, hashlib.sha256(raw).digest())
    try:
        while piece := source.read(READ_BYTES):
            sink.write(decryptor.update(piece))
        sink.write(decryptor.finalize())
    except (InvalidTag, ValueError):
        raise BackupAltered("the archive is damaged, cut short or altered") from None
    return header


def seal(
    source: Path,
    target: Path,
    *,
    provider: KeyProvider,
    holds: Holds,
    clock: Callable[[], float] = time.time,
) -> int:
    """Seal a file into a new archive. Gives how many bytes went in.

    :param holds: what the file is. A keyring is recognised, and refused as ``"data"``: the archive of a
        database and that of its keys are two files, kept in two places, under two passphrases.
    :raises BackupExists: the target exists.
    :raises BackupError: the source cannot be read, or does not fit ``holds``.
    """
    try:
        opened = source.open("rb")
    except OSError as error:
        raise BackupError(f"cannot read {source.name}: {error.strerror}") from None
    with opened as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) and not _is_pipe(file):
            raise BackupError(f"{source.name} is not a file; dump the database into one first")
        _refuse_mixture(file, holds, source.name)
        with _appearing(target) as sink:
            return seal_stream(
                cast(BinaryIO, file), sink, provider=provider, holds=holds, made_at=int(clock())
            )


def _is_pipe(file: Any) -> bool:
    return stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)


def _refuse_mixture(file: Any, holds: Holds, name: str) -> None:
    if _is_pipe(file):
        return
    start = file.read(4096)
    file.seek(0)
    is_keyring = b'"secureacct-keyring/' in start
    if is_keyring != (holds == "keyring"):
        what = "is a keyring" if is_keyring else "is no keyring"
        raise BackupError(f"{name} {what}; keys and data go into separate archives")


def unseal(source: Path, target: Path, *, provider: KeyProvider, expected_holds: Holds) -> BackupHeader:
    """Open an archive into a new file, which appears whole (mode 0600) or not at all.

    :raises BackupExists: the target exists.
    :raises BackupLocked, BackupAltered: see :func:`open_stream`.
    :raises BackupError: the archive cannot be read, or holds something else.
    """
    try:
        opened = source.open("rb")
    except OSError as error:
        raise BackupError(f"cannot read {source.name}: {error.strerror}") from None
    with opened as file:
        header, _ = read_header(file)
        if header.holds != expected_holds:
            raise BackupError(f"this archive holds {header.holds}, not {expected_holds}")
        file.seek(0)
        with _appearing(target) as sink:
            return open_stream(file, sink, provider=provider)


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends well, after it reached the disk."""
    if target.exists():
        raise BackupExists(f"{target.name} exists; nothing is overwritten")
    folder = target.resolve().parent
    try:
        descriptor, part = _nameless(folder)
    except OSError as error:
        raise BackupError(f"cannot write in {folder.name}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as sink:
            yield cast(BinaryIO, _Whole(sink))
            os.fsync(sink.fileno())
            _name(sink.fileno(), part, target)
    except OSError as error:
        raise BackupError(f"cannot write {target.name}: {error.strerror}") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    _sync_folder(folder)


class _Whole:
    """Writes everything it is given: a raw file may write less."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[self._raw.write(view) :]
        return len(data)


def _nameless(folder: Path) -> tuple[int, Path | None]:
    # A file without a name vanishes with its process, whatever kills it. Not every file system has them.
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        with contextlib.suppress(OSError):
            return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600), None
    part = folder / f".{secrets.token_hex(8)}.part"
    return os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), part


def _name(descriptor: int, part: Path | None, target: Path) -> None:
    try:
        if part is None:
            # With a directory given, Python calls linkat and the link is followed to the nameless file.
            source = f"/proc/self/fd/{descriptor}"
            os.link(source, target, src_dir_fd=descriptor, follow_symlinks=True)
        else:
            os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise BackupExists(f"{target.name} exists; nothing is overwritten") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
