"""Changes, events and mails under one lock: the memory side of ``ports.journal``.

Each topic registers how its changes are made: ``@makes(ClaimTotpStep)`` on a function of the state
and the change, giving the number of records touched. A maker that replaces something notes how to
undo it, so a lost claim leaves no trace.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

from secureacct.errors import ConfigurationError
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail

C = TypeVar("C", bound=Change)
K = TypeVar("K")
V = TypeVar("V")

MAX_EVENTS = 100_000  # records; the oldest go first, since this store is for tests and trying out


class State:
    """Everything a memory store holds: one dict per topic, made on first use, under one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.topics: dict[str, dict[Any, Any]] = {}
        self.events: list[Event] = []
        self.outbox: dict[str, OutboxMail] = {}
        self._undo: list[Callable[[], None]] = []

    def topic(self, name: str) -> dict[Any, Any]:
        """The dict of one topic."""
        return self.topics.setdefault(name, {})

    def put(self, topic: MutableMapping[K, V], key: K, value: V) -> None:
        """Set a record, remembering how to undo it."""
        if key in topic:
            before = topic[key]
            self._undo.append(lambda: topic.__setitem__(key, before))
        else:
            self._undo.append(lambda: topic.__delitem__(key))
        topic[key] = value

    def drop(self, topic: MutableMapping[K, V], key: K) -> None:
        """Remove a record, remembering how to undo it."""
        before = topic.pop(key)
        self._undo.append(lambda: topic.__setitem__(key, before))

    def keep(self) -> None:
        """What was changed since the last call stays."""
        self._undo.clear()

    def undo(self) -> None:
        """What was changed since the last ``keep`` is taken back, newest first."""
        while self._undo:
            self._undo.pop()()


_makers: dict[type[Change], Callable[[State, Any], int]] = {}


def makes(kind: type[C]) -> Callable[[Callable[[State, C], int]], Callable[[State, C], int]]:
    """Register how a change of this kind is made."""

    def register(make: Callable[[State, C], int]) -> Callable[[State, C], int]:
        _makers[kind] = make
        return make

    return register


def made_here() -> frozenset[type[Change]]:
    """The kinds of change the memory store knows (for the guard that none was forgotten)."""
    return frozenset(_makers)


class MemoryBase:
    """One shared state and lock; parts of the store are classes beside each other on it."""

    def __init__(self) -> None:
        self.state = State()

    @property
    def kind(self) -> Literal["both"]:
        """Serves blocking and awaiting callers."""
        return "both"


class MemoryJournal(MemoryBase):
    """The journal, the outbox and the log in memory."""

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        events: Sequence[Event] = (),
        mails: Sequence[OutboxMail] = (),
    ) -> Committed | Lost:
        """See :class:`secureacct.ports.journal.Journal`."""
        state = self.state
        with state.lock:
            counts = []
            try:
                for change in changes:
                    make = _makers.get(type(change))
                    if make is None:
                        raise ConfigurationError(f"the memory store keeps no {type(change).__name__}")
                    count = make(state, change)
                    if count == 0 and change.must_hold:
                        state.undo()
                        return Lost(change)
                    counts.append(count)
            except BaseException:
                state.undo()
                raise
            state.keep()
            state.events.extend(events)
            del state.events[:-MAX_EVENTS]
            state.outbox.update({mail.id: mail for mail in mails})
            return Committed(tuple(counts))

    async def events_of(self, account_id: str, *, limit: int, before: str | None = None) -> Sequence[Event]:
        """See :class:`secureacct.ports.journal.EventReads`."""
        with self.state.lock:
            own = [
                event
                for event in reversed(self.state.events)
                if event.account_id == account_id and (before is None or event.id < before)
            ]
        return sorted(own, key=lambda event: event.id, reverse=True)[:limit]

    async def due_mails(self, *, now: int, limit: int, lease_s: int) -> Sequence[OutboxMail]:
        """See :class:`secureacct.ports.journal.Outbox`."""
        with self.state.lock:
            due = sorted(mail.id for mail in self.state.outbox.values() if mail.next_attempt_at <= now)
            return [self._lease(mail_id, until=now + lease_s) for mail_id in due[:limit]]

    def _lease(self, mail_id: str, *, until: int) -> OutboxMail:
        mail = self.state.outbox[mail_id]
        mail = replace(mail, attempts=mail.attempts + 1, next_attempt_at=until)
        self.state.outbox[mail_id] = mail
        return mail

    async def delivered(self, mail_id: str) -> None:
        """See :class:`secureacct.ports.journal.Outbox`."""
        with self.state.lock:
            self.state.outbox.pop(mail_id, None)

    async def postpone_mail(self, mail_id: str, *, until: int) -> None:
        """See :class:`secureacct.ports.journal.Outbox`."""
        with self.state.lock:
            mail = self.state.outbox.get(mail_id)
            if mail is not None:
                self.state.outbox[mail_id] = replace(mail, next_attempt_at=until)
