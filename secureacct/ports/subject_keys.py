"""Reading the data keys of persons. What changes them are the changes of ``records.subject_keys``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.subject_keys import SubjectKey


class SubjectKeyReads(Protocol):
    """A store that keeps wrapped data keys. Best in a database of its own with short backups."""

    async def subject_keys(self, tenant: str, subjects: Sequence[str]) -> Sequence[SubjectKey]:
        """The records there are of these persons, forgotten ones too, in any order.

        :raises StoreUnavailable: the store did not answer.
        """
        ...

    async def subject_keys_outside(self, epoch: str, *, limit: int) -> Sequence[SubjectKey]:
        """Up to ``limit`` keys that are not wrapped under ``epoch`` and not destroyed.

        :raises StoreUnavailable: the store did not answer.
        """
        ...

    async def subjects_forgotten(self, *, since: int) -> Sequence[SubjectKey]:
        """Persons forgotten at ``since`` or later (seconds since the epoch).

        :raises StoreUnavailable: the store did not answer.
        """
        ...
