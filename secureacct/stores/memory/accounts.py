"""Accounts, their identifiers and their profile, in memory.

Sign-ups, links and the steps in between have files of their own; the mixin is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from secureacct.records import accounts as r
from secureacct.stores.memory import account_steps as _steps  # noqa: F401 - registers its changes
from secureacct.stores.memory.journal import MemoryBase, State, makes
from secureacct.stores.memory.sessions import open_state, state_of
from secureacct.stores.memory.sign_ups import attempts_of
from secureacct.stores.memory.topics import drop_all, find, set_all


@makes(r.OpenAccount)
def _open_account(state: State, change: r.OpenAccount) -> int:
    accounts = state.topic("account")
    if change.account_id in accounts:
        return 0
    account = r.Account(
        id=change.account_id,
        status="active",
        epoch=0,
        security_version=0,
        created_at=change.now,
        sealed_email=change.sealed_email,
        email_verified_at=change.now,
        password_hash=change.password_hash,
        password_changed_at=change.now if change.password_hash else None,
    )
    state.put(accounts, change.account_id, account)
    open_state(state, change.account_id, first_epoch=change.first_epoch)
    return 1


@makes(r.ClaimIdentifier)
def _claim_identifier(state: State, change: r.ClaimIdentifier) -> int:
    held = state.topic("identifier")
    for token in change.tokens:
        holder, reserved_until = held.get(token, (change.account_id, None))
        run_out = reserved_until is not None and reserved_until <= change.now
        if holder != change.account_id and not run_out:
            return 0
    for token in change.tokens:
        state.put(held, token, (change.account_id, None))
    return 1


@makes(r.ReserveIdentifier)
def _reserve_identifier(state: State, change: r.ReserveIdentifier) -> int:
    held = state.topic("identifier")
    own = [token for token in change.tokens if held.get(token, ("", None))[0] == change.account_id]
    for token in own:
        state.put(held, token, (change.account_id, change.until))
    return len(own)


@makes(r.HoldSecurityVersion)
def _hold_security_version(state: State, change: r.HoldSecurityVersion) -> int:
    own = state_of(state, change.account_id)
    return int(own is not None and own.status == "active" and own.security_version == change.security_version)


def _update(state: State, account_id: str, holds: Callable[[r.Account], bool], **values: Any) -> int:
    return set_all(state, "account", lambda one: one.id == account_id and holds(one), **values)


@makes(r.SetPassword)
def _set_password(state: State, change: r.SetPassword) -> int:
    return _update(
        state,
        change.account_id,
        lambda one: True,
        password_hash=change.password_hash,
        password_changed_at=change.now,
        password_paused_at=None,
    )


@makes(r.ReplaceHash)
def _replace_hash(state: State, change: r.ReplaceHash) -> int:
    return _update(
        state,
        change.account_id,
        lambda one: one.password_hash == change.current,
        password_hash=change.replacement,
    )


@makes(r.PausePassword)
def _pause_password(state: State, change: r.PausePassword) -> int:
    return _update(
        state,
        change.account_id,
        lambda one: one.password_paused_at is None,
        password_paused_at=change.now,
    )


@makes(r.Freeze)
def _freeze(state: State, change: r.Freeze) -> int:
    return _update(
        state, change.account_id, lambda one: one.frozen_until < change.until, frozen_until=change.until
    )


@makes(r.BlockReset)
def _block_reset(state: State, change: r.BlockReset) -> int:
    return _update(
        state,
        change.account_id,
        lambda one: one.reset_blocked_until < change.until,
        reset_blocked_until=change.until,
    )


@makes(r.SetEmail)
def _set_email(state: State, change: r.SetEmail) -> int:
    return _update(
        state,
        change.account_id,
        lambda one: change.expected is None or one.sealed_email == change.expected,
        sealed_email=change.sealed_email,
        email_verified_at=change.now,
    )


@makes(r.SetProfile)
def _set_profile(state: State, change: r.SetProfile) -> int:
    values = dict(state.topic("profile").get(change.account_id, {}))
    values.update(change.values)
    kept = {name: sealed for name, sealed in values.items() if sealed is not None}
    state.put(state.topic("profile"), change.account_id, kept)
    return len(change.values)


@makes(r.EraseAccount)
def _erase_account(state: State, change: r.EraseAccount) -> int:
    own = change.account_id
    for name in ("link", "pending", "email_change", "recovery"):
        drop_all(state, name, lambda one: one.account_id == own)
    drop_all(state, "identifier", lambda held: held[0] == own)
    for mail_id in find(state.outbox, lambda mail: mail.account_id == own):
        state.drop(state.outbox, mail_id)
    if own in state.topic("profile"):
        state.drop(state.topic("profile"), own)
    return drop_all(state, "account", lambda one: one.id == own)


class MemoryAccounts(MemoryBase):
    """Reads of accounts in memory: :class:`secureacct.ports.accounts.AccountReads`."""

    async def account_by_identifier(self, tokens: Sequence[bytes]) -> r.Account | None:
        """See the port."""
        with self.state.lock:
            held = self.state.topic("identifier")
            for token in tokens:
                account_id, reserved_until = held.get(token, (None, None))
                if account_id is not None and reserved_until is None:
                    return self._account(account_id)
        return None

    async def account_by_id(self, account_id: str) -> r.Account | None:
        """See the port."""
        with self.state.lock:
            return self._account(account_id)

    async def holds_accounts(self) -> bool:
        """See the port."""
        return bool(self.state.topic("account"))

    def _account(self, account_id: str) -> r.Account | None:
        account: r.Account | None = self.state.topic("account").get(account_id)
        own = state_of(self.state, account_id)
        if account is None or own is None:
            return None
        return replace(
            account,
            status=own.status,
            epoch=own.epoch,
            security_version=own.security_version,
            sealed_profile=tuple(self.state.topic("profile").get(account_id, {}).items()),
        )

    async def attempts_for(self, tokens: Sequence[bytes], *, now: int) -> Sequence[r.Attempt]:
        """See the port."""
        with self.state.lock:
            return [one for one in attempts_of(self.state, tokens) if one.expires_at > now]

    async def attempt(self, attempt_id: str, *, now: int) -> r.Attempt | None:
        """See the port."""
        with self.state.lock:
            one: r.Attempt | None = self.state.topic("attempt").get(attempt_id)
        return one if one is not None and one.expires_at > now else None

    async def link(self, hash: bytes) -> r.Link | None:
        """See the port."""
        with self.state.lock:
            return self.state.topic("link").get(hash)

    async def pending(self, hash: bytes, *, now: int) -> r.PendingSignIn | None:
        """See the port."""
        with self.state.lock:
            one: r.PendingSignIn | None = self.state.topic("pending").get(hash)
        return one if one is not None and one.expires_at > now else None

    async def interrupted(self, hash: bytes, *, session_id: str, now: int) -> r.Interrupted | None:
        """See the port."""
        with self.state.lock:
            one: r.Interrupted | None = self.state.topic("interrupted").get(session_id)
        return one if one is not None and one.hash == hash and one.expires_at > now else None

    async def email_change(self, change_id: str) -> r.EmailChange | None:
        """See the port."""
        with self.state.lock:
            return self.state.topic("email_change").get(change_id)

    async def email_change_since(self, account_id: str, *, since: int, now: int) -> r.EmailChange | None:
        """See the port."""
        with self.state.lock:
            found = [
                one
                for one in self.state.topic("email_change").values()
                if one.account_id == account_id and one.state == "done"
                if one.done_at >= since and one.undo_until > now
            ]
            return min(found, key=lambda one: (one.done_at, one.id), default=None)

    async def recovery(self, recovery_id: str) -> r.Recovery | None:
        """See the port."""
        with self.state.lock:
            return self.state.topic("recovery").get(recovery_id)
