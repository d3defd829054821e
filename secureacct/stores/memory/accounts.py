"""Accounts, identifiers, sign-ups, links and the steps in between, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from secureacct.records import accounts as r
from secureacct.stores.memory.journal import MemoryBase, State, makes
from secureacct.stores.memory.sessions import open_state, state_of

LINKS_KEPT_S = 30 * 86_400  # seconds past expiry, so that an old link can say what became of it; ours

V = TypeVar("V")


def _find(topic: dict[Any, V], holds: Callable[[V], bool]) -> list[Any]:
    return [key for key, value in topic.items() if holds(value)]


def _set_all(state: State, name: str, holds: Callable[[Any], bool], /, **values: Any) -> int:
    topic = state.topic(name)
    keys = _find(topic, holds)
    for key in keys:
        state.put(topic, key, replace(topic[key], **values))
    return len(keys)


def _drop_all(state: State, name: str, holds: Callable[[Any], bool]) -> int:
    topic = state.topic(name)
    keys = _find(topic, holds)
    for key in keys:
        state.drop(topic, key)
    return len(keys)


# --- changes: sign-up --------------------------------------------------------------------------


def _attempts_of(state: State, tokens: Sequence[bytes]) -> list[r.Attempt]:
    known = state.topic("attempt_tokens")
    own = [one for one in state.topic("attempt").values() if not known[one.id].isdisjoint(tokens)]
    return sorted(own, key=lambda one: (one.created_at, one.id), reverse=True)


def _drop_attempt(state: State, attempt_id: str) -> None:
    state.drop(state.topic("attempt"), attempt_id)
    state.drop(state.topic("attempt_tokens"), attempt_id)


@makes(r.AddAttempt)
def _add_attempt(state: State, change: r.AddAttempt) -> int:
    state.put(state.topic("attempt"), change.attempt.id, change.attempt)
    state.put(state.topic("attempt_tokens"), change.attempt.id, frozenset(change.tokens))
    for old in _attempts_of(state, change.tokens)[change.at_most :]:
        _drop_attempt(state, old.id)
    return 1


@makes(r.ConfirmAttempt)
def _confirm_attempt(state: State, change: r.ConfirmAttempt) -> int:
    one = state.topic("attempt").get(change.attempt_id)
    if one is None or one.expires_at <= change.now:
        return 0
    _drop_attempt(state, change.attempt_id)
    return 1


@makes(r.DropAttempts)
def _drop_attempts(state: State, change: r.DropAttempts) -> int:
    gone = _attempts_of(state, change.tokens)
    for one in gone:
        _drop_attempt(state, one.id)
    return len(gone)


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


# --- changes: links ----------------------------------------------------------------------------


@makes(r.AddLink)
def _add_link(state: State, change: r.AddLink) -> int:
    state.put(state.topic("link"), change.link.hash, change.link)
    return 1


@makes(r.UseLink)
def _use_link(state: State, change: r.UseLink) -> int:
    return _set_all(
        state,
        "link",
        lambda link: (
            link.hash == change.hash
            and link.purpose == change.purpose
            and link.used_at is None
            and link.expires_at > change.now
        ),
        used_at=change.now,
    )


@makes(r.VoidLinks)
def _void_links(state: State, change: r.VoidLinks) -> int:
    return _set_all(
        state,
        "link",
        lambda link: (
            link.account_id == change.account_id and link.purpose in change.purposes and link.used_at is None
        ),
        used_at=change.now,
    )


# --- changes: the account itself ---------------------------------------------------------------


@makes(r.HoldSecurityVersion)
def _hold_security_version(state: State, change: r.HoldSecurityVersion) -> int:
    own = state_of(state, change.account_id)
    return int(own is not None and own.status == "active" and own.security_version == change.security_version)


def _update(state: State, account_id: str, holds: Callable[[r.Account], bool], **values: Any) -> int:
    return _set_all(state, "account", lambda one: one.id == account_id and holds(one), **values)


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
        _drop_all(state, name, lambda one: one.account_id == own)
    _drop_all(state, "identifier", lambda held: held[0] == own)
    for mail_id in _find(state.outbox, lambda mail: mail.account_id == own):
        state.drop(state.outbox, mail_id)
    if own in state.topic("profile"):
        state.drop(state.topic("profile"), own)
    return _drop_all(state, "account", lambda one: one.id == own)


# --- changes: steps in between -----------------------------------------------------------------


@makes(r.AddPending)
def _add_pending(state: State, change: r.AddPending) -> int:
    state.put(state.topic("pending"), change.pending.hash, change.pending)
    return 1


@makes(r.ClaimPending)
def _claim_pending(state: State, change: r.ClaimPending) -> int:
    return _drop_all(state, "pending", lambda one: one.hash == change.hash and one.expires_at > change.now)


@makes(r.AddInterrupted)
def _add_interrupted(state: State, change: r.AddInterrupted) -> int:
    state.put(state.topic("interrupted"), change.interrupted.session_id, change.interrupted)
    return 1


@makes(r.ClaimInterrupted)
def _claim_interrupted(state: State, change: r.ClaimInterrupted) -> int:
    return _drop_all(
        state,
        "interrupted",
        lambda one: (
            one.hash == change.hash and one.session_id == change.session_id and one.expires_at > change.now
        ),
    )


@makes(r.AddEmailChange)
def _add_email_change(state: State, change: r.AddEmailChange) -> int:
    state.put(state.topic("email_change"), change.change.id, change.change)
    return 1


@makes(r.FinishEmailChange)
def _finish_email_change(state: State, change: r.FinishEmailChange) -> int:
    return _set_all(
        state,
        "email_change",
        lambda one: one.id == change.id and one.account_id == change.account_id and one.state == "pending",
        state="done",
        done_at=change.now,
        undo_until=change.undo_until,
    )


@makes(r.UndoEmailChange)
def _undo_email_change(state: State, change: r.UndoEmailChange) -> int:
    one = state.topic("email_change").get(change.id)
    if (
        one is None
        or one.account_id != change.account_id
        or one.state != "done"
        or one.undo_until <= change.now
    ):
        return 0
    state.put(state.topic("email_change"), one.id, replace(one, state="undone"))
    _set_all(
        state,
        "email_change",
        lambda later: (
            later.account_id == one.account_id
            and later.id != one.id
            and later.requested_at >= one.requested_at
            and later.state in ("pending", "done")
        ),
        state="void",
    )
    return 1


@makes(r.VoidEmailChanges)
def _void_email_changes(state: State, change: r.VoidEmailChanges) -> int:
    return _set_all(
        state,
        "email_change",
        lambda one: one.account_id == change.account_id and one.state == "pending",
        state="void",
    )


@makes(r.StartRecovery)
def _start_recovery(state: State, change: r.StartRecovery) -> int:
    new = change.recovery
    waiting = _find(
        state.topic("recovery"),
        lambda one: one.account_id == new.account_id and one.state == "waiting",
    )
    if waiting or new.id in state.topic("recovery"):
        return 0
    state.put(state.topic("recovery"), new.id, new)
    return 1


@makes(r.FinishRecovery)
def _finish_recovery(state: State, change: r.FinishRecovery) -> int:
    return _set_all(
        state,
        "recovery",
        lambda one: (
            one.id == change.id
            and one.account_id == change.account_id
            and one.state == "waiting"
            and one.ripe_at <= change.now
        ),
        state="done",
    )


@makes(r.CancelRecovery)
def _cancel_recovery(state: State, change: r.CancelRecovery) -> int:
    return _set_all(
        state,
        "recovery",
        lambda one: one.id == change.id and one.account_id == change.account_id and one.state == "waiting",
        state="cancelled",
    )


@makes(r.PurgeAccounts)
def _purge_accounts(state: State, change: r.PurgeAccounts) -> int:
    expired = [one.id for one in state.topic("attempt").values() if one.expires_at <= change.now]
    for attempt_id in expired:
        _drop_attempt(state, attempt_id)
    gone = len(expired)
    for name in ("pending", "interrupted"):
        gone += _drop_all(state, name, lambda one: one.expires_at <= change.now)
    gone += _drop_all(state, "link", lambda one: one.expires_at <= change.now - LINKS_KEPT_S)
    gone += _drop_all(state, "identifier", lambda held: held[1] is not None and held[1] <= change.now)
    return gone


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
            return [one for one in _attempts_of(self.state, tokens) if one.expires_at > now]

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

    async def recovery(self, recovery_id: str) -> r.Recovery | None:
        """See the port."""
        with self.state.lock:
            return self.state.topic("recovery").get(recovery_id)
