"""Argon2 in memory that is kept, and faulted in once instead of on every hash.

Rules of this file
1. An arena belongs to one slot of :mod:`secureacct.passwords.admission`, and a slot to one hash at a
   time: two hashes in one arena give wrong results without any error.
2. The core wipes the arena when a hash ends. It is private memory, left out of core dumps, and a
   forked child finds zeros in it, also when a hash was in flight.
3. The door used here is ``argon2.low_level.core``, which promises little. It is tried against the
   plain function once for each process; any difference or error shuts it, and the plain function works on.
4. The number of threads never changes the result, the number of lanes does.
"""

from __future__ import annotations

import mmap
import sys
import time
from typing import Any, Final

from argon2 import low_level
from argon2.exceptions import Argon2Error

from secureacct.errors import TooBusy
from secureacct.passwords.profiles import DEFAULT

KINDS: Final[dict[str, Any]] = {"d": low_level.Type.D, "i": low_level.Type.I, "id": low_level.Type.ID}
SMALLEST: Final = 1024 * 1024  # bytes; below it a fresh allocation costs less than two callbacks (measured)
KEPT: Final = DEFAULT.memory_kib * 1024  # bytes kept in each slot between hashes, unless a profile needs more

LOOK_AGAIN: Final = 16  # hashes; our own: what trying the slower way costs stays under five percent

_REFUSED: Final = -22  # ARGON2_MEMORY_ALLOCATION_ERROR of the reference implementation
_WIPE_ON_FORK: Final = 18  # MADV_WIPEONFORK of Linux 4.14; CPython has no name for it


class _CoreRefused(Argon2Error):
    """The C core did not hash. Never leaves this package."""


def _anonymous(size: int) -> mmap.mmap:
    """Private memory of ``size`` bytes; pages come when first touched."""
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        for advice in (mmap.MADV_DONTDUMP, _WIPE_ON_FORK):
            try:
                area.madvise(advice)
            except OSError:  # an older kernel: the slot is still dropped in the child
                continue
    return area


class Arena:
    """Memory for one hash at a time, with the two callbacks through which the core asks for it."""

    __slots__ = ("_area", "_start", "allocate", "free", "size")

    def __init__(self, size: int) -> None:
        ffi: Any = low_level.ffi
        self.size: Final = size
        self._area = _anonymous(size)
        self._start = ffi.from_buffer("uint8_t[]", self._area)
        start = ffi.cast("uint8_t *", self._start)

        def allocate(memory: Any, wanted: int) -> int:
            if wanted > size:
                return _REFUSED
            memory[0] = start
            return 0

        def free(_memory: Any, _size: int) -> None:
            """Nothing: the core has wiped it, and the next hash will want it."""

        self.allocate: Any = ffi.callback("int(uint8_t **, size_t)", allocate, error=_REFUSED)
        self.free: Any = ffi.callback("void(uint8_t *, size_t)", free)

    def is_wiped(self, sample: int = 4096) -> bool:
        """True if every byte of every ``sample``-th block is zero; for tests and ``benchmark``."""
        view = memoryview(self._area)
        return not any(any(view[at : at + 64]) for at in range(0, self.size, sample))


class Scratch:
    """What one slot owns: an arena, made when first needed and never larger than was asked for."""

    __slots__ = ("arena",)

    def __init__(self) -> None:
        self.arena: Arena | None = None

    def of(self, size: int) -> Arena:
        """An arena of at least ``size`` bytes; a smaller one that was kept is given back first."""
        if self.arena is None or self.arena.size < size:
            self.arena = None
            self.arena = Arena(size)
        return self.arena

    def trim(self, keep: int) -> None:
        """Give back what is larger than ``keep`` bytes."""
        if self.arena is not None and self.arena.size > keep:
            self.arena = None


class Pace:
    """Whether one thread or several are faster for one shape of hash, here and now.

    On an idle machine lanes on several cores halve the time; on a busy one they wait for each other. So
    both are timed, the faster is used, and every :data:`LOOK_AGAIN` hashes the other is tried again.
    """

    __slots__ = ("_seconds", "_turn")

    def __init__(self) -> None:
        self._seconds: dict[bool, float] = {}
        self._turn = 0

    def choose(self, most: int) -> int:
        """Threads for the next hash, at most ``most``."""
        self._turn += 1
        if len(self._seconds) < 2:
            return most if True not in self._seconds else 1
        faster = self._seconds[True] <= self._seconds[False]
        return most if faster is (self._turn % LOOK_AGAIN != 0) else 1

    def took(self, threads: int, seconds: float) -> None:
        """Remember a hash; recent ones count more."""
        before = self._seconds.get(threads > 1, seconds)
        self._seconds[threads > 1] = before + 0.3 * (seconds - before)


_paces: dict[tuple[int, int, int], Pace] = {}
_door: bool | None = None


def door_is_open() -> bool:
    """True if hashing in our own memory works here and gives what the plain function gives."""
    global _door
    if _door is None:
        _door = _try_door()  # two threads that both try get the same answer
    return _door


def _try_door() -> bool:
    try:
        wanted = _plain(b"door", b"saltsaltsaltsalt", "id", 19, 64, 2, 2, 32)
        got = _in_arena(b"door", b"saltsaltsaltsalt", "id", 19, 64, 2, 2, 32, Arena(64 * 1024), 1)
    except Exception:  # noqa: BLE001 - whatever it is, the plain function is the answer
        return False
    return wanted == got


def derive(
    password: bytes,
    salt: bytes,
    *,
    kind: str,
    version: int,
    memory_kib: int,
    passes: int,
    lanes: int,
    tag_bytes: int,
    scratch: Scratch,
    threads: int = 1,
    keep: int = KEPT,
) -> bytes:
    """The Argon2 tag of ``password``.

    :param scratch: the memory of the slot that the caller holds
    :param threads: how many threads may compute the lanes at most; the faster way is chosen
    :param keep: bytes that the slot may keep afterwards
    :raises TooBusy: the machine has no memory for one more hash
    """
    # The core rounds down to four blocks for each lane (RFC 9106 section 3.2).
    size = memory_kib // (4 * lanes) * (4 * lanes) * 1024
    try:
        if size < SMALLEST or not door_is_open():
            return _plain(password, salt, kind, version, memory_kib, passes, lanes, tag_bytes)
        arena = scratch.of(size)
        most = min(threads, lanes)
        if most == 1:
            return _in_arena(password, salt, kind, version, memory_kib, passes, lanes, tag_bytes, arena, 1)
        pace = _pace_of(memory_kib, passes, lanes)
        chosen, start = pace.choose(most), time.perf_counter()
        tag = _in_arena(password, salt, kind, version, memory_kib, passes, lanes, tag_bytes, arena, chosen)
        pace.took(chosen, time.perf_counter() - start)
        return tag
    except (Argon2Error, OSError, MemoryError):
        scratch.trim(0)
        raise TooBusy("no memory for one more password hash") from None
    finally:
        scratch.trim(keep)


def _pace_of(memory_kib: int, passes: int, lanes: int) -> Pace:
    """The pace of one shape; a table of foreign hashes has few shapes, and more than that start afresh."""
    shape = (memory_kib, passes, lanes)
    pace = _paces.get(shape)
    if pace is None:
        if len(_paces) >= 16:
            _paces.clear()
        pace = _paces[shape] = Pace()
    return pace


def _plain(
    password: bytes, salt: bytes, kind: str, version: int, memory_kib: int, passes: int, lanes: int, tag: int
) -> bytes:
    return low_level.hash_secret_raw(
        password, salt, passes, memory_kib, lanes, tag, KINDS[kind], version=version
    )


def _in_arena(
    password: bytes,
    salt: bytes,
    kind: str,
    version: int,
    memory_kib: int,
    passes: int,
    lanes: int,
    tag: int,
    arena: Arena,
    threads: int,
) -> bytes:
    ffi: Any = low_level.ffi
    out = ffi.new("uint8_t[]", tag)
    # Views of our own bytes: no further copy of the password is made.
    pwd, salt_view = ffi.from_buffer("uint8_t[]", password), ffi.from_buffer("uint8_t[]", salt)
    context = ffi.new("argon2_context *")
    context.out, context.outlen = out, tag
    context.pwd, context.pwdlen = pwd, len(password)
    context.salt, context.saltlen = salt_view, len(salt)
    context.t_cost, context.m_cost = passes, memory_kib
    context.lanes, context.threads = lanes, threads
    context.version = version
    context.allocate_cbk, context.free_cbk = arena.allocate, arena.free
    status = low_level.core(context, KINDS[kind].value)
    if status != 0:
        raise _CoreRefused(low_level.error_to_str(status))
    return bytes(ffi.buffer(out, tag))
