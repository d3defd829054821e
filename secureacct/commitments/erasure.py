"""Leaving: asked for, a time to think, then gone, with a receipt (C20).

Rules of this file: until the day it is due, the person can undo it, by link or signed in; then what
lies in our store goes in one transaction with the receipt and the suppression, so there is no half-erased
account; what lies elsewhere goes before, by calls that may be repeated; what is kept says why.
GDPR articles 17 and 21.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from secureacct._bytes import b64url, b64url_strict
from secureacct._faces import Kind, awaiting, blocking, refuse_other_kind
from secureacct.commitments import receipts
from secureacct.commitments.errors import DeletionRefused
from secureacct.commitments.export import TellsOwner, tell_nobody
from secureacct.commitments.holdings import Holdings
from secureacct.commitments.mailing_stops import stop_changes
from secureacct.commitments.receipts import Receipt
from secureacct.consent.steps import NotesChoices, no_events
from secureacct.fields.loaded_keys import LoadedKeys
from secureacct.keys import Keyring
from secureacct.ports.exports import DeletionReads
from secureacct.ports.journal import Journal
from secureacct.records.changes import Change, Lost
from secureacct.records.deletions import Deletion, FinishDeletion, RequestDeletion, UndoDeletion
from secureacct.records.exports import DropExports
from secureacct.records.mailings import EVERY_LIST
from secureacct.records.subject_keys import ForgetSubject

LINK_BYTES = 32  # 256 random bits


class ErasureStore(Journal, DeletionReads, Protocol):
    """What erasure asks of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


class FindsAddress(Protocol):
    """Where an account's address is found while it still exists."""

    def __call__(self, account_id: str, /) -> Awaitable[str | None]:
        """The address, or None."""
        ...


async def no_address(_account_id: str, /) -> str | None:
    """Nothing to suppress."""
    return None


def nothing_more(_address: str | None, _account_id: str, _now: int, /) -> Sequence[Change]:
    """No changes by address."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureParts:
    """What the steps work with.

    ``by_address`` gives changes that need the address: the suppression that outlives the account
    (:func:`suppress_erased`), and letters (``correspondence.forget_changes``). ``data_keys`` is where this
    process keeps people's data keys (``Subjects.loaded``): with it, the person's key is destroyed in the same
    transaction, and what was encrypted under it never opens again, wherever a copy of it lies.
    """

    store: ErasureStore
    keys: Keyring
    holdings: Holdings
    address_of: FindsAddress = no_address
    by_address: Callable[[str | None, str, int], Sequence[Change]] = nothing_more
    data_keys: LoadedKeys | None = None
    tenant: str = ""
    grace: timedelta = timedelta(days=14)  # time to think; ours
    tell: TellsOwner = tell_nobody
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    events: NotesChoices = no_events

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionWaits:
    """The account will be erased, unless its owner says otherwise before."""

    due_at: int  # seconds since the epoch


async def request(parts: ErasureParts, account_id: str, *, changes: Sequence[Change] = ()) -> DeletionWaits:
    """Ask to be forgotten. Asking for a fresh proof is the page's part.

    :param changes: what else happens in the same transaction: ending sessions, freezing the account.
    :raises DeletionRefused: one waits already.
    """
    secret = parts.random(LINK_BYTES)
    now = parts.now()
    waits = Deletion(
        account_id=account_id,
        state="waiting",
        requested_at=now,
        due_at=now + int(parts.grace.total_seconds()),
        undo_hash=hashlib.sha256(secret).digest(),
    )
    facts = {"token": b64url(secret), "due_at": str(waits.due_at)}
    outcome = await parts.store.commit(
        [RequestDeletion(deletion=waits), *changes],
        events=parts.events("deletion_asked", account_id=account_id, reason=""),
        mails=await parts.tell(account_id, "deletion_requested", facts),
    )
    if isinstance(outcome, Lost):
        raise DeletionRefused("a deletion waits already")
    return DeletionWaits(due_at=waits.due_at)


async def waiting(parts: ErasureParts, account_id: str) -> DeletionWaits | None:
    """Whether an account is on its way out."""
    found = await parts.store.deletion_of(account_id)
    return DeletionWaits(due_at=found.due_at) if found is not None and found.state == "waiting" else None


async def undo(
    parts: ErasureParts, account_id: str, *, token: str | None = None, changes: Sequence[Change] = ()
) -> None:
    """Stay after all.

    :param token: from the mail; None when the owner is signed in.
    :param changes: what else happens in the same transaction: unfreezing the account.
    :raises DeletionRefused: too late, undone already, never asked for, or a link of something else.
    """
    undo_hash = b""
    if token is not None:
        secret = b64url_strict(token) if len(token) <= 64 else None
        if secret is None or len(secret) != LINK_BYTES:
            raise DeletionRefused("not a link to undo a deletion")
        undo_hash = hashlib.sha256(secret).digest()
    outcome = await parts.store.commit(
        [UndoDeletion(account_id=account_id, undo_hash=undo_hash, now=parts.now()), *changes],
        events=parts.events("deletion_cancelled", account_id=account_id, reason=""),
        mails=await parts.tell(account_id, "deletion_undone", {}),
    )
    if isinstance(outcome, Lost):
        raise DeletionRefused("nothing to undo, or too late")


async def run_due(parts: ErasureParts, *, limit: int = 50) -> Sequence[str]:
    """Erase every account whose time to think is over. Call it daily.

    :returns: the receipts, one for each.
    """
    done = []
    for one in await parts.store.due_deletions(now=parts.now(), limit=limit):
        receipt = await _erase(parts, one)
        if receipt is not None:
            done.append(receipt)
    return done


async def _erase(parts: ErasureParts, deletion: Deletion) -> str | None:
    account_id, now = deletion.account_id, parts.now()
    address = await parts.address_of(account_id)
    for holding in parts.holdings:
        if holding.erase_elsewhere is not None:
            await holding.erase_elsewhere(account_id)
    changes: list[Change] = []
    for holding in parts.holdings:
        if holding.erase is not None:
            changes += await holding.erase(account_id)
    changes += parts.by_address(address, account_id, now)
    changes.append(DropExports(account_id=account_id))
    if parts.data_keys is not None:
        changes.append(ForgetSubject(tenant=parts.tenant, subject=account_id, at=now))
    key_id = parts.keys.primary("audit")
    receipt = receipts.sign(
        parts.keys,
        Receipt(
            person=receipts.person_hash(parts.keys, account_id, key_id=key_id),
            requested_at=deletion.requested_at,
            erased_at=now,
            erased=tuple(sorted(one.name for one in parts.holdings if not one.kept)),
            kept=tuple(sorted((one.name, one.kept) for one in parts.holdings if one.kept)),
            key_id=key_id,
        ),
    )
    mails = await parts.tell(account_id, "account_erased", {"receipt": receipt})
    outcome = await parts.store.commit(
        [FinishDeletion(account_id=account_id, now=now, receipt=receipt), *changes],
        events=parts.events("account_deleted", account_id=account_id, reason=""),
        mails=mails,
    )
    if isinstance(outcome, Lost):
        return None
    if parts.data_keys is not None:
        parts.data_keys.forget(parts.tenant, account_id.encode())
    return receipt


def suppress_erased(
    tokens: Callable[[str], Sequence[bytes]], list_ids: Sequence[str]
) -> Callable[[str | None, str, int], Sequence[Change]]:
    """``by_address`` for sites with mailings: the address stays suppressed, as a keyed hash.

    :param tokens: an address's index values: ``MailingParts.tokens``.
    """

    def changes(address: str | None, _account_id: str, now: int, /) -> Sequence[Change]:
        if address is None:
            return ()
        return stop_changes(EVERY_LIST, list_ids, tokens(address), now=now, reason="erased")

    return changes


class Erasure:
    """Leaving, for blocking programs."""

    def __init__(self, parts: ErasureParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    request: Final = blocking(request)
    waiting: Final = blocking(waiting)
    undo: Final = blocking(undo)
    run_due: Final = blocking(run_due)


class AsyncErasure:
    """Leaving, for awaiting programs."""

    def __init__(self, parts: ErasureParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    request: Final = awaiting(request)
    waiting: Final = awaiting(waiting)
    undo: Final = awaiting(undo)
    run_due: Final = awaiting(run_due)
