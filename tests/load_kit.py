"""People who sign in, are checked and sign out while something breaks, and remember what they were told.

A piece is called in blocking style whatever its kind: an awaiting one runs on an event loop in a thread of
its own, where the calls of several people meet.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar

import redis.asyncio

from secureacct._faces import run_inline
from secureacct.errors import StoreUnavailable
from secureacct.sessions import AsyncSessions, Sessions
from secureacct.stores.redis import AsyncRedisStore, RedisStore
from secureacct.stores.sql import AsyncSqlStore, SqlStore

R = TypeVar("R")

WAYS = ("blocking", "awaiting")
PEOPLE = 4
RECOVERED_WITHIN_S = 5.0
CALL_WITHIN_S = 20.0  # a call that takes longer hangs


class Driven:
    """A piece whose methods are called in blocking style."""

    def __init__(self, piece: Any, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.piece, self.run = piece, run

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.piece, name)

        @functools.wraps(found)
        def call(*args: Any, **options: Any) -> Any:
            result = found(*args, **options)
            return self.run(result) if inspect.iscoroutine(result) else result

        return call


@contextlib.contextmanager
def loop_in_thread() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """A running event loop; gives what runs a coroutine on it, from any other thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(CALL_WITHIN_S)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextlib.contextmanager
def sessions_on(url: str, way: str, **options: Any) -> Iterator[Driven]:
    """Sessions in the database of ``url``, with its tables made."""
    if way == "blocking":
        store = SqlStore.from_url(url)
        store.create_schema()
        try:
            yield Driven(Sessions(store, **options), run_inline)
        finally:
            store.engine.dispose()
        return
    with loop_in_thread() as run:
        awaiting = AsyncSqlStore.from_url(url)
        run(awaiting.create_schema())
        try:
            yield Driven(AsyncSessions(awaiting, **options), run)
        finally:
            run(awaiting.engine.dispose())


@contextlib.contextmanager
def sessions_in(url: str, way: str, *, timeout_s: float = 2, **options: Any) -> Iterator[Driven]:
    """Sessions in the Valkey of ``url``; ``options`` are the store's."""
    timeouts: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    if way == "blocking":
        with redis.Redis.from_url(url, **timeouts) as client:
            yield Driven(Sessions(RedisStore(client, **options)), run_inline)
        return
    with loop_in_thread() as run:
        awaiting = redis.asyncio.Redis.from_url(url, **timeouts)
        try:
            yield Driven(AsyncSessions(AsyncRedisStore(awaiting, **options)), run)
        finally:
            run(awaiting.aclose())


def once_it_answers(act: Callable[[], R]) -> R:
    """What ``act`` gives once the store answers again.

    :raises StoreUnavailable: it did not within 5 s.
    """
    give_up = time.monotonic() + RECOVERED_WITHIN_S
    while True:
        try:
            return act()
        except StoreUnavailable:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)


class Load:
    """Four people at once, as long as the block runs. Afterwards ``check`` asks about every token."""

    def __init__(self, sessions: Any) -> None:
        self.sessions = sessions
        self.ended: list[str] = []
        self.alive: list[str] = []
        self.unavailable = 0
        self.wrong: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(f"{at}",)) for at in range(PEOPLE)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self, account: str) -> None:
        while not self._stop.is_set():
            try:
                kept = self.sessions.start(account)
                self.alive.append(kept)
                left = self.sessions.start(account)
                self.sessions.load(kept)
                if self.sessions.end(left):
                    self.ended.append(left)
            except StoreUnavailable:
                self.unavailable += 1
                time.sleep(0.01)
            except Exception as error:
                self.wrong.append(error)
                return

    def until(self, ended: int) -> None:
        """Return when so many more sign-outs were acknowledged."""
        wanted = len(self.ended) + ended
        self._until(lambda: len(self.ended) >= wanted)

    def until_unavailable(self, times: int) -> None:
        """Return when so many more calls ended as unavailable."""
        wanted = self.unavailable + times
        self._until(lambda: self.unavailable >= wanted)

    def _until(self, true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + CALL_WITHIN_S
        while not (true() or self.wrong):
            if time.monotonic() > give_up:
                raise TimeoutError("the load did not get that far in time")
            time.sleep(0.005)

    def check(self, sessions: Any | None = None) -> None:
        """Every sign-out that was acknowledged holds, so does every session, and nothing but
        "unavailable" was thrown. ``sessions``: on another store, such as a promoted replica."""
        asked = sessions or self.sessions
        assert not self.wrong
        assert self.ended
        assert not [token for token in self.ended if asked.load(token) is not None]
        assert not [token for token in self.alive if asked.load(token) is None]
