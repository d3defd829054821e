"""What was given to partners: one row for each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """Which fields of a person went to whom, for what, under which terms. Never the values."""

    id: str  # 26 characters, sortable by time
    account_id: str
    partner: str
    purpose: str
    fields: tuple[str, ...]
    terms_hash: bytes  # SHA-256 of the confidentiality terms the partner agreed to
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDisclosure(Change):
    """Write the record, on condition that the person's choice allows it at that very moment.

    ``without_choice``: whether the purpose goes ahead for people who never chose (opt-out law).
    """

    must_hold: ClassVar[bool] = True
    disclosure: Disclosure
    subject: str  # of the choice
    choice_key: str
    without_choice: bool
