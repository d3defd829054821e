"""Databases that fail: full, locked, read-only, damaged, killed. Nobody who signed out is signed in
again, nobody is told of a success that is none, and nothing but "unavailable" is thrown."""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.errors import StoreUnavailable
from secureacct.sessions import Sessions
from secureacct.stores.sql import SqlStore, open_engine
from tests import servers
from tests.load_kit import WAYS, Load, once_it_answers, sessions_on

pytestmark = pytest.mark.faults

LONG = 20  # rounds, for a release
ROUNDS = int(os.environ.get("SECUREACCT_TEST_FAULT_ROUNDS", "3"))
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


class PageLimit:
    """A full disk as SQLite itself can play it."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        self._path, self._pages = path, 1 << 30

        @sa.event.listens_for(engine, "checkout")
        def limit(connection: Any, *_: object) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA max_page_count = {self._pages}")
            cursor.close()

    def fill(self) -> None:
        """Leave no room."""
        with closing(sqlite3.connect(self._path)) as connection:
            self._pages = connection.execute("PRAGMA page_count").fetchone()[0] + 1

    def free(self) -> None:
        """Make room again."""
        self._pages = 1 << 30


class Ballast:
    """A disk of eight megabytes that something else fills up."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ballast"

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), self._file.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Make room again."""
        self._file.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Whether ``folder`` is a disk of eight megabytes now: in the long form, where we may mount one."""
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]
    if ROUNDS < LONG or subprocess.run(mount, capture_output=True).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("way", WAYS)
def test_a_disk_that_fills_up_under_load(tmp_path: Path, way: str) -> None:
    """Nothing acknowledged is lost to it, checks go on, and with room again everything does."""
    folder = tmp_path / "disk"
    folder.mkdir()
    url = f"sqlite:///{folder / 'a.db'}"
    with small_disk(folder) as is_real:
        with sessions_on(url, way) as sessions, Load(sessions) as load:
            engine = sessions.piece.parts.store.engine
            limit = PageLimit(getattr(engine, "sync_engine", engine), folder / "a.db")
            disk = Ballast(folder) if is_real else limit
            for _ in range(ROUNDS):
                load.until(10)
                disk.fill()
                load.until_unavailable(10)
                assert sessions.load(load.alive[0]) is not None
                disk.free()
                assert once_it_answers(functools.partial(sessions.start, "9"))
        with sessions_on(url, way) as again:
            load.check(again)


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


LIFE = """
import sys, time
from secureacct.sessions import Sessions
from secureacct.stores.sql import SqlStore

sessions = Sessions(SqlStore.from_url(sys.argv[1]))
while True:
    kept, left = sessions.start("42"), sessions.start("42")
    print("alive", kept, flush=True)
    if sessions.end(left):
        print("ended", left, flush=True)
"""


def test_a_process_that_is_killed_while_it_writes(store: SqlStore) -> None:
    """Killed again and again in the middle of it: what it had said holds, and the next one goes on."""
    said: dict[str, list[str]] = {"alive": [], "ended": []}
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", LIFE, store.engine.url.render_as_string()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = list(itertools.islice(child.stdout, 40))
            child.kill()
            lines += [line for line in child.stdout if line.endswith("\n")]
        for line in lines:
            what, token = line.split()
            said[what].append(token)
    sessions = Sessions(store)
    assert len(said["ended"]) >= 19 * ROUNDS
    assert not [token for token in said["ended"] if sessions.load(token) is not None]
    assert not [token for token in said["alive"] if sessions.load(token) is None]


# PostgreSQL


@pytest.mark.parametrize("way", WAYS)
def test_a_terminated_backend_is_replaced(pg_database: str, way: str) -> None:
    """The check notices, opens another connection and answers; the caller sees nothing."""
    with sessions_on(pg_database, way) as sessions:
        token = sessions.start("42")
        for _ in range(ROUNDS):
            assert sessions.load(token) is not None
            _terminate_all(pg_database)
            assert sessions.load(token) is not None
        assert sessions.end(token)
        assert sessions.load(token) is None


@pytest.mark.parametrize("way", WAYS)
def test_backends_terminated_under_load(pg_database: str, way: str) -> None:
    """Every connection is ended, again and again: what was acknowledged holds, and it goes on at once."""
    with sessions_on(pg_database, way) as sessions:
        with Load(sessions) as load:
            for _ in range(ROUNDS):
                load.until(10)
                _terminate_all(pg_database)
        load.check()


def _terminate_all(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_crashes_under_load(way: str) -> None:
    """Killed again and again: what was acknowledged holds, nothing else is thrown, and it is back soon."""
    if os.environ.get("SECUREACCT_TEST_PG_URL"):
        pytest.skip("the server given is not ours to kill")
    with (
        servers.postgres() as server,
        servers.fresh_database(server) as url,
        sessions_on(url, way) as sessions,
    ):
        with Load(sessions) as load:
            for _ in range(ROUNDS):
                load.until(10)
                _crash(url)
                assert once_it_answers(lambda: sessions.load(sessions.start("9")))
        load.check()


def _crash(url: str) -> None:
    """Kill one backend the hard way: the server ends all others at once and recovers from its log."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with suppress(sa.exc.DBAPIError), engine.connect() as connection:
        os.kill(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), signal.SIGKILL)
        connection.exec_driver_sql("SELECT pg_sleep(1)")
