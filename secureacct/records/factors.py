"""Second factors and passkeys, and every change that can happen to them.

Rules of this file: a secret arrives sealed or hashed, never in clear; every change names the account
beside the factor, so an id that leaked from one account does nothing in another; everything that is
used up (a step, a code, a counter) is a claim.

``version`` counts the changes of an account's *set* of factors. Who removes a factor says which
version the decision was made on (``expected_version``), so of two requests that each saw "one other
remains" only one goes through, and the last factor cannot be lost in a race.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change

MAX_TOTP = 10  # authenticators an account may hold, confirmed or not; ours, bounds the work of one sign-in
MAX_PASSKEYS = 50  # passkeys an account may hold; ours, keeps allowCredentials of one request small


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpFactor:
    """An authenticator app. It counts for nothing until ``confirmed_at`` is set."""

    id: str  # public, random
    account_id: str
    name: str = field(repr=False)  # chosen by the person
    sealed_secret: bytes = field(repr=False)  # encrypted with ``id`` as its row
    created_at: int  # seconds since the epoch
    confirmed_at: int | None = None  # seconds since the epoch; None: enrolment not finished
    disabled_at: int | None = None  # seconds since the epoch; set after too many wrong codes
    last_step: int | None = None  # the newest time step that was used up
    last_used_at: int | None = None  # seconds since the epoch
    algorithm: str = "SHA1"  # as in otpauth URIs
    digits: int = 6
    period_s: int = 30  # seconds per step, RFC 6238 section 5.2

    @property
    def usable(self) -> bool:
        """Confirmed by a code, and not disabled."""
        return self.confirmed_at is not None and self.disabled_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A WebAuthn credential as we remember it (WebAuthn Level 3, "credential record")."""

    id: str  # public, random; what URLs name
    account_id: str
    credential_id: bytes  # at most 1023 bytes, unique in the store
    user_handle: bytes = field(repr=False)  # 64 random bytes of the account
    public_key: bytes = field(repr=False)  # COSE_Key
    algorithm: int  # COSE algorithm: -7 ES256, -8 EdDSA, -257 RS256
    sign_count: int
    backup_eligible: bool  # BE: may leave the device it was made on; never changes
    backed_up: bool  # BS: has left it
    user_verified: bool  # UV when it was registered: the authenticator can verify its holder
    aaguid: str  # the model, as a UUID; zeros where not told
    transports: tuple[str, ...] = ()
    name: str = field(default="", repr=False)  # chosen by the person
    created_at: int  # seconds since the epoch
    last_used_at: int | None = None  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """All second factors of one account, as read at one moment."""

    account_id: str
    version: int = 0  # of the set; what ``expected_version`` is compared with
    user_handle: bytes | None = field(default=None, repr=False)
    totp: tuple[TotpFactor, ...] = ()
    passkeys: tuple[Passkey, ...] = ()
    recovery_codes_left: int = 0

    @property
    def usable_totp(self) -> tuple[TotpFactor, ...]:
        """The authenticators that may answer for the account."""
        return tuple(one for one in self.totp if one.usable)

    @property
    def any(self) -> bool:
        """Whether the account has a second factor. Recovery codes alone are none."""
        return bool(self.usable_totp or self.passkeys)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFactors(Change):
    """Claim: the set of factors is still the one that was read. Changes nothing.

    Goes behind a claim on the account's state, whose row every change of the set waits for.
    """

    must_hold: ClassVar[bool] = True
    account_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTotp(Change):
    """Keep an authenticator that is still to be confirmed. Claim: fewer than ``at_most`` exist."""

    must_hold: ClassVar[bool] = True
    factor: TotpFactor
    at_most: int = MAX_TOTP


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmTotp(Change):
    """An authenticator has shown a right code and counts from now on; that code's step is used up.

    Claim: not yet confirmed, and its enrolment began at ``begun_since`` or later.
    """

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    step: int
    begun_since: int  # seconds since the epoch; an older enrolment is dead
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTotpStep(Change):
    """Use a time step up. Claim: usable, and ``step`` is above every step used before (RFC 6238 5.2)."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    step: int
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameTotp(Change):
    """Give an authenticator another name. Claim: it is this account's."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableTotp(Change):
    """Too many wrong codes (NIST SP 800-63B-4 section 3.2.2): only removing and adding brings it back.

    Claim: it was usable.
    """

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveTotp(Change):
    """Forget an authenticator. Claim: it is this account's, and the set is still ``expected_version``."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    expected_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserHandle(Change):
    """Give the account its one user handle. Claim: it has none yet."""

    must_hold: ClassVar[bool] = True
    account_id: str
    user_handle: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPasskey(Change):
    """Keep a new passkey. Claim: no account holds its credential id, its user handle is the account's,
    and the account holds fewer than ``at_most``."""

    must_hold: ClassVar[bool] = True
    passkey: Passkey
    at_most: int = MAX_PASSKEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePasskeyUse(Change):
    """A passkey was used. Claim: its counter went up, or both counters are zero, or
    ``allow_regression`` (synced passkeys, whose counter only warns)."""

    must_hold: ClassVar[bool] = True
    credential_id: bytes
    account_id: str
    sign_count: int  # as the authenticator reported it
    backed_up: bool
    allow_regression: bool = False
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePasskey(Change):
    """Give a passkey another name. Claim: it is this account's."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePasskey(Change):
    """Forget a passkey. Claim: it is this account's, and the set is still ``expected_version``."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    expected_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceRecoveryCodes(Change):
    """Throw every recovery code of the account away and keep these instead (none: only throw away)."""

    account_id: str
    hashes: tuple[bytes, ...] = field(repr=False)  # keyed hashes
    at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRecoveryCode(Change):
    """Use a recovery code up. Claim: one of ``hashes`` (one code under every readable key) is there."""

    must_hold: ClassVar[bool] = True
    account_id: str
    hashes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEveryFactor(Change):
    """Remove authenticators, passkeys and recovery codes: the end of recovery, or of two-step sign-in.

    With ``added_since``, only what was added at that time or later (undoing a change of address); an
    authenticator is added when its first code confirms it.
    """

    account_id: str
    added_since: int = 0  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseFactors(Change):
    """Forget everything about the account's factors, its user handle too."""

    account_id: str
