"""The data keys that are loaded now.

Rules of this file: no I/O; a key is held for a bounded time, so that a person forgotten elsewhere is
unreadable here soon after; who was forgotten stays forgotten; the number held is bounded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from secureacct.fields.errors import SubjectForgotten, SubjectNotLoaded
from secureacct.keys.watchers import Watchers

TTL_SECONDS = 60.0  # a person forgotten in another process may be readable here this long
MOST_HELD = 10_000  # keys in memory; the ones loaded first go first

Place = tuple[str, bytes]


class LoadedKeys:
    """Data keys by tenant and person: what fields ask, and ``secureacct.fields.subjects`` fills.

    :param ttl: seconds a key is held.
    :param most: keys held at once.
    :param ticks: monotonic seconds.
    """

    def __init__(
        self,
        *,
        ttl: float = TTL_SECONDS,
        most: int = MOST_HELD,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl, self._most, self._ticks = ttl, most, ticks
        self._held: dict[Place, tuple[bytes | None, float]] = {}
        self._watchers = Watchers()
        self._lock = threading.Lock()

    def data_key(self, tenant: str, subject: bytes) -> bytes:
        """The key of a person.

        :raises SubjectForgotten: it was destroyed.
        :raises SubjectNotLoaded: it was not loaded, or its time is up.
        """
        held = self._held.get((tenant, subject))
        if held is None or (held[0] is not None and self._ticks() > held[1]):
            raise SubjectNotLoaded("this person's data key is not loaded; load it before reading or writing")
        if held[0] is None:
            raise SubjectForgotten("this person was forgotten; what was encrypted for them is gone")
        return held[0]

    def is_fresh(self, tenant: str, subject: bytes) -> bool:
        """Whether it need not be loaded: held for at least half of its time more, or forgotten."""
        held = self._held.get((tenant, subject))
        return held is not None and (held[0] is None or self._ticks() + self._ttl / 2 <= held[1])

    def put(self, tenant: str, subject: bytes, key: bytes | None) -> None:
        """Hold a key, or (None) know that the person is forgotten."""
        place = (tenant, subject)
        with self._lock:
            before = self._held.pop(place, None)
            while len(self._held) >= self._most:
                self._held.pop(next(iter(self._held)))
            self._held[place] = (key, self._ticks() + self._ttl)
        if before is not None and before[0] != key:
            self._watchers.tell()

    def forget(self, tenant: str, subject: bytes) -> None:
        """The person is forgotten: their key leaves memory, and fields drop what they derived from it."""
        self.put(tenant, subject, None)
        self._watchers.tell()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call a bound method, held weakly, whenever a key changes or is forgotten."""
        self._watchers.add(callback)

    def __repr__(self) -> str:
        return f"<LoadedKeys, {len(self._held)} held>"
