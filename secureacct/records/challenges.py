"""Open WebAuthn challenges: put once, claimed once, dead after a few minutes.

Rules of this file: the store sees a digest, not the challenge; a challenge serves one purpose, one
browser and (where somebody is known) one account; claiming it deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A WebAuthn challenge that is still open. The store sees only its digest."""

    digest: bytes = field(repr=False)  # SHA-256 of the 32 random bytes
    purpose: str  # "register", "sign_in", "second_factor", "confirm"
    binding: str = field(repr=False)  # what the browser must still hold: a session, pending or pre-session id
    account_id: str | None = None  # None: whoever signs in
    expires_at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class PutChallenge(Change):
    """Open a challenge. Claim: the digest is new."""

    must_hold: ClassVar[bool] = True
    challenge: Challenge
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChallenge(Change):
    """Use a challenge up. Claim: it is open at ``now``, for this purpose, browser and account."""

    must_hold: ClassVar[bool] = True
    digest: bytes = field(repr=False)
    purpose: str
    binding: str = field(repr=False)
    account_id: str | None = None
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeChallenges(Change):
    """Delete the challenges that expired at ``now`` or before."""

    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class DropChallenges(Change):
    """Close every open challenge of an account."""

    account_id: str
