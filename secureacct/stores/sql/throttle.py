"""Buckets of attempts in SQL: one upsert for all buckets of an attempt, counted by the database.

A row keeps the numbers it was last counted with, which is how one statement can serve ladders and
budgets side by side, and how an operator can read why a row refuses. The arithmetic is that of
``throttle.rules.count``.

The text of the statement is made once per number of buckets and handed to the driver as it is:
building it from expressions for each attempt would cost more than the attempt. The blocking store hands
it to a connection of its own (:mod:`secureacct.stores.sql.own_transactions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import sqlalchemy as sa

from secureacct.records.throttle import FOREVER_MS, Charge, Counted, Refused
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, metadata, our_errors
from secureacct.stores.sql.own_transactions import OwnTransactions, Run
from secureacct.throttle import rules

R = TypeVar("R")

throttle = sa.Table(
    "sa_throttle",
    metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("forget_at_ms", sa.BigInteger, nullable=False),
    sa.Column("seen_ms", sa.BigInteger, nullable=False),
    sa.Column("free", sa.BigInteger, nullable=False),
    sa.Column("step_ms", sa.BigInteger, nullable=False),
    sa.Column("cap_ms", sa.BigInteger, nullable=False),
    sa.Column("pause_at", sa.BigInteger, nullable=False),
    sa.Column("room_ms", sa.BigInteger, nullable=False),
    sa.Index(None, "forget_at_ms"),
    sqlite_with_rowid=False,
)

_COLUMNS = "key, count, until_ms, forget_at_ms, seen_ms, free, step_ms, cap_ms, pause_at, room_ms"
_WIDTH = 10  # columns


def _marks(paramstyle: str, first: int, number: int) -> str:
    """Placeholders of a driver: ``?``, ``%s`` or ``$1``."""
    if paramstyle == "qmark":
        return ", ".join("?" * number)
    if paramstyle == "numeric_dollar":
        return ", ".join(f"${first + place}" for place in range(number))
    return ", ".join(["%s"] * number)


@lru_cache(maxsize=64)
def _count_text(dialect: str, paramstyle: str, rows: int) -> str:
    least, most = ("LEAST", "GREATEST") if dialect == "postgresql" else ("MIN", "MAX")
    fresh = "sa_throttle.forget_at_ms <= excluded.seen_ms"
    number = f"(CASE WHEN {fresh} THEN 1 ELSE sa_throttle.count + 1 END)"
    start = f"(CASE WHEN {fresh} THEN 0 ELSE sa_throttle.until_ms END)"
    paused = f"excluded.pause_at > 0 AND {number} >= excluded.pause_at"
    values = ", ".join(f"({_marks(paramstyle, 1 + row * _WIDTH, _WIDTH)})" for row in range(rows))
    doublings = f"{least}({number} - excluded.free, {rules.MOST_DOUBLINGS})"
    if dialect == "postgresql":
        doublings = f"CAST({doublings} AS integer)"
    return f"""
        INSERT INTO sa_throttle ({_COLUMNS}) VALUES {values}
        ON CONFLICT (key) DO UPDATE SET
            count = {number},
            until_ms = CASE
                WHEN excluded.cap_ms = 0
                    THEN {most}({start}, excluded.seen_ms) + excluded.step_ms
                WHEN {paused} THEN {FOREVER_MS}
                WHEN {number} < excluded.free THEN excluded.seen_ms
                ELSE excluded.seen_ms
                    + {least}(excluded.cap_ms, excluded.step_ms << {doublings})
                END,
            forget_at_ms = CASE WHEN {paused} THEN {FOREVER_MS} ELSE excluded.forget_at_ms END,
            seen_ms = excluded.seen_ms, free = excluded.free, step_ms = excluded.step_ms,
            cap_ms = excluded.cap_ms, pause_at = excluded.pause_at, room_ms = excluded.room_ms
        WHERE {start} <= excluded.seen_ms + excluded.room_ms
        RETURNING key, count, until_ms"""


@lru_cache(maxsize=64)
def _shut_text(paramstyle: str, rows: int) -> str:
    marks = _marks(paramstyle, 1, rows)
    return f"SELECT key, count, until_ms FROM sa_throttle WHERE key IN ({marks})"


@lru_cache(maxsize=64)
def _settle_text(dialect: str, paramstyle: str, rows: int, success: bool) -> str:
    most = "GREATEST" if dialect == "postgresql" else "MAX"
    lower = f"{most}(count - 1, 0)"
    if success:
        count, until = f"CASE WHEN cap_ms > 0 THEN 0 ELSE {lower} END", "0"
        forget = f", forget_at_ms = CASE WHEN until_ms >= {FOREVER_MS} THEN seen_ms ELSE forget_at_ms END"
    else:
        count, forget = lower, ""
        until = (
            f"CASE WHEN {lower} < free THEN 0 WHEN until_ms >= {FOREVER_MS} THEN seen_ms + cap_ms "
            "ELSE until_ms END"
        )
    which = _marks(paramstyle, 1, rows)
    if dialect == "postgresql":  # rows are locked in the order in which attempts lock them: no deadlock
        which = f"SELECT key FROM sa_throttle WHERE key IN ({which}) ORDER BY key FOR UPDATE"
    return f"""
        UPDATE sa_throttle SET count = {count},
            until_ms = CASE WHEN cap_ms = 0 THEN until_ms - step_ms ELSE {until} END{forget}
        WHERE key IN ({which})"""


class _Refused(Exception):
    """Ends the transaction, so that the buckets which had room are not charged either."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


def _count(run: Run, dialect: sa.Dialect, charges: Sequence[Charge], *, now_ms: int) -> Counted:
    values: list[object] = []
    for charge in sorted(charges, key=lambda charge: charge.key):  # one order of locks: no deadlock
        until, forget = rules.opening(charge, now_ms=now_ms)
        values += (charge.key, 1, until, forget, now_ms, charge.free, charge.step_ms)
        values += (charge.cap_ms, charge.pause_at, charge.room_ms)
    text = _count_text(dialect.name, dialect.paramstyle, len(charges))
    rows = {bytes(key): (count, until) for key, count, until in run(text, tuple(values)).fetchall()}
    if len(rows) < len(charges):
        raise _Refused(_shut(run, dialect, [one for one in charges if one.key not in rows], charges))
    return Counted(tuple(rows[charge.key] for charge in charges))


def _shut(run: Run, dialect: sa.Dialect, missing: Sequence[Charge], charges: Sequence[Charge]) -> Refused:
    """How the buckets stand that had no room. One that was removed in this moment stands empty."""
    text = _shut_text(dialect.paramstyle, len(missing))
    rows = run(text, tuple(charge.key for charge in missing)).fetchall()
    found = {bytes(key): (count, until) for key, count, until in rows}
    return Refused(
        tuple(
            (place, *found.get(charge.key, (0, 0)))
            for place, charge in enumerate(charges)
            if charge in missing
        )
    )


def _settle(run: Run, dialect: sa.Dialect, keys: Sequence[bytes], *, success: bool) -> None:
    if keys:
        run(_settle_text(dialect.name, dialect.paramstyle, len(keys), success), tuple(keys))


def _forget(connection: sa.Connection, *, now_ms: int, limit: int) -> int:
    old = sa.select(throttle.c.key).where(throttle.c.forget_at_ms <= now_ms).limit(limit)
    again = throttle.c.forget_at_ms <= now_ms  # a bucket charged meanwhile stays
    return connection.execute(sa.delete(throttle).where(throttle.c.key.in_(old), again)).rowcount


def _runner(connection: sa.Connection) -> Run:
    return connection.exec_driver_sql


class BlockingThrottle(BlockingBase):
    """See :class:`secureacct.ports.throttle.ThrottleStore`. Never joins the app's transaction: a
    failure that the app rolls back would not have been counted."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._own = OwnTransactions(engine)

    async def count_attempt(self, charges: Sequence[Charge], *, now_ms: int) -> Counted | Refused:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        try:
            return self._own.do(lambda run: _count(run, self.engine.dialect, charges, now_ms=now_ms))
        except _Refused as refused:
            return refused.refused

    async def settle_success(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        self._own.do(lambda run: _settle(run, self.engine.dialect, keys, success=True))

    async def settle_withdrawn(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        self._own.do(lambda run: _settle(run, self.engine.dialect, keys, success=False))

    async def forget_buckets(self, *, now_ms: int, limit: int) -> int:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        with our_errors(), self.engine.begin() as connection:
            return _forget(connection, now_ms=now_ms, limit=limit)


class AwaitingThrottle(AwaitingBase):
    """The same on an awaiting engine."""

    async def _throttled(self, query: Callable[[sa.Connection], R]) -> R:
        with our_errors():
            async with self.engine.begin() as connection:
                found: R = await connection.run_sync(query)
                return found

    async def count_attempt(self, charges: Sequence[Charge], *, now_ms: int) -> Counted | Refused:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""

        def count(connection: sa.Connection) -> Counted:
            return _count(_runner(connection), connection.dialect, charges, now_ms=now_ms)

        try:
            return await self._throttled(count)
        except _Refused as refused:
            return refused.refused

    async def settle_success(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        await self._throttled(lambda one: _settle(_runner(one), one.dialect, keys, success=True))

    async def settle_withdrawn(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        await self._throttled(lambda one: _settle(_runner(one), one.dialect, keys, success=False))

    async def forget_buckets(self, *, now_ms: int, limit: int) -> int:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        return await self._throttled(lambda one: _forget(one, now_ms=now_ms, limit=limit))
