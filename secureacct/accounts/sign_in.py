"""Sign in: a password, and a second factor where the account has one.

Rules of this file: an attempt is counted before anything is looked at; every cause of failure does
the same work, writes the same rows and says the same words; nothing is remembered between the steps
but one server row; a session begins only in ``evidence.mint``.
"""

from __future__ import annotations

from dataclasses import dataclass

from secureacct.accounts import mails, recording, unusual
from secureacct.accounts.codes import kinds_of
from secureacct.accounts.directory import Known
from secureacct.accounts.evidence import Evidence, Minted, mint
from secureacct.accounts.known_devices import device_of, mark_for
from secureacct.accounts.links import hash_of, new_link, new_token
from secureacct.accounts.outcomes import (
    NeedsSecondFactor,
    SecondFactorRejected,
    SignedIn,
    SignInRejected,
)
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.accounts.registration import address_or_refuse
from secureacct.accounts.suspicion import Suspect, beside
from secureacct.records.accounts import (
    AddPending,
    Attempt,
    HoldSecurityVersion,
    PendingSignIn,
    ReplaceHash,
)
from secureacct.records.changes import Change, Lost
from secureacct.records.events import Event
from secureacct.records.factors import Factors, HoldFactors
from secureacct.records.mail import OutboxMail
from secureacct.sessions.birth import first_epoch
from secureacct.throttle import AuthenticatorPaused, TooManyAttempts
from secureacct.throttle import steps as throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the person asked for beside being let in."""

    remember: bool
    shared_computer: bool
    next: str


async def sign_in(
    parts: AccountParts,
    email: str,
    password: str,
    *,
    visit: Visit = Visit(),
    remember: bool = False,
    shared_computer: bool = False,
    next: str = "",
    browser_token: str | None = None,
) -> SignedIn | NeedsSecondFactor:
    """Sign in with an address and a password.

    :param remember: keep the session past the window; ignored on a shared computer.
    :param shared_computer: leave nothing behind: no known-device mark, no lifetime.
    :param next: where to go afterwards, already judged safe; kept over the second step.
    :param browser_token: the attempt cookie, if this browser signed up and did not confirm yet.
    :raises FieldInvalid: the address cannot be one.
    :raises SignInRejected: whatever the cause.
    :raises Throttled: too many attempts; nothing was looked at.
    :raises TooBusy: too many passwords are being checked; nothing was counted against the person.
    :raises StoreUnavailable: the store did not answer.
    """
    now = parts.now()
    address = address_or_refuse(email)
    known = await parts.people.find(address)
    device = device_of(parts, visit, known)
    try:
        ticket = await throttle.admit(
            parts.throttle,
            action="sign_in",
            account=address,
            network=visit.network,
            known_device=device,
        )
    except AuthenticatorPaused:
        await _tell_paused(parts, address, known, visit, now=now)
        raise
    # Looked for in every case: whoever has an account is answered no sooner than who has none.
    attempt = await _attempt_to_check(parts, address, browser_token, now=now)
    if known is not None:
        attempt = None
    stored = known.password_hash if known else attempt.password_hash if attempt else None
    whose = known.id if known else attempt.id if attempt else None
    try:
        right, better = await parts.passwords.verify_and_update(
            password, stored, account_id=whose, known_device=device is not None
        )
    except BaseException:
        await throttle.withdrawn(parts.throttle, ticket)
        raise
    if not right or known is None or not known.active or not known.email_verified or known.password_paused:
        reminder = await _link_again(parts, attempt, now=now) if right and attempt else ()
        await refused(parts, known, visit, reason=_reason(known, right), now=now, extra=reminder)
        if ticket.pauses:
            await _tell_paused(parts, address, known, visit, now=now)
        raise SignInRejected
    await throttle.succeeded(parts.throttle, ticket)
    known = await parts.people.settled(known, first_epoch=first_epoch(parts.random), now=now)
    factors = await parts.store.factors_of(known.id)
    if better and stored:
        await parts.people.keep_hash(known.id, current=stored, replacement=better)
    rehash = (ReplaceHash(account_id=known.id, current=stored or "", replacement=better),) if better else ()
    wish = Wish(remember=remember and not shared_computer, shared_computer=shared_computer, next=next)
    flow, digest = new_token(parts)
    proof = Evidence(flow=flow, account_id=known.id, kind="password", at=now)
    if factors.any:
        return await _wait_for_code(parts, known, factors, proof, digest, wish, visit, rehash, now=now)
    minted = mint(
        parts,
        (proof,),
        factors,
        flow=flow,
        account_id=known.id,
        now=now,
        visit=visit,
        remember=wish.remember,
    )
    hold = HoldSecurityVersion(account_id=known.id, security_version=known.security_version)
    alone = HoldFactors(account_id=known.id, version=factors.version)  # no second step came on meanwhile
    changes = (hold, alone, *rehash, minted.change)
    return await let_in(parts, known, minted, changes, wish, visit, method="password", now=now)


async def finish_with_passkey(
    parts: AccountParts,
    known: Known,
    evidence: tuple[Evidence, ...],
    factors: Factors,
    claims: tuple[Change, ...],
    *,
    flow: str,
    visit: Visit,
    remember: bool,
    shared_computer: bool,
    next: str,
    now: int,
    suspect: Suspect | None = None,
) -> SignedIn:
    """The end of a passkey ceremony: the same door as every other sign-in.

    :raises SignInRejected: a claim was lost, or the account changed meanwhile.
    """
    wish = Wish(remember=remember and not shared_computer, shared_computer=shared_computer, next=next)
    minted = mint(
        parts,
        evidence,
        factors,
        flow=flow,
        account_id=known.id,
        now=now,
        visit=visit,
        remember=wish.remember,
    )
    hold = HoldSecurityVersion(account_id=known.id, security_version=known.security_version)
    return await let_in(
        parts,
        known,
        minted,
        (*claims, hold, minted.change),
        wish,
        visit,
        method="passkey",
        now=now,
        suspect=suspect,
    )


async def _wait_for_code(
    parts: AccountParts,
    known: Known,
    factors: Factors,
    proof: Evidence,
    digest: bytes,
    wish: Wish,
    visit: Visit,
    rehash: tuple[Change, ...],
    *,
    now: int,
) -> NeedsSecondFactor:
    pending = PendingSignIn(
        hash=digest,
        account_id=known.id,
        security_version=known.security_version,
        proofs=((proof.kind, proof.at),),
        remember=wish.remember,
        shared_computer=wish.shared_computer,
        next=wish.next,
        created_at=now,
        expires_at=now + int(parts.lifetimes.pending.total_seconds()),
    )
    event = recording.happened(
        parts, "sign_in", outcome="attempted", reason="second_factor", account=known.id, visit=visit, now=now
    )
    await parts.store.commit((AddPending(pending=pending), *rehash), events=(event,))
    return NeedsSecondFactor(pending_token=proof.flow, factors=kinds_of(factors))


async def let_in(
    parts: AccountParts,
    known: Known,
    minted: Minted,
    changes: tuple[Change, ...],
    wish: Wish,
    visit: Visit,
    *,
    method: str,
    now: int,
    told: mails.Told = ((), ()),
    factors: Factors | None = None,
    suspect: Suspect | None = None,
) -> SignedIn:
    """Commit a minted session together with the claims it rests on, and tell of it: an event, one for each
    thing that is unusual, and at most one mail.

    :raises SignInRejected: a claim was lost.
    """
    new_device = device_of(parts, visit, known) is None
    event = recording.happened(
        parts,
        "sign_in",
        outcome="ok",
        reason=method,
        account=known.id,
        session=minted.session.id,
        visit=visit,
        now=now,
        detail="new_device" if new_device else "",
    )
    events, notice, links = beside(event, suspect)
    odd: tuple[Event, ...] = ()
    if new_device:
        found = await unusual.about_sign_in(parts, known, visit, session_id=minted.session.id, now=now)
        odd, warning = unusual.told(parts, known, visit, found, session_id=minted.session.id, now=now)
        if not (notice or told[0]):  # one mail for one sign-in; what tells of a factor says when and by whom
            told = warning
    done = await parts.store.commit(
        (*changes, *links, *told[1]), events=(*events, *odd), mails=(*notice, *told[0])
    )
    if isinstance(done, Lost):
        raise SecondFactorRejected if method != "password" else SignInRejected
    return SignedIn(
        token=minted.token,
        account_id=known.id,
        session_id=minted.session.id,
        remember=minted.session.remember,
        max_age_s=minted.session.cookie_max_age(now=now),
        device_mark=None if wish.shared_computer else mark_for(parts, visit, known),
        next=wish.next,
        recovery_codes_left=(
            factors.recovery_codes_left - 1 if factors and method == "recovery_code" else None
        ),
    )


async def _tell_paused(
    parts: AccountParts, identifier: str, known: Known | None, visit: Visit, *, now: int
) -> None:
    """A hundred wrong passwords in a row: strangers are kept out, and a mail a day lets the owner back in.

    An unknown identifier is counted and written down alike, so that the answer takes as long.
    """
    try:
        await throttle.admit(parts.throttle, action="unlock_mail", account=identifier)
    except TooManyAttempts:
        return
    event = recording.happened(
        parts, "password_paused", outcome="ok", account=known.id if known else None, visit=visit, now=now
    )
    if known is None or not known.active or not known.ours:
        token, link = new_link(parts, "reset", lifetime=parts.lifetimes.verify, now=now)
        nobody = mails.no_password_paused(parts, token=token, now=now)
        await parts.store.commit((link,), events=(event,), mails=(nobody,))
        return
    token, link = new_link(
        parts,
        "reset",
        lifetime=parts.lifetimes.verify,
        now=now,
        account_id=known.id,
        security_version=known.security_version,
    )
    mail = mails.password_paused(parts, known, token=token, now=now)
    await parts.store.commit((link,), events=(event,), mails=(mail,))


def _reason(known: Known | None, right: bool) -> str:
    if known is None:
        return "unknown_account"
    if not right:
        return "wrong_password"
    if not known.active:
        return "disabled"
    return "password_paused" if known.password_paused else "unverified"


async def refused(
    parts: AccountParts,
    known: Known | None,
    visit: Visit,
    *,
    reason: str,
    now: int,
    extra: tuple[tuple[Change, OutboxMail], ...] = (),
) -> None:
    """Write a refusal down: the same rows for every cause."""
    event = recording.happened(
        parts,
        "sign_in",
        outcome="refused",
        reason=reason,
        account=known.id if known else None,
        visit=visit,
        now=now,
    )
    await parts.store.commit(
        tuple(change for change, _ in extra), events=(event,), mails=tuple(mail for _, mail in extra)
    )


async def _attempt_to_check(
    parts: AccountParts, address: str, browser_token: str | None, *, now: int
) -> Attempt | None:
    attempts = await parts.store.attempts_for(parts.vault.tokens(address), now=now)
    browser = hash_of(browser_token) if browser_token else None
    own = [one for one in attempts if one.browser_hash == browser]
    chosen = own or attempts
    return chosen[0] if chosen else None


async def _link_again(
    parts: AccountParts, attempt: Attempt, *, now: int
) -> tuple[tuple[Change, OutboxMail], ...]:
    token, link = new_link(parts, "verify", lifetime=parts.lifetimes.verify, now=now, subject=attempt.id)
    address = parts.vault.open_attempt_email(attempt.sealed_email, attempt_id=attempt.id)
    return ((link, mails.verify(parts, address, token=token, now=now)),)
