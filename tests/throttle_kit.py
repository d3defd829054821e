"""Every store that counts attempts, behind one way to call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.stores.memory.throttle import MemoryThrottle
from secureacct.stores.sql.throttle import AwaitingThrottle, BlockingThrottle, throttle

STORES = (
    "memory",
    "sqlite",
    "sqlite_async",
    "pg",
    "pg_async",
    "valkey",
    "valkey_async",
    "cluster",
    "cluster_async",
)


class Driver:
    """A store and how its coroutines are run: in place, or on one event loop."""

    def __init__(self, store: Any, runner: asyncio.Runner | None = None) -> None:
        self.store = store
        self._runner = runner

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's result."""
        return run_inline(coroutine) if self._runner is None else self._runner.run(coroutine)

    def together(self, make: Callable[[], Coroutine[Any, Any, Any]], number: int) -> list[Any]:
        """Run ``number`` coroutines at once: in threads, or as tasks. Exceptions are results."""
        if self._runner is None:

            def one(_: int) -> Any:
                try:
                    return run_inline(make())
                except Exception as error:
                    return error

            with ThreadPoolExecutor(16) as threads:
                return list(threads.map(one, range(number)))

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(make() for _ in range(number)), return_exceptions=True)

        return self._runner.run(all_of_them())


@contextmanager
def opened(kind: str, request: Any) -> Iterator[Driver]:
    """A new, empty store of this kind."""
    if kind == "memory":
        yield Driver(MemoryThrottle())
    elif kind in ("sqlite", "pg"):
        engine = sa.create_engine(_url(kind, request))
        throttle.create(engine)
        yield Driver(BlockingThrottle(engine))
        engine.dispose()
    elif kind in ("sqlite_async", "pg_async"):
        from sqlalchemy.ext.asyncio import create_async_engine

        with asyncio.Runner() as runner:
            awaiting = create_async_engine(_url(kind, request))

            async def begin() -> None:
                async with awaiting.begin() as connection:
                    await connection.run_sync(throttle.create)

            runner.run(begin())
            yield Driver(AwaitingThrottle(awaiting), runner)
            runner.run(awaiting.dispose())
    else:
        yield from _valkey(kind, request)


def _url(kind: str, request: Any) -> str:
    if kind.startswith("pg"):
        return str(request.getfixturevalue("pg_database"))
    driver = "sqlite+aiosqlite" if kind.endswith("async") else "sqlite"
    return f"{driver}:///{request.getfixturevalue('tmp_path')}/throttle.db"


def _valkey(kind: str, request: Any) -> Iterator[Driver]:
    from secureacct.stores.redis import AsyncRedisStore, RedisStore

    name = kind.removesuffix("_async")
    client = request.getfixturevalue(f"{name}_client")
    if kind == name:
        yield Driver(RedisStore(client, prefix="test:"))
        return

    from redis import asyncio as awaited

    with asyncio.Runner() as runner:
        made = awaited.RedisCluster if name == "cluster" else awaited.Redis
        awaiting: Any = made.from_url(request.getfixturevalue(f"{name}_url"))
        yield Driver(AsyncRedisStore(awaiting, prefix="test:"), runner)
        runner.run(awaiting.aclose())
