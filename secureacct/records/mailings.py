"""Mailing lists: who asked for what, and whom nothing may be sent to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change

EVERY_LIST = "*"
"""A suppression of this list holds for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One address on one list. ``state``: "pending" until proven, "active", "ended"."""

    list_id: str
    token: bytes = field(repr=False)  # blind index of the address
    account_id: str | None
    sealed: bytes = field(repr=False)  # the address, encrypted
    state: str
    since: int  # seconds since the epoch
    opt_in: int  # position of the ledger entry that began it
    last_mailed_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSubscription(Change):
    """Put an address on a list, or put it back after it ended. An active one is left alone."""

    subscription: Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmSubscription(Change):
    """A pending subscription becomes active. Holds only while it is pending."""

    must_hold: ClassVar[bool] = True
    list_id: str
    token: bytes = field(repr=False)
    since: int
    opt_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSubscription(Change):
    """End one address on one list, or on every list, and forget the encrypted address."""

    list_id: str
    tokens: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress(Change):
    """Never send this list (or any) to this address again. Known already: nothing to do."""

    list_id: str
    token: bytes = field(repr=False)
    at: int
    reason: str  # "one_click", "page", "complaint", "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftSuppression(Change):
    """A person asked for a list again, by a recorded opt-in. ``reason``: lift only what was suppressed
    for that reason (an erased account's address may come back; a complaint stays)."""

    list_id: str
    tokens: tuple[bytes, ...] = field(repr=False)
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMailing(Change):
    """May this list be sent to this address now? Holds only while the subscription is active and
    nothing suppresses it; in one statement with noting the time."""

    must_hold: ClassVar[bool] = True
    list_id: str
    token: bytes = field(repr=False)
    suppression_tokens: tuple[bytes, ...] = field(repr=False)  # under every live index key
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropQueuedMails(Change):
    """Delete mails of these kinds that still wait in the outbox."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPending(Change):
    """Delete subscriptions that waited for their confirmation since before ``before``."""

    before: int  # seconds since the epoch
