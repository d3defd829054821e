"""What redis-py's clients of a cluster need to be asked differently."""

from __future__ import annotations

from typing import Any


def is_cluster(client: Any) -> bool:
    """Whether a client speaks to a cluster."""
    return hasattr(client, "get_primaries")


def each_primary(client: Any) -> list[dict[str, Any]]:
    """Options with which a command reaches each server that holds keys."""
    if not is_cluster(client):
        return [{}]
    return [{"target_nodes": node} for node in client.get_primaries()]


async def ready(client: Any) -> None:
    """Let an awaiting client of a cluster learn its servers before anything is asked. By itself it does so
    with its first command, and fails others that come meanwhile (AttributeError, seen with redis-py 8.1)."""
    await client.initialize()


def scanned(reply: Any) -> tuple[int, list[bytes]]:
    """Where a scan goes on, and the keys it met. The blocking client names the server that answered."""
    cursor, names = reply
    return int(next(iter(cursor.values())) if isinstance(cursor, dict) else cursor), names
