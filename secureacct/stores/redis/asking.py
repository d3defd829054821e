"""How Redis or Valkey is asked: one command, one script, its replicas, its failures, blocking and awaiting.

Rules of this file: a reply is never decoded, whatever the client's own setting, and reads the same in RESP2
and RESP3; no error of the driver crosses; a script touches the keys of one slot.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis.exceptions import NoScriptError, RedisError

from secureacct import logs
from secureacct.errors import StoreUnavailable
from secureacct.stores.redis.cluster import each_primary, ready

log = logs.logger("stores.redis")

# What reading a reply that is not ours can raise, and, last, a cluster's client while servers are exchanged
_ODD = (OSError, ValueError, struct.error, AttributeError)

FAILED: Final = (RedisError, *_ODD)
"""Everything that a command, and reading its reply, may raise."""


@functools.cache
def sha_of(script: str) -> str:
    """How Redis names a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def our_errors() -> Iterator[None]:
    """What the driver raises becomes :class:`StoreUnavailable`."""
    try:
        yield
    except RedisError as error:
        raise StoreUnavailable(f"Redis did not answer ({type(error).__name__})") from None
    except _ODD as error:
        raise StoreUnavailable(f"Redis answered something else ({type(error).__name__})") from None


class Asking:
    """What asks is written once: ``ask`` is awaited, and the blocking client's never suspends."""

    client: Any
    prefix: str
    on_cluster: bool
    wait_replicas: int
    wait_ms: int
    _looked_at_server: bool = False

    async def ask(self, *command: Any, **options: Any) -> Any:
        """One command, one reply, not decoded."""
        raise NotImplementedError

    async def ask_together(self, *commands: Sequence[Any]) -> list[Any]:
        """Commands on one connection, in one round trip."""
        raise NotImplementedError

    async def servers(self) -> list[dict[str, Any]]:
        """Options with which ``ask`` reaches each server that holds keys: the primaries of a cluster."""
        raise NotImplementedError

    async def change(self, *command: Any) -> Any:
        """A command that changes something, acknowledged when as many replicas as asked for have it."""
        if not self.wait_replicas:
            return await self.ask(*command)
        reply, reached = await self.ask_together(command, ("WAIT", self.wait_replicas, self.wait_ms))
        if int(reached) < self.wait_replicas:
            raise StoreUnavailable("the change did not reach enough replicas in time")
        return reply

    async def script(self, script: str, name: bytes, *arguments: Any) -> Any:
        """One script that changes one key, and its reply."""
        if not self._looked_at_server:
            await self.look_at_server()
        with our_errors():
            try:
                return await self.change("EVALSHA", sha_of(script), 1, name, *arguments)
            except NoScriptError:
                return await self.change("EVAL", script, 1, name, *arguments)

    async def look_at_server(self) -> None:
        """Warn if a server may evict keys: that signs people out. Done before the first change."""
        self._looked_at_server = True
        try:
            told = [await self.ask("INFO", "memory", **options) for options in await self.servers()]
            policies = {str(info["maxmemory_policy"]) for info in told if int(info["maxmemory"]) > 0}
        except (RedisError, OSError, ValueError, LookupError, TypeError):
            logs.event(log, "stores.redis_policy_unknown", level="warning")
            return
        if policies - {"noeviction"}:
            logs.event(
                log,
                "stores.redis_may_evict",
                level="warning",
                policy=", ".join(sorted(policies - {"noeviction"})),
                effect="people are signed out when memory is short; set maxmemory-policy noeviction",
            )


class BlockingAsking(Asking):
    """With a ``redis.Redis`` or ``redis.RedisCluster``. Nothing here suspends."""

    async def ask(self, *command: Any, **options: Any) -> Any:
        """One command, one reply, not decoded."""
        return self.client.execute_command(*command, NEVER_DECODE=(), **options)

    async def servers(self) -> list[dict[str, Any]]:
        """Options with which ``ask`` reaches each server that holds keys: the primaries of a cluster."""
        return each_primary(self.client)

    async def ask_together(self, *commands: Sequence[Any]) -> list[Any]:
        """Commands on one connection, in one round trip."""
        with self.client.pipeline(transaction=False) as line:
            for command in commands:
                line.execute_command(*command, NEVER_DECODE=())
            return list(line.execute())


class AwaitingAsking(Asking):
    """With a ``redis.asyncio.Redis`` or ``redis.asyncio.RedisCluster``."""

    async def ask(self, *command: Any, **options: Any) -> Any:
        """One command, one reply, not decoded."""
        if self.on_cluster:
            await ready(self.client)
        return await self.client.execute_command(*command, NEVER_DECODE=(), **options)

    async def servers(self) -> list[dict[str, Any]]:
        """Options with which ``ask`` reaches each server that holds keys: the primaries of a cluster."""
        if self.on_cluster:
            await ready(self.client)
        return each_primary(self.client)

    async def ask_together(self, *commands: Sequence[Any]) -> list[Any]:
        """Commands on one connection, in one round trip."""
        async with self.client.pipeline(transaction=False) as line:
            for command in commands:
                line.execute_command(*command, NEVER_DECODE=())
            return list(await line.execute())
