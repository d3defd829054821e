"""Reading counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.statistics import Cell


class StatisticReads(Protocol):
    """What a store answers about counts."""

    async def day_secret(self, day: int) -> bytes | None:
        """The secret that was kept first for this day, while it is kept."""
        ...

    async def cells(self, name: str, *, first_day: int, last_day: int) -> Sequence[Cell]:
        """The cells of one counter over a span of days, both ends included."""
        ...
