"""The data keys of persons: wrapped, and destroyed when a person is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKey:
    """One person's data key. ``wrapped`` is None once they were forgotten; the record stays, so that no
    new key is ever made under an id whose data was to be gone. Times are seconds since the epoch."""

    tenant: str
    subject: str
    epoch: str
    """Which of the provider's keys wrapped it."""
    wrapped: bytes | None = field(repr=False)
    created_at: int
    destroyed_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSubjectKey(Change):
    """A person's first data key. Holds only if there is no record of this person yet, forgotten or not."""

    must_hold: ClassVar[bool] = True
    key: SubjectKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSubject(Change):
    """Destroy a person's data key, or note that there never will be one. Counts 0 if it is gone already."""

    tenant: str
    subject: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrapSubjectKey(Change):
    """The same key under the provider's newest key. Counts 0 if the record is not what was read."""

    tenant: str
    subject: str
    was: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)
    epoch: str
