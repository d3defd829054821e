"""What the check of a session asks of sqlite3 and psycopg: one row, one touch.

Rule 1: a row is fetched to its end before the connection goes back, so nothing of the statement stays
        open and no read transaction lingers.
Rule 2: a dead connection takes the idle ones with it, and the read is tried once more on a new one. A
        touch is tried once: whether it was written is not known, and need not be.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import weakref
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from secureacct.errors import StoreUnavailable
from secureacct.stores.sql.base import our_errors
from secureacct.stores.sql.free_list import FreeList, clear_here

if TYPE_CHECKING:
    import psycopg

CHECK = """SELECT s.account_id, s.nonce, s.began, s.seen_at, s.ends_at, s.idle_s, s.token_at, s.epoch,
        s.proofs
    FROM sa_session s JOIN sa_account_state a
    ON a.account_id = s.account_id AND a.epoch = s.epoch AND a.status = 'active'
    WHERE s.hour = {} AND s.lookup = {}"""
TOUCH = "UPDATE sa_session SET seen_at = {} WHERE hour = {} AND lookup = {} AND seen_at = {}"

CHECK_QMARK, TOUCH_QMARK = CHECK.format("?", "?"), TOUCH.format("?", "?", "?", "?")
CHECK_FORMAT, TOUCH_FORMAT = CHECK.format("%s", "%s"), TOUCH.format("%s", "%s", "%s", "%s")

Row: TypeAlias = "tuple[Any, ...]"


class _Out(Enum):
    OUT = "all of our connections are in use"


OUT: Final = _Out.OUT
Out: TypeAlias = Literal[_Out.OUT]


def did_not_answer(error: BaseException) -> StoreUnavailable:
    """Our error for one of a driver's."""
    return StoreUnavailable(f"the database did not answer ({type(error).__name__})")


class SqliteDriver:
    """Our sqlite3 connections."""

    def __init__(self, open: Callable[[], sqlite3.Connection], *, busy_ms: int) -> None:
        self._open_raw = open
        self._busy_ms = busy_ms
        self.free = FreeList(sqlite3.Connection.close)
        weakref.finalize(self, clear_here, self.free)

    def _open(self) -> sqlite3.Connection | None:
        if not self.free.ticket():
            return None
        try:
            with our_errors():
                connection = self._open_raw()
            connection.isolation_level = None  # autocommit
            connection.execute(f"PRAGMA busy_timeout = {self._busy_ms}").close()
        except BaseException:
            self.free.lost(None)
            raise
        return connection

    def one(self, hour: int, lookup: bytes) -> Row | Out | None:
        """The one row, fetched to its end: nothing of the statement stays open."""
        connection = None
        try:
            connection = self.free.take(os.getpid()) or self._open()
            if connection is None:
                return OUT
            row: Row | None = connection.execute(CHECK_QMARK, (hour, lookup)).fetchone()
        except BaseException as error:
            if connection is not None:
                self.free.lost(connection)
            if isinstance(error, sqlite3.Error):
                raise did_not_answer(error) from None
            raise
        self.free.give(connection)
        return row

    def touch(self, now: int, hour: int, lookup: bytes, seen_at: int) -> bool | Out:
        """One UPDATE, committed by itself."""
        connection = None
        try:
            connection = self.free.take(os.getpid()) or self._open()
            if connection is None:
                return OUT
            touched = connection.execute(TOUCH_QMARK, (now, hour, lookup, seen_at)).rowcount
        except BaseException as error:
            if connection is not None:
                self.free.lost(connection)
            if isinstance(error, sqlite3.Error):
                raise did_not_answer(error) from None
            raise
        self.free.give(connection)
        return touched > 0


class PsycopgDriver:
    """Our psycopg connections, each with the one cursor that prepared the check."""

    def __init__(self, open: Callable[[], psycopg.Connection[Any]]) -> None:
        import psycopg

        self._open_raw = open
        self._broken = (psycopg.OperationalError, psycopg.InterfaceError)
        self._error = psycopg.Error
        self.free = FreeList(lambda cursor: cursor.connection.close())
        weakref.finalize(self, clear_here, self.free)

    def _open(self) -> psycopg.Cursor[Any] | None:
        if not self.free.ticket():
            return None
        try:
            with our_errors():
                connection = self._open_raw()
            connection.autocommit = True
            return connection.cursor()
        except BaseException:
            self.free.lost(None)
            raise

    def one(self, hour: int, lookup: bytes) -> Row | Out | None:
        """The one row; a dead connection is replaced and the read tried once more."""
        for last in (False, True):
            cursor = None
            try:
                cursor = self.free.take(os.getpid()) or self._open()
                if cursor is None:
                    return OUT
                row: Row | None = cursor.execute(CHECK_FORMAT, (hour, lookup), prepare=True).fetchone()
            except BaseException as error:
                if cursor is not None:
                    self.free.lost(cursor)
                    if not last and isinstance(error, self._broken):
                        continue
                if isinstance(error, self._error):
                    raise did_not_answer(error) from None
                raise
            self.free.give(cursor)
            return row
        return OUT  # pragma: no cover - the loop returns or raises

    def touch(self, now: int, hour: int, lookup: bytes, seen_at: int) -> bool | Out:
        """One UPDATE, committed by itself, tried once."""
        cursor = None
        try:
            cursor = self.free.take(os.getpid()) or self._open()
            if cursor is None:
                return OUT
            touched = cursor.execute(TOUCH_FORMAT, (now, hour, lookup, seen_at), prepare=True).rowcount
        except BaseException as error:
            if cursor is not None:
                self.free.lost(cursor)
            if isinstance(error, self._error):
                raise did_not_answer(error) from None
            raise
        self.free.give(cursor)
        return touched > 0


class AsyncPsycopgDriver:
    """The same for psycopg's own awaiting connections, of one event loop."""

    def __init__(self, open: Callable[[], Coroutine[Any, Any, psycopg.AsyncConnection[Any]]]) -> None:
        import psycopg

        self._open_raw = open
        self._broken = (psycopg.OperationalError, psycopg.InterfaceError)
        self._error = psycopg.Error
        self.free = FreeList(lambda cursor: cursor.connection.pgconn.finish())
        weakref.finalize(self, clear_here, self.free)

    async def _take(self) -> psycopg.AsyncCursor[Any] | None:
        cursor = self.free.take((os.getpid(), asyncio.get_running_loop()))
        if cursor is not None or not self.free.ticket():
            return cursor
        try:
            with our_errors():
                connection = await self._open_raw()
            await connection.set_autocommit(True)
            return connection.cursor()
        except BaseException:
            self.free.lost(None)
            raise

    async def one(self, hour: int, lookup: bytes) -> Row | Out | None:
        """The one row; a dead connection is replaced and the read tried once more."""
        for last in (False, True):
            cursor = None
            try:
                cursor = await self._take()
                if cursor is None:
                    return OUT
                await cursor.execute(CHECK_FORMAT, (hour, lookup), prepare=True)
                row: Row | None = await cursor.fetchone()
            except BaseException as error:
                if cursor is not None:
                    self.free.lost(cursor)
                    if not last and isinstance(error, self._broken):
                        continue
                if isinstance(error, self._error):
                    raise did_not_answer(error) from None
                raise
            self.free.give(cursor)
            return row
        return OUT  # pragma: no cover - the loop returns or raises
