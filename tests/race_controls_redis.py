"""The control of the races in Redis: a store that reads and then writes, as one would by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from secureacct._bytes import b64url
from secureacct.records.accounts import ClaimPending
from secureacct.records.challenges import ClaimChallenge
from secureacct.records.changes import Change, Committed
from secureacct.stores.redis import RedisStore


class ReadThenWriteInRedis(RedisStore):
    """GET, then UNLINK, as two commands."""

    def __init__(self, client: Any, between: Callable[[], Any]) -> None:
        super().__init__(client)
        self.between = between

    async def commit(self, changes: Sequence[Change], **_: Any) -> Any:
        """Read; let the other one read too; then delete whatever is there."""
        names = [self.prefix + _name(change) for change in changes]
        holds = [self.client.get(name) is not None for name in names]
        self.between()
        if not all(holds):
            return None
        self.client.unlink(*names)
        return Committed((1,) * len(changes))


def _name(change: Change) -> str:
    match change:
        case ClaimChallenge():
            return f"c:{b64url(change.digest)}"
        case ClaimPending():
            return f"p:{b64url(change.hash)}"
    raise AssertionError(change)
