"""A Redis or Valkey that fails: gone, hanging, out of memory, emptied, tampered with. Losing a key may
sign somebody out and never brings anybody back."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from secureacct.errors import StoreUnavailable
from secureacct.sessions import Sessions
from secureacct.stores.redis import RedisStore
from tests import servers
from tests.load_kit import WAYS, Load, once_it_answers, sessions_in

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("SECUREACCT_TEST_FAULT_ROUNDS", "3"))  # 20 for a release
HANGS = max(1, ROUNDS // 3)  # each a second long
TIMEOUT_S = 0.5
HANG_MS = 1000  # longer than that


@pytest.fixture
def url() -> Iterator[str]:
    """A server of its own."""
    with servers.valkey() as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    """A client of it."""
    with redis.Redis.from_url(url, socket_timeout=TIMEOUT_S) as client:
        client.flushall()
        yield client


@pytest.fixture(params=WAYS)
def sessions(client: Any, url: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The piece on it, of each kind, with a client of its own."""
    with sessions_in(url, request.param, timeout_s=TIMEOUT_S) as sessions:
        yield sessions


def test_a_server_that_is_gone(client: Any, sessions: Any) -> None:
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


def test_a_server_that_hangs(client: Any, sessions: Any) -> None:
    """The client's timeout makes it unavailable; afterwards all is as it was."""
    token = sessions.start("42")
    client.client_pause(HANG_MS, all=True)
    with pytest.raises(StoreUnavailable):
        sessions.load(token)
    assert once_it_answers(lambda: sessions.load(token)) is not None


def test_a_server_that_hangs_under_load(client: Any, sessions: Any) -> None:
    """What it was asked and did not answer in time it may still do; what it acknowledged holds, and nobody
    is given the answer to another's question."""
    with Load(sessions) as load:
        for _ in range(HANGS):
            load.until(10)
            client.client_pause(HANG_MS, all=True)
            load.until_unavailable(1)
            assert once_it_answers(lambda: sessions.load(sessions.start("9"))).account_id == "9"
    load.check()


def test_out_of_memory(client: Any, sessions: Any) -> None:
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


def test_an_emptied_server_revives_nobody(client: Any, sessions: Any) -> None:
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


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-ttl"])
def test_eviction_signs_out_and_revives_nobody(client: Any, policy: str) -> None:
    """Where memory is short and may be taken from us, somebody is signed out, and what ended stays ended."""
    sessions = Sessions(RedisStore(client))
    sessions.start("0")  # takes the memory that scripts and connections need
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 200_000)
    alive: list[str] = []
    ended: list[str] = []
    while client.info("stats")["evicted_keys"] < 20:
        assert len(alive) < 5000
        for _ in range(50):
            account = str(len(alive))
            kept, left = sessions.start(account), sessions.start(account)
            sessions.end(left)
            alive.append(kept)
            ended.append(left)
    assert not any(sessions.load(token) for token in ended)
    assert 0 < sum(sessions.load(token) is not None for token in alive) < len(alive)


def test_waiting_for_replicas_that_are_not_there(client: Any) -> None:
    """Where a change must reach a replica, it is not acknowledged without one."""
    token = Sessions(RedisStore(client)).start("42")
    careful = Sessions(RedisStore(client, wait_replicas=1, wait_ms=50))
    with pytest.raises(StoreUnavailable):
        careful.end(token)


def test_every_key_expires(client: Any, sessions: Any) -> None:
    """Nothing stays for ever, and a later session puts the end off."""
    sessions.start("42")
    (name,) = client.keys("*")
    assert 86_000 < client.ttl(name) <= 86_400
    sessions.start("42", remember=True)
    assert client.ttl(name) > 29 * 86_400
    sessions.start("42")
    assert client.ttl(name) > 29 * 86_400
