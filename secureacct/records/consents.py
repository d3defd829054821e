"""What people agreed to and took back: the ledger of choices, and where each choice stands now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One choice, as it was made. Never changed afterwards.

    ``mac`` covers every other field and the entry before it of the same subject, so an altered,
    removed or inserted entry is found by whoever holds the key.
    """

    subject: str  # "account:42", "visitor:<random>", "address:<blind index>"; never an address
    position: int  # 1, 2, 3 ... within the subject
    topic: str  # "policy", "purpose", "list", "partner", "testimonial"
    key: str  # which policy, purpose, list, partner
    choice: str  # "given", "withdrawn", "refused"
    words_hash: bytes  # SHA-256 of the words the person saw
    at: int  # seconds since the epoch
    how: str  # "form", "banner", "one_click", "link", "api", "import"
    context: str = ""  # what else the proof needs; holds nothing personal
    key_id: int = 0  # of the audit root the MAC was made with
    mac: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Where one choice stands now."""

    subject: str
    topic: str
    key: str
    choice: str
    position: int  # of the ledger entry that made it so
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepWords(Change):
    """Keep a text that people are shown under its hash. Known already: nothing to do."""

    hash: bytes
    text: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendEntry(Change):
    """Append to a subject's ledger. Holds only while nobody else took the position."""

    must_hold: ClassVar[bool] = True
    entry: LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChoice(Change):
    """Let the newest entry of a subject, topic and key be where the choice stands.

    An older position never replaces a newer one.
    """

    choice: Choice
