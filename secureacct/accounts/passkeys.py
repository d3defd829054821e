"""Passkeys of an account: adding, signing in, confirming, renaming, removing.

Rules of this file: a challenge is claimed in the same commit as what it proves, and also when the proof is
refused, so that one challenge is one attempt; a passkey that is the only proof must have verified its
holder; whoever is asked without an account gets the same options as everybody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from secureacct.accounts import mails, recording
from secureacct.accounts.directory import Known
from secureacct.accounts.enrolment import change_factors, refuse_frozen
from secureacct.accounts.evidence import Evidence, EvidenceInsufficient
from secureacct.accounts.fresh_proof import Resumed, move, person, prove
from secureacct.accounts.outcomes import (
    FieldInvalid,
    NotFound,
    SecondFactorRejected,
    SessionMoved,
    SignedIn,
    SignInRejected,
)
from secureacct.accounts.parts import AccountParts, Visit, new_id
from secureacct.accounts.sign_in import finish_with_passkey
from secureacct.accounts.suspicion import Suspect
from secureacct.assurance import passkey_kind
from secureacct.audit.events import Outcome
from secureacct.errors import InvalidInput
from secureacct.passkeys import (
    CHALLENGE_BYTES,
    CHALLENGE_LIFE_S,
    USER_HANDLE_BYTES,
    AuthenticationResponse,
    MalformedResponse,
    PasskeyError,
    PasskeyProof,
    RelyingParty,
    SignCountRegression,
    all_accepted_credentials,
    authentication_options,
    read_authentication,
    read_registration,
    registration_options,
    unknown_credential,
    verify_authentication,
    verify_registration,
)
from secureacct.records.accounts import ClaimPending, PendingSignIn
from secureacct.records.challenges import Challenge, ClaimChallenge, PutChallenge
from secureacct.records.changes import Change, Lost
from secureacct.records.events import Event
from secureacct.records.factors import (
    AddPasskey,
    Factors,
    Passkey,
    RemovePasskey,
    RenamePasskey,
    ReplaceRecoveryCodes,
    SetUserHandle,
)
from secureacct.records.mail import OutboxMail
from secureacct.records.sessions import Session
from secureacct.throttle import steps as throttle

MAX_NAME = 60  # characters of a passkey's name; ours


class PasskeyNotAdded(InvalidInput):
    """Registered already, or one too many."""

    code = "passkey_not_added"
    http_status_hint = 409
    public_message = "This passkey could not be added. Perhaps it is in your account already."


class PasskeyRejected(SignInRejected):
    """A passkey did not open the account. ``unknown``: what ``signalUnknownCredential`` takes, if we do not
    know the credential at all."""

    code = "sign_in_rejected"
    public_message = "That passkey did not work here. Try again, or use another way to sign in."

    def __init__(self, unknown: Mapping[str, Any] | None = None) -> None:
        super().__init__(self.public_message)
        self.unknown = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAdded:
    """A passkey was added. ``accepted``: what ``signalAllAcceptedCredentials`` takes."""

    passkey: Passkey
    accepted: Mapping[str, Any] = field(repr=False)
    moved: SessionMoved


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRemoved:
    """A passkey was removed. ``accepted``: what ``signalAllAcceptedCredentials`` takes."""

    accepted: Mapping[str, Any] = field(repr=False)
    moved: SessionMoved


def relying_party(parts: AccountParts) -> RelyingParty:
    """The site as WebAuthn knows it: one exact origin, and those the site itself named as related.

    :raises ConfigurationError: an id or origin that no browser would accept.
    """
    own = RelyingParty.at(parts.site.base_url, name=parts.site.name, compat_rs256=parts.passkeys.compat_rs256)
    said = parts.passkeys
    if not said.rp_id or said.rp_id == own.id:
        return replace(own, related_origins=said.related_origins)
    if own.id.endswith("." + said.rp_id):
        return replace(own, id=said.rp_id, related_origins=said.related_origins)
    home = (f"https://{said.rp_id}",)
    return replace(own, id=said.rp_id, origins=home, related_origins=(*own.origins, *said.related_origins))


def _challenge(
    parts: AccountParts, purpose: str, *, binding: str, account_id: str | None, now: int
) -> tuple[bytes, PutChallenge]:
    raw = parts.random(CHALLENGE_BYTES)
    challenge = Challenge(
        digest=hashlib.sha256(raw).digest(),
        purpose=purpose,
        binding=binding,
        account_id=account_id,
        expires_at=now + CHALLENGE_LIFE_S,
    )
    return raw, PutChallenge(challenge=challenge, now=now)


def _claim(claimed: bytes, purpose: str, *, binding: str, account_id: str | None, now: int) -> ClaimChallenge:
    digest = hashlib.sha256(claimed).digest()
    return ClaimChallenge(digest=digest, purpose=purpose, binding=binding, account_id=account_id, now=now)


# --- adding and removing -----------------------------------------------------------------------


async def begin_adding(
    parts: AccountParts,
    session: Session,
    password: str | None,
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> dict[str, Any]:
    """Options for ``navigator.credentials.create()``, after fresh proof; good for 5 minutes and this session.

    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises Frozen: changes are frozen after "this was not me".
    """
    now = parts.now()
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    known, factors = proved.known, proved.factors
    refuse_frozen(known.frozen_until, now=now)
    raw, put = _challenge(parts, "register", binding=session.id, account_id=known.id, now=now)
    handle, changes = factors.user_handle, (put,)
    if handle is None:
        handle = parts.random(USER_HANDLE_BYTES)
        set_handle = SetUserHandle(account_id=known.id, user_handle=handle)
        if isinstance(await parts.store.commit((set_handle, *changes)), Lost):
            handle = (await parts.store.factors_of(known.id)).user_handle or handle
            await parts.store.commit(changes)
    else:
        await parts.store.commit(changes)
    return registration_options(
        relying_party(parts),
        challenge=raw,
        user_handle=handle,
        user_name=known.email,
        display_name=known.email,
        require_user_verification=True,
        exclude=factors.passkeys,
    )


async def finish_adding(
    parts: AccountParts,
    session: Session,
    credential: Mapping[str, Any],
    *,
    name: str = "",
    visit: Visit = Visit(),
) -> PasskeyAdded:
    """Keep the passkey that the browser made. Other sessions end, and the owner is told.

    :raises PasskeyError: what came is not the answer to our options.
    :raises PasskeyNotAdded: registered already, or one too many.
    :raises FieldInvalid: the name is too long.
    """
    now = parts.now()
    known = await person(parts, session)
    refuse_frozen(known.frozen_until, now=now)
    response = read_registration(dict(credential))
    claimed = response.claimed_challenge
    claim = _claim(claimed, "register", binding=session.id, account_id=known.id, now=now)
    try:
        facts = verify_registration(
            response,
            expected_challenge=claimed,
            expected_rp=relying_party(parts),
            require_user_verification=True,
        )
    except PasskeyError:
        await parts.store.commit((claim,))
        raise
    factors = await parts.store.factors_of(known.id)
    if factors.user_handle is None:
        raise PasskeyNotAdded
    passkey = facts.record(
        id=new_id(parts),
        account_id=known.id,
        user_handle=factors.user_handle,
        name=_name(name) or facts.model_name,
        now=now,
    )
    kind = passkey_kind(user_verified=facts.user_verified, device_bound=not facts.backup_eligible)
    try:
        outcome = await change_factors(
            parts,
            session,
            known,
            (claim, AddPasskey(passkey=passkey)),
            name="passkey_added",
            detail="passkey",
            visit=visit,
            now=now,
            proofs=((kind, now),),
        )
    except NotFound:
        raise PasskeyNotAdded from None
    return PasskeyAdded(passkey=passkey, accepted=await accepted_by(parts, known.id), moved=outcome)


def _name(text: str) -> str:
    name = text.strip()
    if len(name) > MAX_NAME or not name.isprintable():
        raise FieldInvalid("name", f"Use at most {MAX_NAME} printable characters.")
    return name


async def accepted_by(parts: AccountParts, account_id: str) -> dict[str, Any]:
    """What ``signalAllAcceptedCredentials`` takes: the passkeys an account has now."""
    factors = await parts.store.factors_of(account_id)
    return all_accepted_credentials(
        relying_party(parts), user_handle=factors.user_handle or b"", passkeys=factors.passkeys
    )


async def remove_passkey(
    parts: AccountParts,
    session: Session,
    passkey_id: str,
    password: str | None,
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> PasskeyRemoved:
    """Remove a passkey; with the last factor the recovery codes go too.

    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    :raises NotFound: no such passkey, or the set of factors changed meanwhile.
    """
    now = parts.now()
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    known, factors = proved.known, proved.factors
    refuse_frozen(known.frozen_until, now=now)
    changes: list[Change] = [
        RemovePasskey(id=passkey_id, account_id=known.id, expected_version=factors.version)
    ]
    if not factors.usable_totp and not [one for one in factors.passkeys if one.id != passkey_id]:
        changes.append(ReplaceRecoveryCodes(account_id=known.id, hashes=(), at=now))
    outcome = await change_factors(
        parts,
        session,
        known,
        tuple(changes),
        name="passkey_removed",
        detail="passkey",
        visit=visit,
        now=now,
    )
    return PasskeyRemoved(accepted=await accepted_by(parts, known.id), moved=outcome)


async def rename_passkey(parts: AccountParts, session: Session, passkey_id: str, name: str) -> None:
    """Give a passkey another name.

    :raises FieldInvalid: the name is empty or too long.
    :raises NotFound: no such passkey.
    """
    new = _name(name)
    if not new:
        raise FieldInvalid("name", "Give it a name.")
    change = RenamePasskey(id=passkey_id, account_id=session.account_id, name=new)
    if isinstance(await parts.store.commit((change,)), Lost):
        raise NotFound


# --- using one ---------------------------------------------------------------------------------


async def begin_sign_in(
    parts: AccountParts, *, binding: str, pending: PendingSignIn | None = None, visit: Visit = Visit()
) -> dict[str, Any]:
    """Options for ``navigator.credentials.get()``: the same for everybody, or, between password and second
    step, with that account's passkeys.

    :param binding: what the browser must still hold when it answers: its presession, or its pending cookie.
    :raises Throttled: too many were asked for from this network.
    """
    now = parts.now()
    await throttle.admit(parts.throttle, action="passkey_options", network=visit.network)
    account_id = pending.account_id if pending is not None else None
    purpose = "second_factor" if pending is not None else "sign_in"
    raw, put = _challenge(parts, purpose, binding=binding, account_id=account_id, now=now)
    await parts.store.commit((put,))
    allow = (await parts.store.factors_of(account_id)).passkeys if account_id is not None else ()
    return authentication_options(
        relying_party(parts), challenge=raw, require_user_verification=pending is None, allow=allow
    )


async def finish_sign_in(
    parts: AccountParts,
    credential: Mapping[str, Any],
    *,
    binding: str,
    pending: PendingSignIn | None = None,
    visit: Visit = Visit(),
    remember: bool = False,
    shared_computer: bool = False,
    next: str = "",
) -> SignedIn:
    """Sign in with a passkey: alone (it must have verified its holder), or after the password.

    :raises MalformedResponse: what came is not an answer of a browser.
    :raises PasskeyRejected: whatever the cause.
    :raises Throttled: too many attempts from this network.
    """
    now = parts.now()
    response = _read(credential)
    await throttle.admit(parts.throttle, action="passkey", network=visit.network)
    account_id = pending.account_id if pending is not None else None
    purpose = "second_factor" if pending is not None else "sign_in"
    claim = _claim(response.claimed_challenge, purpose, binding=binding, account_id=account_id, now=now)
    passkey = await parts.store.passkey_of_credential(response.claimed_credential_id)
    known = await parts.people.by_id(passkey.account_id) if passkey is not None else None
    proof = await _verified(
        parts, response, passkey, claim, account_id=account_id, alone=pending is None, visit=visit, now=now
    )
    if proof is None or known is None or not known.active or not known.email_verified:
        await _refused(parts, known, visit, now=now)
        unknown = unknown_credential(relying_party(parts), credential_id=response.claimed_credential_id)
        raise PasskeyRejected(unknown if passkey is None else None)
    if pending is not None and known.security_version != pending.security_version:
        raise PasskeyRejected
    flow = response.claimed_challenge.hex()
    kind = passkey_kind(user_verified=proof.user_verified, device_bound=proof.device_bound)
    earlier = pending.proofs if pending is not None else ()
    evidence = tuple(
        Evidence(flow=flow, account_id=known.id, kind=one, at=at) for one, at in (*earlier, (kind, now))
    )
    claims: tuple[Change, ...] = (claim, proof.used(now=now))
    if pending is not None:
        claims = (claim, ClaimPending(hash=pending.hash, now=now), proof.used(now=now))
    factors: Factors = await parts.store.factors_of(known.id)
    suspect = None
    if proof.counter_went_back:
        suspect = _suspect(parts, known, passkey, visit, outcome="ok", now=now)
    try:
        return await finish_with_passkey(
            parts,
            known,
            evidence,
            factors,
            claims,
            flow=flow,
            visit=visit,
            remember=pending.remember if pending is not None else remember,
            shared_computer=pending.shared_computer if pending is not None else shared_computer,
            next=pending.next if pending is not None else next,
            now=now,
            suspect=suspect,
        )
    except (SecondFactorRejected, EvidenceInsufficient):
        raise PasskeyRejected from None


def _read(credential: Mapping[str, Any]) -> AuthenticationResponse:
    try:
        return read_authentication(dict(credential))
    except MalformedResponse:
        raise
    except PasskeyError:
        raise PasskeyRejected from None


async def _verified(
    parts: AccountParts,
    response: AuthenticationResponse,
    passkey: Passkey | None,
    claim: ClaimChallenge,
    *,
    account_id: str | None,
    alone: bool,
    visit: Visit,
    now: int,
) -> PasskeyProof | None:
    """The proof, or None; a refused answer uses its challenge up all the same, and a counter that went back
    is told to the owner (only after the signature was found right, so no stranger can make it so)."""
    changes: tuple[Change, ...] = (claim,)
    events: tuple[Event, ...] = ()
    notice: tuple[OutboxMail, ...] = ()
    try:
        if passkey is not None:
            return verify_authentication(
                response,
                passkey=passkey,
                expected_account_id=account_id,
                expected_challenge=response.claimed_challenge,
                expected_rp=relying_party(parts),
                require_user_verification=alone,
            )
    except SignCountRegression:
        known = await parts.people.by_id(passkey.account_id) if passkey is not None else None
        if known is not None and passkey is not None:
            found = _suspect(parts, known, passkey, visit, outcome="refused", now=now)
            changes, events, notice = (claim, *found.links), (found.event,), found.mails
    except PasskeyError:
        pass
    await parts.store.commit(changes, events=events, mails=notice)
    return None


def _suspect(
    parts: AccountParts, known: Known, passkey: Passkey | None, visit: Visit, *, outcome: Outcome, now: int
) -> Suspect:
    """What is written and mailed when a passkey's counter went back: a copy of it may exist."""
    name = passkey.name if passkey is not None else ""
    event = recording.happened(
        parts, "passkey_suspect", outcome=outcome, account=known.id, visit=visit, now=now, detail=name
    )
    notice, links = mails.passkey_suspect(parts, known, visit, passkey=name or "without a name", now=now)
    return Suspect(event=event, mails=notice, links=links)


async def _refused(parts: AccountParts, known: Known | None, visit: Visit, *, now: int) -> None:
    event = recording.happened(
        parts,
        "sign_in",
        outcome="refused",
        reason="passkey",
        account=known.id if known else None,
        visit=visit,
        now=now,
    )
    await parts.store.commit((), events=(event,))


async def begin_confirming(parts: AccountParts, session: Session) -> dict[str, Any]:
    """Options for a fresh proof with one of the account's passkeys."""
    now = parts.now()
    factors = await parts.store.factors_of(session.account_id)
    raw, put = _challenge(parts, "confirm", binding=session.id, account_id=session.account_id, now=now)
    await parts.store.commit((put,))
    return authentication_options(
        relying_party(parts), challenge=raw, require_user_verification=False, allow=factors.passkeys
    )


async def finish_confirming(
    parts: AccountParts, session: Session, credential: Mapping[str, Any], *, visit: Visit = Visit()
) -> SessionMoved:
    """A fresh proof with a passkey. The session gets a new token.

    :raises MalformedResponse: what came is not an answer of a browser.
    :raises PasskeyRejected: whatever the cause.
    :raises Throttled: too many attempts.
    """
    now = parts.now()
    response = _read(credential)
    await throttle.admit(parts.throttle, action="passkey", network=visit.network)
    account_id = session.account_id
    claim = _claim(response.claimed_challenge, "confirm", binding=session.id, account_id=account_id, now=now)
    passkey = await parts.store.passkey_of_credential(response.claimed_credential_id)
    known = await person(parts, session)
    proof = await _verified(
        parts, response, passkey, claim, account_id=account_id, alone=False, visit=visit, now=now
    )
    if proof is None:
        raise PasskeyRejected
    kind = passkey_kind(user_verified=proof.user_verified, device_bound=proof.device_bound)
    suspect = None
    if proof.counter_went_back:
        suspect = _suspect(parts, known, passkey, visit, outcome="ok", now=now)
    try:
        return await move(
            parts,
            session,
            ((kind, now),),
            (claim, proof.used(now=now)),
            visit=visit,
            now=now,
            suspect=suspect,
        )
    except SecondFactorRejected:
        raise PasskeyRejected from None
