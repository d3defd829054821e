"""Who the people are: our own account table, or the app's users behind a small ``Directory``.

Journeys ask for a :class:`Known` and never care which of the two answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from secureacct.accounts.vault import Vault
from secureacct.ports.accounts import AccountReads, Directory, PasswordStore
from secureacct.ports.journal import Journal
from secureacct.records.accounts import Account, OpenAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A person with an account, as the journeys see one."""

    id: str
    email: str = field(repr=False)
    email_verified: bool
    active: bool
    password_hash: str | None = field(repr=False)
    security_version: int
    epoch: int
    password_paused: bool = False
    frozen_until: int = 0  # seconds since the epoch
    reset_blocked_until: int = 0  # seconds since the epoch
    sealed_email: bytes = field(default=b"", repr=False)
    sealed_profile: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    ours: bool = True  # the account table is ours, so address and password can be changed here


class People(Protocol):
    """Two look-ups, and what is done about somebody who has shown the password."""

    async def find(self, address: str) -> Known | None:
        """The person with this address."""
        ...

    async def by_id(self, account_id: str) -> Known | None:
        """The person with this id."""
        ...

    async def settled(self, known: Known, *, first_epoch: int, now: int) -> Known:
        """The person with facts of ours: made for an app's own user at the first sign-in."""
        ...

    async def keep_hash(self, account_id: str, *, current: str, replacement: str) -> None:
        """Keep a better hash of the same password where the app keeps passwords itself. Compare-and-set; our
        own table gets it in the transaction of the sign-in."""
        ...


class OwnPeople:
    """People in our own account table: address encrypted, found by blind index."""

    def __init__(self, store: AccountReads, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def find(self, address: str) -> Known | None:
        """See :class:`People`."""
        account = await self._store.account_by_identifier(self._vault.tokens(address))
        return self._known(account)

    async def by_id(self, account_id: str) -> Known | None:
        """See :class:`People`."""
        return self._known(await self._store.account_by_id(account_id))

    async def keep_hash(self, account_id: str, *, current: str, replacement: str) -> None:
        """See :class:`People`."""

    async def settled(self, known: Known, *, first_epoch: int, now: int) -> Known:
        """See :class:`People`: ours has them from the beginning."""
        return known

    def _known(self, account: Account | None) -> Known | None:
        if account is None:
            return None
        return Known(
            id=account.id,
            email=self._vault.open_email(account.sealed_email, account_id=account.id),
            email_verified=account.email_verified_at is not None,
            active=account.status == "active",
            password_hash=account.password_hash,
            security_version=account.security_version,
            epoch=account.epoch,
            password_paused=account.password_paused_at is not None,
            frozen_until=account.frozen_until,
            reset_blocked_until=account.reset_blocked_until,
            sealed_email=account.sealed_email,
            sealed_profile=account.sealed_profile,
        )


class AppStore(AccountReads, Journal, Protocol):
    """Reads of accounts, and commits."""


class AppPeople:
    """The app's own users. Our facts about them (security version, freezes, profile) are in our tables,
    keyed by the app's id; the password is in the app's column."""

    def __init__(self, directory: Directory, passwords: PasswordStore, store: AppStore) -> None:
        self._directory = directory
        self._passwords = passwords
        self._store = store

    async def find(self, address: str) -> Known | None:
        """See :class:`People`."""
        ref = await self._directory.find(address)
        return None if ref is None else await self.by_id(ref.id)

    async def by_id(self, account_id: str) -> Known | None:
        """See :class:`People`."""
        ref = await self._directory.by_id(account_id)
        if ref is None:
            return None
        facts = await self._store.account_by_id(ref.id)
        return Known(
            id=ref.id,
            email=ref.email,
            email_verified=ref.email_verified,
            active=ref.active and (facts is None or facts.status == "active"),
            password_hash=await self._passwords.get(ref.id),
            security_version=facts.security_version if facts else 0,
            epoch=facts.epoch if facts else 0,
            password_paused=bool(facts and facts.password_paused_at is not None),
            frozen_until=facts.frozen_until if facts else 0,
            reset_blocked_until=facts.reset_blocked_until if facts else 0,
            sealed_profile=facts.sealed_profile if facts else (),
            ours=False,
        )

    async def keep_hash(self, account_id: str, *, current: str, replacement: str) -> None:
        """See :class:`People`."""
        await self._passwords.replace(account_id, current=current, replacement=replacement)

    async def settled(self, known: Known, *, first_epoch: int, now: int) -> Known:
        """See :class:`People`: a row of ours beside the app's own, which holds no address and no password."""
        if await self._store.account_by_id(known.id) is not None:
            return known
        facts = OpenAccount(
            account_id=known.id, first_epoch=first_epoch, sealed_email=b"", password_hash=None, now=now
        )
        await self._store.commit((facts,))  # lost: another request made it
        return await self.by_id(known.id) or known
