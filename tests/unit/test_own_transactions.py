"""Short transactions on connections of our own: committed once, undone whole, and replaced when they died."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.errors import StoreUnavailable
from secureacct.stores.sql import SqlStore, open_engine
from secureacct.stores.sql.free_list import KEPT
from secureacct.stores.sql.own_transactions import OwnTransactions, Run, _held

COUNT = "SELECT count(*) FROM kept"


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An engine with one small table."""
    url = f"sqlite:///{tmp_path / 'a.db'}" if request.param == "sqlite" else "sqlite://"
    if request.param == "postgresql":
        url = request.getfixturevalue("pg_database")
    made = open_engine(url)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (id integer NOT NULL)")
    yield made
    made.dispose()


def one(run: Run) -> int:
    """Write a row."""
    run("INSERT INTO kept VALUES (1)", ())
    return 1


def rows(engine: sa.Engine) -> int:
    """How many rows everybody sees."""
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(COUNT).scalar_one())


def test_what_is_raised_undoes_the_transaction(engine: sa.Engine) -> None:
    """A row written before the error is not there, and the connection serves on."""
    own = OwnTransactions(engine)

    def spoilt(run: Run) -> None:
        one(run)
        raise KeyError

    assert own.do(one) == 1
    with pytest.raises(KeyError):
        own.do(spoilt)
    assert own.do(lambda run: run(COUNT, ()).fetchone()[0]) == 1
    assert rows(engine) == 1


def test_more_at_once_than_are_kept_go_through_the_pool(engine: sa.Engine) -> None:
    """With all of ours in use the engine's pool serves, and nothing waits for ever."""
    own = OwnTransactions(engine)
    own.free.take(os.getpid())
    for _ in range(KEPT):
        own.free.ticket()
    assert own.do(one) == 1
    assert not own.free.idle
    assert rows(engine) == 1


def test_what_the_database_refuses_is_unavailable(engine: sa.Engine) -> None:
    """A driver's error never leaves, and the next transaction works."""
    own = OwnTransactions(engine)
    own.do(one)
    with pytest.raises(StoreUnavailable):
        own.do(lambda run: run("INSERT INTO nothing VALUES (1)", ()))
    assert own.do(one) == 1


def test_connections_that_died_idle_are_replaced(pg_database: str) -> None:
    """After the server cut every connection the next transaction is made, once."""
    engine = open_engine(pg_database)
    own = OwnTransactions(engine)
    own.do(lambda run: run("CREATE TABLE kept (id integer NOT NULL)", ()))
    other = sa.create_engine(pg_database)
    with other.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
    assert own.do(one) == 1
    assert rows(other) == 1
    engine.dispose()
    other.dispose()


def test_a_commit_without_an_answer_is_not_made_again(tmp_path: Path) -> None:
    """Nobody knows whether it was written, so it is said, and asked once."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    own = OwnTransactions(engine)
    asked: list[Run] = []

    class Cut:
        closed = True

        def cursor(self) -> Any:
            return self

        def execute(self, *_: Any) -> None:
            return None

        def commit(self) -> None:
            raise engine.dialect.loaded_dbapi.OperationalError("cut")

        def close(self) -> None:
            return None

    own.free.take(os.getpid())
    own.free.ticket()
    own.free.give(_held(Cut()))
    with pytest.raises(StoreUnavailable):
        own.do(asked.append)
    assert len(asked) == 1


def test_joining_an_apps_transaction_opens_nothing_and_leaves_nothing(engine: sa.Engine) -> None:
    """A store joined a thousand times shares the connections of the one it came from."""
    store = SqlStore(engine)
    listening = len(engine.dispatch.engine_disposed)
    with engine.connect() as connection:
        joined = [store.using(connection) for _ in range(1000)]
    assert len(engine.dispatch.engine_disposed) == listening
    assert joined[0]._own is store._own
