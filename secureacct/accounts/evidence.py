"""The one place that begins a session.

A proof becomes an :class:`Evidence` only in the function that checked it, and names the flow and the
account it was made for. ``mint`` takes evidence and nothing else, so no second way in can skip a
factor: evidence of another flow, of another account, or too little of it begins nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from secureacct.accounts.parts import AccountParts, Visit
from secureacct.assurance import COUNTS_AS, PASSKEY_UV, PASSWORD, level_of
from secureacct.errors import SecureAcctError
from secureacct.records.factors import Factors
from secureacct.records.sessions import Session, StartSession
from secureacct.sessions.birth import begin
from secureacct.sessions.devices import Device, coarse_network


class EvidenceInsufficient(SecureAcctError):
    """A programming error: a session was about to begin without the proof it needs."""

    code = "evidence_insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One proof, made in one flow for one account."""

    flow: str
    account_id: str
    kind: str  # one of secureacct.assurance: "password", "totp", "recovery_code", "passkey:uv", ...
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A session to be committed: its token for the cookie, its change for the store."""

    token: str = field(repr=False)
    session: Session
    change: StartSession


def is_enough(evidence: Sequence[Evidence], factors: Factors) -> bool:
    """Whether these proofs open an account that holds these factors.

    The proofs must reach AAL2 where the account has a second factor, and there must be something known
    among them, or a passkey that verified its holder (NIST SP 800-63B-4 section 2.2.1).
    """
    kinds = {one.kind for one in evidence}
    known_or_verified = PASSWORD in kinds or any(PASSKEY_UV in COUNTS_AS[kind] for kind in kinds)
    return known_or_verified and level_of(kinds) >= (2 if factors.any else 1)


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
