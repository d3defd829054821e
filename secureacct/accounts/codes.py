"""Codes: what a code could be, and the claim that uses it up.

Matching decides nothing by itself: the claim must hold in the commit that uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from secureacct.accounts import mails
from secureacct.accounts.directory import Known
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.records.changes import Change
from secureacct.records.factors import ClaimRecoveryCode, ClaimTotpStep, Factors, TotpFactor
from secureacct.recovery_codes import RecoveryCodes
from secureacct.totp import Totp


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A code that fits, and the claim that uses it up."""

    kind: str  # "totp" or "recovery_code"
    claim: Change
    factor_id: str = ""


def kinds_of(factors: Factors) -> tuple[str, ...]:
    """The second factors an account can answer with, by name."""
    held = (
        ("totp", bool(factors.usable_totp)),
        ("recovery_code", factors.any and factors.recovery_codes_left > 0),
        ("passkey", bool(factors.passkeys)),
    )
    return tuple(kind for kind, there in held if there)


def match_code(parts: AccountParts, factors: Factors, code: str, *, now: int) -> Match | None:
    """What a code could be: a time step of one of the account's authenticators, or a recovery code."""
    for factor in factors.usable_totp:
        totp = totp_of(parts, factor)
        step = totp.match(code, now=now, last_step=factor.last_step)
        if step is not None:
            claim = ClaimTotpStep(id=factor.id, account_id=factor.account_id, step=step, at=now)
            return Match(kind="totp", claim=claim, factor_id=factor.id)
    if not factors.any or not factors.recovery_codes_left:
        return None
    hashes = RecoveryCodes(parts.vault.keys).lookup(code, account_id=factors.account_id)
    if hashes:
        return Match(
            kind="recovery_code", claim=ClaimRecoveryCode(account_id=factors.account_id, hashes=hashes)
        )
    return None


def told_of(
    parts: AccountParts, known: Known, match: Match, factors: Factors, *, visit: Visit, now: int
) -> mails.Told:
    """What goes with the use of a code, wherever it was used: of a recovery code its owner hears."""
    if match.kind != "recovery_code":
        return (), ()
    return mails.recovery_code_used(parts, known, visit, left=factors.recovery_codes_left - 1, now=now)


def totp_of(parts: AccountParts, factor: TotpFactor) -> Totp:
    """An authenticator's arithmetic, with its secret opened."""
    secret = parts.vault.open_totp(factor.sealed_secret, factor_id=factor.id)
    return Totp.from_secret(secret, issuer=parts.site.name, account=factor.account_id)
