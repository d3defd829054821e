"""Sessions, throttle and what is claimed once within minutes, in Redis or Valkey, on a client of the app's.

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
    import redis as _redis
except ModuleNotFoundError:  # pragma: no cover - seen in an install without the extra
    raise MissingExtra("redis", needed_for="the Redis store") from None

from secureacct.stores.redis.cluster import is_cluster
from secureacct.stores.redis.journal import RedisJournal
from secureacct.stores.redis.sessions import AwaitingRedisSessions, BlockingRedisSessions
from secureacct.stores.redis.throttle import RedisThrottle

if TYPE_CHECKING:
    import redis
    import redis.asyncio

PREFIX = "sa:"
TIMEOUT_S = 2.0  # seconds for one answer of a server, where the client is ours; ours
WAIT_MS = 200  # milliseconds a change waits for replicas, where it waits; ours


class _RedisStore:
    def __init__(
        self, client: Any, *, prefix: str = PREFIX, wait_replicas: int = 0, wait_ms: int = WAIT_MS
    ) -> None:
        self.client = client
        self.prefix = prefix
        self._stem = f"{prefix}s:".encode()
        self.wait_replicas = wait_replicas
        self.wait_ms = wait_ms
        self.on_cluster = is_cluster(client)
        if wait_replicas and self.on_cluster:
            raise ConfigurationError("waiting for replicas is not offered on a cluster")


class RedisStore(BlockingRedisSessions, RedisJournal, RedisThrottle, _RedisStore):
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


class AsyncRedisStore(AwaitingRedisSessions, RedisJournal, RedisThrottle, _RedisStore):
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


def client_from_url(url: str) -> redis.Redis:
    """A blocking client with timeouts, so that a server that hangs is unavailable instead of waited for.

    :raises ConfigurationError: the URL cannot be used.
    """
    url = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    try:
        return _redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    except ValueError:  # the message may hold the URL's password
        raise ConfigurationError("the Redis URL cannot be used") from None


def async_client_from_url(url: str) -> redis.asyncio.Redis:
    """The same for awaiting callers."""
    import redis.asyncio

    url = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    try:
        return redis.asyncio.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    except ValueError:
        raise ConfigurationError("the Redis URL cannot be used") from None


__all__ = ["AsyncRedisStore", "RedisStore", "async_client_from_url", "client_from_url"]
