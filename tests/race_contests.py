"""What two callers want at the same moment, and only one may get: each contest, prepared and claimed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secureacct._faces import run_inline
from secureacct.records.accounts import AddInterrupted, AddPending, ClaimInterrupted, ClaimPending
from secureacct.records.challenges import ClaimChallenge, PutChallenge
from secureacct.records.changes import Change
from secureacct.records.factors import (
    AddPasskey,
    AddTotp,
    ClaimRecoveryCode,
    ClaimTotpStep,
    ConfirmTotp,
    RemovePasskey,
    RemoveTotp,
    ReplaceRecoveryCodes,
    SetUserHandle,
    UpdatePasskeyUse,
)
from tests.factor_kit import NOW, challenge, handle_of, interrupted, passkey, pending, totp

PROCESSES = 2

Prepared = Sequence[Sequence[Change]]
Store = Any


def _account(number: int) -> str:
    return f"a{number}"


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


class TotpStep:
    """One code of one authenticator."""

    def prepare(self, number: int) -> Prepared:
        """Keep the authenticator."""
        return [[AddTotp(factor=totp(f"t{number}", _account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Use the step up."""
        return [ClaimTotpStep(id=f"t{number}", account_id=_account(number), step=100, at=NOW)]


class Enrolment:
    """One enrolment, confirmed twice."""

    def prepare(self, number: int) -> Prepared:
        """Begin it."""
        return [[AddTotp(factor=totp(f"t{number}", _account(number), confirmed_at=None))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Confirm it."""
        return [ConfirmTotp(id=f"t{number}", account_id=_account(number), step=1, begun_since=0, at=NOW)]


class RecoveryCode:
    """One recovery code."""

    def prepare(self, number: int) -> Prepared:
        """Keep ten."""
        hashes = tuple(_digest(one) for one in range(10))
        return [[ReplaceRecoveryCodes(account_id=_account(number), hashes=hashes, at=NOW)]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Use the same one up."""
        return [ClaimRecoveryCode(account_id=_account(number), hashes=(_digest(3), b"older key"))]


class OneChallenge:
    """One WebAuthn challenge."""

    def prepare(self, number: int) -> Prepared:
        """Open it."""
        return [[PutChallenge(challenge=challenge(_digest(number)), now=NOW)]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Answer it."""
        return [
            ClaimChallenge(
                digest=_digest(number), purpose="confirm", binding="session:1", account_id="a", now=NOW
            )
        ]


class OnePending:
    """One sign-in between password and code."""

    def prepare(self, number: int) -> Prepared:
        """Keep it."""
        return [[AddPending(pending=pending(f"p{number}", account_id=_account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Finish it."""
        return [ClaimPending(hash=f"p{number}".encode(), now=NOW)]


class OneInterrupted:
    """One POST that waits for a fresh proof."""

    def prepare(self, number: int) -> Prepared:
        """Keep it."""
        return [[AddInterrupted(interrupted=interrupted(f"i{number}", session_id=f"s{number}"), now=NOW)]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Go on with it."""
        return [ClaimInterrupted(hash=f"i{number}".encode(), session_id=f"s{number}", now=NOW)]


class OneCredential:
    """One credential id, registered by two accounts."""

    def prepare(self, number: int) -> Prepared:
        """Give both accounts their handles."""
        accounts = [f"{_account(number)}-{who}" for who in range(PROCESSES)]
        return [[SetUserHandle(account_id=one, user_handle=handle_of(one)) for one in accounts]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Register it."""
        key = passkey(f"p{number}-{who}", f"{_account(number)}-{who}", credential_id=_digest(number))
        return [AddPasskey(passkey=key)]


def _with_passkey(number: int) -> list[Change]:
    account = _account(number)
    key = passkey(f"p{number}", account, credential_id=_digest(number))
    return [SetUserHandle(account_id=account, user_handle=handle_of(account)), AddPasskey(passkey=key)]


class OneCount:
    """One count of a device-bound passkey, reported twice: the key and its copy."""

    def prepare(self, number: int) -> Prepared:
        """Keep the passkey."""
        return [_with_passkey(number)]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Report the same count."""
        return [
            UpdatePasskeyUse(
                credential_id=_digest(number),
                account_id=_account(number),
                sign_count=7,
                backed_up=False,
                at=NOW,
            )
        ]


class LastFactor:
    """An account that must keep one of its two factors, each removed at the same moment."""

    def prepare(self, number: int) -> Prepared:
        """Keep an authenticator and a passkey."""
        return [[*_with_passkey(number), AddTotp(factor=totp(f"t{number}", _account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Remove one, because the other remains."""
        account = _account(number)
        seen = run_inline(store.factors_of(account))
        if len(seen.usable_totp) + len(seen.passkeys) < 2:
            return []
        remove = RemoveTotp if who == 0 else RemovePasskey
        id = f"t{number}" if who == 0 else f"p{number}"
        return [remove(id=id, account_id=account, expected_version=seen.version)]


class LastFactorTwice(LastFactor):
    """The very last factor, removed twice at the same moment."""

    def prepare(self, number: int) -> Prepared:
        """Keep an authenticator."""
        return [[AddTotp(factor=totp(f"t{number}", _account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Remove it."""
        version = run_inline(store.factors_of(_account(number))).version
        return [RemoveTotp(id=f"t{number}", account_id=_account(number), expected_version=version)]


class OneUserHandle:
    """The one user handle of an account, chosen twice."""

    def prepare(self, number: int) -> Prepared:
        """Nothing."""
        return []

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Choose another one each."""
        return [SetUserHandle(account_id=_account(number), user_handle=_digest(2 * number + who) * 2)]


RACES = {
    race.__name__: race
    for race in (
        TotpStep,
        Enrolment,
        RecoveryCode,
        OneChallenge,
        OnePending,
        OneInterrupted,
        OneCredential,
        OneCount,
        LastFactor,
        LastFactorTwice,
        OneUserHandle,
    )
}

WAITING = ("OneChallenge", "OnePending", "OneInterrupted")
"""Those that are in Redis where sessions are."""
