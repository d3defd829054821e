"""Taking one's data along, and leaving: the journeys of an account's owner (C20).

Rules of this file: both need a fresh proof; undoing needs the sign-in or the mailed link, and opens nothing;
the work itself is done by whoever calls ``run``: a thread after the answer, a timer, the command line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from secureacct.accounts import fresh_proof
from secureacct.accounts.fresh_proof import Resumed
from secureacct.accounts.outcomes import LinkUnknown, NotFound
from secureacct.accounts.parts import Visit
from secureacct.commitments import erasure, export, retention
from secureacct.commitments.erasure import DeletionWaits
from secureacct.commitments.errors import DeletionRefused, ExportRefused
from secureacct.commitments.privacy import Privacy
from secureacct.commitments.privacy_mails import read_keep_token
from secureacct.commitments.retention import Aged
from secureacct.records.exports import ExportJob
from secureacct.records.sessions import Session


async def ask_copy(
    privacy: Privacy,
    session: Session,
    password: str | None,
    *,
    visit: Visit,
    resumed: Resumed | None = None,
) -> ExportJob:
    """Ask for a copy of everything held about oneself.

    :raises SignInRejected: no or a wrong password.
    :raises FreshProofRequired: the second factor must be shown.
    :raises ExportRefused: one is under way already.
    :raises NotFound: this site does not export.
    """
    _offered(privacy)
    proved = await fresh_proof.prove(privacy.account, session, password, visit=visit, resumed=resumed)
    return await export.request(privacy.noted(visit, session.id).exports, proved.known.id)


async def copies(privacy: Privacy, session: Session) -> Sequence[ExportJob]:
    """The copies that were asked for, newest first."""
    return await export.jobs_of(privacy.exports, session.account_id)


async def take_copy(privacy: Privacy, session: Session, token: str, *, visit: Visit) -> AsyncIterator[bytes]:
    """The archive behind a one-time link, piece by piece; it is deleted when the last one is out. Closed
    before, the link works again.

    :raises LinkUnknown: used, too old, unknown, or another account's: nobody learns which.
    """
    exports = privacy.noted(visit, session.id).exports
    try:
        job = await export.take(exports, session.account_id, token)
    except ExportRefused:
        raise LinkUnknown from None
    return export.handed_out(exports, job)


async def ask_deletion(
    privacy: Privacy,
    session: Session,
    password: str | None,
    *,
    visit: Visit,
    resumed: Resumed | None = None,
) -> DeletionWaits:
    """Ask to be forgotten. Until the day it is due the owner can stay.

    :raises SignInRejected: no or a wrong password.
    :raises FreshProofRequired: the second factor must be shown.
    :raises DeletionRefused: one waits already.
    :raises NotFound: this site cannot erase its people.
    """
    _offered(privacy)
    proved = await fresh_proof.prove(privacy.account, session, password, visit=visit, resumed=resumed)
    return await erasure.request(privacy.noted(visit, session.id).erasure, proved.known.id)


async def deletion_of(privacy: Privacy, account_id: str) -> DeletionWaits | None:
    """Whether an account is on its way out."""
    return await erasure.waiting(privacy.erasure, account_id)


async def keep(privacy: Privacy, session: Session, *, visit: Visit) -> None:
    """Stay after all, signed in.

    :raises DeletionRefused: nothing waits, or it is too late.
    """
    await erasure.undo(privacy.noted(visit, session.id).erasure, session.account_id)


async def keep_by_link(privacy: Privacy, token: str, *, visit: Visit) -> None:
    """Stay after all, by the mailed link. Nobody is signed in by it.

    :raises LinkUnknown: not our link, used, or too late.
    """
    read = read_keep_token(token)
    if read is None:
        raise LinkUnknown
    account_id, secret = read
    try:
        await erasure.undo(privacy.noted(visit, None).erasure, account_id, token=secret)
    except DeletionRefused:
        raise LinkUnknown from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run did."""

    copies: int  # exports that were finished
    receipts: Sequence[str]  # of the accounts that were erased
    aged: Sequence[Aged]  # what retention found and deleted


async def run(privacy: Privacy) -> Ran:
    """Everything that waits: copies to be made, accounts to be erased, records past their time. Call it daily
    at least, from as many places as you like.

    :raises StoreUnavailable: the store did not answer; call again.
    """
    made = await export.work(privacy.exports)
    receipts: list[str] = []
    while erased := await erasure.run_due(privacy.erasure):
        receipts += erased
    return Ran(copies=made, receipts=receipts, aged=await retention.run(privacy.retention, dry_run=False))


def _offered(privacy: Privacy) -> None:
    if not privacy.erases_people:
        raise NotFound
