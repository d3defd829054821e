"""Engines set up the way these stores promise: SQLite that is safe beside other processes.

An engine of the app's own works as well; what this sets is what ``docs/why/stores-that-lose-writes.md``
takes for granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError

from secureacct.errors import ConfigurationError, MissingExtra

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

BUSY_TIMEOUT_MS = 5000  # milliseconds a writer waits for another before the store is unavailable; ours
CONNECT_TIMEOUT_S = 5  # seconds to reach a PostgreSQL server; ours

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and one writer at the same time, also between processes
    "PRAGMA synchronous = FULL",  # what was acknowledged is on the disk
    "PRAGMA foreign_keys = ON",
)


def open_engine(url: str | sa.URL, **options: Any) -> sa.Engine:
    """A blocking engine. SQLite: WAL, every commit synced, writers wait up to 5 s and never meet a
    transaction that cannot be upgraded. PostgreSQL: psycopg 3, 5 s to connect, pool checked before use.

    :param options: more for ``sqlalchemy.create_engine``.
    :raises ConfigurationError: a database that is neither, or a driver that is not installed.
    """
    made = _url(url)
    with _driver_is_there():
        engine = sa.create_engine(made, **_options(made, options))
    if made.get_backend_name() == "sqlite":
        prepare_sqlite(engine)
    return engine


def open_async_engine(url: str | sa.URL, **options: Any) -> AsyncEngine:
    """The same for awaiting callers: aiosqlite, or psycopg's own awaiting connections."""
    from sqlalchemy.ext.asyncio import create_async_engine

    made = _url(url)
    if made.drivername == "sqlite":
        made = made.set(drivername="sqlite+aiosqlite")
    with _driver_is_there():
        engine = create_async_engine(made, **_options(made, options))
    if made.get_backend_name() == "sqlite":
        prepare_sqlite(engine.sync_engine)
    return engine


@contextmanager
def _driver_is_there() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name == "psycopg":
            raise MissingExtra("postgres", needed_for="a PostgreSQL database") from None
        raise ConfigurationError(f"the driver that the database URL names is missing: {error.name}") from None


def _url(url: str | sa.URL) -> sa.URL:
    try:
        made = sa.make_url(url)
        made.get_dialect()
    except (ArgumentError, ModuleNotFoundError):  # the message may hold the URL's password
        raise ConfigurationError(
            "a database URL looks like sqlite:///app.db or postgresql+psycopg://user@host/name"
        ) from None
    return made.set(drivername="postgresql+psycopg") if made.drivername == "postgresql" else made


def _options(url: sa.URL, options: dict[str, Any]) -> dict[str, Any]:
    backend = url.get_backend_name()
    arguments: dict[str, Any]
    if backend == "sqlite":
        # IMMEDIATE: sqlite3 begins a transaction before the first statement that writes, and a
        # transaction that takes the write lock at once waits for it instead of failing half way.
        arguments = {"isolation_level": "IMMEDIATE", "timeout": BUSY_TIMEOUT_MS / 1000}
    elif backend == "postgresql":
        arguments = {"connect_timeout": CONNECT_TIMEOUT_S} if "psycopg" in url.get_driver_name() else {}
        options.setdefault("pool_pre_ping", True)
    else:
        raise ConfigurationError(f"no store for {backend}: use SQLite or PostgreSQL")
    return {**options, "connect_args": {**arguments, **options.get("connect_args", {})}}


def prepare_sqlite(engine: sa.Engine) -> None:
    """Set WAL and full synchronisation on every connection this engine opens."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()
