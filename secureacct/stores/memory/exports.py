"""Copies on their way to people, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.records.exports import (
    AddExportPiece,
    DropExports,
    ExportJob,
    FinishExport,
    LeaseExport,
    ReturnExport,
    StartExport,
    TakeExport,
)
from secureacct.stores.memory.held import holds
from secureacct.stores.memory.journal import MemoryBase, State, makes

UNDER_WAY = ("waiting", "working")

# Dropped with its pieces by ``DropExports``, never row by row.
holds("export", topic="export", person="account_id", erased=False)


@makes(StartExport)
def _start(state: State, change: StartExport) -> int:
    jobs = state.topic("export")
    if any(one.account_id == change.job.account_id and one.state in UNDER_WAY for one in jobs.values()):
        return 0
    state.put(jobs, change.job.id, change.job)
    return 1


@makes(LeaseExport)
def _lease(state: State, change: LeaseExport) -> int:
    jobs = state.topic("export")
    job = jobs.get(change.job_id)
    if job is None or job.state not in UNDER_WAY or job.lease_until > change.now:
        return 0
    leased = replace(
        job, state="working", lease_until=change.lease_until, attempts=job.attempts + 1, tables_done=0, rows=0
    )
    state.put(jobs, job.id, replace(leased, size=0))
    _drop_pieces(state, job.id)
    return 1


def _drop_pieces(state: State, job_id: str) -> None:
    pieces = state.topic("export_piece")
    for key in [key for key in pieces if key[0] == job_id]:
        state.drop(pieces, key)


def _holder(state: State, job_id: str, attempt: int) -> ExportJob | None:
    job: ExportJob | None = state.topic("export").get(job_id)
    if job is None or job.state != "working" or job.attempts != attempt:
        return None
    return job


@makes(AddExportPiece)
def _add_piece(state: State, change: AddExportPiece) -> int:
    job = _holder(state, change.job_id, change.attempt)
    if job is None:
        return 0
    state.put(state.topic("export_piece"), (job.id, change.number), change.sealed)
    forward = replace(job, tables_done=change.tables_done, rows=change.rows, size=change.size)
    state.put(state.topic("export"), job.id, replace(forward, lease_until=change.lease_until))
    return 1


@makes(FinishExport)
def _finish(state: State, change: FinishExport) -> int:
    job = _holder(state, change.job_id, change.attempt)
    if job is None:
        return 0
    done = replace(job, state=change.state, expires_at=change.expires_at, link_hash=change.link_hash)
    state.put(state.topic("export"), job.id, replace(done, lease_until=0, attempts=0))
    if change.state != "ready":
        _drop_pieces(state, job.id)
    return 1


@makes(TakeExport)
def _take(state: State, change: TakeExport) -> int:
    jobs = state.topic("export")
    for job in list(jobs.values()):
        if (
            job.link_hash == change.link_hash
            and job.account_id == change.account_id
            and (job.state == "ready" or (job.state == "taken" and 0 < job.lease_until <= change.now))
            and job.expires_at > change.now
            and job.attempts < change.most
        ):
            taken = replace(job, state="taken", lease_until=change.lease_until, attempts=job.attempts + 1)
            state.put(jobs, job.id, taken)
            return 1
    return 0


@makes(ReturnExport)
def _return(state: State, change: ReturnExport) -> int:
    jobs = state.topic("export")
    job = jobs.get(change.job_id)
    if job is None or job.state != "taken" or job.lease_until != change.lease_until:
        return 0
    state.put(jobs, job.id, replace(job, state="ready", lease_until=0))
    return 1


@makes(DropExports)
def _drop(state: State, change: DropExports) -> int:
    jobs = state.topic("export")
    doomed = [
        job.id
        for job in jobs.values()
        if job.id == change.job_id
        or job.account_id == change.account_id
        or (change.now is not None and 0 < job.expires_at <= change.now)
    ]
    for job_id in doomed:
        state.drop(jobs, job_id)
        _drop_pieces(state, job_id)
    return len(doomed)


class MemoryExports(MemoryBase):
    """Copies on their way to people, in memory."""

    async def export_job(self, job_id: str) -> ExportJob | None:
        """See :class:`secureacct.ports.exports.ExportReads`."""
        with self.state.lock:
            job: ExportJob | None = self.state.topic("export").get(job_id)
            return job

    async def exports_of(self, account_id: str) -> Sequence[ExportJob]:
        """See :class:`secureacct.ports.exports.ExportReads`."""
        with self.state.lock:
            own = [one for one in self.state.topic("export").values() if one.account_id == account_id]
        return sorted(own, key=lambda one: one.id, reverse=True)

    async def waiting_exports(self, *, now: int, limit: int = 10) -> Sequence[ExportJob]:
        """See :class:`secureacct.ports.exports.ExportReads`."""
        with self.state.lock:
            jobs = list(self.state.topic("export").values())
        free = [one for one in jobs if one.state in UNDER_WAY and one.lease_until <= now]
        return sorted(free, key=lambda one: one.id)[:limit]

    async def export_piece(self, job_id: str, number: int) -> bytes | None:
        """See :class:`secureacct.ports.exports.ExportReads`."""
        with self.state.lock:
            piece: bytes | None = self.state.topic("export_piece").get((job_id, number))
            return piece
