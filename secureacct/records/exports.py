"""A copy of a person's data on its way to that person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """One request for a copy. ``state``: "waiting", "working", "ready", "taken", "failed"."""

    id: str  # 26 characters, sortable by time
    account_id: str
    state: str
    requested_at: int  # seconds since the epoch
    lease_until: int = 0  # a worker, or a fetching, that died gives the job back at this moment
    attempts: int = 0  # to make it; once it is ready, to fetch it
    tables_done: int = 0
    tables: int = 0
    rows: int = 0
    size: int = 0  # bytes of the archive
    expires_at: int = 0  # seconds since the epoch; after it the copy is deleted
    link_hash: bytes = field(default=b"", repr=False)  # SHA-256 of the one-time link's secret


@dataclass(frozen=True, slots=True, kw_only=True)
class StartExport(Change):
    """Ask for a copy. Holds only while this account has none under way."""

    must_hold: ClassVar[bool] = True
    job: ExportJob


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseExport(Change):
    """Take a job to work on. Holds only while nobody else has it; earlier pieces are deleted."""

    must_hold: ClassVar[bool] = True
    job_id: str
    now: int
    lease_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExportPiece(Change):
    """Add one encrypted piece of the archive and say how far the work is. Holds only for the
    worker whose lease (``attempt``) is the newest."""

    must_hold: ClassVar[bool] = True
    job_id: str
    attempt: int
    number: int
    sealed: bytes = field(repr=False)
    tables_done: int
    rows: int
    size: int
    lease_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishExport(Change):
    """The archive is whole (or the work failed for good). Holds only for the newest lease."""

    must_hold: ClassVar[bool] = True
    job_id: str
    attempt: int
    state: str  # "ready" or "failed"
    expires_at: int
    link_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeExport(Change):
    """Begin to fetch the copy. Holds for the account it belongs to, before it expires, while nobody else
    fetches it (or that was begun more than ``lease_until`` ago and never ended), and ``most`` times."""

    must_hold: ClassVar[bool] = True
    account_id: str
    link_hash: bytes = field(repr=False)
    now: int
    lease_until: int = 0  # a server that died gives the copy back at this moment; 0: never
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnExport(Change):
    """The connection broke: the link works again. Counts 0 unless it is the fetching that began last."""

    job_id: str
    lease_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropExports(Change):
    """Delete copies: one job's, or an account's, or all that expired by ``now``."""

    job_id: str | None = None
    account_id: str | None = None
    now: int | None = None
