"""Reading subscriptions and suppressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.mailings import Subscription


class MailingReads(Protocol):
    """What a store answers about mailing lists."""

    async def subscribers(
        self, list_id: str, *, after: bytes = b"", limit: int = 500
    ) -> Sequence[Subscription]:
        """Active subscriptions of a list by token, above ``after``: walk a list of any size.

        Being in this answer allows nothing: only :class:`ClaimMailing` does, at the moment of sending.
        """
        ...

    async def subscription(self, list_id: str, tokens: Sequence[bytes]) -> Subscription | None:
        """The subscription of an address, whatever its state, under any of its index values."""
        ...

    async def subscriptions_of(self, account_id: str) -> Sequence[Subscription]:
        """Every subscription that belongs to an account, whatever its state."""
        ...

    async def suppressed(self, list_id: str, tokens: Sequence[bytes]) -> bool:
        """Whether this list, or every list, is suppressed for the address."""
        ...
