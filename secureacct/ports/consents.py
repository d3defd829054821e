"""Reading choices, and the ledger that proves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.consents import Choice, LedgerEntry


class ConsentReads(Protocol):
    """What a store answers about choices."""

    async def ledger_of(self, subject: str, *, after: int = 0, limit: int = 500) -> Sequence[LedgerEntry]:
        """Entries of one subject in the order they were made, positions above ``after``."""
        ...

    async def last_entry(self, subject: str) -> LedgerEntry | None:
        """The newest entry of a subject."""
        ...

    async def choice_of(self, subject: str, topic: str, key: str) -> Choice | None:
        """Where one choice stands, or None if it was never made."""
        ...

    async def choices_of(self, subject: str) -> Sequence[Choice]:
        """Where all choices of a subject stand, by topic and key."""
        ...

    async def words(self, words_hash: bytes) -> str | None:
        """The text of this hash."""
        ...

    async def ledger_subjects(self, *, after: str = "", limit: int = 500) -> Sequence[str]:
        """Every subject that has entries, in order, above ``after``: for whoever verifies them all."""
        ...
