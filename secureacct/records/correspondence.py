"""Letters: what people wrote to us, and what we answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter. Its text, its subject and the address are in ``sealed``, encrypted with its id as row."""

    id: str  # 26 characters, sortable by time
    thread: str  # the id of the first letter
    direction: str  # "in" from the person, "out" from us
    at: int  # seconds since the epoch
    keep_until: int  # seconds since the epoch
    token: bytes = field(repr=False)  # blind index of the address
    account_id: str | None = None
    sealed: bytes = field(repr=False)
    testimonial: bool = False  # may be quoted in public: by recorded opt-in only


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLetter(Change):
    """Keep a letter."""

    letter: Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTestimonial(Change):
    """Allow or stop the public use of a letter. Holds only while the letter is kept."""

    must_hold: ClassVar[bool] = True
    letter_id: str
    allowed: bool
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetLetters(Change):
    """Delete every letter of these addresses or of this account."""

    tokens: tuple[bytes, ...] = field(repr=False)
    account_id: str | None = None
