"""The check of a session, past the pool and the expression language.

SQLAlchemy's ``connect()`` costs more than the one row this reads, so the check keeps a few driver
connections of its own and hands the driver one text, which it has prepared.

Rule 1: our connections are opened the way the engine opens them (its URL, its creator, its listeners)
        and then taken out of its pool, so the app's pool keeps its size.
Rule 2: when all of ours are in use, the check goes through the engine, which waits and limits as the
        app configured it.
Rule 3: a database in memory lives in the engine's own connection; it, a store that joined the app's
        transaction, and every driver not named here go through the engine.
"""

from __future__ import annotations

import functools
import os
import sqlite3
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from secureacct.records.sessions import HOUR_BYTES, TAG_BYTES, Session
from secureacct.stores.sql.base import AwaitingBase, BlockingBase
from secureacct.stores.sql.fast_drivers import (
    CHECK,
    OUT,
    TOUCH,
    AsyncPsycopgDriver,
    PsycopgDriver,
    SqliteDriver,
)
from secureacct.stores.sql.free_list import FreeList, clear_here

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.ext.asyncio import AsyncEngine

BUSY_MS = 1000  # milliseconds a touch waits for SQLite's write lock before it is left out; ours
BUSY_INLINE_MS = 20  # milliseconds a check may wait inside an event loop, where everybody waits; ours
SHORT_TAG_BYTES = 6  # of the account tag in a row's key: enough to find an account's rows by

_SHORT_TAG = slice(HOUR_BYTES, HOUR_BYTES + SHORT_TAG_BYTES)
_HASH = slice(HOUR_BYTES + TAG_BYTES, None)
_CHECK_TEXT = sa.text(CHECK.format(":hour", ":lookup"))
_TOUCH_TEXT = sa.text(TOUCH.format(":now", ":hour", ":lookup", ":seen_at"))


def split(key: bytes) -> tuple[int, bytes]:
    """A session's key as the two columns of a row's key."""
    return int.from_bytes(key[:HOUR_BYTES], "big"), key[_SHORT_TAG] + key[_HASH]


def _through_engine(connection: sa.Connection, key: bytes) -> Session | None:
    hour, lookup = split(key)
    row = connection.execute(_CHECK_TEXT, {"hour": hour, "lookup": lookup}).one_or_none()
    return Session(key, *row) if row is not None else None


def _touch_through_engine(connection: sa.Connection, key: bytes, seen_at: int, now: int) -> bool:
    hour, lookup = split(key)
    values = {"hour": hour, "lookup": lookup, "seen_at": seen_at, "now": now}
    return connection.execute(_TOUCH_TEXT, values).rowcount > 0


def in_memory(url: sa.URL) -> bool:
    """Whether an SQLite URL names a database in memory."""
    name = url.database or ""
    return name in ("", ":memory:") or ":memory:" in name or url.query.get("mode") == "memory"


class BlockingFastPath(BlockingBase):
    """The check of a session and its touch, on a blocking engine."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._driver = _driver_for(engine)

    async def session(self, key: bytes) -> Session | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        if self._driver is not None and self._joined is None:
            row = self._driver.one(*split(key))
            if row is not OUT:
                return Session(key, *row) if row is not None else None
        with self.transaction() as connection:
            return _through_engine(connection, key)

    async def touch_session(self, key: bytes, *, seen_at: int, now: int) -> bool:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        if self._driver is not None and self._joined is None:
            touched = self._driver.touch(now, *split(key), seen_at)
            if touched is not OUT:
                return touched
        with self.transaction() as connection:
            return _touch_through_engine(connection, key, seen_at, now)


class AwaitingFastPath(AwaitingBase):
    """The check of a session and its touch, on an awaiting engine.

    On SQLite the read is done in the loop: it takes a few microseconds, and a thread costs fifty. The
    touch, which waits for a disk, goes to the engine's thread.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._driver = _async_driver_for(engine)

    async def session(self, key: bytes) -> Session | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        driver = self._driver
        if driver is not None and self._joined is None:
            hour, lookup = split(key)
            if isinstance(driver, SqliteDriver):
                row = driver.one(hour, lookup)
            else:
                row = await driver.one(hour, lookup)
            if row is not OUT:
                return Session(key, *row) if row is not None else None
        return await self.run(lambda connection: _through_engine(connection, key))

    async def touch_session(self, key: bytes, *, seen_at: int, now: int) -> bool:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        return await self.run(lambda connection: _touch_through_engine(connection, key, seen_at, now))


def taken_out_of_pool(engine: sa.Engine) -> Any:
    """A driver connection opened as the engine opens them, which its pool no longer counts."""
    pooled = engine.raw_connection()
    driver = pooled.driver_connection
    pooled.detach()
    return driver


def _driver_for(engine: sa.Engine) -> SqliteDriver | PsycopgDriver | None:
    driver: SqliteDriver | PsycopgDriver
    open = functools.partial(taken_out_of_pool, engine)
    if engine.dialect.driver == "pysqlite" and not in_memory(engine.url):
        driver = SqliteDriver(open, busy_ms=BUSY_MS)
    elif engine.dialect.driver == "psycopg":
        driver = PsycopgDriver(open)
    else:
        return None
    end_with(engine, driver.free)
    return driver


def _async_driver_for(engine: AsyncEngine) -> SqliteDriver | AsyncPsycopgDriver | None:
    driver: SqliteDriver | AsyncPsycopgDriver
    if engine.dialect.driver == "aiosqlite" and not in_memory(engine.url):
        driver = SqliteDriver(functools.partial(_beside, str(engine.url.database)), busy_ms=BUSY_INLINE_MS)
    elif engine.dialect.driver in ("psycopg", "psycopg_async"):
        driver = AsyncPsycopgDriver(functools.partial(_awaited_out_of_pool, engine))
    else:
        return None
    end_with(engine.sync_engine, driver.free)
    return driver


def _beside(database: str) -> sqlite3.Connection:
    """A connection to the file that aiosqlite uses, which must exist."""
    if database.startswith("file:"):
        return sqlite3.connect(database, uri=True, check_same_thread=False)
    path = f"file:{quote(os.path.abspath(database))}?mode=rw"
    return sqlite3.connect(path, uri=True, check_same_thread=False)


async def _awaited_out_of_pool(engine: AsyncEngine) -> psycopg.AsyncConnection[Any]:
    pooled = await engine.raw_connection()
    driver: psycopg.AsyncConnection[Any] = cast(Any, pooled.driver_connection)
    pooled.detach()
    return driver


def end_with(engine: sa.Engine, free: FreeList) -> None:
    """Close what is idle when the engine is disposed of."""
    event.listen(engine, "engine_disposed", lambda _engine: clear_here(free))
