"""Changing the address: proof at the new one, notice and undo at the old one.

Rules of this file: the old address keeps control until the new one is proved, is told at once, and
may undo for 72 hours; every change keeps its own undo and the earliest wins; an undo ends all
sessions and everything that was set up since, and never signs anybody in.
"""

from __future__ import annotations

from secureacct.accounts import mails, recording
from secureacct.accounts.directory import Known
from secureacct.accounts.enrolment import refuse_frozen
from secureacct.accounts.fresh_proof import Resumed, prove
from secureacct.accounts.links import new_link, read_link, use
from secureacct.accounts.outcomes import CheckMail, LinkUnknown, LinkUsed, NotFound
from secureacct.accounts.parts import AccountParts, Visit, new_id
from secureacct.accounts.registration import address_or_refuse
from secureacct.records.accounts import (
    AddEmailChange,
    BlockReset,
    ClaimIdentifier,
    DropAttempts,
    EmailChange,
    FinishEmailChange,
    ReserveIdentifier,
    SetEmail,
    UndoEmailChange,
    VoidEmailChanges,
    VoidLinks,
    VoidRecoveries,
)
from secureacct.records.changes import Change, Lost
from secureacct.records.factors import Factors, RemoveEveryFactor
from secureacct.records.sessions import BumpSecurityVersion, EndSessions, Session
from secureacct.throttle import steps as throttle


async def ask_for_email_change(
    parts: AccountParts,
    session: Session,
    password: str | None,
    new_email: str,
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> CheckMail:
    """Ask to change the address. A link goes to the new one, a notice to the old one.

    The answer is the same if somebody else has the new address; then a mail tells its owner.

    :raises FieldInvalid: the address cannot be one.
    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises Frozen: changes are frozen after "this was not me".
    :raises NotFound: the app keeps its addresses elsewhere.
    """
    now = parts.now()
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    known = proved.known
    if not known.ours:
        raise NotFound
    refuse_frozen(known.frozen_until, now=now)
    address = address_or_refuse(new_email, field_name="new_email")
    await throttle.admit(parts.throttle, action="email_change", account=known.id, network=visit.network)
    event = recording.happened(
        parts, "email_change_asked", outcome="ok", account=known.id, session=session.id, visit=visit, now=now
    )
    holder = await parts.people.find(address)
    change_id = new_id(parts)
    sealed_old, sealed_new = parts.vault.seal_change(old=known.email, new=address, change_id=change_id)
    change = EmailChange(
        id=change_id,
        account_id=known.id,
        state="pending",
        sealed_old=sealed_old,
        sealed_new=sealed_new,
        session_key=session.key,
        requested_at=now,
    )
    token, link = new_link(
        parts,
        "email_confirm",
        lifetime=parts.lifetimes.verify,
        now=now,
        account_id=known.id,
        subject=change_id,
        security_version=known.security_version,
    )
    notice, links = mails.email_change_asked(parts, known, visit, new=address, now=now)
    if holder is not None and holder.id != known.id:  # the same rows, but nobody gets the token
        mail = mails.already_registered(parts, holder, now=now)
    else:
        mail = mails.confirm_new_email(parts, address, token=token, now=now)
    await parts.store.commit(
        (VoidEmailChanges(account_id=known.id), AddEmailChange(change=change), link, *links),
        events=(event,),
        mails=(mail, *notice),
    )
    return CheckMail()


async def email_link_works(parts: AccountParts, token: str) -> None:
    """Look at a confirmation link without using it.

    :raises LinkUnknown, LinkUsed, LinkExpired: it is dead.
    """
    link = await read_link(parts, token, "email_confirm", now=parts.now())
    known = await parts.people.by_id(link.account_id or "")
    if known is None or known.security_version != link.security_version:
        raise LinkUsed


async def confirm_email_change(parts: AccountParts, token: str, *, visit: Visit = Visit()) -> None:
    """The new address is proved: it becomes the account's; the old one may undo for 72 hours.

    Sessions other than the one that asked end.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead, or the address went to somebody else.
    """
    now = parts.now()
    link = await read_link(parts, token, "email_confirm", now=now)
    change = await parts.store.email_change(link.subject)
    known = await parts.people.by_id(link.account_id or "")
    if change is None or known is None or not known.active or change.account_id != known.id:
        raise LinkUnknown
    if change.state != "pending" or link.security_version is None or known.frozen_until > now:
        raise LinkUsed
    old, new = parts.vault.open_change(old=change.sealed_old, new=change.sealed_new, change_id=change.id)
    old_tokens, new_tokens = parts.vault.tokens(old), parts.vault.tokens(new)
    undo_until = now + int(parts.lifetimes.undo.total_seconds())
    undo_token, undo_link = new_link(
        parts, "email_undo", lifetime=parts.lifetimes.undo, now=now, account_id=known.id, subject=change.id
    )
    event = recording.happened(parts, "email_changed", outcome="ok", account=known.id, visit=visit, now=now)
    same_person = set(old_tokens) == set(new_tokens)
    reserve: tuple[Change, ...] = (
        () if same_person else (ReserveIdentifier(tokens=old_tokens, account_id=known.id, until=undo_until),)
    )
    done = await parts.store.commit(
        (
            use(link, now=now),
            BumpSecurityVersion(account_id=known.id, expected=link.security_version),
            FinishEmailChange(id=change.id, account_id=known.id, now=now, undo_until=undo_until),
            *reserve,
            ClaimIdentifier(tokens=new_tokens, account_id=known.id, now=now),
            SetEmail(
                account_id=known.id,
                sealed_email=parts.vault.seal_email(new, account_id=known.id),
                expected=known.sealed_email,
                now=now,
            ),
            DropAttempts(tokens=new_tokens),
            VoidRecoveries(account_id=known.id),
            EndSessions(account_id=known.id, keep=change.session_key, now=now),
            undo_link,
        ),
        events=(event,),
        mails=(
            mails.email_changed(parts, old, new=new, undo_token=undo_token, now=now, account_id=known.id),
            mails.email_is_yours(parts, new, now=now, account_id=known.id),
        ),
    )
    if isinstance(done, Lost):
        raise LinkUsed


async def undo_link_works(parts: AccountParts, token: str) -> None:
    """Look at an undo link without using it.

    :raises LinkUnknown, LinkUsed, LinkExpired: it is dead.
    """
    link = await read_link(parts, token, "email_undo", now=parts.now())
    change = await parts.store.email_change(link.subject)
    if change is None or change.state != "done":
        raise LinkUsed


async def undo_email_change(parts: AccountParts, token: str, *, visit: Visit = Visit()) -> None:
    """Give the account its old address back.

    All sessions end; pending changes, later changes and factors added since the change was asked for
    are void; an account that keeps a second factor cannot be reset by mail alone for 72 hours.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    """
    now = parts.now()
    link = await read_link(parts, token, "email_undo", now=now)
    change = await parts.store.email_change(link.subject)
    known = await parts.people.by_id(link.account_id or "")
    if change is None or known is None or change.account_id != known.id:
        raise LinkUnknown
    old, back = taking_back(parts, known, change, await parts.store.factors_of(known.id), now=now)
    event = recording.happened(
        parts, "email_change_undone", outcome="ok", account=known.id, visit=visit, now=now
    )
    mail = mails.email_change_undone(parts, old, now=now, account_id=known.id)
    done = await parts.store.commit(
        (
            use(link, now=now),
            BumpSecurityVersion(account_id=known.id, expected=known.security_version),
            *back,
            EndSessions(account_id=known.id, keep=None, now=now),
        ),
        events=(event,),
        mails=(mail,),
    )
    if isinstance(done, Lost):
        raise LinkUsed


def taking_back(
    parts: AccountParts, known: Known, change: EmailChange, factors: Factors, *, now: int
) -> tuple[str, tuple[Change, ...]]:
    """The old address of a change that took effect, and what gives the account back to it: pending changes,
    later changes and factors added since are void. Where an older factor stays, mail alone resets nothing for
    72 hours; where none does, the reset is the owner's way back in.

    :param change: done, and may still be undone at ``now``, which is claimed.
    """
    old, _ = parts.vault.open_change(old=change.sealed_old, new=change.sealed_new, change_id=change.id)
    old_tokens = parts.vault.tokens(old)
    current_tokens = tuple(token for token in parts.vault.tokens(known.email) if token not in old_tokens)
    changes: list[Change] = [UndoEmailChange(id=change.id, account_id=known.id, now=now)]
    if current_tokens:
        changes.append(ReserveIdentifier(tokens=current_tokens, account_id=known.id, until=now))
    changes += [
        ClaimIdentifier(tokens=old_tokens, account_id=known.id, now=now),
        SetEmail(
            account_id=known.id,
            sealed_email=parts.vault.seal_email(old, account_id=known.id),
            expected=known.sealed_email,
            now=now,
        ),
        RemoveEveryFactor(account_id=known.id, added_since=change.requested_at),
        VoidLinks(account_id=known.id, purposes=("email_confirm", "reset", "recover"), now=now),
        VoidRecoveries(account_id=known.id),
    ]
    if _holds_older(factors, than=change.requested_at):
        until = now + int(parts.lifetimes.undo.total_seconds())
        changes.append(BlockReset(account_id=known.id, until=until))
    return old, tuple(changes)


def _holds_older(factors: Factors, *, than: int) -> bool:
    apps = any(one.confirmed_at is not None and one.confirmed_at < than for one in factors.usable_totp)
    return apps or any(one.created_at < than for one in factors.passkeys)


def holds_newer(factors: Factors, *, since: int) -> bool:
    """Whether the account holds a factor that was added at that time (seconds since the epoch) or later."""
    apps = any(one.confirmed_at is not None and one.confirmed_at >= since for one in factors.usable_totp)
    return apps or any(one.created_at >= since for one in factors.passkeys)
