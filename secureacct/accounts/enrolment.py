"""Setting authenticators and recovery codes up, and taking them away.

Rules of this file: an authenticator counts after its first right code; the set of factors changes
only with fresh proof, ends all other sessions and is mailed; the last factor cannot go twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.accounts import mails, recording
from secureacct.accounts.codes import totp_of
from secureacct.accounts.directory import Known
from secureacct.accounts.fresh_proof import Proved, Resumed, person, prove
from secureacct.accounts.outcomes import (
    CodeRejected,
    CodesShownOnce,
    Enrolment,
    FieldInvalid,
    Frozen,
    NotFound,
    SessionMoved,
    SignInRequired,
)
from secureacct.accounts.parts import AccountParts, Visit, new_id
from secureacct.errors import MissingExtra
from secureacct.records.changes import Change, Lost
from secureacct.records.factors import (
    AddTotp,
    ConfirmTotp,
    Factors,
    RemoveTotp,
    ReplaceRecoveryCodes,
    TotpFactor,
)
from secureacct.records.sessions import EndSessions, Session
from secureacct.recovery_codes import RecoveryCodes
from secureacct.sessions.birth import moved
from secureacct.throttle import steps as throttle
from secureacct.totp import Totp

MAX_NAME = 60  # characters of an authenticator's name; ours


async def begin_totp(
    parts: AccountParts,
    session: Session,
    password: str | None,
    *,
    name: str = "",
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> Enrolment:
    """Make an authenticator's secret. It counts for nothing until a code confirms it.

    Only this session is shown the secret again, under a new token: a copied cookie never sees it.

    :param name: what the person calls it, at most 60 characters.
    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises Frozen: changes are frozen after "this was not me".
    :raises FieldInvalid: the name is too long, or there are too many authenticators.
    """
    now = parts.now()
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    refuse_frozen(proved.known.frozen_until, now=now)
    name = name.strip() or "Authenticator app"
    if len(name) > MAX_NAME or not name.isprintable():
        raise FieldInvalid("name", f"Use at most {MAX_NAME} printable characters.")
    totp = Totp.new(issuer=parts.site.name, account=proved.known.email)
    factor_id = session.id + new_id(parts)
    factor = TotpFactor(
        id=factor_id,
        account_id=proved.known.id,
        name=name,
        sealed_secret=parts.vault.seal_totp(totp.secret, factor_id=factor_id),
        created_at=now,
    )
    token, new, rotation = moved(session, now=now, random=parts.random)
    event = recording.happened(
        parts,
        "factor_enrolment_begun",
        outcome="ok",
        reason="totp",
        account=proved.known.id,
        session=new.id,
        visit=visit,
        now=now,
    )
    done = await parts.store.commit((AddTotp(factor=factor), rotation), events=(event,))
    if isinstance(done, Lost):
        if done.claim is rotation:
            raise SignInRequired
        raise FieldInvalid("name", "This account has as many authenticators as it can have.")
    kept = SessionMoved(token=token, session_id=new.id, max_age_s=new.cookie_max_age(now=now))
    try:
        qr = totp.qr_svg()
    except MissingExtra:
        qr = None
    return Enrolment(factor_id=factor_id, secret=totp.secret, uri=totp.uri, qr_svg=qr, moved=kept)


async def factors(parts: AccountParts, session: Session) -> Factors:
    """What the account holds."""
    return await parts.store.factors_of(session.account_id)


async def pending_totp(parts: AccountParts, session: Session) -> Enrolment | None:
    """The enrolment that still waits for its first code, shown again to its own session's account."""
    now = parts.now()
    waiting = _waiting(parts, session, await factors(parts, session), now=now)
    if waiting is None:
        return None
    known = await person(parts, session)
    secret = parts.vault.open_totp(waiting.sealed_secret, factor_id=waiting.id)
    totp = Totp.from_secret(secret, issuer=parts.site.name, account=known.email)
    try:
        qr = totp.qr_svg()
    except MissingExtra:
        qr = None
    return Enrolment(factor_id=waiting.id, secret=totp.secret, uri=totp.uri, qr_svg=qr)


def _begun_since(parts: AccountParts, *, now: int) -> int:
    return now - int(parts.lifetimes.enrolment.total_seconds())


def _waiting(parts: AccountParts, session: Session, factors: Factors, *, now: int) -> TotpFactor | None:
    """The newest enrolment that this very session began and has not confirmed."""
    oldest = _begun_since(parts, now=now)
    waiting = [
        one
        for one in factors.totp
        if one.confirmed_at is None and one.created_at >= oldest and one.id.startswith(session.id)
    ]
    return waiting[-1] if waiting else None


async def confirm_totp(
    parts: AccountParts, session: Session, code: str, *, visit: Visit = Visit()
) -> CodesShownOnce:
    """Confirm the newest enrolment with its first code.

    Where no recovery code is left, ten new ones come with it, shown here and never again. Other sessions
    end; this one is rotated and counts the code as proof.

    :raises CodeRejected: the code does not match, or no enrolment is waiting.
    :raises Throttled: too many wrong codes.
    """
    now = parts.now()
    known = await person(parts, session)
    refuse_frozen(known.frozen_until, now=now)
    ticket = await throttle.admit(
        parts.throttle, action="second_factor", account=known.id, network=visit.network
    )
    factors = await parts.store.factors_of(known.id)
    waiting = _waiting(parts, session, factors, now=now)
    if waiting is None:
        raise CodeRejected
    step = totp_of(parts, waiting).match(code, now=now, last_step=None)
    if step is None:
        raise CodeRejected
    claim = ConfirmTotp(
        id=waiting.id,
        account_id=known.id,
        step=step,
        begun_since=_begun_since(parts, now=now),
        at=now,
    )
    codes: tuple[str, ...] = ()
    changes: list[Change] = [claim]
    if not factors.recovery_codes_left:  # the first factor, or a passkey came first and brought none
        codes, replace_codes = _new_codes(parts, known.id, now=now)
        changes.append(replace_codes)
    moved = await change_factors(
        parts,
        session,
        known,
        tuple(changes),
        name="factor_added",
        detail="totp",
        visit=visit,
        now=now,
        proofs=(("totp", now),),
    )
    await throttle.succeeded(parts.throttle, ticket)
    return CodesShownOnce(codes=codes, moved=moved)


def _new_codes(
    parts: AccountParts, account_id: str, *, now: int
) -> tuple[tuple[str, ...], ReplaceRecoveryCodes]:
    codes = RecoveryCodes(parts.vault.keys).new(account_id=account_id, random_bytes=parts.random(150))
    return codes.shown, ReplaceRecoveryCodes(account_id=account_id, hashes=codes.stored, at=now)


async def new_recovery_codes(
    parts: AccountParts,
    session: Session,
    password: str | None,
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> CodesShownOnce:
    """Throw the old recovery codes away and show ten new ones, once.

    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises NotFound: the account has no second factor, so codes would stand for nothing.
    """
    now = parts.now()
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    refuse_frozen(proved.known.frozen_until, now=now)
    if not proved.factors.any:
        raise NotFound
    codes, replace_codes = _new_codes(parts, proved.known.id, now=now)
    moved = await change_factors(
        parts,
        session,
        proved.known,
        (replace_codes,),
        name="recovery_codes_made",
        detail="",
        visit=visit,
        now=now,
    )
    return CodesShownOnce(codes=codes, moved=moved)


async def turn_off(
    parts: AccountParts,
    session: Session,
    password: str | None,
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> SessionMoved:
    """Remove every authenticator app; with no passkey left, the recovery codes go too.

    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises NotFound: there is none, or it was removed meanwhile.
    """
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    return await _take_away(parts, session, proved, [one.id for one in proved.factors.totp], visit=visit)


async def remove_totp(
    parts: AccountParts,
    session: Session,
    factor_id: str,
    password: str | None,
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> SessionMoved:
    """Remove one of several authenticators.

    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises NotFound: no such authenticator, or the set changed meanwhile.
    """
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    return await _take_away(parts, session, proved, [factor_id], visit=visit)


async def _take_away(
    parts: AccountParts, session: Session, proved: Proved, gone: Sequence[str], *, visit: Visit
) -> SessionMoved:
    """Remove these authenticators; where no second factor is left, the recovery codes go too."""
    now = parts.now()
    known, held = proved.known, proved.factors
    refuse_frozen(known.frozen_until, now=now)
    if not gone:
        raise NotFound
    changes: list[Change] = [
        RemoveTotp(id=factor_id, account_id=known.id, expected_version=held.version + offset)
        for offset, factor_id in enumerate(gone)
    ]
    if not held.passkeys and all(one.id in gone for one in held.usable_totp):
        changes.append(ReplaceRecoveryCodes(account_id=known.id, hashes=(), at=now))
    return await change_factors(
        parts, session, known, tuple(changes), name="factor_removed", detail="totp", visit=visit, now=now
    )


async def change_factors(
    parts: AccountParts,
    session: Session,
    known: Known,
    changes: tuple[Change, ...],
    *,
    name: str,
    detail: str,
    visit: Visit,
    now: int,
    proofs: tuple[tuple[str, int], ...] = (),
) -> SessionMoved:
    """The one way the set of factors changes: other sessions end, this one is rotated, the owner is told.

    :raises NotFound: a claim on a factor was lost.
    :raises SignInRequired: the session ended meanwhile.
    """
    token, new, rotation = moved(session, now=now, random=parts.random, proofs=proofs)
    others = EndSessions(account_id=known.id, keep=new.key, now=now)
    event = recording.happened(
        parts, name, outcome="ok", reason=detail, account=known.id, session=new.id, visit=visit, now=now
    )
    mail, links = mails.factor_changed(parts, known, visit, name=name, detail=detail, now=now)
    done = await parts.store.commit((*changes, rotation, others, *links), events=(event,), mails=mail)
    if isinstance(done, Lost):
        raise SignInRequired if done.claim is rotation else NotFound
    ended = done.counts[len(changes) + 1]
    return SessionMoved(token=token, session_id=new.id, max_age_s=new.cookie_max_age(now=now), ended=ended)


def refuse_frozen(frozen_until: int, *, now: int) -> None:
    """:raises Frozen: factors and address cannot change now."""
    if frozen_until > now:
        raise Frozen
