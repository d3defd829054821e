"""Logs to be checked: events, stores that keep them, and a file of notes outside."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from secureacct.audit import EventKeys, FileSink, event_id, seal_event
from secureacct.audit.steps import AuditParts
from secureacct.keys import Keyring
from secureacct.records.events import Event
from secureacct.stores.memory.audit import MemoryAudit
from secureacct.stores.memory.journal import MemoryJournal
from secureacct.stores.sql.audit import AwaitingAudit, BlockingAudit, segment
from secureacct.stores.sql.base import metadata
from secureacct.stores.sql.journal import AwaitingJournal, BlockingJournal, event, outbox
from secureacct.stores.sql.subject_keys import subject_key
from tests.throttle_kit import Driver

STORES = ("memory", "sqlite", "sqlite_async", "pg", "pg_async")
TABLES = [event, outbox, segment, subject_key]
START = 1_790_000_000  # seconds since the epoch


class Memory(MemoryJournal, MemoryAudit):
    """The log in memory."""


class Sql(BlockingJournal, BlockingAudit):
    """The log in a database, blocking."""


class AsyncSql(AwaitingJournal, AwaitingAudit):
    """The log in a database, awaiting."""


class Plain:
    """A cipher for tests that hides nothing and still binds to its row."""

    def encrypt(self, value: str, *, row: str) -> bytes:
        """The row and the text."""
        return f"{row}|{value}".encode()

    def decrypt(self, blob: bytes, *, row: str) -> str:
        """The text, if it is this row's."""
        found, _, value = blob.decode().partition("|")
        if found != row:
            raise ValueError("elsewhere")
        return value


def events(keys: Keyring, number: int, *, seed: int = 0, start: int = START) -> list[Event]:
    """Events of a few accounts, one a second, always the same for a seed."""
    dice, macs, cipher = random.Random(seed), EventKeys(keys), Plain()
    return [
        seal_event(
            macs,
            cipher,
            id=event_id(now=start + second, random=dice.randbytes(10)),
            at=start + second,
            name=dice.choice(("sign_in", "sign_out", "password_changed")),
            outcome=dice.choice(("ok", "refused")),
            reason=dice.choice(("", "wrong_password")),
            account_id=dice.choice((None, "1", "2")),
            session_id=dice.choice((None, "s1")),
            correlation_id=f"r{second}",
            personal={"device": "Firefox on Linux", "network": "192.0.2.0/24"},
        )
        for second in range(number)
    ]


@contextmanager
def opened(kind: str, request: Any) -> Iterator[Driver]:
    """A new, empty log of this kind."""
    if kind == "memory":
        yield Driver(Memory())
    elif kind in ("sqlite", "pg"):
        engine = sa.create_engine(_url(kind, request))
        metadata.create_all(engine, tables=TABLES)
        yield Driver(Sql(engine))
        engine.dispose()
    else:
        from sqlalchemy.ext.asyncio import create_async_engine

        with asyncio.Runner() as runner:
            awaiting = create_async_engine(_url(kind, request))

            async def begin() -> None:
                async with awaiting.begin() as connection:
                    await connection.run_sync(metadata.create_all, tables=TABLES)

            runner.run(begin())
            yield Driver(AsyncSql(awaiting), runner)
            runner.run(awaiting.dispose())


def _url(kind: str, request: Any) -> str:
    if kind.startswith("pg"):
        return str(request.getfixturevalue("pg_database"))
    driver = "sqlite+aiosqlite" if kind.endswith("async") else "sqlite"
    return f"{driver}:///{request.getfixturevalue('tmp_path')}/log.db"


def parts(driver: Driver, keys: Keyring, *, notes: Path | None = None, now: float = START) -> AuditParts:
    """What the steps need, with a file outside if ``notes`` is given."""
    sinks = () if notes is None else (FileSink(notes),)
    return AuditParts(driver.store, EventKeys(keys), sinks, clock=lambda: now)
