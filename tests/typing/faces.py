"""A face takes the stores of its kind only. Never run; mypy and pyright read it.

A line marked ``type: ignore`` is a mistake that must stay one: both checkers fail when it is none any more.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from secureacct.sessions import AsyncSessions, Sessions
from secureacct.stores.memory import MemoryStore
from secureacct.stores.sql import AsyncSqlStore, SqlStore


def blocking_face(memory: MemoryStore, blocking: SqlStore, awaiting: AsyncSqlStore) -> None:
    """Memory and the blocking SQL store, and no awaiting one."""
    Sessions(memory)
    Sessions(blocking)
    Sessions(awaiting)  # type: ignore[arg-type]


def awaiting_face(memory: MemoryStore, blocking: SqlStore, awaiting: AsyncSqlStore) -> None:
    """Memory and the awaiting SQL store, and no blocking one."""
    AsyncSessions(memory)
    AsyncSessions(awaiting)
    AsyncSessions(blocking)  # type: ignore[arg-type]


async def mixed_up(blocking: Sessions, awaited: AsyncSessions) -> None:
    """What is not awaited is not a token yet, and what is no coroutine cannot be awaited."""
    token = awaited.start("42")
    blocking.load(token)  # type: ignore[arg-type]
    await blocking.start("42")  # type: ignore[misc]
