"""What a store promises about counting attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.throttle import Charge, Counted, Refused


class ThrottleStore(Protocol):
    """Buckets of attempts. They are counted in a transaction of their own, never in one the app
    could roll back."""

    async def count_attempt(self, charges: Sequence[Charge], *, now_ms: int) -> Counted | Refused:
        """Charge every bucket, or none of them: one conditional statement (SQL), one script (Redis).

        Promises: of any number of callers at the same moment, no more are ``Counted`` than the
        bucket's numbers allow; after ``Refused`` no bucket was changed.

        :param charges: buckets with different keys.
        :raises StoreUnavailable: the store did not answer; nothing was counted, or nobody knows.
        """
        ...

    async def settle_success(self, keys: Sequence[bytes]) -> None:
        """The attempt was right: empty its ladders, give its budgets back what it took."""
        ...

    async def settle_withdrawn(self, keys: Sequence[bytes]) -> None:
        """The attempt was never judged: take back what it took from each bucket, no more."""
        ...

    async def forget_buckets(self, *, now_ms: int, limit: int) -> int:
        """Remove up to ``limit`` buckets whose quiet time is over; how many were removed."""
        ...
