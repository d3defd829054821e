"""Databases that fail: full, locked, read-only, damaged, killed. Nobody who signed out is signed in
again, nobody is told of a success that is none, and nothing but "unavailable" is thrown."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.errors import StoreUnavailable
from secureacct.sessions import Sessions
from secureacct.stores.sql import SqlStore, open_engine
from tests import servers

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("SECUREACCT_TEST_FAULT_ROUNDS", "3"))  # 20 for a release
RECOVERED_WITHIN_S = 5.0
NOW = 1_790_000_000  # seconds since the epoch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the SQLite file is."""
    return tmp_path / "a.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    """A store whose writers give up quickly."""
    store = SqlStore(open_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05}))
    store.create_schema()
    yield store
    store.engine.dispose()


def test_a_full_disk(store: SqlStore, path: Path) -> None:
    """Starting fails as unavailable and leaves nothing; checks and sign-outs go on."""
    sessions = Sessions(store)
    token, other = sessions.start("42"), sessions.start("42")
    pages = _pages(store)

    @sa.event.listens_for(store.engine, "connect")
    def limit(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    store.engine.dispose()
    started = 0
    with pytest.raises(StoreUnavailable):
        for _ in range(10_000):
            sessions.start("43", device="x" * 80)
            started += 1
    assert len(sessions.list("43")) == started
    assert sessions.load(token) is not None
    assert sessions.end(other)
    assert sessions.load(other) is None


def _pages(store: SqlStore) -> int:
    with store.engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


def test_a_locked_database(store: SqlStore, path: Path) -> None:
    """While another process writes, checks go on, touches are left out, a sign-out says it did not work."""
    clock = [float(NOW)]
    sessions = Sessions(store, clock=lambda: clock[0])
    token = sessions.start("42")
    store._driver._busy_ms = 10  # type: ignore[union-attr]
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    clock[0] += 120
    assert sessions.load(token) is not None
    with pytest.raises(StoreUnavailable):
        sessions.end(token)
    assert sessions.load(token) is not None
    holder.execute("ROLLBACK")
    holder.close()
    assert sessions.end(token)
    assert sessions.load(token) is None


def test_a_read_only_database(store: SqlStore, path: Path) -> None:
    """Checks go on; whatever would write is unavailable."""
    clock = [float(NOW)]
    token = Sessions(store, clock=lambda: clock[0]).start("42")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    read_only = SqlStore(sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true"))
    sessions = Sessions(read_only, clock=lambda: clock[0])
    clock[0] += 120
    assert sessions.load(token) is not None
    for act in (
        lambda: sessions.start("42"),
        lambda: sessions.end(token),
        lambda: sessions.end_all("42"),
        lambda: sessions.rotate(token),
        lambda: sessions.purge(),
    ):
        with pytest.raises(StoreUnavailable):
            act()
    read_only.engine.dispose()


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_damaged_file(store: SqlStore, path: Path, keep: int) -> None:
    """Cut short or overwritten: unavailable or nobody, never another error."""
    token = Sessions(store).start("42")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.engine.dispose()
    data = path.read_bytes()
    path.write_bytes(data[:keep] + b"\xff" * (3000 if keep else 0))
    sessions = Sessions(SqlStore(open_engine(f"sqlite:///{path}")))
    for act in (
        lambda: sessions.load(token),
        lambda: sessions.start("42"),
        lambda: sessions.end(token),
        lambda: sessions.list("42"),
    ):
        with suppress(StoreUnavailable):
            assert not act()
    sessions.parts.store.engine.dispose()  # type: ignore[attr-defined]


FORK = textwrap.dedent(
    """
    import os, sys, threading
    from secureacct.sessions import Sessions
    from secureacct.stores.sql import SqlStore, open_engine

    store = SqlStore(open_engine(sys.argv[1]))
    store.create_schema()
    sessions = Sessions(store)
    token = sessions.start("42")
    assert sessions.load(token) is not None          # the parent's own connections are open
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            store.engine.dispose(close=False)         # as SQLAlchemy asks for; ours needs no help
            ok = all(sessions.load(token) is not None for _ in range(200))
            os._exit(0 if ok else 1)
        children.append(child)
        assert sessions.load(token) is not None
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sessions.load(token) is not None
    assert sessions.end(token)
    assert sessions.load(token) is None
    store.engine.dispose()
    print("whole")
    """
)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_fork_after_the_first_check(kind: str, path: Path, request: pytest.FixtureRequest) -> None:
    """Workers forked from a process that has checked already (gunicorn --preload) open their own."""
    url = f"sqlite:///{path}" if kind == "sqlite" else request.getfixturevalue("pg_database")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, url], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "whole", done.stderr[-2000:]


# PostgreSQL


def test_a_terminated_backend_is_replaced(pg_database: str) -> None:
    """The check notices, opens another connection and answers; the caller sees nothing."""
    store = SqlStore.from_url(pg_database)
    store.create_schema()
    sessions = Sessions(store)
    token = sessions.start("42")
    for _ in range(ROUNDS):
        assert sessions.load(token) is not None
        _terminate_all(pg_database)
        assert sessions.load(token) is not None
    assert sessions.end(token)
    assert sessions.load(token) is None
    store.engine.dispose()


def _terminate_all(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class _Load:
    """People who sign in, are checked and sign out, and remember what they were told."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.ended: list[str] = []
        self.alive: dict[str, None] = {}
        self.unavailable = 0
        self.wrong: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(4)]

    def __enter__(self) -> _Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                kept, left = self.sessions.start(f"{number}"), self.sessions.start(f"{number}")
                self.alive[kept] = None
                self.sessions.load(kept)
                if self.sessions.end(left):
                    self.ended.append(left)
            except StoreUnavailable:
                self.unavailable += 1
                time.sleep(0.01)
            except Exception as error:
                self.wrong.append(error)
                return


def test_a_server_that_crashes_under_load() -> None:
    """Killed again and again: what was acknowledged holds, nothing else is thrown, and it is back soon."""
    if os.environ.get("SECUREACCT_TEST_PG_URL"):
        pytest.skip("the server given is not ours to kill")
    with servers.postgres() as server, servers.fresh_database(server) as url:
        store = SqlStore.from_url(url)
        store.create_schema()
        sessions = Sessions(store)
        with _Load(sessions) as load:
            for _ in range(ROUNDS):
                time.sleep(0.3)
                _crash(url)
                began = time.monotonic()
                while True:
                    with suppress(StoreUnavailable):
                        sessions.load(sessions.start("9"))
                        break
                    time.sleep(0.02)
                    assert time.monotonic() - began < RECOVERED_WITHIN_S
        assert not load.wrong
        assert load.ended
        assert not [token for token in load.ended if sessions.load(token)]
        assert not [token for token in load.alive if not sessions.load(token)]
        store.engine.dispose()


def _crash(url: str) -> None:
    """Kill one backend the hard way: the server ends all others at once and recovers from its log."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with suppress(sa.exc.DBAPIError), engine.connect() as connection:
        os.kill(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), signal.SIGKILL)
        connection.exec_driver_sql("SELECT pg_sleep(1)")
