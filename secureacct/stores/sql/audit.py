"""The security log's segments in SQL.

The app needs INSERT and SELECT on ``sa_event`` and nothing more; the sealer may set the one column
``segment``, and what it sets is proved by the segment's hash, not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from secureacct.errors import StoreUnavailable
from secureacct.ports.audit import SealRule
from secureacct.records.audit import Pending, Segment
from secureacct.records.events import Event
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.journal import event, event_columns

segment = sa.Table(
    "sa_audit_segment",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("first_id", sa.Text, nullable=False),
    sa.Column("last_id", sa.Text, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("sealed_at", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("handed_over", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("pruned_at", sa.BigInteger),
    sa.Column("pruned_mac", sa.LargeBinary, nullable=False),
    sa.Index(
        "ix_sa_audit_segment_waiting",
        "number",
        sqlite_where=sa.text("NOT handed_over"),
        postgresql_where=sa.text("NOT handed_over"),
    ),
)

SEALER_LOCK = 0x5341_4155_4449_5431  # "SAAUDIT1": the advisory lock of PostgreSQL


def _locked(connection: sa.Connection) -> bool:
    """Take the sealer's lock until the transaction ends. On SQLite that is the write lock, which a
    statement that writes nothing takes too."""
    if connection.dialect.name == "postgresql":
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(SEALER_LOCK))))
    connection.execute(sa.delete(segment).where(segment.c.number < 0))
    return True


def _seal_segment(connection: sa.Connection, rule: SealRule, *, limit: int) -> Segment | None:
    if not _locked(connection):
        return None
    events = _unsealed_after(connection, "", limit=limit)
    if not events:
        return None
    newest = sa.select(segment).order_by(segment.c.number.desc()).limit(1)
    last = connection.execute(newest).mappings().first()
    made = rule(None if last is None else Segment(**last), events)
    connection.execute(sa.insert(segment), [{name: getattr(made, name) for name in Segment.__slots__}])
    ids = [one.id for one in events]
    mark = sa.update(event).where(event.c.id.in_(ids), event.c.segment.is_(None)).values(segment=made.number)
    if connection.execute(mark).rowcount != len(events):
        raise StoreUnavailable("the events to be sealed changed meanwhile; nothing was sealed")
    return made


def _pending_events(connection: sa.Connection, *, limit: int) -> Pending:
    some = sa.select(event.c.at).where(event.c.segment.is_(None)).order_by(event.c.id).limit(limit).subquery()
    count, oldest = connection.execute(
        sa.select(sa.func.count(), sa.func.min(some.c.at)).select_from(some)
    ).one()
    return Pending(count=count, oldest_at=oldest)


def _segments_after(connection: sa.Connection, number: int, *, limit: int) -> Sequence[Segment]:
    query = sa.select(segment).where(segment.c.number > number).order_by(segment.c.number).limit(limit)
    return [Segment(**row) for row in connection.execute(query).mappings()]


def _events_in(connection: sa.Connection, number: int) -> Sequence[Event]:
    return _events(connection, sa.select(*event_columns).where(event.c.segment == number))


def _unsealed_after(connection: sa.Connection, event_id: str, *, limit: int) -> Sequence[Event]:
    pending = sa.and_(event.c.segment.is_(None), event.c.id > event_id)
    return _events(connection, sa.select(*event_columns).where(pending).order_by(event.c.id).limit(limit))


def _events_after(connection: sa.Connection, event_id: str, *, limit: int) -> Sequence[Event]:
    query = sa.select(*event_columns).where(event.c.id > event_id).order_by(event.c.id).limit(limit)
    return _events(connection, query)


def _newest_events(connection: sa.Connection, *, limit: int) -> Sequence[Event]:
    return _events(connection, sa.select(*event_columns).order_by(event.c.id.desc()).limit(limit))


def _events(connection: sa.Connection, query: sa.Select[Any]) -> list[Event]:
    names = Event.__slots__
    found = [Event(**dict(zip(names, row, strict=True))) for row in connection.execute(query)]
    # Sorted here, by code point: the order of ids must not depend on a database's collation.
    return sorted(found, key=lambda one: one.id)


def _stray_event(connection: sa.Connection) -> str | None:
    stray = sa.select(event.c.id).where(
        event.c.segment.is_not(None), ~sa.exists().where(segment.c.number == event.c.segment)
    )
    return connection.scalar(stray.limit(1))


def _mark_handed_over(connection: sa.Connection, number: int) -> None:
    connection.execute(sa.update(segment).where(segment.c.number == number).values(handed_over=True))


def _waiting_for_sinks(connection: sa.Connection, *, limit: int) -> Sequence[Segment]:
    query = sa.select(segment).where(~segment.c.handed_over).order_by(segment.c.number).limit(limit)
    return [Segment(**row) for row in connection.execute(query).mappings()]


def _prune_segment(connection: sa.Connection, number: int, *, at: int, mac: bytes) -> int:
    mark = sa.update(segment).where(segment.c.number == number, segment.c.pruned_at.is_(None))
    if connection.execute(mark.values(pruned_at=at, pruned_mac=mac)).rowcount == 0:
        return 0
    return connection.execute(sa.delete(event).where(event.c.segment == number)).rowcount


class BlockingAudit(BlockingBase):
    """See :class:`secureacct.ports.audit.AuditStore`."""

    seal_segment = in_tx(_seal_segment)
    pending_events = in_tx(_pending_events)
    segments_after = in_tx(_segments_after)
    events_in = in_tx(_events_in)
    unsealed_after = in_tx(_unsealed_after)
    events_after = in_tx(_events_after)
    newest_events = in_tx(_newest_events)
    stray_event = in_tx(_stray_event)
    mark_handed_over = in_tx(_mark_handed_over)
    waiting_for_sinks = in_tx(_waiting_for_sinks)
    prune_segment = in_tx(_prune_segment)


class AwaitingAudit(AwaitingBase):
    """The same on an awaiting engine."""

    seal_segment = in_async_tx(_seal_segment)
    pending_events = in_async_tx(_pending_events)
    segments_after = in_async_tx(_segments_after)
    events_in = in_async_tx(_events_in)
    unsealed_after = in_async_tx(_unsealed_after)
    events_after = in_async_tx(_events_after)
    newest_events = in_async_tx(_newest_events)
    stray_event = in_async_tx(_stray_event)
    mark_handed_over = in_async_tx(_mark_handed_over)
    waiting_for_sinks = in_async_tx(_waiting_for_sinks)
    prune_segment = in_async_tx(_prune_segment)
