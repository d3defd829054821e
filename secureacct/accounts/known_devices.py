"""The mark of a known device: a necessary cookie that buys its own throttle budget, never a factor.

It is signed, names the account and a random device id, and is bound to the account's epoch: signing
out everywhere ends every mark.
"""

from __future__ import annotations

from secureacct._bytes import b64url
from secureacct.accounts.directory import Known
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.tokens import SignedTokens, TokenError


def _tokens(parts: AccountParts) -> SignedTokens:
    return SignedTokens(
        parts.vault.keys,
        purpose="known-device",
        max_age=parts.lifetimes.known_device,
        clock=parts.clock,
    )


def device_of(parts: AccountParts, visit: Visit, known: Known | None) -> str | None:
    """The device's id, if the visit carries a living mark of this very account."""
    if known is None or not visit.device_mark:
        return None
    try:
        subject = _tokens(parts).read(visit.device_mark, state=str(known.epoch)).subject
    except TokenError:
        return None
    account_id, _, device = subject.rpartition(":")
    return device if account_id == known.id and device else None


def mark_for(parts: AccountParts, visit: Visit, known: Known) -> str:
    """A mark for this device: the same id with a new date, or a new one."""
    device = device_of(parts, visit, known) or b64url(parts.random(12))
    return _tokens(parts).issue(f"{known.id}:{device}", state=str(known.epoch))
