"""Taking one's data along: asked for, made in the background, fetched once (C20).

Rules of this file: an archive lies in the store in encrypted pieces and nowhere else; a worker that
dies gives its job back after its lease, and the next one starts over; the link is random, for its own
account, and not for long; it is used up when the last byte was handed over, and works again where the
connection broke before. Asking for a fresh proof is the page's part.
GDPR articles 15 and 20; ASVS 5 14.2.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from secureacct._bytes import b64url, b64url_strict
from secureacct._faces import Kind, awaiting, blocking, refuse_other_kind, run_inline
from secureacct.commitments._ids import new_id
from secureacct.commitments.archive import ArchiveProgress, archive
from secureacct.commitments.errors import ExportRefused
from secureacct.commitments.holdings import Holdings
from secureacct.consent.steps import NotesChoices, no_events
from secureacct.errors import SecureAcctError
from secureacct.fields import FieldCipher
from secureacct.keys import Keyring
from secureacct.ports.exports import ExportReads
from secureacct.ports.journal import Journal
from secureacct.records.changes import Lost
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
from secureacct.records.mail import OutboxMail

LINK_BYTES = 32  # 256 random bits
LEASE = timedelta(minutes=5)  # renewed with every piece; ours
FETCHING = timedelta(hours=1)  # after a server that died in the middle the link works again; ours
MOST_FETCHES = (
    5  # times a copy may be begun to be fetched, so that a broken connection is no second copy; ours
)
MOST_ATTEMPTS = 3  # times a job is tried before it is given up
PIECE_LIMIT = 1 << 20  # 1 MiB: a piece is about 256 KiB, its last one may be longer


class ExportStore(Journal, ExportReads, Protocol):
    """What exports ask of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


class TellsOwner(Protocol):
    """Makes the mails that tell an account's owner something, sealed for the outbox."""

    def __call__(
        self, account_id: str, kind: str, facts: dict[str, str], /
    ) -> Awaitable[Sequence[OutboxMail]]:
        """``kind``: "export_ready" (``token``), "deletion_requested" (``token``, ``due_at``),
        "deletion_undone", "account_erased" (``receipt``)."""
        ...


async def tell_nobody(_account_id: str, _kind: str, _facts: dict[str, str], /) -> Sequence[OutboxMail]:
    """No mails: for programs that tell people in another way."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportParts:
    """What the steps work with."""

    store: ExportStore
    keys: Keyring
    holdings: Holdings
    site: str
    keep: timedelta = timedelta(days=7)  # how long a copy waits to be fetched; ours
    tell: TellsOwner = tell_nobody
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    events: NotesChoices = no_events
    pieces: FieldCipher[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cipher = FieldCipher(
            self.keys, table="export", column="piece", type=bytes, max_value=PIECE_LIMIT + 64
        )
        object.__setattr__(self, "pieces", cipher)

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


async def request(parts: ExportParts, account_id: str) -> ExportJob:
    """Ask for a copy of one's data.

    :raises ExportRefused: one is under way already.
    """
    job = ExportJob(
        id=new_id(now=parts.clock(), random=parts.random(10)),
        account_id=account_id,
        state="waiting",
        requested_at=parts.now(),
        tables=len(parts.holdings),
    )
    events = parts.events("export_asked", account_id=account_id, reason="")
    if isinstance(await parts.store.commit([StartExport(job=job)], events=events), Lost):
        raise ExportRefused("a copy is being made already")
    return job


async def jobs_of(parts: ExportParts, account_id: str) -> Sequence[ExportJob]:
    """The copies of an account and how far they are, newest first."""
    return await parts.store.exports_of(account_id)


async def work(parts: ExportParts, *, limit: int = 10) -> int:
    """Make copies that wait. Call it from a worker, a timer or the command line, as many as you like.

    :returns: how many were finished.
    """
    finished = 0
    for job in await parts.store.waiting_exports(now=parts.now(), limit=limit):
        finished += await _make(parts, job)
    return finished


async def _make(parts: ExportParts, job: ExportJob) -> bool:
    now = parts.now()
    lease = LeaseExport(job_id=job.id, now=now, lease_until=now + _lease_s())
    if isinstance(await parts.store.commit([lease]), Lost):
        return False
    leased = await parts.store.export_job(job.id)
    if leased is None:
        return False
    try:
        return await _write(parts, leased)
    except SecureAcctError:
        if leased.attempts >= MOST_ATTEMPTS:
            await _give_up(parts, leased)
        raise


async def _write(parts: ExportParts, job: ExportJob) -> bool:
    progress = ArchiveProgress()
    number = 0
    stream = archive(parts.holdings, job.account_id, site=parts.site, at=parts.now(), progress=progress)
    async for data in stream:
        for start in range(0, len(data), PIECE_LIMIT):
            added = AddExportPiece(
                job_id=job.id,
                attempt=job.attempts,
                number=number,
                sealed=parts.pieces.encrypt(data[start : start + PIECE_LIMIT], row=f"{job.id}:{number}"),
                tables_done=progress.tables_done,
                rows=progress.rows,
                size=progress.size,
                lease_until=parts.now() + _lease_s(),
            )
            if isinstance(await parts.store.commit([added]), Lost):
                return False  # another worker has it by now
            number += 1
    secret = parts.random(LINK_BYTES)
    done = FinishExport(
        job_id=job.id,
        attempt=job.attempts,
        state="ready",
        expires_at=parts.now() + int(parts.keep.total_seconds()),
        link_hash=hashlib.sha256(secret).digest(),
    )
    events = parts.events("export_made", account_id=job.account_id, reason="")
    mails = await parts.tell(job.account_id, "export_ready", {"token": b64url(secret)})
    return not isinstance(await parts.store.commit([done], events=events, mails=mails), Lost)


async def _give_up(parts: ExportParts, job: ExportJob) -> None:
    expires_at = parts.now() + int(parts.keep.total_seconds())
    failed = FinishExport(
        job_id=job.id, attempt=job.attempts, state="failed", expires_at=expires_at, link_hash=b""
    )
    await parts.store.commit(
        [failed], events=parts.events("control_failed", account_id=job.account_id, reason="")
    )


def _lease_s() -> int:
    return int(LEASE.total_seconds())


async def take(parts: ExportParts, account_id: str, token: str) -> ExportJob:
    """Use the one-time link. Then read the pieces, and drop them; or give the copy back.

    :raises ExportRefused: used, too old, unknown, or another account's: all the same.
    """
    secret = b64url_strict(token) if len(token) <= 64 else None
    digest = hashlib.sha256(secret or b"").digest()
    until = parts.now() + int(FETCHING.total_seconds())
    claim = TakeExport(
        account_id=account_id, link_hash=digest, now=parts.now(), lease_until=until, most=MOST_FETCHES
    )
    events = parts.events("app.export_taken", account_id=account_id, reason="")
    if isinstance(await parts.store.commit([claim], events=events), Lost):
        raise ExportRefused("this link is used, too old, or not yours")
    for job in await parts.store.exports_of(account_id):
        if job.link_hash == digest:
            return job
    raise ExportRefused("the copy was deleted at this very moment")


async def piece(parts: ExportParts, job: ExportJob, number: int) -> bytes | None:
    """One piece of an archive that was taken, in clear; None after the last."""
    sealed = await parts.store.export_piece(job.id, number)
    return None if sealed is None else parts.pieces.decrypt(sealed, row=f"{job.id}:{number}")


async def drop(parts: ExportParts, job: ExportJob) -> None:
    """Delete a copy."""
    await parts.store.commit([DropExports(job_id=job.id)])


async def give_back(parts: ExportParts, job: ExportJob) -> None:
    """The connection broke: the link works again. Where the store is down, its lease gives it back."""
    with suppress(SecureAcctError):
        await parts.store.commit([ReturnExport(job_id=job.id, lease_until=job.lease_until)])


async def handed_out(parts: ExportParts, job: ExportJob) -> AsyncIterator[bytes]:
    """The pieces of a copy that was taken. It is deleted when more is asked for after the last one, and
    given back when the stream is closed before."""
    number = 0
    try:
        while (data := await piece(parts, job, number)) is not None:
            yield data
            number += 1
    except BaseException:
        await give_back(parts, job)
        raise
    await drop(parts, job)


class Exports:
    """Copies of one's data, for blocking programs."""

    def __init__(self, parts: ExportParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    request: Final = blocking(request)
    jobs_of: Final = blocking(jobs_of)
    work: Final = blocking(work)
    take: Final = blocking(take)
    piece: Final = blocking(piece)
    drop: Final = blocking(drop)

    def download(self, account_id: str, token: str) -> Iterator[bytes]:
        """The archive behind a one-time link, piece by piece; deleted when the last one is out, and given
        back when the iterator is closed before.

        :raises ExportRefused: at once, before anything is sent.
        """
        return self._pieces(self.take(account_id, token))

    def _pieces(self, job: ExportJob) -> Iterator[bytes]:
        number = 0
        try:
            while (data := run_inline(piece(self.parts, job, number))) is not None:
                yield data
                number += 1
        except BaseException:
            run_inline(give_back(self.parts, job))
            raise
        self.drop(job)


class AsyncExports:
    """Copies of one's data, for awaiting programs."""

    def __init__(self, parts: ExportParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    request: Final = awaiting(request)
    jobs_of: Final = awaiting(jobs_of)
    work: Final = awaiting(work)
    take: Final = awaiting(take)
    piece: Final = awaiting(piece)
    drop: Final = awaiting(drop)

    async def download(self, account_id: str, token: str) -> AsyncIterator[bytes]:
        """The archive behind a one-time link, piece by piece; deleted when the last one is out.

        :raises ExportRefused: at once, before anything is sent.
        """
        return handed_out(self.parts, await self.take(account_id, token))
