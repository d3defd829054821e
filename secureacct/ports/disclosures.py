"""Reading what went to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.disclosures import Disclosure


class DisclosureReads(Protocol):
    """What a store answers about disclosures."""

    async def disclosures_of(
        self, account_id: str, *, before: str | None = None, limit: int = 100
    ) -> Sequence[Disclosure]:
        """What was disclosed about an account, newest first, older than the id ``before``."""
        ...
