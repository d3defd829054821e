"""Two stores as one: accounts in SQL, sessions and throttle in Redis or Valkey.

There is no transaction over both, so the order is what keeps the promises:

1. what ends or moves sessions happens in the session store first: whatever fails later, no session that
   should have ended lives on;
2. claims, effects, mails and events are one SQL transaction; where a session begins afterwards, the event
   is written as *attempted* there;
3. a session begins only when every claim held; then the event itself and its mails are written.

A crash in between may sign somebody out or use a code up; it never lets anybody in, and is on record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from secureacct._faces import Kind
from secureacct.errors import ConfigurationError
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.records.sessions import (
    EndEverySession,
    EndReusedSession,
    EndSession,
    EndSessionById,
    EndSessions,
    RotateSession,
    SetAccountStatus,
    SetSessionData,
    StartSession,
    TouchSession,
)

SESSIONS_ONLY = (RotateSession, TouchSession, EndSession, EndSessionById, EndReusedSession, SetSessionData)
BOTH = (EndSessions, EndEverySession, SetAccountStatus)  # the epoch stands in SQL too, for device marks

SESSION_SIDE = frozenset(
    {
        "session",
        "touch_session",
        "moved_session",
        "sessions_of",
        "session_data",
        "purge_sessions",
        "count_sessions",
        "count_attempt",
        "settle_success",
        "settle_withdrawn",
        "forget_buckets",
    }
)
"""The promises that the session store keeps; all others are the account store's."""


class SplitStore:
    """An account store and a session store behind one door.

    :param accounts: keeps accounts, factors, outbox, events and consents: an SQL store.
    :param sessions: keeps sessions and throttle: a Redis store.
    :param attempted: makes the event that says "attempted" from the one that will say "ok".
    :raises ConfigurationError: one of them is blocking and the other awaiting.
    """

    def __init__(self, accounts: Any, sessions: Any, *, attempted: Callable[[Event], Event]) -> None:
        if accounts.kind != sessions.kind:
            raise ConfigurationError("both stores must be blocking, or both awaiting")
        self.accounts = accounts
        self.sessions = sessions
        self._attempted = attempted

    @property
    def kind(self) -> Kind:
        """Whether its methods may suspend."""
        kind: Kind = self.accounts.kind
        return kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.sessions if name in SESSION_SIDE else self.accounts, name)

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        events: Sequence[Event] = (),
        mails: Sequence[OutboxMail] = (),
    ) -> Committed | Lost:
        """See :class:`secureacct.ports.journal.Journal`, and the order above."""
        before = [one for one in changes if isinstance(one, SESSIONS_ONLY + BOTH)]
        starts = [one for one in changes if isinstance(one, StartSession)]
        rest = [one for one in changes if not isinstance(one, (*SESSIONS_ONLY, StartSession))]
        counted: dict[int, int] = {}
        for side, part in ((self.sessions, before), (self.accounts, rest), (self.sessions, starts)):
            if side is self.accounts:
                told = (
                    {"events": [self._attempted(one) for one in events]}
                    if starts
                    else {
                        "events": events,
                        "mails": mails,
                    }
                )
                done = await side.commit(part, **told)
            elif part:
                done = await side.commit(part)
            else:
                continue
            if isinstance(done, Lost):
                return done
            for change, count in zip(part, done.counts, strict=True):
                counted.setdefault(id(change), count)
        if starts and (events or mails):
            await self.accounts.commit((), events=events, mails=mails)
        return Committed(tuple(counted[id(change)] for change in changes))
