"""Sessions and throttle in Redis or Valkey, blocking and awaiting, on a client of the app's.

    store = RedisStore(redis.Redis.from_url("rediss://..."))
    sessions = Sessions(store)

Accounts, factors, mails and events are SQL's: they must survive what a cache may lose. What this store
promises when its server loses writes is in ``docs/why/stores-that-lose-writes.md``.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from secureacct.errors import ConfigurationError, MissingExtra

try:
    import redis as _redis  # noqa: F401
except ModuleNotFoundError:  # pragma: no cover - seen in an install without the extra
    raise MissingExtra("redis", needed_for="the Redis store") from None

from secureacct.stores.redis.sessions import AwaitingRedisSessions, BlockingRedisSessions
from secureacct.stores.redis.throttle import AwaitingRedisThrottle, BlockingRedisThrottle

if TYPE_CHECKING:
    import redis
    import redis.asyncio

PREFIX = "sa:"
WAIT_MS = 200  # milliseconds a change waits for replicas, where it waits; ours


class _RedisStore:
    def __init__(
        self, client: Any, *, prefix: str = PREFIX, wait_replicas: int = 0, wait_ms: int = WAIT_MS
    ) -> None:
        self.client = client
        self.prefix = prefix
        self.wait_replicas = wait_replicas
        self.wait_ms = wait_ms
        if wait_replicas and hasattr(client, "get_primaries"):
            raise ConfigurationError("waiting for replicas is not offered on a cluster")


class RedisStore(BlockingRedisSessions, BlockingRedisThrottle, _RedisStore):
    """For blocking callers.

    :param client: a ``redis.Redis`` or ``redis.RedisCluster``, with whatever URL, TLS and timeouts.
    :param prefix: in front of every key of ours.
    :param wait_replicas: a change is acknowledged when so many replicas have it, so that a sign-out
        survives a failover; 0 trusts the primary.
    :raises ConfigurationError: the client is an awaiting one.
    """

    def __init__(
        self,
        client: redis.Redis | redis.RedisCluster,
        *,
        prefix: str = PREFIX,
        wait_replicas: int = 0,
        wait_ms: int = WAIT_MS,
    ) -> None:
        if inspect.iscoroutinefunction(client.execute_command):
            raise ConfigurationError("this client is awaited; use AsyncRedisStore")
        super().__init__(client, prefix=prefix, wait_replicas=wait_replicas, wait_ms=wait_ms)

    @property
    def kind(self) -> Literal["blocking"]:
        """Its methods never suspend."""
        return "blocking"


class AsyncRedisStore(AwaitingRedisSessions, AwaitingRedisThrottle, _RedisStore):
    """For awaiting callers, with a ``redis.asyncio.Redis`` or ``redis.asyncio.RedisCluster``.

    :raises ConfigurationError: the client is a blocking one.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | redis.asyncio.RedisCluster,
        *,
        prefix: str = PREFIX,
        wait_replicas: int = 0,
        wait_ms: int = WAIT_MS,
    ) -> None:
        if not inspect.iscoroutinefunction(client.execute_command):
            raise ConfigurationError("this client blocks; use RedisStore")
        super().__init__(client, prefix=prefix, wait_replicas=wait_replicas, wait_ms=wait_ms)

    @property
    def kind(self) -> Literal["awaiting"]:
        """Its methods may suspend."""
        return "awaiting"


__all__ = ["AsyncRedisStore", "RedisStore"]
