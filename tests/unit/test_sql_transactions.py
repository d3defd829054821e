"""A store inside the app's own transaction: we never commit it, and a lost claim does not spoil it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from secureacct.errors import ConfigurationError
from secureacct.sessions import AsyncSessions, Sessions
from secureacct.stores.sql import AsyncSqlStore, SqlStore, open_async_engine, open_engine


@pytest.fixture(params=["sqlite", "postgres", "app's own sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("pg_database"))
    return f"sqlite:///{tmp_path / 'a.db'}"


def test_the_apps_rollback_takes_our_changes_along(url: str, request: pytest.FixtureRequest) -> None:
    """Begun in a transaction that the app rolls back, a session never was; in one it commits, it is."""
    own = "app's own" in request.node.name
    engine = sa.create_engine(url) if own else open_engine(url)
    store = SqlStore(engine)
    store.create_schema()
    with engine.connect() as connection:
        token = Sessions(store.using(connection)).start("42")
        assert Sessions(store.using(connection)).load(token) is not None
        connection.rollback()
    assert Sessions(store).load(token) is None
    with engine.connect() as connection:
        token = Sessions(store.using(connection)).start("42")
        assert Sessions(store).load(token) is None
        connection.commit()
    assert Sessions(store).load(token) is not None
    engine.dispose()


def test_the_same_awaited(url: str) -> None:
    """The awaiting store joins a transaction the same way."""

    async def story() -> None:
        engine = open_async_engine(url)
        store = AsyncSqlStore(engine)
        await store.create_schema()
        async with engine.connect() as connection:
            token = await AsyncSessions(store.using(connection)).start("42")
            assert await AsyncSessions(store.using(connection)).load(token) is not None
            await connection.rollback()
        assert await AsyncSessions(store).load(token) is None
        async with engine.connect() as connection:
            token = await AsyncSessions(store.using(connection)).start("42")
            await connection.commit()
        assert await AsyncSessions(store).load(token) is not None
        await engine.dispose()

    asyncio.run(story())


def test_a_database_in_memory_works() -> None:
    """SQLite in memory lives in the engine's own connection, and the check reads there."""
    engine = open_engine("sqlite://")
    store = SqlStore(engine)
    store.create_schema()
    sessions = Sessions(store)
    token = sessions.start("42")
    assert sessions.load(token) is not None
    assert sessions.end_all("42") == 1
    assert sessions.load(token) is None
    engine.dispose()


def test_other_databases_are_refused() -> None:
    """MySQL and the rest are refused by name."""
    with pytest.raises(ConfigurationError):
        open_engine("mysql://nobody@localhost/x")


def test_a_store_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    """An awaiting store in a blocking face says so at construction."""
    engine = open_async_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(ConfigurationError):
        Sessions(AsyncSqlStore(engine))  # type: ignore[arg-type]
    asyncio.run(engine.dispose())
