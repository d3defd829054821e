"""How many hashes run at once, who waits, who goes first, and who is told to come back later.

Rules of this file
1. At most ``at_once`` slots are out, whoever asks: threads that block and loops that await share them.
   Each slot owns the memory of one hash, so memory is capped by construction.
2. At most ``waiting`` callers wait, none longer than ``patience`` seconds; the rest get ``TooBusy``.
3. A known device goes before a stranger. Where the queue is full it takes the place of the last one.
4. Nothing is called while the lock is held except a ticket's ``grant`` and ``refuse``, which only wake.
5. A forked child starts with every slot free and nobody waiting. At exit nobody new is let in, the
   waiting are sent away, and hashes in flight are waited for, because their memory goes with us.
"""

from __future__ import annotations

import atexit
import heapq
import itertools
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from secureacct.errors import ConfigurationError, TooBusy
from secureacct.passwords.arenas import Scratch

WAITING_PER_SLOT: Final = 32  # callers; our own: about three seconds of work at 100 ms a hash
PATIENCE: Final = 10.0  # seconds; our own: browsers and proxies give up after 30 to 60
LAST_WAIT: Final = 5.0  # seconds at interpreter exit; our own: longer than any hash under the ceilings

_KNOWN, _STRANGER = 0, 1


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


class Slot:
    """The right to run one hash, with the memory for it."""

    __slots__ = ("scratch", "started", "threads")

    def __init__(self) -> None:
        self.scratch: Final = Scratch()
        self.started: float = 0.0
        self.threads: int = 1


class Ticket(Protocol):
    """A place in the queue."""

    def grant(self, slot: Slot) -> None:
        """A slot is yours; called once at most, from another thread."""

    def refuse(self, error: TooBusy) -> None:
        """You will get none; called once at most, from another thread."""


class _Waiter:
    """The ticket of a thread that blocks."""

    __slots__ = ("_woken", "error", "slot")

    def __init__(self) -> None:
        self._woken = threading.Lock()
        self._woken.acquire()
        self.slot: Slot | None = None
        self.error: TooBusy | None = None

    def grant(self, slot: Slot) -> None:
        self.slot = slot
        self._woken.release()

    def refuse(self, error: TooBusy) -> None:
        self.error = error
        self._woken.release()

    def wait(self, seconds: float) -> bool:
        return self._woken.acquire(timeout=seconds)


class Admission:
    """The door to hashing.

    :param at_once: hashes that run in parallel; default: the cores of this process
    :param waiting: callers that may wait; default: 32 for each slot
    :param patience: seconds that a caller waits at most
    :param clock: monotonic seconds
    :raises ConfigurationError: a number that cannot be meant
    """

    def __init__(
        self,
        *,
        at_once: int | None = None,
        waiting: int | None = None,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cores: Final = usable_cores()
        self.at_once: Final = self.cores if at_once is None else at_once
        self.waiting: Final = WAITING_PER_SLOT * self.at_once if waiting is None else waiting
        self.patience = patience
        if self.at_once < 1 or self.waiting < 0 or patience <= 0:
            raise ConfigurationError("admission needs at_once >= 1, waiting >= 0 and patience > 0")
        self._clock = clock
        self._typical = 0.1  # seconds; learnt from the hashes that ran
        self._reset()
        _every.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._free = [Slot() for _ in range(self.at_once)]
        self._queue: list[tuple[int, int, Ticket]] = []
        self._order = itertools.count()
        self._closed = False

    def acquire(self, *, known_device: bool = False) -> Slot:
        """A slot, at once or after waiting in this thread. Give it back with :meth:`release`.

        :raises TooBusy: the queue is full, or the wait was longer than ``patience``
        """
        waiter = _Waiter()
        slot = self.enter(waiter, known_device=known_device)
        if slot is not None:
            return slot
        if not waiter.wait(self.patience):
            if self.withdraw(waiter):
                raise self.busy()
            waiter.wait(LAST_WAIT)  # granted or refused just now
        if waiter.slot is None:
            raise waiter.error or self.busy()
        return waiter.slot

    def enter(self, ticket: Ticket, *, known_device: bool = False) -> Slot | None:
        """A slot at once; or None, and the ticket stands in the queue.

        :raises TooBusy: the queue is full
        """
        with self._lock:
            if self._closed:
                raise self.busy()
            if self._free and not self._queue:
                slot = self._free.pop()
                slot.started = self._clock()
                # The cores that no other hash uses; the number of threads never changes a result.
                slot.threads = max(1, self.cores // self.in_flight)
                return slot
            rank = _KNOWN if known_device else _STRANGER
            if len(self._queue) >= self.waiting:
                self._make_room(rank)
            heapq.heappush(self._queue, (rank, next(self._order), ticket))
            return None

    def _make_room(self, rank: int) -> None:
        last = max(self._queue, default=None, key=lambda entry: entry[:2])
        if last is None or last[0] <= rank:
            raise self.busy()
        self._queue.remove(last)
        heapq.heapify(self._queue)
        last[2].refuse(self.busy())

    def withdraw(self, ticket: Ticket) -> bool:
        """Leave the queue; False if the ticket was granted or refused before."""
        with self._lock:
            for at, entry in enumerate(self._queue):
                if entry[2] is ticket:
                    self._queue[at] = self._queue[-1]
                    self._queue.pop()
                    heapq.heapify(self._queue)
                    return True
        return False

    def release(self, slot: Slot) -> None:
        """Give a slot back: to the first in the queue, or to the free ones."""
        with self._lock:
            now = self._clock()
            self._typical += 0.2 * (now - slot.started - self._typical)
            if self._queue:
                slot.started, slot.threads = now, 1
                heapq.heappop(self._queue)[2].grant(slot)
            else:
                self._free.append(slot)

    @property
    def in_flight(self) -> int:
        """Hashes that run now."""
        return self.at_once - len(self._free)

    @property
    def in_queue(self) -> int:
        """Callers that wait now."""
        return len(self._queue)

    def busy(self) -> TooBusy:
        """The error for who is sent away, with the time the queue needs as ``retry_after``."""
        ahead = len(self._queue) + self.at_once
        seconds = math.ceil(ahead * self._typical / self.at_once)
        return TooBusy("too many password checks are waiting", retry_after=min(max(seconds, 1), 60))

    def close(self, *, seconds: float = LAST_WAIT) -> bool:
        """Let nobody in any more and wait for what runs; False if it still ran after ``seconds``."""
        with self._lock:
            self._closed = True
            queue, self._queue = self._queue, []
        for _, _, ticket in queue:
            ticket.refuse(self.busy())
        until = time.monotonic() + seconds
        while self.in_flight and time.monotonic() < until:
            time.sleep(0.002)
        return not self.in_flight


_every: weakref.WeakSet[Admission] = weakref.WeakSet()
_shared: Admission | None = None
_shared_lock = threading.Lock()


def shared() -> Admission:
    """The admission that every hasher of this process uses unless it is given another."""
    global _shared
    if _shared is None:
        with _shared_lock:
            if _shared is None:
                _shared = Admission()
    return _shared


def _after_fork() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for admission in list(_every):
        admission._reset()


def _at_exit() -> None:
    for admission in list(_every):
        admission.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
