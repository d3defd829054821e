"""Changing the password, and resetting a forgotten one.

Rules of this file: a reset link changes the password and nothing else: it never signs in and never
touches a factor; its single use is a conditional update on the account's security version; every
session that existed before is gone (a change keeps the one that asked).
"""

from __future__ import annotations

from secureacct.accounts import mails, recording
from secureacct.accounts.fresh_proof import Resumed, prove
from secureacct.accounts.links import new_link, read_link, use
from secureacct.accounts.outcomes import (
    CheckMail,
    LinkUnknown,
    LinkUsed,
    NotFound,
    SessionMoved,
    SignInRequired,
)
from secureacct.accounts.parts import AccountParts, Visit, new_id
from secureacct.accounts.registration import address_or_refuse, password_or_refuse
from secureacct.records.accounts import (
    ClaimIdentifier,
    DropAttempts,
    Link,
    OpenAccount,
    SetPassword,
    VoidEmailChanges,
    VoidRecoveries,
)
from secureacct.records.changes import Change, Lost
from secureacct.records.sessions import BumpSecurityVersion, EndSessions, Session
from secureacct.sessions.birth import first_epoch, moved
from secureacct.throttle import steps as throttle


async def change_password(
    parts: AccountParts,
    session: Session,
    current_password: str | None,
    new_password: str,
    *,
    end_others: bool = True,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> SessionMoved:
    """Set a new password with the old one. Other sessions and every outstanding link end.

    :param end_others: False keeps the person's other sessions (a choice of theirs, never a default).
    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises PasswordUnacceptable: the new one breaks the rules.
    :raises NotFound: the app keeps its passwords elsewhere.
    """
    now = parts.now()
    proved = await prove(parts, session, current_password, visit=visit, resumed=resumed)
    known = proved.known
    if not known.ours:
        raise NotFound
    password_or_refuse(parts, new_password, context=(known.email,))
    encoded = await parts.passwords.hash(new_password, account_id=known.id)
    token, new, rotation = moved(session, now=now, random=parts.random)
    changes: list[Change] = [
        BumpSecurityVersion(account_id=known.id, expected=known.security_version),
        SetPassword(account_id=known.id, password_hash=encoded, now=now),
        rotation,
        VoidEmailChanges(account_id=known.id),
        VoidRecoveries(account_id=known.id),
    ]
    if end_others:
        changes.append(EndSessions(account_id=known.id, keep=new.key, now=now))
    event = recording.happened(
        parts, "password_changed", outcome="ok", account=known.id, session=new.id, visit=visit, now=now
    )
    mail, links = mails.password_changed(parts, known, visit, now=now)
    done = await parts.store.commit((*changes, *links), events=(event,), mails=mail)
    if isinstance(done, Lost):
        raise SignInRequired
    await _clear_counts(parts, known.email, known.id, visit)
    return SessionMoved(
        token=token,
        session_id=new.id,
        max_age_s=new.cookie_max_age(now=now),
        ended=done.counts[len(changes) - 1] if end_others else 0,
    )


async def _clear_counts(parts: AccountParts, address: str, account_id: str, visit: Visit) -> None:
    """Wrong guesses at a password that is no more count no longer."""
    await throttle.cleared(parts.throttle, action="sign_in", account=address, network=visit.network)
    await throttle.cleared(parts.throttle, action="fresh_proof", account=account_id, network=visit.network)


async def ask_for_reset(parts: AccountParts, email: str, *, visit: Visit = Visit()) -> CheckMail:
    """Mail a reset link, if there is an account. The answer is the same for every address.

    An address that only has an unconfirmed sign-up gets a link too: it confirms the address and sets
    a new password, which is the way in for somebody whose address was used by somebody else.

    :raises FieldInvalid: the address cannot be one.
    :raises Throttled: too many mails to this address or from this network.
    """
    now = parts.now()
    address = address_or_refuse(email)
    await throttle.admit(parts.throttle, action="reset", account=address, network=visit.network)
    known = await parts.people.find(address)
    attempts = await parts.store.attempts_for(parts.vault.tokens(address), now=now)
    event = recording.happened(
        parts, "reset_asked", outcome="ok", account=known.id if known else None, visit=visit, now=now
    )
    blocked = known is not None and (not known.active or not known.ours or known.reset_blocked_until > now)
    if known is not None and not blocked:
        token, link = new_link(
            parts,
            "reset",
            lifetime=parts.lifetimes.reset,
            now=now,
            account_id=known.id,
            security_version=known.security_version,
        )
        await parts.store.commit(
            (link,),
            events=(event,),
            mails=(mails.reset(parts, known.email, token=token, now=now, account_id=known.id),),
        )
    elif known is None and attempts:
        token, link = new_link(
            parts, "reset", lifetime=parts.lifetimes.reset, now=now, subject=attempts[0].id
        )
        await parts.store.commit(
            (link,), events=(event,), mails=(mails.reset(parts, address, token=token, now=now),)
        )
    else:  # the same rows, so that the answer takes as long; nobody has the token or gets the mail
        token, link = new_link(parts, "reset", lifetime=parts.lifetimes.reset, now=now)
        await parts.store.commit(
            (link,), events=(event,), mails=(mails.no_reset(parts, token=token, now=now),)
        )
    return CheckMail()


async def reset_link_works(parts: AccountParts, token: str) -> None:
    """Look at a reset link without using it.

    :raises LinkUnknown, LinkUsed, LinkExpired: it is dead.
    """
    now = parts.now()
    link = await read_link(parts, token, "reset", now=now)
    if link.account_id is not None:
        known = await parts.people.by_id(link.account_id)
        if known is None or known.security_version != link.security_version:
            raise LinkUsed
    elif await parts.store.attempt(link.subject, now=now) is None:
        raise LinkUsed


async def reset_password(
    parts: AccountParts, token: str, new_password: str, *, visit: Visit = Visit()
) -> None:
    """Set a new password by mail link. All sessions end, all factors stay, nobody is signed in.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    :raises PasswordUnacceptable: the new password breaks the rules; the link is not used up.
    """
    now = parts.now()
    link = await read_link(parts, token, "reset", now=now)
    if link.account_id is None:
        await _open_by_reset(parts, link, new_password, visit=visit, now=now)
        return
    known = await parts.people.by_id(link.account_id)
    if known is None or not known.active or link.security_version is None:
        raise LinkUnknown
    password_or_refuse(parts, new_password, context=(known.email,))
    encoded = await parts.passwords.hash(new_password, account_id=known.id)
    event = recording.happened(parts, "password_reset", outcome="ok", account=known.id, visit=visit, now=now)
    mail, links = mails.password_changed(parts, known, visit, now=now)
    done = await parts.store.commit(
        (
            use(link, now=now),
            BumpSecurityVersion(account_id=known.id, expected=link.security_version),
            SetPassword(account_id=known.id, password_hash=encoded, now=now),
            EndSessions(account_id=known.id, keep=None, now=now),
            VoidEmailChanges(account_id=known.id),
            VoidRecoveries(account_id=known.id),
            *links,
        ),
        events=(event,),
        mails=mail,
    )
    if isinstance(done, Lost):
        raise LinkUsed
    await _clear_counts(parts, known.email, known.id, visit)


async def _open_by_reset(
    parts: AccountParts, link: Link, new_password: str, *, visit: Visit, now: int
) -> None:
    attempt = await parts.store.attempt(link.subject, now=now)
    if attempt is None:
        raise LinkUsed
    address = parts.vault.open_attempt_email(attempt.sealed_email, attempt_id=attempt.id)
    password_or_refuse(parts, new_password, context=(address,))
    account_id = new_id(parts)
    encoded = await parts.passwords.hash(new_password, account_id=account_id)
    tokens = parts.vault.tokens(address)
    event = recording.happened(
        parts, "account_opened", outcome="ok", reason="reset", account=account_id, visit=visit, now=now
    )
    done = await parts.store.commit(
        (
            use(link, now=now),
            ClaimIdentifier(tokens=tokens, account_id=account_id, now=now),
            DropAttempts(tokens=tokens),
            OpenAccount(
                account_id=account_id,
                first_epoch=first_epoch(parts.random),
                sealed_email=parts.vault.seal_email(address, account_id=account_id),
                password_hash=encoded,
                now=now,
            ),
        ),
        events=(event,),
    )
    if isinstance(done, Lost):
        raise LinkUsed
