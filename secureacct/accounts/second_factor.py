"""The second step of signing in: a code from an authenticator, or a recovery code."""

from __future__ import annotations

from secureacct.accounts.codes import match_code, told_of
from secureacct.accounts.evidence import Evidence, mint
from secureacct.accounts.known_devices import device_of
from secureacct.accounts.links import hash_of
from secureacct.accounts.outcomes import SecondFactorRejected, SignedIn
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.accounts.sign_in import Wish, let_in, refused
from secureacct.records.accounts import ClaimPending, HoldSecurityVersion
from secureacct.throttle import steps as throttle


async def second_factor(
    parts: AccountParts, pending_token: str, code: str, *, visit: Visit = Visit()
) -> SignedIn:
    """Finish a sign-in with a code from an authenticator, or a recovery code.

    :raises SecondFactorRejected: a wrong or used code; no such pending sign-in, or too old.
    :raises Throttled: too many attempts.
    """
    now = parts.now()
    digest = hash_of(pending_token)
    pending = await parts.store.pending(digest, now=now) if digest is not None else None
    if pending is None:
        raise SecondFactorRejected
    known = await parts.people.by_id(pending.account_id)
    if known is None or not known.active or known.security_version != pending.security_version:
        raise SecondFactorRejected
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
        await refused(parts, known, visit, reason="wrong_code", now=now)
        raise SecondFactorRejected
    evidence = (
        *(Evidence(flow=pending_token, account_id=known.id, kind=kind, at=at) for kind, at in pending.proofs),
        Evidence(flow=pending_token, account_id=known.id, kind=match.kind, at=now),
    )
    minted = mint(
        parts,
        evidence,
        factors,
        flow=pending_token,
        account_id=known.id,
        now=now,
        visit=visit,
        remember=pending.remember,
    )
    changes = (
        ClaimPending(hash=pending.hash, now=now),
        HoldSecurityVersion(account_id=known.id, security_version=pending.security_version),
        match.claim,
        minted.change,
    )
    wish = Wish(remember=pending.remember, shared_computer=pending.shared_computer, next=pending.next)
    told = told_of(parts, known, match, factors, visit=visit, now=now)
    signed_in = await let_in(
        parts, known, minted, changes, wish, visit, method=match.kind, now=now, told=told, factors=factors
    )
    await throttle.succeeded(parts.throttle, ticket)
    return signed_in
