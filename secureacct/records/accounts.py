"""Accounts, their identifiers and one-time links, and every change that can happen to them.

Rules of this file: an address or a profile value arrives sealed, an identifier arrives as a keyed
token, a link arrives as the hash of its secret. What decides is in the claim, never in a read
before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as read at one moment. Times are seconds since the epoch."""

    id: str
    status: str  # "active", "disabled", "deleted"
    epoch: int
    security_version: int
    created_at: int
    sealed_email: bytes = field(default=b"", repr=False)
    email_verified_at: int | None = None
    password_hash: str | None = field(default=None, repr=False)
    password_changed_at: int | None = None
    password_paused_at: int | None = None  # only a reset brings it back
    frozen_until: int = 0  # no change of address or factors before
    reset_blocked_until: int = 0  # no reset by mail alone before
    sealed_profile: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-up that is not confirmed yet. Several may exist for one address, each with its own
    password, link and browser."""

    id: str
    sealed_email: bytes = field(repr=False)
    password_hash: str = field(repr=False)
    browser_hash: bytes = field(repr=False)  # SHA-256 of the attempt cookie's value
    created_at: int  # seconds since the epoch
    expires_at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A one-time link. The store sees the SHA-256 of its 32 random bytes."""

    hash: bytes = field(repr=False)
    purpose: str  # "verify", "reset", "email_confirm", "email_undo", "not_me", "recover", "recover_cancel"
    account_id: str | None = None  # None while there is no account yet
    subject: str = ""  # what it is about: an attempt's, a change's or a recovery's id
    security_version: int | None = None  # what must still be true; None: survives changes
    created_at: int  # seconds since the epoch
    expires_at: int  # seconds since the epoch
    used_at: int | None = None  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSignIn:
    """Between password and code: a server row, used once."""

    hash: bytes = field(repr=False)  # SHA-256 of the pending cookie's value
    account_id: str
    security_version: int
    proofs: tuple[tuple[str, int], ...]  # (kind, seconds since the epoch)
    remember: bool
    shared_computer: bool
    next: str
    created_at: int  # seconds since the epoch
    expires_at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChange:
    """A change of address: ``pending`` until its link is used, then ``done`` with an undo."""

    id: str
    account_id: str
    state: str  # "pending", "done", "undone", "void"
    sealed_old: bytes = field(repr=False)
    sealed_new: bytes = field(repr=False)
    session_key: bytes = field(default=b"", repr=False)  # the session that asked; it survives
    requested_at: int  # seconds since the epoch
    done_at: int | None = None  # seconds since the epoch
    undo_until: int = 0  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Every factor lost: password, link, and a wait in which every known channel can cancel."""

    id: str
    account_id: str
    state: str  # "waiting", "done", "cancelled"
    started_at: int  # seconds since the epoch
    ripe_at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A POST that waits for a fresh proof: encrypted, bound to one session, resumed once."""

    hash: bytes = field(repr=False)  # SHA-256 of the resume token
    session_id: str  # the public id
    sealed: bytes = field(repr=False)
    expires_at: int  # seconds since the epoch


# --- sign-up -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAttempt(Change):
    """Keep a sign-up. At most ``at_most`` per identifier stay; the oldest go first."""

    attempt: Attempt
    tokens: tuple[bytes, ...] = field(repr=False)  # the identifier under every live index version
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmAttempt(Change):
    """Turn a sign-up into the account: its password becomes the account's.

    Claim: the attempt is still there. The account row is made by ``OpenAccount`` in the same commit.
    """

    must_hold: ClassVar[bool] = True
    attempt_id: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAttempts(Change):
    """Forget every sign-up for this identifier."""

    tokens: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount(Change):
    """Make an account and its state row. Claim: the id is new."""

    must_hold: ClassVar[bool] = True
    account_id: str
    first_epoch: int  # random; of the state row, unless there is one already
    sealed_email: bytes = field(repr=False)
    password_hash: str | None = field(repr=False)
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimIdentifier(Change):
    """Give an identifier, under every live index version, to an account.

    Claim: each token is free, or already this account's, or its reservation by somebody else has
    run out at ``now``. One statement; all tokens or none.
    """

    must_hold: ClassVar[bool] = True
    tokens: tuple[bytes, ...] = field(repr=False)
    account_id: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveIdentifier(Change):
    """The identifier no longer finds the account, and nobody else gets it before ``until``."""

    tokens: tuple[bytes, ...] = field(repr=False)
    account_id: str
    until: int  # seconds since the epoch


# --- links -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLink(Change):
    """Keep a one-time link."""

    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class UseLink(Change):
    """Use a link up. Claim: unused, of this purpose, not expired at ``now``."""

    must_hold: ClassVar[bool] = True
    hash: bytes = field(repr=False)
    purpose: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidLinks(Change):
    """Every unused link of these purposes of this account is used up now."""

    account_id: str
    purposes: tuple[str, ...]
    now: int  # seconds since the epoch


# --- the account itself ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSecurityVersion(Change):
    """Claim: the account is active and still at this security version. Changes nothing."""

    must_hold: ClassVar[bool] = True
    account_id: str
    security_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPassword(Change):
    """A new password: unpaused, dated ``now``. Claim: the account exists."""

    must_hold: ClassVar[bool] = True
    account_id: str
    password_hash: str = field(repr=False)
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceHash(Change):
    """The same password, hashed better. Compare-and-set: a password changed meanwhile stays."""

    account_id: str
    current: str = field(repr=False)
    replacement: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PausePassword(Change):
    """The password no longer opens the account until it is reset."""

    account_id: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze(Change):
    """No change of address or factors before ``until``. Never shortens."""

    account_id: str
    until: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReset(Change):
    """No reset by mail alone before ``until``. Never shortens."""

    account_id: str
    until: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEmail(Change):
    """The account's address, encrypted. Claim: it was still ``expected`` (None: whatever it was)."""

    must_hold: ClassVar[bool] = True
    account_id: str
    sealed_email: bytes = field(repr=False)
    expected: bytes | None = field(default=None, repr=False)
    now: int  # seconds since the epoch; the address counts as confirmed from here


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProfile(Change):
    """Set or clear (None) encrypted profile fields; the others stay."""

    account_id: str
    values: tuple[tuple[str, bytes | None], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAccount(Change):
    """Forget the account's address, password, profile, identifiers, links and pending steps."""

    account_id: str


# --- steps in between --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPending(Change):
    """Keep a sign-in between password and code."""

    pending: PendingSignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPending(Change):
    """Use a pending sign-in up. Claim: it is there and not expired at ``now``."""

    must_hold: ClassVar[bool] = True
    hash: bytes = field(repr=False)
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class AddInterrupted(Change):
    """Keep a POST that waits for a fresh proof; one per session, a newer one replaces it."""

    interrupted: Interrupted
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimInterrupted(Change):
    """Use an interrupted POST up. Claim: it is there, this session's, not expired at ``now``."""

    must_hold: ClassVar[bool] = True
    hash: bytes = field(repr=False)
    session_id: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEmailChange(Change):
    """Keep a change of address that waits for its proof."""

    change: EmailChange


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishEmailChange(Change):
    """``pending`` becomes ``done``. Claim: it was pending."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    now: int  # seconds since the epoch
    undo_until: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEmailChange(Change):
    """``done`` becomes ``undone``, and every change asked for after it is void.

    Claim: it is done, and may still be undone at ``now``.
    """

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidEmailChanges(Change):
    """Every pending change of address of this account is void."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecovery(Change):
    """Begin the wait. Claim: no other recovery of this account is waiting."""

    must_hold: ClassVar[bool] = True
    recovery: Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRecovery(Change):
    """The wait is over. Claim: waiting, and ripe at ``now``."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRecovery(Change):
    """Claim: it was waiting."""

    must_hold: ClassVar[bool] = True
    id: str
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRecoveries(Change):
    """A waiting recovery of this account is cancelled: what it began with is no longer true."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeAccounts(Change):
    """Delete expired attempts, links, pending sign-ins, interrupted POSTs and run-out reservations."""

    now: int  # seconds since the epoch
