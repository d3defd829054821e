"""What tests of consent and privacy share: a clock that moves by hand, and small stores."""

from __future__ import annotations

from secureacct.stores.memory.journal import MemoryJournal
from secureacct.stores.memory.privacy import MemoryPrivacy
from secureacct.stores.sql.journal import AwaitingJournal, BlockingJournal
from secureacct.stores.sql.privacy import AwaitingPrivacy, BlockingPrivacy

START = 1_795_600_000  # 2026-11-25, in the story


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def forward(self, *, days: float = 0, seconds: float = 0) -> None:
        """Let time pass."""
        self.at += days * 86_400 + seconds


class InMemory(MemoryPrivacy, MemoryJournal):
    """Privacy topics and the journal, in memory."""


class OnSql(BlockingPrivacy, BlockingJournal):
    """Privacy topics and the journal, on a blocking engine."""


class OnAsyncSql(AwaitingPrivacy, AwaitingJournal):
    """Privacy topics and the journal, on an awaiting engine."""
