"""Short transactions past the pool: a few driver connections of our own, each with the one cursor it keeps.

An attempt is one statement and wants to cost one; SQLAlchemy's ``connect()`` costs more than half as much
again. The rules are those of :mod:`secureacct.stores.sql.fast_path`: opened the way the engine opens them,
taken out of its pool, bounded; when all are in use, and for a database in memory, the engine's pool serves.

Rule 1: a connection goes back only after its transaction was committed or rolled back.
Rule 2: a connection that turns out dead before its commit was sent is replaced, and the transaction made
        once more: nothing of it was written. After that nobody knows, and it is not: a count twice is a lie.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from secureacct.stores.sql.base import our_errors
from secureacct.stores.sql.fast_drivers import did_not_answer
from secureacct.stores.sql.fast_path import end_with, in_memory, taken_out_of_pool
from secureacct.stores.sql.free_list import FreeList, clear_here

R = TypeVar("R")

Run = Callable[[str, tuple[object, ...]], Any]
"""A statement's text and its parameters, handed to the driver; gives something that has the rows."""


class _Held(NamedTuple):
    connection: Any  # of the driver
    run: Run


class OwnTransactions:
    """Short transactions on one engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._failures: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._serves = engine.dialect.driver in ("pysqlite", "psycopg") and not in_memory(engine.url)
        self.free = FreeList(lambda held: held.connection.close())
        weakref.finalize(self, clear_here, self.free)
        end_with(engine, self.free)

    def do(self, act: Callable[[Run], R]) -> R:
        """Run ``act`` in one transaction and commit it. What it raises rolls it back; it may be asked twice.

        :raises StoreUnavailable: the database did not answer.
        """
        while True:
            held = self.free.take(os.getpid()) if self._serves else None
            was_idle = held is not None
            held = held or self._open()
            if held is None:
                return self._through_pool(act)
            committing = False
            try:
                done = act(held.run)
                committing = True
                held.connection.commit()
            except self._failures as error:
                gone = bool(getattr(held.connection, "closed", False))  # psycopg says; a file stays
                self.free.lost(held)
                if was_idle and gone and not committing:
                    continue
                raise did_not_answer(error) from None
            except BaseException:
                self._undo(held)
                raise
            self.free.give(held)
            return done

    def _open(self) -> _Held | None:
        if not self._serves or not self.free.ticket():
            return None
        try:
            with our_errors():
                connection = taken_out_of_pool(self._engine)
            return _held(connection)
        except BaseException:
            self.free.lost(None)
            raise

    def _undo(self, held: _Held) -> None:
        try:
            held.connection.rollback()
        except self._failures:
            self.free.lost(held)
        else:
            self.free.give(held)

    def _through_pool(self, act: Callable[[Run], R]) -> R:
        with our_errors():
            try:
                pooled = self._engine.raw_connection()
                try:
                    done = act(_held(pooled).run)
                    pooled.commit()
                finally:
                    pooled.close()  # back to the pool, which rolls back what was not committed
            except self._failures as error:
                raise did_not_answer(error) from None
        return done


def _held(connection: Any) -> _Held:
    cursor = connection.cursor()

    def run(text: str, values: tuple[object, ...]) -> Any:
        cursor.execute(text, values)
        return cursor

    return _Held(connection, run)
