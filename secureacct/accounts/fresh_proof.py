"""Fresh proof: the password again, and the second factor if it was not shown lately.

Rules of this file: a stolen session changes nothing; the inline password is one factor, and where
the account has a second one, this session must have proved it within ``lifetimes.fresh``; proof of
another account or of a weaker kind makes nothing fresh; an interrupted POST is kept encrypted, bound
to its session, without its passwords, and resumes once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from secureacct.accounts import mails, recording
from secureacct.accounts.codes import kinds_of, match_code, told_of
from secureacct.accounts.directory import Known
from secureacct.accounts.known_devices import device_of
from secureacct.accounts.links import hash_of, new_token
from secureacct.accounts.outcomes import (
    FreshProofRequired,
    LinkExpired,
    PasswordRejected,
    SecondFactorRejected,
    SessionMoved,
    SignInRequired,
)
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.accounts.suspicion import Suspect, beside
from secureacct.assurance import PASSWORD, factor_of
from secureacct.records.accounts import AddInterrupted, ClaimInterrupted, Interrupted
from secureacct.records.changes import Change, Lost
from secureacct.records.factors import Factors
from secureacct.records.sessions import Session
from secureacct.sessions.birth import moved
from secureacct.throttle import steps as throttle

PASSWORD_FIELDS = frozenset({"password", "current_password", "new_password"})
NEVER_KEPT = PASSWORD_FIELDS | {"code"}
JUST_NOW_S = 60  # seconds; ours: from the script's proof to the click that goes on
MAX_FORM_BYTES = 16 * 1024  # bytes; ours, far above any account form


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A POST that was interrupted and may go on, once. Only :func:`resume` makes one."""

    session_id: str
    path: str
    form: Mapping[str, str] = field(repr=False)
    password_proved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """This person, proved fresh, and what they hold."""

    known: Known = field(repr=False)
    factors: Factors = field(repr=False)


async def person(parts: AccountParts, session: Session) -> Known:
    """Whose session this is.

    :raises SignInRequired: the account is gone or closed.
    """
    known = await parts.people.by_id(session.account_id)
    if known is None or not known.active:
        raise SignInRequired
    return known


async def prove(
    parts: AccountParts,
    session: Session,
    password: str | None,
    *,
    visit: Visit,
    resumed: Resumed | None = None,
) -> Proved:
    """Let a change go on, or say what is missing.

    :raises PasswordRejected: no or a wrong password.
    :raises FreshProofRequired: the second factor must be shown (again).
    :raises Throttled: too many wrong passwords.
    """
    now = parts.now()
    known = await person(parts, session)
    trusted = resumed is not None and resumed.session_id == session.id and resumed.password_proved
    if not trusted:
        await _check_password(parts, known, session, password, visit=visit)
    factors = await parts.store.factors_of(known.id)
    if factors.any and not _factor_is_fresh(parts, session, now=now):
        raise FreshProofRequired(kinds_of(factors), password_proved=True)
    return Proved(known=known, factors=factors)


def _factor_is_fresh(parts: AccountParts, session: Session, *, now: int) -> bool:
    oldest = now - int(parts.lifetimes.fresh.total_seconds())
    return any(factor_of(kind) != PASSWORD and oldest <= at <= now for kind, at in session.proofs)


async def _check_password(
    parts: AccountParts, known: Known, session: Session, password: str | None, *, visit: Visit
) -> None:
    if not password:
        raise PasswordRejected
    ticket = await throttle.admit(
        parts.throttle,
        action="fresh_proof",
        account=known.id,
        network=visit.network,
        known_device=device_of(parts, visit, known),
    )
    try:
        right, _ = await parts.passwords.verify_and_update(
            password, known.password_hash, account_id=known.id, known_device=True
        )
    except BaseException:
        await throttle.withdrawn(parts.throttle, ticket)
        raise
    if not right or known.password_paused:
        await _refused(parts, session, visit, reason="wrong_password")
        raise PasswordRejected
    await throttle.succeeded(parts.throttle, ticket)


async def _refused(parts: AccountParts, session: Session, visit: Visit, *, reason: str) -> None:
    event = recording.happened(
        parts,
        "fresh_proof",
        outcome="refused",
        reason=reason,
        account=session.account_id,
        session=session.id,
        visit=visit,
        now=parts.now(),
    )
    await parts.store.commit((), events=(event,))


async def confirm(
    parts: AccountParts,
    session: Session,
    *,
    password: str | None = None,
    code: str | None = None,
    visit: Visit = Visit(),
) -> SessionMoved:
    """Show a proof now: the password, a code, or both. The session gets a new token.

    :raises PasswordRejected: a wrong password, or nothing was shown.
    :raises SecondFactorRejected: a wrong or used code.
    :raises Throttled: too many attempts.
    """
    now = parts.now()
    known = await person(parts, session)
    if not password and not code:
        raise PasswordRejected
    proofs: list[tuple[str, int]] = []
    claims: list[Change] = []
    ticket = None
    told: mails.Told = ((), ())
    if password:
        await _check_password(parts, known, session, password, visit=visit)
        proofs.append(("password", now))
    if code:
        ticket = await throttle.admit(
            parts.throttle,
            action="second_factor",
            account=known.id,
            network=visit.network,
            known_device=device_of(parts, visit, known),
        )
        factors = await parts.store.factors_of(known.id)
        match = match_code(parts, factors, code, now=now)
        if match is None:
            await _refused(parts, session, visit, reason="wrong_code")
            raise SecondFactorRejected
        proofs.append((match.kind, now))
        claims.append(match.claim)
        told = told_of(parts, known, match, factors, visit=visit, now=now)
    result = await move(parts, session, tuple(proofs), tuple(claims), visit=visit, now=now, told=told)
    if ticket is not None:
        await throttle.succeeded(parts.throttle, ticket)
    return result


async def move(
    parts: AccountParts,
    session: Session,
    proofs: tuple[tuple[str, int], ...],
    claims: tuple[Change, ...],
    *,
    visit: Visit,
    now: int,
    name: str = "fresh_proof",
    told: mails.Told = ((), ()),
    suspect: Suspect | None = None,
) -> SessionMoved:
    """Give the session these proofs and a new token, together with the claims they rest on, and tell of it.

    :raises SecondFactorRejected: a claim was lost: the code was used meanwhile.
    :raises SignInRequired: the session ended meanwhile.
    """
    token, new, rotation = moved(session, now=now, random=parts.random, proofs=proofs)
    event = recording.happened(
        parts,
        name,
        outcome="ok",
        reason="+".join(kind for kind, _ in proofs),
        account=session.account_id,
        session=new.id,
        visit=visit,
        now=now,
    )
    events, notice, links = beside(event, suspect)
    done = await parts.store.commit(
        (*claims, rotation, *links, *told[1]), events=events, mails=(*notice, *told[0])
    )
    if isinstance(done, Lost):
        raise SignInRequired if done.claim is rotation else SecondFactorRejected
    return SessionMoved(token=token, session_id=new.id, max_age_s=new.cookie_max_age(now=now))


async def interrupt(
    parts: AccountParts,
    session: Session,
    *,
    path: str,
    form: Mapping[str, str],
    password_proved: bool,
) -> str | None:
    """Keep a POST until the proof is there. The resume token, or None if the form is too large."""
    kept = json.dumps({name: value for name, value in form.items() if name not in NEVER_KEPT})
    if len(path) + len(kept) > MAX_FORM_BYTES:
        return None
    now = parts.now()
    token, digest = new_token(parts)
    # The form is one value of its own: no field of it, whatever its name, can pass for what we say about it.
    about = {"path": path, "password": "1" if password_proved else "", "form": kept}
    waiting = Interrupted(
        hash=digest,
        session_id=session.id,
        sealed=parts.vault.seal_form(about, session_id=session.id),
        expires_at=now + int(parts.lifetimes.interrupted.total_seconds()),
    )
    await parts.store.commit((AddInterrupted(interrupted=waiting, now=now),))
    return token


async def shown_already(parts: AccountParts, session: Session, resume_token: str) -> str:
    """What the page need not ask for before an interrupted POST goes on: "factor" (nothing more), "password"
    or "". Only for the page: what is enough is decided when the POST goes on."""
    now = parts.now()
    digest = hash_of(resume_token)
    waiting = (
        await parts.store.interrupted(digest, session_id=session.id, now=now) if digest is not None else None
    )
    if waiting is None:
        return ""
    if any(factor_of(kind) != PASSWORD and now - JUST_NOW_S <= at <= now for kind, at in session.proofs):
        return "factor"
    about = parts.vault.open_form(waiting.sealed, session_id=session.id)
    return "password" if about["password"] == "1" else ""


async def resume(parts: AccountParts, session: Session, resume_token: str) -> Resumed:
    """Take an interrupted POST back, once.

    :raises LinkExpired: too old, used, or another session's.
    """
    now = parts.now()
    digest = hash_of(resume_token)
    waiting = (
        await parts.store.interrupted(digest, session_id=session.id, now=now) if digest is not None else None
    )
    if waiting is None:
        raise LinkExpired
    about = parts.vault.open_form(waiting.sealed, session_id=session.id)
    done = await parts.store.commit((ClaimInterrupted(hash=waiting.hash, session_id=session.id, now=now),))
    if isinstance(done, Lost):
        raise LinkExpired
    return Resumed(
        session_id=session.id,
        path=about["path"],
        password_proved=about["password"] == "1",
        form=json.loads(about["form"]),
    )
