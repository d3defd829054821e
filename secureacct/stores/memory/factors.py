"""Second factors and passkeys in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from secureacct.records.factors import (
    AddPasskey,
    AddTotp,
    ClaimRecoveryCode,
    ClaimTotpStep,
    ConfirmTotp,
    DisableTotp,
    EraseFactors,
    Factors,
    HoldFactors,
    Passkey,
    RemoveEveryFactor,
    RemovePasskey,
    RemoveTotp,
    RenamePasskey,
    RenameTotp,
    ReplaceRecoveryCodes,
    SetUserHandle,
    TotpFactor,
    UpdatePasskeyUse,
)
from secureacct.stores.memory import challenges as _challenges  # noqa: F401 - registers its changes
from secureacct.stores.memory.journal import MemoryBase, State, makes

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Set:
    version: int = 0
    user_handle: bytes | None = None


def _sets(state: State) -> dict[str, _Set]:
    return state.topic("factor_set")


def _totp(state: State) -> dict[str, TotpFactor]:
    return state.topic("totp")


def _passkeys(state: State) -> dict[bytes, Passkey]:
    return state.topic("passkey")


def _codes(state: State) -> dict[tuple[str, bytes], int]:
    return state.topic("recovery_code")


def _bump(state: State, account_id: str) -> None:
    own = _sets(state).get(account_id, _Set())
    state.put(_sets(state), account_id, replace(own, version=own.version + 1))


def _bump_from(state: State, account_id: str, version: int) -> bool:
    own = _sets(state).get(account_id, _Set())
    if own.version != version:
        return False
    _bump(state, account_id)
    return True


def _own_totp(state: State, id: str, account_id: str) -> TotpFactor | None:
    found = _totp(state).get(id)
    return found if found is not None and found.account_id == account_id else None


def _own_passkey(state: State, id: str, account_id: str) -> Passkey | None:
    own = (one for one in _passkeys(state).values() if one.id == id and one.account_id == account_id)
    return next(own, None)


@makes(HoldFactors)
def _hold(state: State, change: HoldFactors) -> int:
    return int(_sets(state).get(change.account_id, _Set()).version == change.version)


@makes(AddTotp)
def _add_totp(state: State, change: AddTotp) -> int:
    factor = change.factor
    held = sum(one.account_id == factor.account_id for one in _totp(state).values())
    if factor.id in _totp(state) or held >= change.at_most:
        return 0
    _bump(state, factor.account_id)
    state.put(_totp(state), factor.id, factor)
    return 1


@makes(ConfirmTotp)
def _confirm_totp(state: State, change: ConfirmTotp) -> int:
    own = _own_totp(state, change.id, change.account_id)
    if own is None or own.confirmed_at is not None or own.created_at < change.begun_since:
        return 0
    _bump(state, change.account_id)
    confirmed = replace(own, confirmed_at=change.at, last_step=change.step, last_used_at=change.at)
    state.put(_totp(state), own.id, confirmed)
    return 1


@makes(ClaimTotpStep)
def _claim_totp_step(state: State, change: ClaimTotpStep) -> int:
    own = _own_totp(state, change.id, change.account_id)
    if own is None or not own.usable or (own.last_step is not None and own.last_step >= change.step):
        return 0
    state.put(
        _totp(state),
        own.id,
        replace(own, last_step=change.step, last_used_at=change.at),
    )
    return 1


@makes(RenameTotp)
def _rename_totp(state: State, change: RenameTotp) -> int:
    own = _own_totp(state, change.id, change.account_id)
    if own is None:
        return 0
    state.put(_totp(state), own.id, replace(own, name=change.name))
    return 1


@makes(DisableTotp)
def _disable_totp(state: State, change: DisableTotp) -> int:
    own = _own_totp(state, change.id, change.account_id)
    if own is None or not own.usable:
        return 0
    _bump(state, change.account_id)
    state.put(_totp(state), own.id, replace(own, disabled_at=change.at))
    return 1


@makes(RemoveTotp)
def _remove_totp(state: State, change: RemoveTotp) -> int:
    own = _own_totp(state, change.id, change.account_id)
    if own is None or not _bump_from(state, change.account_id, change.expected_version):
        return 0
    state.drop(_totp(state), own.id)
    return 1


@makes(SetUserHandle)
def _set_user_handle(state: State, change: SetUserHandle) -> int:
    own = _sets(state).get(change.account_id, _Set())
    if own.user_handle is not None:
        return 0
    state.put(_sets(state), change.account_id, replace(own, user_handle=change.user_handle))
    return 1


@makes(AddPasskey)
def _add_passkey(state: State, change: AddPasskey) -> int:
    passkey = change.passkey
    own = _sets(state).get(passkey.account_id, _Set())
    held = sum(one.account_id == passkey.account_id for one in _passkeys(state).values())
    taken = passkey.credential_id in _passkeys(state)
    if taken or own.user_handle != passkey.user_handle or held >= change.at_most:
        return 0
    _bump(state, passkey.account_id)
    state.put(_passkeys(state), passkey.credential_id, passkey)
    return 1


@makes(UpdatePasskeyUse)
def _update_passkey_use(state: State, change: UpdatePasskeyUse) -> int:
    own = _passkeys(state).get(change.credential_id)
    if own is None or own.account_id != change.account_id:
        return 0
    counts = own.sign_count < change.sign_count or own.sign_count == change.sign_count == 0
    if not (counts or change.allow_regression):
        return 0
    used = replace(
        own,
        sign_count=change.sign_count,
        backed_up=change.backed_up,
        last_used_at=change.at,
    )
    state.put(_passkeys(state), own.credential_id, used)
    return 1


@makes(RenamePasskey)
def _rename_passkey(state: State, change: RenamePasskey) -> int:
    own = _own_passkey(state, change.id, change.account_id)
    if own is None:
        return 0
    state.put(_passkeys(state), own.credential_id, replace(own, name=change.name))
    return 1


@makes(RemovePasskey)
def _remove_passkey(state: State, change: RemovePasskey) -> int:
    own = _own_passkey(state, change.id, change.account_id)
    if own is None or not _bump_from(state, change.account_id, change.expected_version):
        return 0
    state.drop(_passkeys(state), own.credential_id)
    return 1


def _drop_codes(state: State, account_id: str, since: int = 0) -> int:
    gone = [key for key, at in _codes(state).items() if key[0] == account_id and at >= since]
    for key in gone:
        state.drop(_codes(state), key)
    return len(gone)


@makes(ReplaceRecoveryCodes)
def _replace_recovery_codes(state: State, change: ReplaceRecoveryCodes) -> int:
    _bump(state, change.account_id)
    _drop_codes(state, change.account_id)
    for code in change.hashes:
        state.put(_codes(state), (change.account_id, code), change.at)
    return len(change.hashes)


@makes(ClaimRecoveryCode)
def _claim_recovery_code(state: State, change: ClaimRecoveryCode) -> int:
    here = {(change.account_id, code) for code in change.hashes} & _codes(state).keys()
    for key in here:
        state.drop(_codes(state), key)
    return len(here)


def _drop_all(state: State, account_id: str, since: int = 0) -> int:
    apps = [o for o in _totp(state).values() if o.account_id == account_id]
    totp = [o.id for o in apps if max(o.created_at, o.confirmed_at or 0) >= since]
    keys = [k for k, o in _passkeys(state).items() if o.account_id == account_id and o.created_at >= since]
    for id in totp:
        state.drop(_totp(state), id)
    for key in keys:
        state.drop(_passkeys(state), key)
    return len(totp) + len(keys) + _drop_codes(state, account_id, since)


@makes(RemoveEveryFactor)
def _remove_every_factor(state: State, change: RemoveEveryFactor) -> int:
    _bump(state, change.account_id)
    return _drop_all(state, change.account_id, change.added_since)


@makes(EraseFactors)
def _erase_factors(state: State, change: EraseFactors) -> int:
    count = _drop_all(state, change.account_id)
    if change.account_id in _sets(state):
        state.drop(_sets(state), change.account_id)
    return count


class MemoryFactors(MemoryBase):
    """See :class:`secureacct.ports.factors.FactorReads`."""

    async def factors_of(self, account_id: str) -> Factors:
        """See :class:`secureacct.ports.factors.FactorReads`."""
        state = self.state
        with state.lock:
            own = _sets(state).get(account_id, _Set())
            totp = [one for one in _totp(state).values() if one.account_id == account_id]
            passkeys = [one for one in _passkeys(state).values() if one.account_id == account_id]
            codes = sum(key[0] == account_id for key in _codes(state))
        return Factors(
            account_id=account_id,
            version=own.version,
            user_handle=own.user_handle,
            totp=tuple(sorted(totp, key=lambda one: (one.created_at, one.id))),
            passkeys=tuple(sorted(passkeys, key=lambda one: (one.created_at, one.id))),
            recovery_codes_left=codes,
        )

    async def passkey_of_credential(self, credential_id: bytes) -> Passkey | None:
        """See :class:`secureacct.ports.factors.FactorReads`."""
        with self.state.lock:
            return _passkeys(self.state).get(credential_id)
