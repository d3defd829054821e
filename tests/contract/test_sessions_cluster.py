"""Sessions on a real Valkey cluster, beyond the contract: one command a check, every member asked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
import redis.asyncio

from secureacct.errors import ConfigurationError
from secureacct.sessions import AsyncSessions, Sessions
from secureacct.stores.redis import AsyncRedisStore, RedisStore

if TYPE_CHECKING:
    from redis import RedisCluster

ACCOUNTS = [str(number) for number in range(60)]  # spread over all three members


def _calls(client: RedisCluster) -> dict[str, int]:
    """How often each command was called, on all members together."""
    counts: dict[str, int] = {}
    for node in client.get_primaries():
        told = client.execute_command("INFO", "commandstats", target_nodes=node)
        for name, stats in told.items():
            counts[name] = counts.get(name, 0) + int(stats["calls"])
    return counts


def test_a_check_is_one_command(cluster_client: RedisCluster) -> None:
    """Sixty checks of sixty accounts are sixty HMGET, none of them sent to the wrong member."""
    sessions = Sessions(RedisStore(cluster_client))
    tokens = [sessions.start(account) for account in ACCOUNTS]
    before = _calls(cluster_client)
    assert all(sessions.load(token) is not None for token in tokens)
    after = _calls(cluster_client)
    made = {name: count - before.get(name, 0) for name, count in after.items() if name != "cmdstat_info"}
    assert {name: count for name, count in made.items() if count} == {"cmdstat_hmget": len(tokens)}
    held = [
        cluster_client.execute_command("DBSIZE", target_nodes=one) for one in cluster_client.get_primaries()
    ]
    assert all(held)
    assert sum(held) == len(ACCOUNTS)


def test_a_new_client_asks_every_member_at_once(cluster_client: RedisCluster, cluster_url: str) -> None:
    """An awaiting client that has asked nothing yet knows no member: what counts, ends and checks learns
    them first, also when many begin together."""
    ours = Sessions(RedisStore(cluster_client))
    tokens = [ours.start(account) for account in ACCOUNTS]

    async def use() -> None:
        first, second, third = (redis.asyncio.RedisCluster.from_url(cluster_url) for _ in range(3))
        assert await AsyncSessions(AsyncRedisStore(first)).count() == len(ACCOUNTS)
        checking = AsyncSessions(AsyncRedisStore(second))
        assert all(await asyncio.gather(*(checking.load(token) for token in tokens)))
        await AsyncSessions(AsyncRedisStore(third)).end_everyone()
        assert not any(await asyncio.gather(*(checking.load(token) for token in tokens)))
        for client in (first, second, third):
            await client.aclose()

    asyncio.run(use())


def test_one_member_that_may_evict_is_warned_of(
    cluster_client: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Every member is asked for its policy, not only the one that a client happens to ask first."""
    for node in cluster_client.get_primaries():
        caplog.clear()
        cluster_client.config_set("maxmemory", 10**8, target_nodes=node)
        cluster_client.config_set("maxmemory-policy", "allkeys-lru", target_nodes=node)
        try:
            with caplog.at_level(logging.WARNING):
                Sessions(RedisStore(cluster_client)).start("42")
        finally:
            cluster_client.config_set("maxmemory", 0, target_nodes=node)
            cluster_client.config_set("maxmemory-policy", "noeviction", target_nodes=node)
        assert sum("redis_may_evict" in line for line in caplog.messages) == 1


def test_waiting_for_replicas_is_refused(cluster_client: RedisCluster) -> None:
    """A cluster's client cannot be held to it, so it is not offered."""
    with pytest.raises(ConfigurationError):
        RedisStore(cluster_client, wait_replicas=1)
