"""Reading letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.correspondence import Letter


class LetterReads(Protocol):
    """What a store answers about correspondence. Letters past their time are never answered."""

    async def letter(self, letter_id: str, *, now: int) -> Letter | None:
        """One letter, or None when it is gone or past its time."""
        ...

    async def thread(self, thread: str, *, now: int) -> Sequence[Letter]:
        """The letters of a thread that are still kept, oldest first."""
        ...

    async def letters_of(
        self, *, tokens: Sequence[bytes] = (), account_id: str | None = None, now: int, limit: int = 500
    ) -> Sequence[Letter]:
        """Letters of an address (any of its index values) or of an account, oldest first."""
        ...
