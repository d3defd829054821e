"""What the journeys work with: one frozen bundle, filled by assembly or by the app itself.

Rules of this file: it holds parts and policies and decides nothing. Every journey takes it as its
first argument, so nothing is read from a global, and two sites can live in one process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from secureacct._bytes import b64url
from secureacct._faces import Kind
from secureacct.accounts.directory import People
from secureacct.accounts.personal_log import PersonalLog, PersonalStore
from secureacct.accounts.vault import Vault
from secureacct.keys.providers import AsyncKeyProvider, KeyProvider
from secureacct.password_rules import PasswordRules
from secureacct.ports.accounts import AccountReads
from secureacct.ports.factors import FactorReads
from secureacct.ports.journal import EventReads, Journal, Outbox
from secureacct.ports.passwords import PasswordWork
from secureacct.ports.sessions import SessionReads
from secureacct.ports.throttle import ThrottleStore
from secureacct.sessions import SessionPolicy
from secureacct.throttle.steps import ThrottleParts


class AccountStore(
    Journal, Outbox, EventReads, AccountReads, FactorReads, SessionReads, ThrottleStore, Protocol
):
    """Everything the journeys ask of a store."""

    @property
    def kind(self) -> Kind:
        """Whether its methods may suspend."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What mails and links say about the site. ``base_url`` is the only host a link ever names."""

    name: str
    base_url: str  # "https://shop.example", no path, no slash at the end
    prefix: str = "/account"

    def link(self, path: str) -> str:
        """An absolute address of one of our pages."""
        return f"{self.base_url}{self.prefix}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long things in between live."""

    verify: timedelta = timedelta(hours=24)  # NIST SP 800-63B-4 section 4.2.1.2: at most 24 h by mail
    reset: timedelta = timedelta(hours=1)  # ours; NIST SP 800-63B-4 section 4.2.1.2 allows 24 h
    pending: timedelta = timedelta(minutes=10)  # between password and code; ours
    fresh: timedelta = timedelta(minutes=10)  # how long a second factor's proof is fresh; ours
    interrupted: timedelta = timedelta(minutes=5)  # how long a POST waits for its proof; ours
    enrolment: timedelta = timedelta(minutes=15)  # from the secret to its first code; ours
    undo: timedelta = timedelta(hours=72)  # undoing a change of address, and freezes; ours
    not_me: timedelta = timedelta(days=30)  # "this was not me" in a security mail; ours
    recovery_wait: timedelta = timedelta(days=7)  # in which every known channel can cancel; ours
    recovery_link: timedelta = timedelta(days=14)  # the wait and a week to come back; ours
    known_device: timedelta = timedelta(days=180)  # the mark of a known device, as long as its cookie; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyChoices:
    """What a site may say about its passkeys; everything may stay as it is.

    Sites that share their passkeys all name the same ``rp_id``, and the site on that host names the others
    in ``related_origins`` (WebAuthn Level 3 section 5.11).
    """

    rp_id: str = ""  # the host the passkeys belong to; empty: the host of the base URL
    related_origins: tuple[str, ...] = ()  # at most 5, "https://shop.example.net"
    compat_rs256: bool = False  # also RS256, for old TPMs; ASVS 5 appendix C disallows it


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What is known about who knocks, apart from what they typed."""

    device: str = "Unknown device"  # a name for people: "Firefox on Linux"
    network: str | None = None  # the client's address or network, as the client-address rule gave it
    device_mark: str | None = field(default=None, repr=False)  # the known-device cookie's value
    correlation_id: str = ""  # of the request, for the log


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    """The bundle. ``clock`` gives seconds since the epoch, ``random`` that many random bytes."""

    store: AccountStore
    people: People
    vault: Vault
    passwords: PasswordWork
    throttle: ThrottleParts
    site: Site
    rules: PasswordRules = field(default_factory=PasswordRules)
    sessions: SessionPolicy = field(default_factory=SessionPolicy)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    passkeys: PasskeyChoices = field(default_factory=PasskeyChoices)
    attempts_per_address: int = 5  # unconfirmed sign-ups kept for one address; ours
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    key_provider: KeyProvider | AsyncKeyProvider | None = None  # of people's data keys; None: the keyring
    personal: PersonalLog = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Whatever is committed through ``store`` goes into the log under the person's own key."""
        store: Any = self.store
        if not isinstance(store, PersonalStore):
            made = PersonalLog(store, self.vault.keys, provider=self.key_provider, clock=self.clock)
            store = PersonalStore(store, made)
        object.__setattr__(self, "store", store)
        object.__setattr__(self, "personal", store.personal)

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


def new_id(parts: AccountParts) -> str:
    """A random id: 120 bits, 20 characters."""
    return b64url(parts.random(15))
