"""Every store in turn, for the suites that say what a store promises.

A test asks for ``store`` and gets each kind, blocking and awaiting. It is written once, in blocking
style: ``store.run(...)`` drives a promise to its end, on the store's own event loop where it has one.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.records.changes import Change, Committed, Lost
from secureacct.stores.memory import MemoryStore

R = TypeVar("R")

KINDS = ("memory", "sqlite", "postgres", "valkey", "cluster")
IN_REDIS = ("valkey", "cluster")
SPLIT = "split"  # both as one: SQLite and Valkey; asked for by name, where a suite tells of it
IN_SQL = ("sqlite", "postgres", SPLIT)
WAYS = ("blocking", "awaiting")


class Held:
    """A store under test and how to drive it."""

    def __init__(self, raw: Any, *, kind: str, way: str, loop: asyncio.AbstractEventLoop | None) -> None:
        self.raw = raw
        self.kind = kind
        self.way = way
        self.loop = loop

    def run(self, promise: Coroutine[Any, Any, R]) -> R:
        """The result of a promise."""
        return self.loop.run_until_complete(promise) if self.loop is not None else run_inline(promise)

    def commit(self, *changes: Change, **told: Any) -> Committed | Lost:
        """Commit changes."""
        done: Committed | Lost = self.run(self.raw.commit(changes, **told))
        return done

    def face(self, blocking: Callable[..., Any], awaiting: Callable[..., Any], **options: Any) -> Any:
        """A piece on this store, with every method in blocking style."""
        if self.way == "blocking":
            return blocking(self.raw, **options)
        return _Driven(awaiting(self.raw, **options), self)


class _Driven:
    """An awaiting face whose methods are driven to their end."""

    def __init__(self, face: Any, held: Held) -> None:
        self._face, self._held = face, held

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._face, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            return self._held.run(result) if inspect.iscoroutine(result) else result

        return call


@pytest.fixture(params=[f"{kind}-{way}" for kind in KINDS for way in WAYS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Held]:
    """An empty store of each kind, blocking and awaiting."""
    kind, way = request.param.split("-")
    if kind == "memory":
        make: Callable[[], Any] = MemoryStore
    elif kind == "valkey":
        make = functools.partial(_valkey, request, way)
    elif kind == "cluster":
        make = functools.partial(_cluster, request, way)
    elif kind == SPLIT:
        make = functools.partial(_split, request, way, tmp_path)
    else:
        make = functools.partial(_sql, request, way, kind, tmp_path)
    if way == "blocking":
        raw = make()
        yield Held(raw, kind=kind, way=way, loop=None)
        if kind in IN_SQL:
            raw.engine.dispose()
        return
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        raw = make()
        held = Held(raw, kind=kind, way=way, loop=loop)
        if kind in IN_SQL:
            held.run(raw.create_schema())
        yield held
        if kind in IN_SQL:
            held.run(raw.engine.dispose())
        if kind == SPLIT:
            held.run(raw.sessions.client.aclose())
        elif kind in IN_REDIS:
            held.run(raw.client.aclose())


def _sql(request: pytest.FixtureRequest, way: str, kind: str, folder: Path) -> Any:
    from secureacct.stores.sql import AsyncSqlStore, SqlStore

    url = f"sqlite:///{folder / 'store.db'}"
    if kind == "postgres":
        url = request.getfixturevalue("pg_module_database")
        _empty(url)
    if way == "awaiting":
        return AsyncSqlStore.from_url(url)
    store = SqlStore.from_url(url)
    store.create_schema()
    return store


def _split(request: pytest.FixtureRequest, way: str, folder: Path) -> Any:
    from secureacct.stores.split import SplitStore

    return SplitStore(
        _sql(request, way, "sqlite", folder), _valkey(request, way), attempted=lambda event: event
    )


def _empty(url: str) -> None:
    """Forget what the test before left in a database that a module's tests share."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        names = sa.inspect(connection).get_table_names()
        if names:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(names)}")
    engine.dispose()


def _valkey(request: pytest.FixtureRequest, way: str) -> Any:
    from secureacct.stores.redis import AsyncRedisStore, RedisStore

    request.getfixturevalue("valkey_client")
    if way == "blocking":
        return RedisStore(request.getfixturevalue("valkey_client"))
    import redis.asyncio

    return AsyncRedisStore(redis.asyncio.Redis.from_url(request.getfixturevalue("valkey_url")))


def _cluster(request: pytest.FixtureRequest, way: str) -> Any:
    from secureacct.stores.redis import AsyncRedisStore, RedisStore

    client = request.getfixturevalue("cluster_client")
    if way == "blocking":
        return RedisStore(client)
    import redis.asyncio

    return AsyncRedisStore(redis.asyncio.RedisCluster.from_url(request.getfixturevalue("cluster_url")))
