"""What a store promises about accounts: the reads. Every write is a change (``records.accounts``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from secureacct.records.accounts import (
    Account,
    Attempt,
    EmailChange,
    Interrupted,
    Link,
    PendingSignIn,
    Recovery,
)


class AccountReads(Protocol):
    """Reads of our own account table. Each is one statement; None means there is no such row."""

    async def account_by_identifier(self, tokens: Sequence[bytes]) -> Account | None:
        """The account that holds one of the identifier's tokens (reserved ones find nobody)."""
        ...

    async def account_by_id(self, account_id: str) -> Account | None:
        """The account, in any status."""
        ...

    async def holds_accounts(self) -> bool:
        """Whether there is any account at all. A missing table is none."""
        ...

    async def attempts_for(self, tokens: Sequence[bytes], *, now: int) -> Sequence[Attempt]:
        """The unexpired sign-ups for an identifier, newest first."""
        ...

    async def attempt(self, attempt_id: str, *, now: int) -> Attempt | None:
        """One unexpired sign-up."""
        ...

    async def link(self, hash: bytes) -> Link | None:
        """A link in whatever state; links are kept 30 days past their expiry, to say "used" or "expired"."""
        ...

    async def pending(self, hash: bytes, *, now: int) -> PendingSignIn | None:
        """A pending sign-in that is not expired."""
        ...

    async def interrupted(self, hash: bytes, *, session_id: str, now: int) -> Interrupted | None:
        """An interrupted POST of this session that is not expired."""
        ...

    async def email_change(self, change_id: str) -> EmailChange | None:
        """A change of address, in any state."""
        ...

    async def email_change_since(self, account_id: str, *, since: int, now: int) -> EmailChange | None:
        """The earliest change of an account's address that took effect at ``since`` or later and may still be
        undone at ``now`` (seconds since the epoch)."""
        ...

    async def recovery(self, recovery_id: str) -> Recovery | None:
        """A recovery, in any state."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRef:
    """An account of the app's own, as its :class:`Directory` answers."""

    id: str
    email: str = field(repr=False)
    email_verified: bool
    active: bool = True


class Directory(Protocol):
    """The app's own users. Two reads; the app keeps its table."""

    async def find(self, identifier: str) -> AccountRef | None:
        """The user with this e-mail address, as typed; None: nobody."""
        ...

    async def by_id(self, account_id: str) -> AccountRef | None:
        """The user with this id; None: nobody."""
        ...


class PasswordStore(Protocol):
    """An existing password column of the app's."""

    async def get(self, account_id: str) -> str | None:
        """The stored hash, of whatever scheme; None: no password."""
        ...

    async def replace(self, account_id: str, *, current: str | None, replacement: str) -> bool:
        """Compare-and-set in one statement: store ``replacement`` if the hash is still ``current``
        (None: whatever it is). False: it was not."""
        ...
