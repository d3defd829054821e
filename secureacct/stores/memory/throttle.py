"""Buckets of attempts in memory: bounded, swept when full, no timers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from secureacct.records.throttle import Bucket, Charge, Counted, Refused
from secureacct.stores.memory.journal import MemoryBase
from secureacct.throttle import rules

MOST_BUCKETS = 100_000  # buckets; about 25 MB. The longest untouched give way to new ones


class MemoryThrottle(MemoryBase):
    """See :class:`secureacct.ports.throttle.ThrottleStore`."""

    @property
    def _buckets(self) -> dict[bytes, Bucket]:
        return self.state.topic("throttle")

    async def count_attempt(self, charges: Sequence[Charge], *, now_ms: int) -> Counted | Refused:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        with self.state.lock:
            buckets = self._buckets
            after: list[tuple[bytes, Bucket]] = []
            shut: list[tuple[int, int, int]] = []
            for place, charge in enumerate(charges):
                before = buckets.get(charge.key)
                bucket = rules.count(before, charge, now_ms=now_ms)
                if bucket is not None:
                    after.append((charge.key, bucket))
                elif before is not None:
                    shut.append((place, before.count, before.until_ms))
            if shut:
                return Refused(tuple(shut))
            for key, bucket in after:
                buckets.pop(key, None)  # the order of the dict is the order of the last charge
                buckets[key] = bucket
            if len(buckets) > MOST_BUCKETS:
                for key in list(islice(buckets, len(buckets) - MOST_BUCKETS)):
                    del buckets[key]
            return Counted(tuple((bucket.count, bucket.until_ms) for _, bucket in after))

    async def settle_success(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        self._settle(keys, rules.after_success)

    async def settle_withdrawn(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        self._settle(keys, rules.after_withdrawal)

    def _settle(self, keys: Sequence[bytes], rule: Callable[[Bucket], Bucket]) -> None:
        with self.state.lock:
            buckets = self._buckets
            for key in keys:
                if key in buckets:
                    buckets[key] = rule(buckets[key])

    async def forget_buckets(self, *, now_ms: int, limit: int) -> int:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        with self.state.lock:
            buckets = self._buckets
            old = [key for key, bucket in buckets.items() if bucket.forget_at_ms <= now_ms][:limit]
            for key in old:
                del buckets[key]
            return len(old)
