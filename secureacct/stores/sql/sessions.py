"""Sessions and account states in SQL. See ``ports.sessions`` for what is promised.

The tables are in ``session_tables``, the texts of the statements in ``session_statements``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from secureacct.errors import ConfigurationError
from secureacct.ports.sessions import Purged
from secureacct.records import sessions as r
from secureacct.records.sessions import HASH_BYTES, HOUR_BYTES, AccountState, Moved, Session
from secureacct.sessions.token import account_tag
from secureacct.stores.sql import session_statements as q
from secureacct.stores.sql.base import in_async_tx, in_tx
from secureacct.stores.sql.fast_path import SHORT_TAG_BYTES, AwaitingFastPath, BlockingFastPath, split
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.session_tables import account_state, session, session_data, session_moved

REMOVED_AT_ONCE = 10_000  # rows that "sign out everywhere" removes itself; a purge meets the rest; ours

_LAST = (1 << 24, b"")  # after the last hour that three bytes can say


def _where(key: bytes) -> dict[str, Any]:
    hour, lookup = split(key)
    return {"hour": hour, "lookup": lookup}


def _span(account_id: str) -> dict[str, Any]:
    tag = account_tag(account_id)[:SHORT_TAG_BYTES]
    return {"account_id": account_id, "low": tag, "high": tag + b"\xff" * (HASH_BYTES + 1)}


def _key(row_hour: int, lookup: bytes, account_id: str) -> bytes:
    return row_hour.to_bytes(HOUR_BYTES, "big") + account_tag(account_id) + bytes(lookup)[SHORT_TAG_BYTES:]


# --- changes -----------------------------------------------------------------------------------


def _run(connection: sa.Connection, statement: sa.TextClause, **values: Any) -> int:
    return connection.execute(statement, values).rowcount


@makes(r.StartSession)
def _start(connection: sa.Connection, change: r.StartSession) -> int:
    one = change.session
    account = {"account_id": one.account_id, "epoch": one.epoch}
    name = connection.dialect.name
    if change.at_most is not None:
        connection.execute(q.OPEN_STATE, account)
        epoch = connection.execute(q.LOCK_STATE, account).scalar()  # two starts count one after the other
        live = {**_span(one.account_id), "epoch": epoch, "now": change.now}
        if epoch is None or connection.execute(q.COUNT_LIVE[name], live).scalar_one() >= change.at_most:
            return 0
    row = {
        **_where(one.key),
        "account_id": one.account_id,
        "began": one.began,
        "seen_at": one.seen_at,
        "ends_at": one.ends_at,
        "token_at": one.token_at,
        "idle_s": one.idle_s,
        "nonce": one.nonce,
        "proofs": one.proof_text,
        "device": one.device or None,
    }
    if started := connection.execute(q.STARTS[name], row).rowcount:
        return started
    if not connection.execute(q.OPEN_STATE, account).rowcount:
        return 0  # there is a state, and it is not active
    return connection.execute(q.STARTS[name], row).rowcount


@makes(r.RotateSession)
def _rotate(connection: sa.Connection, change: r.RotateSession) -> int:
    old, new = _where(change.key), _where(change.new_key)
    if old["hour"] != new["hour"]:
        raise ConfigurationError("a session keeps the hour of its start")
    values = {**old, "new_lookup": new["lookup"], "now": change.now, "proofs": change.proof_text}
    row = connection.execute(q.ROTATE, values).one_or_none()
    if row is None:
        return 0
    connection.execute(q.MOVE_DATA, values)
    if change.leave_trace:
        session_id = Session(change.key, row[0], bytes(row[1]), 0, 0, 0, 0, None, 0, "").id
        trace = {**old, "moved_at": change.now, "account_id": row[0], "session_id": session_id}
        connection.execute(sa.insert(session_moved), trace)
    return 1


@makes(r.TouchSession)
def _touch(connection: sa.Connection, change: r.TouchSession) -> int:
    return _run(connection, q.TOUCH, **_where(change.key), seen_at=change.seen_at, now=change.now)


@makes(r.EndSession)
def _end(connection: sa.Connection, change: r.EndSession) -> int:
    where = _where(change.key)
    ended = _run(connection, q.END, **where)
    if ended:
        connection.execute(q.END_DATA, where)
    return ended


def _end_by_id(
    connection: sa.Connection, account_id: str, session_id: str, trace_at: int | None = None
) -> int:
    place = r.place_of_id(session_id)
    if place is None:
        return 0
    hour, nonce = place
    values = {**_span(account_id), "hour": hour, "nonce": nonce}
    lookup = connection.execute(q.END_BY_ID, values).scalar()
    if lookup is None:
        return 0
    where = {"hour": hour, "lookup": lookup}
    connection.execute(q.END_DATA, where)
    if trace_at is not None:
        trace = {**where, "moved_at": trace_at, "account_id": account_id, "session_id": session_id}
        connection.execute(sa.insert(session_moved), trace)
    return 1


@makes(r.EndSessionById)
def _end_one(connection: sa.Connection, change: r.EndSessionById) -> int:
    return _end_by_id(connection, change.account_id, change.session_id, change.trace_at)


@makes(r.EndReusedSession)
def _end_reused(connection: sa.Connection, change: r.EndReusedSession) -> int:
    return _end_by_id(connection, change.account_id, change.session_id)


@makes(r.ForgetTrace)
def _forget_trace(connection: sa.Connection, change: r.ForgetTrace) -> int:
    return _run(connection, q.FORGET_TRACE, **_where(change.key))


@makes(r.SetSessionData)
def _set_data(connection: sa.Connection, change: r.SetSessionData) -> int:
    where = _where(change.key)
    done = _run(connection, q.SET_DATA, **where, body=change.body or "")
    if done and change.body is None:
        connection.execute(q.END_DATA, where)
    return done


@makes(r.EndSessions)
def _end_all(connection: sa.Connection, change: r.EndSessions) -> int:
    name = connection.dialect.name
    state = connection.execute(q.RAISE_EPOCH, {"account_id": change.account_id}).one_or_none()
    if state is None:
        return 0
    values = {**_span(change.account_id), "epoch": state.epoch, "now": change.now, "limit": REMOVED_AT_ONCE}
    if change.keep is not None:
        connection.execute(q.KEEP, {**values, **_where(change.keep)})
    ended: int = 0
    if state.status == r.ACTIVE:
        ended = connection.execute(q.COUNT_LIVE[name], {**values, "epoch": state.epoch - 1}).scalar_one()
    connection.execute(q.REMOVE_OLD[name], values)
    return ended


@makes(r.EndEverySession)
def _end_every(connection: sa.Connection, _change: r.EndEverySession) -> int:
    for table in (session_data, session_moved):
        connection.execute(sa.delete(table))
    return connection.execute(sa.delete(session)).rowcount


@makes(r.SetAccountStatus)
def _set_status(connection: sa.Connection, change: r.SetAccountStatus) -> int:
    return _run(
        connection,
        q.SET_STATUS,
        account_id=change.account_id,
        epoch=change.first_epoch,
        status=change.status,
    )


@makes(r.BumpSecurityVersion)
def _bump(connection: sa.Connection, change: r.BumpSecurityVersion) -> int:
    return _run(connection, q.BUMP, account_id=change.account_id, expected=change.expected)


# --- reads -------------------------------------------------------------------------------------


def _moved_session(connection: sa.Connection, key: bytes) -> Moved | None:
    where = _where(key)
    found = sa.select(session_moved).where(
        session_moved.c.hour == where["hour"], session_moved.c.lookup == where["lookup"]
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    return Moved(account_id=row.account_id, session_id=row.session_id, moved_at=row.moved_at)


def _sessions_of(connection: sa.Connection, account_id: str) -> Sequence[Session]:
    rows = connection.execute(q.LIST[connection.dialect.name], _span(account_id))
    return [
        Session._make((_key(row.hour, row.lookup, account_id), *row[2:-1], row.device or b"")) for row in rows
    ]


def _account_state(connection: sa.Connection, account_id: str) -> AccountState | None:
    found = sa.select(account_state).where(account_state.c.account_id == account_id)
    row = connection.execute(found).mappings().one_or_none()
    return AccountState(**row) if row is not None else None


def _session_data(connection: sa.Connection, key: bytes) -> str | None:
    where = _where(key)
    found = sa.select(session_data.c.body).where(
        session_data.c.hour == where["hour"], session_data.c.lookup == where["lookup"]
    )
    body: str | None = connection.execute(found).scalar()
    return body


def _purge_sessions(connection: sa.Connection, *, now: int, cursor: bytes, limit: int) -> Purged:
    place = {"hour": int.from_bytes(cursor[:HOUR_BYTES], "big"), "lookup": cursor[HOUR_BYTES:]}
    if not cursor:
        place["hour"] = -1
    row = connection.execute(q.NEXT_ROWS, {**place, "skip": limit - 1}).one_or_none()
    to_hour, to_lookup = (row[0], bytes(row[1])) if row is not None else _LAST
    span = {**place, "to_hour": to_hour, "to_lookup": to_lookup}
    removed = _run(connection, q.PURGE, **span, now=now)
    if row is None or removed < limit:
        removed += _run(connection, q.PURGE_STALE, **span)
    connection.execute(q.PURGE_DATA, span)
    if row is None:
        connection.execute(q.PURGE_MOVED)
        return Purged(removed, False, b"")
    return Purged(removed, True, to_hour.to_bytes(HOUR_BYTES, "big") + to_lookup)


def _count_sessions(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(session)).scalar_one())


class BlockingSessions(BlockingFastPath):
    """Sessions on a blocking engine."""

    moved_session = in_tx(_moved_session)
    sessions_of = in_tx(_sessions_of)
    account_state = in_tx(_account_state)
    session_data = in_tx(_session_data)
    purge_sessions = in_tx(_purge_sessions)
    count_sessions = in_tx(_count_sessions)


class AwaitingSessions(AwaitingFastPath):
    """Sessions on an awaiting engine."""

    moved_session = in_async_tx(_moved_session)
    sessions_of = in_async_tx(_sessions_of)
    account_state = in_async_tx(_account_state)
    session_data = in_async_tx(_session_data)
    purge_sessions = in_async_tx(_purge_sessions)
    count_sessions = in_async_tx(_count_sessions)


__all__ = [
    "AwaitingSessions",
    "BlockingSessions",
    "account_state",
    "session",
    "session_data",
    "session_moved",
]
