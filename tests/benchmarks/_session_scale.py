"""What sessions cost when there are many: the check, ending, purging, beginning, their bytes."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.records.changes import Committed
from secureacct.records.sessions import EndSessions
from secureacct.sessions import STANDARD, Sessions, begin
from secureacct.sessions.token import key_of
from secureacct.stores.sql import SqlStore
from secureacct.stores.sql.fast_drivers import CHECK_FORMAT, CHECK_QMARK
from secureacct.stores.sql.fast_path import split
from secureacct.stores.sql.session_tables import session
from tests.benchmarks._session_stores import Opened, fill, postgres_store, sqlite_store
from tests.benchmarks._table import head, in_turns, one_core, row, run, us


def scale(rows: int) -> None:
    """The same check with a thousand sessions and with many: of one session, and of any session."""
    head(f"Flat from 1,000 to {rows:,} sessions")
    for opened in (sqlite_store, postgres_store):
        with one_core(), opened() as small, opened() as large:
            _scale_on(small, large, rows)


def _scale_on(small: SqlStore, large: SqlStore, rows: int) -> None:
    now = int(time.time())
    stores, counts = {"few": small, "many": large}, {"few": 1000, "many": rows}
    tokens = {side: fill(store, counts[side], now=now) for side, store in stores.items()}
    pieces = {side: Sessions(store, clock=lambda: now) for side, store in stores.items()}  # no touches
    name = large.engine.dialect.name
    for store in stores.values():
        _settle(store)
    assert all(pieces[side].load(token) for side in pieces for token in tokens[side])  # and all is warm
    one = in_turns(200, {side: _one(pieces[side].load, tokens[side][0]) for side in stores})
    ratio = one["many"] / one["few"]
    row(
        f"{name}: one session, among {rows:,} against among 1,000",
        f"{us(one['many'])} = {ratio:.2f}",
        "<= 1.25",
        ok=ratio <= 1.25,
    )
    with contextlib.ExitStack() as ends:
        sides = {side: _each(pieces[side].load, tokens[side]) for side in stores}
        for side, store in stores.items():
            keys = [split(key_of(token) or b"") for token in tokens[side]]
            sides[f"bare {side}"] = _each(ends.enter_context(_bare(store)), keys)
        any_one = in_turns(200, sides)
    sample = len(tokens["many"])
    row(
        f"{name}: one after another of {sample:,}",
        f"{us(any_one['many'])} = {any_one['many'] / any_one['few']:.2f}",
    )
    row(
        f"{name}: the bare prepared SELECT the same way",
        f"{us(any_one['bare many'])} = {any_one['bare many'] / any_one['bare few']:.2f}",
    )
    limit, over = {"sqlite": 2.0, "postgresql": 1.5}[name], any_one["many"] / any_one["bare many"]
    row(f"{name}: ours against it, among {rows:,}", f"{over:.2f}", f"<= {limit}", ok=over <= limit)
    row(f"{name}: tables and indexes", _bytes_of(large))
    row(f"{name}: the plan", _plan(large, tokens["many"][0]))
    many = pieces["many"]
    listed = in_turns(5, {"list": lambda: many.list("42"), "end": lambda: many.end_by_id("42", "A" * 12)})
    row(f"{name}: an account's list among {rows:,}", us(listed["list"]))


def _one(act: Callable[[Any], object], argument: Any) -> Callable[[], object]:
    return lambda: act(argument)


def _each(act: Callable[[Any], object], arguments: list[Any]) -> Callable[[], object]:
    turn = itertools.cycle(random.sample(arguments, len(arguments)))
    return lambda: act(next(turn))


@contextlib.contextmanager
def _bare(store: SqlStore) -> Iterator[Callable[[Any], object]]:
    """The check's statement in the driver, on a connection that is kept."""
    url = store.engine.url
    if store.engine.dialect.name == "sqlite":
        raw = sqlite3.connect(str(url.database), isolation_level=None)
        with contextlib.closing(raw):
            yield lambda where: raw.execute(CHECK_QMARK, where).fetchone()
        return
    import psycopg

    conninfo = f"host={url.query['host']} user={url.username} dbname={url.database}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield lambda where: connection.execute(CHECK_FORMAT, where, prepare=True).fetchone()


def _settle(store: SqlStore) -> None:
    """What a database does by itself some time after it was filled."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("ANALYZE")
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")


def _bytes_of(store: SqlStore) -> str:
    with store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            size = _file_bytes(connection)
        else:
            ours = "relname IN ('sa_session', 'sa_account_state')"
            sizes = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE {ours}"
            size = int(connection.exec_driver_sql(sizes).scalar_one())
    return f"{size / 2**20:.0f} MiB"


def _plan(store: SqlStore, token: str) -> str:
    hour, lookup = split(key_of(token) or b"")
    with store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {CHECK_QMARK}", (hour, lookup)).all()
            return "search by primary key" if all("SEARCH" in line[3] for line in plan) else str(plan)
        lines = [line[0] for line in connection.exec_driver_sql(f"EXPLAIN {CHECK_FORMAT}", (hour, lookup))]
        return "index scan" if sum("Index" in line and "Scan" in line for line in lines) == 2 else str(lines)


def everywhere(_rows: int) -> None:
    """Sign out of ten thousand sessions."""
    head("Sign-out-everywhere of 10,000 sessions among 100,000")
    for opened in (sqlite_store, postgres_store):
        with opened() as store:
            now = int(time.time())
            fill(store, 100_000, now=now, accounts=10)
            sessions = Sessions(store)
            keep = sessions.start("7")
            began = time.perf_counter()
            ended = run_inline(store.commit((EndSessions(account_id="7", keep=key_of(keep), now=now),)))
            took = time.perf_counter() - began
            left = len(sessions.list("7"))
            with store.engine.connect() as connection:
                rows_left = connection.execute(
                    sa.select(sa.func.count()).select_from(session).where(session.c.account_id == "7")
                ).scalar_one()
            name = store.engine.dialect.name
            row(f"{name}: invalid and rows removed", f"{took * 1e3:.0f} ms", "<= 1 s", ok=took <= 1)
            row(
                f"{name}: rows left, sessions left",
                f"{rows_left}, {left}",
                "1, 1",
                ok=(rows_left, left) == (1, 1),
            )
            assert isinstance(ended, Committed)


def purge(rows: int) -> None:
    """Remove a table of expired rows while checks go on."""
    head(f"Purge of {rows:,} expired rows")
    for opened in (sqlite_store, postgres_store):
        _purge_on(opened, rows)


PURGE = """
import json, sys, time
from secureacct.sessions import Sessions
from secureacct.stores.sql import SqlStore
store = SqlStore.from_url(sys.argv[1])
plain, locks = store.purge_sessions, []
async def timed(**arguments):
    began = time.perf_counter()
    done = await plain(**arguments)
    locks.append(time.perf_counter() - began)
    return done
store.purge_sessions = timed
began = time.perf_counter()
removed = Sessions(store).purge()
print(json.dumps([removed, time.perf_counter() - began, max(locks)]))
store.engine.dispose()
"""


def _purge_on(opened: Opened, rows: int) -> None:
    with opened() as store:
        fill(store, rows, now=int(time.time()) - 3 * 86_400)
        sessions = Sessions(store)
        token = sessions.start("42")
        url = store.engine.url.render_as_string(hide_password=False)
        quiet = _paced(lambda: sessions.load(token), until=time.perf_counter() + 2)
        child = subprocess.Popen(
            [sys.executable, "-c", PURGE, url],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        busy: list[float] = []
        while child.poll() is None:
            busy += _paced(lambda: sessions.load(token), until=time.perf_counter() + 0.05)
        removed, took, longest = json.loads(child.communicate()[0])
        assert removed == rows, removed
        name = store.engine.dialect.name
        rate = rows / took
        row(f"{name}: rows a second", f"{rate:,.0f}", ">= 500,000", ok=rate >= 500_000)
        row(f"{name}: longest batch", f"{longest * 1e3:.0f} ms", "<= 50 ms", ok=longest <= 0.05)
        before, meanwhile = _p99(quiet), _p99(busy)
        row(
            f"{name}: check p99 meanwhile ({before * 1e6:.0f} µs before)",
            f"{meanwhile * 1e6:.0f} µs = {meanwhile / before:.1f}",
            "<= 3x",
            ok=meanwhile <= 3 * before,
        )


def _paced(act: Callable[[], object], *, until: float) -> list[float]:
    """Latencies at the pace of requests, not of a loop."""
    times = []
    while time.perf_counter() < until:
        times += _latencies(act, 5)
        time.sleep(0.001)
    return times


def _latencies(act: Callable[[], object], count: int) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def insert(rows: int) -> None:
    """Starting sessions in a full table, against the usual table: hash key, two more indexes."""
    head(f"Insert at {rows:,} rows, SQLite, one transaction of 1,000")
    usual = """CREATE TABLE usual (hash BLOB PRIMARY KEY, account_id TEXT, seen_at INT, ends_at INT,
        idle_s INT, began INT, epoch INT, nonce BLOB, proofs TEXT) WITHOUT ROWID"""
    with sqlite_store() as store:
        now = int(time.time())
        fill(store, rows, now=now)
        path = str(store.engine.url.database)
        raw = sqlite3.connect(path, isolation_level=None)
        raw.execute(usual)
        raw.execute("BEGIN")
        raw.executemany(
            "INSERT INTO usual VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    os.urandom(32),
                    str(n % (rows // 2)),
                    now + n,
                    now,
                    3600,
                    5,
                    1,
                    b"nonce6",
                    "password@1790000000",
                )
                for n in range(rows)
            ),
        )
        raw.execute("CREATE INDEX usual_account ON usual (account_id)")
        raw.execute("CREATE INDEX usual_ends ON usual (ends_at)")
        raw.execute("COMMIT")
        count = 1000

        def ours() -> None:
            made = []
            for _ in range(count):
                account = str(random.randrange(rows // 2))
                one = begin(
                    STANDARD, account_id=account, now=now, random=os.urandom, proofs=(("password", now),)
                )[1].session
                made.append(
                    (
                        *split(one.key),
                        one.began,
                        now,
                        one.ends_at,
                        None,
                        3600,
                        1,
                        one.nonce,
                        account,
                        one.proof_text,
                        None,
                    )
                )
            times["ours"].append(
                _transaction(raw, "INSERT INTO sa_session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
            )

        def theirs() -> None:
            made = [
                (
                    os.urandom(32),
                    str(random.randrange(rows // 2)),
                    now,
                    now + random.randrange(86_400),
                    3600,
                    5,
                    1,
                    b"nonce6",
                    "password@1790000000",
                )
                for _ in range(count)
            ]
            times["theirs"].append(
                _transaction(raw, "INSERT INTO usual VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
            )

        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(run.rounds):
            ours()
            theirs()
        mine, usual_time = (statistics.median(times[name]) / count for name in ("ours", "theirs"))
        row("hash key and two indexes", us(usual_time))
        row("ours", f"{us(mine)} = {mine / usual_time:.2f}", "<= 0.5", ok=mine <= 0.5 * usual_time)
        raw.close()


def _transaction(raw: sqlite3.Connection, text: str, made: list[Any]) -> float:
    began = time.perf_counter()
    raw.execute("BEGIN IMMEDIATE")
    raw.executemany(text, made)
    raw.execute("COMMIT")
    return time.perf_counter() - began


def size(rows: int) -> None:
    """Bytes of one session on SQLite."""
    head(f"Bytes a session, SQLite, {rows:,} rows")
    with sqlite_store() as store:
        fill(store, rows, now=int(time.time()))
        with store.engine.begin() as connection:
            used = (
                connection.exec_driver_sql(
                    "SELECT sum(pgsize) FROM dbstat WHERE name = 'sa_session'"
                ).scalar_one()
                if _has_dbstat(connection)
                else _file_bytes(connection) - _state_bytes(connection)
            )
    row(
        "account ids like 123456, one proof, no device", f"{used / rows:.0f}", "<= 110", ok=used / rows <= 110
    )


def _has_dbstat(connection: sa.Connection) -> bool:
    try:
        connection.exec_driver_sql("SELECT 1 FROM dbstat LIMIT 1")
    except sa.exc.OperationalError:
        return False
    return True


def _file_bytes(connection: sa.Connection) -> int:
    pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    each: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return pages * each


def _state_bytes(connection: sa.Connection) -> int:
    before = _file_bytes(connection)
    connection.exec_driver_sql("CREATE TABLE copy AS SELECT * FROM sa_account_state")
    return _file_bytes(connection) - before
