"""The parts of a whole account from the few things an app has: a store, keys, and where it lives.

parts = account_parts(store, keys, site=Site(name="Shop", base_url="https://shop.example"))
accounts = AsyncAccounts(parts)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from secureacct.accounts.directory import AppPeople, OwnPeople, People
from secureacct.accounts.parts import AccountParts, AccountStore, Lifetimes, PasskeyChoices, Site
from secureacct.accounts.spraying import SprayingLog
from secureacct.accounts.vault import ProfileField, Vault
from secureacct.errors import ConfigurationError
from secureacct.keys import Keyring
from secureacct.keys.providers import AsyncKeyProvider, KeyProvider
from secureacct.password_rules import PasswordRules
from secureacct.passwords import Admission, InlinePasswordWork, OffloadedPasswordWork, PasswordHasher
from secureacct.passwords.profiles import DEFAULT, Profile
from secureacct.ports.accounts import Directory, PasswordStore
from secureacct.sessions import SessionPolicy
from secureacct.throttle import ThrottlePolicy
from secureacct.throttle.steps import ThrottleParts


def account_parts(
    store: AccountStore,
    keys: Keyring,
    *,
    site: Site,
    awaiting: bool | None = None,
    profile: Sequence[ProfileField] = (),
    hasher: PasswordHasher | None = None,
    hashing: Profile = DEFAULT,
    hash_parallel: int = 0,
    rules: PasswordRules | None = None,
    sessions: SessionPolicy | None = None,
    throttle: ThrottlePolicy | None = None,
    lifetimes: Lifetimes | None = None,
    directory: Directory | None = None,
    password_store: PasswordStore | None = None,
    passkeys: PasskeyChoices | None = None,
    key_provider: KeyProvider | AsyncKeyProvider | None = None,
    clock: Callable[[], float] = time.time,
    random: Callable[[int], bytes] = os.urandom,
) -> AccountParts:
    """Everything the journeys work with.

    :param store: keeps accounts, factors, sessions, throttle, outbox and events.
    :param site: its name, and the one address that links lead to.
    :param awaiting: whether :class:`AsyncAccounts` will use it, so that passwords are hashed off the event
        loop; None: as the store says (a store that serves both is taken for a blocking one).
    :param hasher: how passwords are hashed; None: Argon2id, with a pepper from the keyring where the account
        table is ours, so that a copy of the database alone cannot even be guessed at.
    :param hashing: the parameters of new hashes, where no ``hasher`` is given.
    :param hash_parallel: passwords hashed at once, 64 MiB each; 0: as many as there are cores.
    :param directory: the app's own users; then ``password_store`` is their password column.
    :param key_provider: a key service that wraps people's data keys, which the personal part of the security
        log is under; the same one as the app's ``Subjects`` on this store, if it has any. None: the keyring.
    :param clock: seconds since the epoch.
    :raises ConfigurationError: a directory without a password store, or the other way round.
    """
    vault = Vault(keys, profile=profile)
    if hasher is None:
        pepper = keys if password_store is None else None  # the app reads its own column itself
        hasher = PasswordHasher(
            hashing, keys=pepper, admission=Admission(at_once=hash_parallel or os.cpu_count() or 1)
        )
    offloaded = store.kind == "awaiting" if awaiting is None else awaiting
    return AccountParts(
        store=store,
        people=_people(store, vault, directory, password_store),
        vault=vault,
        passwords=OffloadedPasswordWork(hasher) if offloaded else InlinePasswordWork(hasher),
        throttle=_throttle(store, vault, throttle or ThrottlePolicy(), clock, random),
        site=site,
        rules=rules or PasswordRules(),
        sessions=sessions or SessionPolicy(),
        lifetimes=lifetimes or Lifetimes(),
        passkeys=passkeys or PasskeyChoices(),
        key_provider=key_provider,
        clock=clock,
        random=random,
    )


def _throttle(
    store: AccountStore,
    vault: Vault,
    policy: ThrottlePolicy,
    clock: Callable[[], float],
    random: Callable[[int], bytes],
) -> ThrottleParts:
    counted = ThrottleParts(store, vault.keys, policy, clock)
    told = SprayingLog(
        store=store, throttle=counted, keys=vault.event_keys, cipher=vault.event_cipher, random=random
    )
    return replace(counted, tell_spraying=told)


def _people(
    store: AccountStore, vault: Vault, directory: Directory | None, password_store: PasswordStore | None
) -> People:
    if (directory is None) != (password_store is None):
        raise ConfigurationError("a directory of the app's own users and a password_store go together")
    if directory is None or password_store is None:
        return OwnPeople(store, vault)
    return AppPeople(directory, password_store, store)
