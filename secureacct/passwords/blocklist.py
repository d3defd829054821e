"""A set of known passwords in a small sorted file, mapped read-only: microseconds to ask, nothing to load.

Rules of this file: the format is ``docs/specs/blocklist.md``; the file holds 64-bit prefixes of digests
and no password. A false hit needs two equal 64-bit prefixes (one in 10^14 for 200,000 entries). A
damaged, cut or unknown file is one error when it is opened, never a wrong answer later.
"""

from __future__ import annotations

import functools
import hashlib
import mmap
import os
import struct
import sys
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from secureacct.passwords.errors import BlocklistUnreadable

MAGIC: Final = b"SABLOCK\x01"
FOLDED_SHA256: Final = 1  # SHA-256 of the folded spelling: lists of words
EXACT_SHA1: Final = 2  # SHA-1 of the UTF-8 bytes as typed: what breach downloads hold
UNKNOWN: Final = 0xFFFFFFFF  # a length count that the source did not tell
CHECKED_WHOLE: Final = 8 * 1024 * 1024  # bytes; our own: a smaller body is checksummed at every open

_HEADER: Final = struct.Struct("<8sB7sQ32sII")


def fold(text: str) -> str:
    """The spelling that lists are compared in: compatibility forms and case do not count."""
    return unicodedata.normalize("NFKC", text).casefold()


class Blocklist:
    """One open file.

    :raises BlocklistUnreadable: missing, damaged, cut off, or of another version
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Final = Path(path)
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                header = file.read(_HEADER.size)
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
        except OSError as error:
            raise BlocklistUnreadable(f"blocklist {self.path}: {error.strerror or error}") from None
        if self._map is None or len(header) < _HEADER.size or header[:7] != MAGIC[:7]:
            raise BlocklistUnreadable(f"blocklist {self.path}: not a blocklist file")
        magic, digest, reserved, count, checksum, at_least_8, at_least_15 = _HEADER.unpack(header)
        self.digest: int = digest
        self.count: int = count
        self.at_least_8: int = at_least_8
        self.at_least_15: int = at_least_15
        if magic != MAGIC or self.digest not in (FOLDED_SHA256, EXACT_SHA1) or any(reserved):
            raise BlocklistUnreadable(f"blocklist {self.path}: version or digest not known to this release")
        if size != _HEADER.size + 8 * self.count:
            raise BlocklistUnreadable(f"blocklist {self.path}: cut off or too long, build it again")
        self._checksum: bytes = checksum
        self._prefixes = self._numbers()
        if 8 * self.count <= CHECKED_WHOLE:
            self.check_whole()

    def _numbers(self) -> memoryview | array[int]:
        if self._map is None:
            return array("Q")
        body = memoryview(self._map)[_HEADER.size :]
        if sys.byteorder == "little":
            return body.cast("Q")
        swapped = array("Q", bytes(body))
        swapped.byteswap()
        return swapped

    def check_whole(self) -> None:
        """Read everything and compare it with the checksum (done at open for small files).

        :raises BlocklistUnreadable: damaged
        """
        if self._map is not None and self.count:
            found = hashlib.sha256(memoryview(self._map)[_HEADER.size :]).digest()
        else:
            found = hashlib.sha256(b"").digest()
        if found != self._checksum:
            raise BlocklistUnreadable(f"blocklist {self.path}: damaged, build it again")

    def __contains__(self, text: str) -> bool:
        """True if ``text`` is listed; for a folded list give it folded."""
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            return False
        algorithm = hashlib.sha256 if self.digest == FOLDED_SHA256 else _sha1
        wanted = int.from_bytes(algorithm(data).digest()[:8], "big")
        prefixes = self._prefixes
        at = bisect_left(prefixes, wanted)
        return at < self.count and prefixes[at] == wanted

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Blocklist({self.path.name!r}, {self.count} entries)"


def _sha1(data: bytes) -> hashlib._Hash:
    return hashlib.sha1(data, usedforsecurity=False)


def build(path: str | os.PathLike[str], words: Iterable[str]) -> int:
    """Write a list of words as a blocklist file, replacing it in one step; gives the number of entries.

    :raises OSError: the file cannot be written
    """
    folded = {fold(word) for word in words if word}
    long = sum(len(word) >= 15 for word in folded)
    numbers = sorted({int.from_bytes(hashlib.sha256(w.encode()).digest()[:8], "big") for w in folded})
    return write(
        path, numbers, digest=FOLDED_SHA256, at_least_8=sum(len(w) >= 8 for w in folded), at_least_15=long
    )


def write(
    path: str | os.PathLike[str],
    numbers: Iterable[int],
    *,
    digest: int,
    at_least_8: int = UNKNOWN,
    at_least_15: int = UNKNOWN,
) -> int:
    """Write ascending 64-bit numbers as a blocklist file, in one pass and constant memory.

    :raises BlocklistUnreadable: the numbers do not ascend
    :raises OSError: the file cannot be written
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    checksum, count = hashlib.sha256(), 0
    try:
        with partial.open("wb") as file:
            file.write(bytes(_HEADER.size))
            for block in _blocks(numbers):
                count += len(block) // 8
                checksum.update(block)
                file.write(block)
            file.seek(0)
            header = (MAGIC, digest, bytes(7), count, checksum.digest(), at_least_8, at_least_15)
            file.write(_HEADER.pack(*header))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _blocks(numbers: Iterable[int], size: int = 8192) -> Iterator[bytes]:
    block, last = array("Q"), -1
    for number in numbers:
        if number == last:
            continue  # two entries with one prefix are one entry
        if number < last:
            raise BlocklistUnreadable("the source is not ordered by hash; download it ordered by hash")
        last = number
        block.append(number)
        if len(block) >= size:
            yield _little(block)
            block = array("Q")
    yield _little(block)


def _little(block: array[int]) -> bytes:
    if sys.byteorder == "big":
        block.byteswap()
    return block.tobytes()


@functools.cache
def common() -> Blocklist:
    """The list that ships: common passwords and first names (``data/NOTICE.md``)."""
    return Blocklist(Path(__file__).parent / "data" / "common.blocklist")
