"""A Redis or Valkey that fails: gone, hanging, out of memory, emptied, tampered with. Losing a key may
sign somebody out and never brings anybody back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from secureacct.errors import StoreUnavailable
from secureacct.sessions import Sessions
from secureacct.stores.redis import RedisStore
from tests import servers

pytestmark = pytest.mark.faults


@pytest.fixture
def client() -> Iterator[Any]:
    """A client of a server of its own; its timeout is long for a busy machine, short for one that hangs."""
    with servers.valkey() as url, redis.Redis.from_url(url, socket_timeout=1) as client:
        client.flushall()
        yield client


@pytest.fixture
def sessions(client: Any) -> Sessions:
    """The piece on it."""
    return Sessions(RedisStore(client))


def test_a_server_that_is_gone(client: Any, sessions: Sessions) -> None:
    """Everything is unavailable, and nothing is acknowledged."""
    token = sessions.start("42")
    client.shutdown(nosave=True)
    for act in (
        lambda: sessions.load(token),
        lambda: sessions.start("42"),
        lambda: sessions.end(token),
        lambda: sessions.end_all("42"),
        lambda: sessions.list("42"),
        lambda: sessions.purge(),
        lambda: sessions.end_everyone(),
    ):
        with pytest.raises(StoreUnavailable):
            act()


def test_a_server_that_hangs(client: Any, sessions: Sessions) -> None:
    """The client's timeout makes it unavailable; afterwards all is as it was."""
    token = sessions.start("42")
    client.client_pause(1500, all=True)
    with pytest.raises(StoreUnavailable):
        sessions.load(token)
    assert _eventually(lambda: sessions.load(token)) is not None


def _eventually(act: Callable[[], Any]) -> Any:
    """What ``act`` gives once the server answers again."""
    give_up = time.monotonic() + 30
    while True:
        try:
            return act()
        except StoreUnavailable:
            if time.monotonic() > give_up:
                raise


def test_out_of_memory(client: Any, sessions: Sessions) -> None:
    """Nobody signs in, everybody stays signed in, and signing out works."""
    token, other = sessions.start("42"), sessions.start("42")
    client.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailable):
        sessions.start("42")
    assert sessions.load(token) is not None
    assert sessions.end(other)
    assert sessions.load(other) is None
    client.config_set("maxmemory", 0)
    assert sessions.load(sessions.start("42")) is not None


def test_an_emptied_server_revives_nobody(client: Any, sessions: Sessions) -> None:
    """Signed out, and whoever signs in again does not bring the old sessions along."""
    token, ended = sessions.start("42"), sessions.start("42")
    sessions.end(ended)
    client.flushall()
    again = sessions.start("42")
    assert [sessions.load(one) is not None for one in (token, ended, again)] == [False, False, True]


def test_any_lost_key_or_field_revives_nobody(client: Any) -> None:
    """Whatever single thing is deleted after a sign-out, what had ended stays ended."""
    for lost in ("key", "a", "s", "d", "m", "x"):
        client.flushall()
        sessions = Sessions(RedisStore(client))
        ended, alive = sessions.start("42", device="x"), sessions.start("42", device="x")
        sessions.set_data(alive, {"x": 1})
        sessions.end_all("42", keep=alive)
        (name,) = client.keys("sa:s:*")
        if lost == "key":
            client.delete(name)
        else:
            for field in client.hkeys(name):
                if field[:1] == lost.encode():
                    client.hdel(name, field)
        sessions.start("42")
        assert sessions.load(ended) is None
        client.script_flush()
        assert sessions.load(sessions.start("42")) is not None


@pytest.mark.parametrize("rubbish", [b"", b"x", b"active", b"active:x:42", b"\xff" * 70])
def test_tampered_records_are_unavailable_or_nobody(client: Any, rubbish: bytes) -> None:
    """A wrong type, a damaged state or session: no other exception, and nobody is signed in."""
    sessions = Sessions(RedisStore(client))
    token = sessions.start("42")
    (name,) = client.keys("sa:s:*")
    fields = client.hgetall(name)
    for field in fields:
        client.hset(name, field, rubbish)
        for act in (
            lambda: sessions.load(token),
            lambda: sessions.list("42"),
            lambda: sessions.end_by_id("42", "A" * 12),
        ):
            try:
                assert not act()
            except StoreUnavailable:
                pass
        client.hset(name, field, fields[field])
    assert sessions.load(token) is not None
    client.delete(name)
    client.set(name, b"text")
    acts: list[Callable[[], object]] = [lambda: sessions.load(token), lambda: sessions.start("42")]
    for refused in (*acts, lambda: sessions.end_all("42")):
        with pytest.raises(StoreUnavailable):
            refused()


@pytest.mark.parametrize(
    ("policy", "limit", "warned"),
    [("allkeys-lru", 10**8, 1), ("noeviction", 10**8, 0), ("allkeys-lru", 0, 0)],
)
def test_eviction_is_warned_of(
    client: Any, caplog: pytest.LogCaptureFixture, policy: str, limit: int, warned: int
) -> None:
    """A server that may evict keys signs people out: the log says so, once, with the first commit."""
    client.config_set("maxmemory", limit)
    client.config_set("maxmemory-policy", policy)
    with caplog.at_level(logging.WARNING):
        sessions = Sessions(RedisStore(client))
        sessions.start("42")
        sessions.start("42")
    assert sum("redis_may_evict" in line for line in caplog.messages) == warned


def test_waiting_for_replicas_that_are_not_there(client: Any) -> None:
    """Where a change must reach a replica, it is not acknowledged without one."""
    token = Sessions(RedisStore(client)).start("42")
    careful = Sessions(RedisStore(client, wait_replicas=1, wait_ms=50))
    with pytest.raises(StoreUnavailable):
        careful.end(token)


def test_every_key_expires(client: Any, sessions: Sessions) -> None:
    """Nothing stays for ever, and a later session puts the end off."""
    sessions.start("42")
    (name,) = client.keys("*")
    assert 86_000 < client.ttl(name) <= 86_400
    sessions.start("42", remember=True)
    assert client.ttl(name) > 29 * 86_400
    sessions.start("42")
    assert client.ttl(name) > 29 * 86_400
