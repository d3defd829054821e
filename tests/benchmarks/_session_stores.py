"""Stores full of sessions, for the benchmarks."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from secureacct.sessions import STANDARD, begin
from secureacct.stores.sql import SqlStore, open_engine
from secureacct.stores.sql.fast_path import split
from secureacct.stores.sql.session_tables import account_state, session

Opened = Callable[[], contextlib.AbstractContextManager[SqlStore]]


SAMPLE = 5000  # tokens, of all that were begun


def fill(store: SqlStore, rows: int, *, now: int, days: int = 1, accounts: int | None = None) -> list[str]:
    """Many sessions, spread over the last ``days``, in the order in which they would begin, and all seen just
    now. Gives the tokens of some that live, evenly spread."""
    tokens: list[str] = []
    accounts = accounts or max(rows // 2, 1)
    step = days * 86_400 / rows
    with store.engine.begin() as connection:
        states = [{"account_id": f"{number}", "epoch": 1} for number in range(accounts)]
        for at in range(0, accounts, 50_000):
            connection.execute(sa.insert(account_state), states[at : at + 50_000])
        batch: list[dict[str, Any]] = []
        for number in range(rows):
            at = int(now - days * 86_400 + number * step)
            token, change = begin(
                STANDARD,
                account_id=str(number % accounts),
                now=at,
                random=os.urandom,
                proofs=(("password", at),),
            )
            one = change.session
            if number % max(rows // SAMPLE, 1) == 0 and one.ends_at > now:
                tokens.append(token)
            hour, lookup = split(one.key)
            batch.append(
                {
                    "hour": hour,
                    "lookup": lookup,
                    "began": one.began,
                    "seen_at": now,
                    "ends_at": one.ends_at,
                    "token_at": None,
                    "idle_s": one.idle_s,
                    "epoch": 1,
                    "nonce": one.nonce,
                    "account_id": one.account_id,
                    "proofs": one.proof_text,
                    "device": None,
                }
            )
            if len(batch) == 20_000:
                _insert(connection, batch)
                batch = []
        if batch:
            _insert(connection, batch)
    return tokens


def _insert(connection: sa.Connection, batch: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        names = list(batch[0])
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY sa_session ({', '.join(names)}) FROM STDIN") as copy,
        ):
            for one in batch:
                copy.write_row([one[name] for name in names])
    else:
        connection.execute(sa.insert(session), batch)


@contextlib.contextmanager
def sqlite_store(name: str = "a.db") -> Iterator[SqlStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(open_engine(f"sqlite:///{folder}/{name}"))
        store.create_schema()
        yield store
        store.engine.dispose()


@contextlib.contextmanager
def postgres_store() -> Iterator[SqlStore]:
    from tests import servers

    with servers.postgres(shared_buffers="512MB") as url, servers.fresh_database(url) as database:
        store = SqlStore(open_engine(database))
        store.create_schema()
        yield store
        store.engine.dispose()
