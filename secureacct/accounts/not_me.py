"""The link "this was not me" in every security mail.

Its token survives a password change. Using it ends every session, freezes address and factors, pauses the
password until it is reset, and mails the way back in. It never signs anybody in.

What a thief did since that mail went out is taken back as far as it can be undone: the old address returns,
so that the way back in is not mailed to the thief; for 72 hours factors that were added go, so that a thief's
passkey opens nothing and keeps nobody out; a deletion that waits is cancelled.
"""

from __future__ import annotations

from dataclasses import replace

from secureacct.accounts import mails, recording
from secureacct.accounts.email_change import holds_newer, taking_back
from secureacct.accounts.links import new_link, read_link, use
from secureacct.accounts.outcomes import LinkUnknown, LinkUsed
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.records.accounts import Freeze, PausePassword, VoidEmailChanges, VoidLinks, VoidRecoveries
from secureacct.records.changes import Change, Lost
from secureacct.records.deletions import UndoDeletion
from secureacct.records.factors import RemoveEveryFactor
from secureacct.records.sessions import BumpSecurityVersion, EndSessions


async def not_me_works(parts: AccountParts, token: str) -> None:
    """Look at the link without using it.

    :raises LinkUnknown, LinkUsed, LinkExpired: it is dead.
    """
    await read_link(parts, token, "not_me", now=parts.now())


async def not_me(parts: AccountParts, token: str, *, visit: Visit = Visit()) -> None:
    """Protect the account now.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    """
    now = parts.now()
    link = await read_link(parts, token, "not_me", now=now)
    known = await parts.people.by_id(link.account_id or "")
    if known is None:
        raise LinkUnknown
    reset_token, reset_link = new_link(
        parts,
        "reset",
        lifetime=parts.lifetimes.verify,
        now=now,
        account_id=known.id,
        security_version=known.security_version + 1,
    )
    undo_s = int(parts.lifetimes.undo.total_seconds())
    frozen_until = now + undo_s
    events = [recording.happened(parts, "not_me", outcome="ok", account=known.id, visit=visit, now=now)]
    owner, back = known, tuple[Change, ...]()
    factors = await parts.store.factors_of(known.id)
    if now - link.created_at <= undo_s and holds_newer(factors, since=link.created_at):
        back = (RemoveEveryFactor(account_id=known.id, added_since=link.created_at),)
        gone = "factor_removed"
        events.append(recording.happened(parts, gone, outcome="ok", account=known.id, visit=visit, now=now))
    change = await parts.store.email_change_since(known.id, since=link.created_at, now=now)
    if change is not None:
        old, taken = taking_back(parts, known, change, factors, now=now)
        back += taken
        owner = replace(known, email=old)
        undone = "email_change_undone"
        events.append(recording.happened(parts, undone, outcome="ok", account=known.id, visit=visit, now=now))
    done = await parts.store.commit(
        (
            use(link, now=now),
            VoidLinks(account_id=known.id, purposes=("reset", "email_confirm", "recover", "not_me"), now=now),
            BumpSecurityVersion(account_id=known.id, expected=known.security_version),
            EndSessions(account_id=known.id, keep=None, now=now),
            PausePassword(account_id=known.id, now=now),
            Freeze(account_id=known.id, until=frozen_until),
            VoidEmailChanges(account_id=known.id),
            VoidRecoveries(account_id=known.id),
            *back,
            reset_link,
        ),
        events=events,
        mails=(mails.protected(parts, owner, reset_token=reset_token, frozen_until=frozen_until, now=now),),
    )
    if isinstance(done, Lost):
        raise LinkUsed
    await _stay(parts, known.id, visit=visit, now=now)


async def _stay(parts: AccountParts, account_id: str, *, visit: Visit, now: int) -> None:
    """Whoever said "not me" did not ask to be forgotten either. Lost: nothing waits, as mostly."""
    cancelled = recording.happened(
        parts, "deletion_cancelled", outcome="ok", reason="not_me", account=account_id, visit=visit, now=now
    )
    stay = UndoDeletion(account_id=account_id, undo_hash=b"", now=now)
    await parts.store.commit((stay,), events=(cancelled,))
