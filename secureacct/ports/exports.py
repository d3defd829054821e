"""Reading export jobs and deletion requests, and walking what is held about a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from secureacct.records.deletions import Deletion
from secureacct.records.exports import ExportJob


class ExportReads(Protocol):
    """What a store answers about copies under way."""

    async def export_job(self, job_id: str) -> ExportJob | None:
        """One job."""
        ...

    async def exports_of(self, account_id: str) -> Sequence[ExportJob]:
        """The jobs of an account, newest first."""
        ...

    async def waiting_exports(self, *, now: int, limit: int = 10) -> Sequence[ExportJob]:
        """Jobs nobody is working on: new ones, and those whose worker's lease ran out."""
        ...

    async def export_piece(self, job_id: str, number: int) -> bytes | None:
        """One encrypted piece of an archive, numbered from 0."""
        ...


class DeletionReads(Protocol):
    """What a store answers about accounts on their way out."""

    async def deletion_of(self, account_id: str) -> Deletion | None:
        """The request of an account."""
        ...

    async def due_deletions(self, *, now: int, limit: int = 50) -> Sequence[Deletion]:
        """Requests whose grace is over, the oldest first."""
        ...


class HeldReads(Protocol):
    """Walking the tables that say what they hold about a person."""

    def held_tables(self) -> Sequence[str]:
        """The registered tables, by name."""
        ...

    async def held_rows(
        self, table: str, account_id: str, *, after: Any = None, limit: int = 500
    ) -> Sequence[Mapping[str, Any]]:
        """Rows of one table about one account, in the order of their key, above ``after``."""
        ...

    async def held_older(self, table: str, *, before: int) -> int:
        """How many rows of a registered table are older than ``before``."""
        ...
