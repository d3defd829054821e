"""A few driver connections of our own: last in first out, bounded, and never another process's."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any

KEPT = 16  # connections; more checks at once go through the engine; ours


class FreeList:
    """Driver connections of our own, of one owner: a process, or a process and its event loop.

    Every connection that exists has a ticket; there are as many as may exist. Deques, since their two
    ends are safe between threads without a lock.
    """

    def __init__(self, close: Callable[[Any], object]) -> None:
        self._close = close
        self._begin(None)

    def _begin(self, owner: object) -> None:
        self.owner = owner
        self.idle: deque[Any] = deque()
        self.tickets: deque[None] = deque([None] * KEPT)

    def take(self, owner: object) -> Any | None:
        """The connection that was used last; None: open one, if there is a ticket."""
        if owner != self.owner:
            _of_others.append(self.idle)  # never closed by us: another process may be using them
            self._begin(owner)
        try:
            return self.idle.pop()
        except IndexError:
            return None

    def ticket(self) -> bool:
        """Take the right to open one more."""
        try:
            self.tickets.pop()
        except IndexError:
            return False
        return True

    def give(self, connection: Any) -> None:
        """Put it back."""
        self.idle.append(connection)

    def lost(self, connection: Any | None) -> None:
        """It is broken, or was never opened: give its ticket back. The idle ones are older; close them."""
        self.tickets.append(None)
        if connection is not None:
            _quietly(self._close, connection)
            self.clear(self.owner)

    def clear(self, owner: object) -> None:
        """Close what is idle, if it is the owner's."""
        while owner == self.owner:
            try:
                connection = self.idle.pop()
            except IndexError:
                return
            self.tickets.append(None)
            _quietly(self._close, connection)


_of_others: list[deque[Any]] = []


def _quietly(close: Callable[[Any], object], connection: Any) -> None:
    try:
        close(connection)
    except Exception:  # noqa: BLE001 - it is broken already, and nobody waits for it
        return


def clear_here(free: FreeList) -> None:
    """Close what is idle, if it is this process that opened it."""
    owner = free.owner
    if owner == os.getpid() or (isinstance(owner, tuple) and owner[0] == os.getpid()):
        free.clear(owner)
