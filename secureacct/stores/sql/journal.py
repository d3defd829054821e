"""Changes, events and mails in one transaction: the SQL side of ``ports.journal``.

Each topic registers how its changes are made: ``@makes(ClaimTotpStep)`` on a function of a
connection and the change, giving the number of rows touched. One statement each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from secureacct.errors import ConfigurationError
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata

C = TypeVar("C", bound=Change)

event = sa.Table(
    "sa_event",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("account_id", sa.Text),
    sa.Column("session_id", sa.Text),
    sa.Column("correlation_id", sa.Text, nullable=False, server_default=""),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("mac", sa.LargeBinary, nullable=False),
    sa.Column("segment", sa.BigInteger),  # set once, by the sealer; what proves it is the segment's hash
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "segment", "id"),
)
event_columns = [event.c[name] for name in Event.__slots__]

outbox = sa.Table(
    "sa_outbox",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index(None, "next_attempt_at"),
)

_makers: dict[type[Change], Callable[[sa.Connection, Any], int]] = {}


def makes(kind: type[C]) -> Callable[[Callable[[sa.Connection, C], int]], Callable[[sa.Connection, C], int]]:
    """Register the one statement that makes a change of this kind."""

    def register(make: Callable[[sa.Connection, C], int]) -> Callable[[sa.Connection, C], int]:
        _makers[kind] = make
        return make

    return register


def made_here() -> frozenset[type[Change]]:
    """The kinds of change the SQL stores know (for the guard that none was forgotten)."""
    return frozenset(_makers)


class _ClaimLost(Exception):
    def __init__(self, claim: Change) -> None:
        self.claim = claim


def _commit(
    connection: sa.Connection, changes: Sequence[Change], events: Sequence[Event], mails: Sequence[OutboxMail]
) -> Committed:
    # Else SQLAlchemy answers -1 for inserts on PostgreSQL, and a lost claim would read as held.
    connection = connection.execution_options(preserve_rowcount=True)
    counts = []
    for change in changes:
        make = _makers.get(type(change))
        if make is None:
            raise ConfigurationError(f"the SQL store keeps no {type(change).__name__}")
        count = make(connection, change)
        if count < 0:
            raise ConfigurationError(f"{connection.dialect.driver} does not count the rows it touches")
        if count == 0 and change.must_hold:
            raise _ClaimLost(change)
        counts.append(count)
    if events:
        connection.execute(sa.insert(event), [_event_row(one) for one in events])
    if mails:
        connection.execute(sa.insert(outbox), [_mail_row(one) for one in mails])
    return Committed(tuple(counts))


def _event_row(one: Event) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Event.__slots__}


def _mail_row(one: OutboxMail) -> dict[str, Any]:
    return {name: getattr(one, name) for name in OutboxMail.__slots__}


def _events_of(
    connection: sa.Connection, account_id: str, *, limit: int, before: str | None = None
) -> Sequence[Event]:
    own = event.c.account_id == account_id
    query = sa.select(*event_columns).where(own).order_by(event.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(event.c.id < before)
    return [Event(**row) for row in connection.execute(query).mappings()]


def _due_mails(connection: sa.Connection, *, now: int, limit: int, lease_s: int) -> Sequence[OutboxMail]:
    due = sa.select(outbox.c.id).where(outbox.c.next_attempt_at <= now).order_by(outbox.c.id).limit(limit)
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    lease = (
        sa.update(outbox)
        .where(outbox.c.id.in_(due.scalar_subquery()), outbox.c.next_attempt_at <= now)
        .values(next_attempt_at=now + lease_s, attempts=outbox.c.attempts + 1)
        .returning(outbox)
    )
    mails = [OutboxMail(**row) for row in connection.execute(lease).mappings()]
    return sorted(mails, key=lambda mail: mail.id)


def _delivered(connection: sa.Connection, mail_id: str) -> None:
    connection.execute(sa.delete(outbox).where(outbox.c.id == mail_id))


def _postpone_mail(connection: sa.Connection, mail_id: str, *, until: int) -> None:
    connection.execute(sa.update(outbox).where(outbox.c.id == mail_id).values(next_attempt_at=until))


class BlockingJournal(BlockingBase):
    """The journal, the outbox and the log on a blocking engine."""

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        events: Sequence[Event] = (),
        mails: Sequence[OutboxMail] = (),
    ) -> Committed | Lost:
        """See :class:`secureacct.ports.journal.Journal`."""
        try:
            with self.transaction() as connection:
                return _commit(connection, changes, events, mails)
        except _ClaimLost as lost:
            return Lost(lost.claim)

    events_of = in_tx(_events_of)
    due_mails = in_tx(_due_mails)
    delivered = in_tx(_delivered)
    postpone_mail = in_tx(_postpone_mail)


class AwaitingJournal(AwaitingBase):
    """The journal, the outbox and the log on an awaiting engine."""

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        events: Sequence[Event] = (),
        mails: Sequence[OutboxMail] = (),
    ) -> Committed | Lost:
        """See :class:`secureacct.ports.journal.Journal`."""
        try:
            return await self.run(lambda connection: _commit(connection, changes, events, mails))
        except _ClaimLost as lost:
            return Lost(lost.claim)

    events_of = in_async_tx(_events_of)
    due_mails = in_async_tx(_due_mails)
    delivered = in_async_tx(_delivered)
    postpone_mail = in_async_tx(_postpone_mail)
