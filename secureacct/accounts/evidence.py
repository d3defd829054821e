"""The one place that begins a session.

A proof becomes an :class:`Evidence` only in the function that checked it, and names the flow and the
account it was made for. ``mint`` takes evidence and nothing else, so no second way in can skip a
factor: evidence of another flow, of another account, or too little of it begins nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secureacct.accounts.parts import AccountParts, Visit
from secureacct.errors import SecureAcctError
from secureacct.records.factors import Factors
from secureacct.records.sessions import Session, StartSession
from secureacct.sessions.birth import begin
from secureacct.sessions.devices import Device, coarse_network

SECOND_FACTORS = ("totp", "recovery_code", "passkey")


class EvidenceInsufficient(SecureAcctError):
    """A programming error: a session was about to begin without the proof it needs."""

    code = "evidence_insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One proof, made in one flow for one account."""

    flow: str
    account_id: str
    kind: str  # "password", "totp", "recovery_code", "passkey"
    at: int  # seconds since the epoch
    user_verified: bool = False  # a passkey that also checked its holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A session to be committed: its token for the cookie, its change for the store."""

    token: str
    session: Session
    change: StartSession


def is_enough(evidence: Sequence[Evidence], factors: Factors) -> bool:
    """Whether these proofs open an account that holds these factors.

    A passkey that verified its holder is enough alone; a password is enough where there is no second
    factor; otherwise a password and a second factor.
    """
    kinds = {one.kind for one in evidence}
    if any(one.kind == "passkey" and one.user_verified for one in evidence):
        return True
    if "password" not in kinds:
        return False
    return not factors.any or not kinds.isdisjoint(SECOND_FACTORS)


def mint(
    parts: AccountParts,
    evidence: Sequence[Evidence],
    factors: Factors,
    *,
    flow: str,
    account_id: str,
    now: int,
    visit: Visit,
    remember: bool = False,
) -> Minted:
    """Begin a session from evidence.

    :raises EvidenceInsufficient: evidence of another flow or account, or not enough of it.
    """
    if any(one.flow != flow or one.account_id != account_id for one in evidence):
        raise EvidenceInsufficient("evidence of another flow or account")
    if factors.account_id != account_id or not is_enough(evidence, factors):
        raise EvidenceInsufficient("not enough evidence for this account")
    token, change = begin(
        parts.sessions,
        account_id=account_id,
        now=now,
        random=parts.random,
        keys=parts.vault.keys,
        proofs=tuple((one.kind, one.at) for one in evidence),
        device=Device(visit.device, coarse_network(visit.network)),
        remember=remember,
    )
    return Minted(token=token, session=change.session, change=change)
