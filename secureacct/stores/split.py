"""Two stores as one: accounts in SQL; sessions, throttle and what is claimed once within minutes in Redis.

There is no transaction over both, so the order is what keeps the promises:

1. a challenge, a pending sign-in or an interrupted POST is used up first: whatever fails later, it was one
   attempt, and a claim that is lost here has changed nothing;
2. what ends or moves sessions happens in the session store next: whatever fails later, no session that
   should have ended lives on;
3. claims, effects, mails and events are one SQL transaction; where a session begins afterwards, the event
   is written as *attempted* there;
4. a session begins, and what is to wait is kept, only when every claim held; then the event itself and its
   mails are written.

A sign-in and a new password (or a new second step) may run at the same moment, each between two steps of the
other. So where SQL claimed something, sessions are ended once more after it; and a session that has begun
stays only if what it was begun on still holds. One of the two always sees the other.

A crash in between may sign somebody out or use a code up; it never lets anybody in, and is on record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from secureacct._faces import Kind
from secureacct.errors import ConfigurationError
from secureacct.records import waiting
from secureacct.records.accounts import (
    HoldSecurityVersion,
)
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.factors import HoldFactors
from secureacct.records.mail import OutboxMail
from secureacct.records.sessions import (
    CHANGES,
    BumpSecurityVersion,
    EndEverySession,
    EndSession,
    EndSessions,
    SetAccountStatus,
    StartSession,
)

BOTH = (EndSessions, EndEverySession, SetAccountStatus)  # the epoch stands in SQL too, for device marks
IN_SQL = BumpSecurityVersion  # of what is said of sessions, the one thing that only SQL counts
SESSIONS_ONLY = tuple(one for one in CHANGES if one not in (StartSession, IN_SQL, *BOTH))
DROPPED = waiting.DROPPED  # of both: SQL may hold some from before there was a session store
BEGUN = (StartSession, *waiting.BEGUN)

FIRST: Final = waiting.CLAIMS + SESSIONS_ONLY + BOTH + DROPPED
"""What the session store does before SQL, in the order of its own commit."""

NOT_IN_SQL: Final = waiting.CLAIMS + SESSIONS_ONLY + BEGUN

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
        "pending",
        "interrupted",
    }
)
"""The promises that the session store keeps; all others are the account store's."""


class SplitStore:
    """An account store and a session store behind one door.

    :param accounts: keeps accounts, factors, outbox, events and consents: an SQL store.
    :param sessions: keeps sessions, throttle, and what is claimed once within minutes: a Redis store.
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
        first = [one for one in changes if isinstance(one, FIRST)]
        in_sql = [one for one in changes if not isinstance(one, NOT_IN_SQL)]
        last = [one for one in changes if isinstance(one, BEGUN)]
        starts = any(isinstance(one, StartSession) for one in last)
        told: Mapping[str, Any] = {"events": events, "mails": mails}
        if starts:
            told = {"events": [self._attempted(one) for one in events]}
        counted: dict[int, int] = {}
        for side, part, also in (
            (self.sessions, first, {}),
            (self.accounts, in_sql, told),
            (self.sessions, last, {}),
        ):
            if not part and not any(also.values()):
                continue
            done = await side.commit(part, **also)
            if isinstance(done, Lost):
                return done
            for change, count in zip(part, done.counts, strict=True):
                if not isinstance(change, BOTH) or id(change) not in counted:
                    counted[id(change)] = counted.get(id(change), 0) + count
        if any(one.must_hold for one in in_sql):
            await self._end_again([one for one in first if isinstance(one, EndSessions)])
        if starts:
            held = [one for one in in_sql if isinstance(one, (HoldSecurityVersion, HoldFactors))]
            kept = await self.accounts.commit(held, events=events, mails=mails)
            if isinstance(kept, Lost):
                await self.sessions.commit(
                    [EndSession(key=one.session.key) for one in last if isinstance(one, StartSession)]
                )
                return kept
        return Committed(tuple(counted[id(change)] for change in changes))

    async def _end_again(self, ends: Sequence[EndSessions]) -> None:
        if ends:
            await self.sessions.commit(ends)
