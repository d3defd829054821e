"""From settings to parts: the only module that picks stores, mailers and key providers.

Rules of this file: it opens nothing until asked (``Assembly.parts`` is lazy, so an extension does no I/O
when it is set up); it refuses to start with one line that says what is wrong and how to mend it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from secureacct._faces import run_inline
from secureacct.accounts import mails, recording, unusual
from secureacct.accounts.building import account_parts
from secureacct.accounts.parts import AccountParts, AccountStore, Lifetimes, PasskeyChoices, Site, Visit
from secureacct.accounts.vault import ProfileField
from secureacct.audit.events import RANDOM_BYTES, event_id
from secureacct.audit.sinks import FileSink
from secureacct.audit.steps import AuditParts
from secureacct.client_address import TrustedProxies
from secureacct.commitments.privacy import (
    Privacy,
    PrivacyChoices,
    declarations_of,
    privacy_of,
    register_policies,
)
from secureacct.consent import Declarations
from secureacct.cookies import PREFIX as COOKIE_PREFIX
from secureacct.errors import ConfigurationError
from secureacct.keys import Keyring, KeyringNotFound
from secureacct.keys.files import locked
from secureacct.keys.providers import KeyProvider
from secureacct.mailers.console import ConsoleMailer
from secureacct.mailers.outbox import OutboxMailer
from secureacct.mailers.smtp import SmtpMailer
from secureacct.password_rules import PasswordRules
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import DEFAULT, Profile
from secureacct.ports.accounts import Directory, PasswordStore
from secureacct.ports.mailer import Mailer
from secureacct.records.events import Event
from secureacct.sessions import Remember, SessionPolicy
from secureacct.sessions.devices import Device
from secureacct.sessions.parts import Notices
from secureacct.settings import PREFIX, Settings
from secureacct.throttle import ThrottlePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every security number of a site, as one value with a name and a date.

    A new release may add a set under a new name; a site that named one keeps its numbers.
    """

    sessions: SessionPolicy = SessionPolicy(remember=Remember())  # noqa: RUF009 - frozen
    rules: PasswordRules = field(default_factory=PasswordRules)
    throttle: ThrottlePolicy = field(default_factory=ThrottlePolicy)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    hashing: Profile = DEFAULT


POLICIES: Mapping[str, Policy] = MappingProxyType({"2026-11": Policy()})
"""The sets that ``SECUREACCT_POLICY`` may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What an app says in code and not in settings. Everything has a safe default."""

    profile: Sequence[ProfileField] = ()
    sessions: SessionPolicy | None = None  # this and the next three: None means as the policy says
    rules: PasswordRules | None = None
    throttle: ThrottlePolicy | None = None
    lifetimes: Lifetimes | None = None
    rp_id: str = ""  # the host that passkeys belong to; empty: the host of the base URL
    related_origins: tuple[str, ...] = ()  # other sites of ours that may use the same passkeys
    compat_rs256: bool = False  # also RS256 passkeys, for old TPMs; ASVS 5 appendix C disallows it
    hasher: PasswordHasher | None = None
    keys: Keyring | None = None
    key_provider: KeyProvider | None = None  # a key service for people's data keys; None: the keyring
    store: Any = None  # a blocking store that keeps everything; None: from the settings
    mailer: Mailer | None = None
    clock: Callable[[], float] = time.time  # seconds since the epoch
    directory: Directory | None = None  # the app's own users
    password_store: PasswordStore | None = None  # and their password column
    seal_every_s: int = 60  # seconds between looks at what the security log has to seal; 0: a timer does it
    privacy: PrivacyChoices | None = None  # what the site promises; None: export and deletion only


class Assembly:
    """The parts of one site, made on first use and kept."""

    def __init__(self, settings: Settings, choices: Choices | None = None) -> None:
        self.settings = settings
        self.choices: Final = choices or Choices()
        policy = POLICIES.get(settings.policy)
        if policy is None:
            raise ConfigurationError(f"{PREFIX}POLICY must be one of: {', '.join(POLICIES)}")
        self.policy = policy
        self.started: Final = self.choices.clock()  # seconds since the epoch
        self.proxies: Final = _proxies(settings)
        self._lock = threading.RLock()
        self._store: Any = self.choices.store
        self._keys: Keyring | None = self.choices.keys
        self._parts: AccountParts | None = None
        self._mailer: Mailer | None = self.choices.mailer
        self._privacy: Privacy | None = None
        self.promises: Final = self.choices.privacy or PrivacyChoices()
        self.declarations: Declarations = declarations_of(
            self.promises, session_cookie=COOKIE_PREFIX + settings.cookie_name
        )

    @property
    def store(self) -> AccountStore:
        """The store of everything.

        :raises ConfigurationError: the database URL cannot be used.
        """
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            store: AccountStore = self._store
            return store

    @property
    def mailer(self) -> Mailer:
        """Where mails go."""
        with self._lock:
            if self._mailer is None:
                self._mailer = _mailer(self.settings)
            return self._mailer

    @property
    def parts(self) -> AccountParts:
        """Everything the journeys need.

        :raises ConfigurationError: something is missing or wrong; the message says how to mend it.
        :raises KeyringError: the keyring is unreadable, too open, or altered.
        """
        with self._lock:
            if self._parts is None:
                self._parts = self._make()
            return self._parts

    @property
    def privacy(self) -> Privacy:
        """What the privacy pages work with.

        :raises ConfigurationError: something was declared wrongly, or a policy's text was altered.
        :raises StoreUnavailable: the policies could not be registered.
        """
        with self._lock:
            if self._privacy is None:
                made = privacy_of(
                    self.parts,
                    self.promises,
                    declarations=self.declarations,
                    erases_people=self.choices.directory is None,
                )
                run_inline(register_policies(made))
                self._privacy = made
            return self._privacy

    @property
    def keys(self) -> Keyring:
        """The keyring.

        :raises ConfigurationError: there is none, and none may be made here.
        :raises KeyringError: it is unreadable, too open, or altered.
        """
        with self._lock:
            if self._keys is None:
                self._keys = self._keyring()
            return self._keys

    @property
    def audit(self) -> AuditParts | None:
        """What seals the security log; None: the app's own store keeps no log that can be sealed."""
        store: Any = self.store
        if not hasattr(store, "seal_segment"):
            return None
        file = self.settings.audit_checkpoints
        return AuditParts(
            store,
            self.parts.vault.event_keys,
            sinks=(FileSink(file),) if file else (),
            clock=self.choices.clock,
        )

    def _open_store(self) -> Any:
        accounts = _sql_store(self.settings)
        if not self.settings.session_url:
            return accounts
        from secureacct.stores.redis import RedisStore, client_from_url
        from secureacct.stores.split import SplitStore

        sessions = RedisStore(client_from_url(self.settings.session_url))
        return SplitStore(accounts, sessions, attempted=self._attempted)

    def _attempted(self, event: Event) -> Event:
        parts = self.parts
        new_id = event_id(now=parts.clock(), random=parts.random(RANDOM_BYTES))
        return parts.personal.told_as(event, id=new_id, outcome="attempted")

    def _make(self) -> AccountParts:
        settings, choices, policy = self.settings, self.choices, self.policy
        return account_parts(
            self.store,
            self.keys,
            site=Site(name=settings.site_name, base_url=settings.base_url, prefix=settings.url_prefix),
            awaiting=False,
            profile=choices.profile,
            hasher=choices.hasher,
            hash_parallel=settings.hash_parallel,
            hashing=policy.hashing,
            rules=choices.rules or policy.rules,
            sessions=choices.sessions or policy.sessions,
            throttle=choices.throttle
            or policy.throttle.with_network_budget(per_hour=settings.network_budget),
            lifetimes=choices.lifetimes or policy.lifetimes,
            directory=choices.directory,
            password_store=choices.password_store,
            passkeys=PasskeyChoices(
                rp_id=choices.rp_id,
                related_origins=choices.related_origins,
                compat_rs256=choices.compat_rs256,
            ),
            key_provider=choices.key_provider,
            clock=choices.clock,
        )

    def _keyring(self) -> Keyring:
        path = Path(self.settings.keyring)
        passphrase = self.settings.keyring_passphrase or None
        try:
            return Keyring.load(path, passphrase=passphrase)
        except KeyringNotFound:
            raise ConfigurationError(
                f"no keyring at {path} ({PREFIX}KEYRING): run 'flask secureacct init' once, "
                "or put the keyring back if there was one"
            ) from None

    def _make_keyring(self) -> None:
        """:raises ConfigurationError: the database holds accounts that only the missing keyring opens."""
        path = Path(self.settings.keyring)
        if self._keys is not None or path.exists():
            return
        if self._holds_accounts():
            raise ConfigurationError(
                f"no keyring at {path}, but the database holds accounts that only its keys open: "
                "put the keyring back, or begin with an empty database"
            )
        Keyring.generate().save(path, passphrase=self.settings.keyring_passphrase or None)

    def init(self) -> None:
        """Make what is missing, tables and keyring, and see that everything opens. Again is no harm.

        A keyring is never made while the database holds an account. One process at a time does this.

        :raises ConfigurationError: something is missing or wrong; the message says how to mend it.
        :raises KeyringError: the keyring is unreadable, too open, or altered, or cannot be made.
        :raises StoreUnavailable: the database did not answer.
        """
        with locked(f"{self.settings.keyring}.init"):
            self.create_schema()
            self._make_keyring()
        _ = self.parts

    def check(self) -> None:
        """See that tables and keyring are there, making nothing. Raises what :meth:`init` raises."""
        _ = self.parts
        has_schema = getattr(self.store, "has_schema", None)
        if has_schema is not None and not has_schema():
            raise ConfigurationError("the database lacks tables of ours: run 'flask secureacct init' once")

    def _holds_accounts(self) -> bool:
        """Whether there is data that only the missing keyring opens. When in doubt, yes."""
        holds = getattr(self.store, "holds_accounts", None)
        return holds is None or run_inline(holds())

    @property
    def longest_session_s(self) -> int:
        """Seconds after which no session of this site can be alive."""
        return (self.choices.sessions or self.policy.sessions).longest_s

    def tell_reuse(
        self, account_id: str, session_id: str, now: int, *, ended: bool, device: Device | None
    ) -> Notices:
        """What is committed when a dead token is used again: its owner is told."""
        parts = self.parts
        known = run_inline(parts.people.by_id(account_id))
        visit = Visit() if device is None else Visit(device=device.name, network=device.network)
        if ended:
            if known is None:
                return Notices()
            odd, (told, links) = unusual.used_after_its_end(
                parts, known, visit, session_id=session_id, now=now
            )
            return Notices(events=(odd,), mails=told, links=links)
        event = recording.happened(
            parts,
            "session_expired_used",
            outcome="refused",
            reason="token_reused",
            account=account_id,
            session=session_id,
            visit=visit,
            now=now,
        )
        stolen = () if known is None else (mails.session_stolen(parts, known, now=now),)
        return Notices(events=(event,), mails=stolen)

    def create_schema(self) -> None:
        """Make the tables that are missing. Never called by ``init_app``.

        :raises StoreUnavailable: the database did not answer.
        """
        make = getattr(self.store, "create_schema", None)
        if make is not None:
            make()


def _proxies(settings: Settings) -> TrustedProxies:
    try:
        return TrustedProxies.parse(settings.trusted_proxies)
    except ConfigurationError as error:
        raise ConfigurationError(f"{PREFIX}TRUSTED_PROXIES: {error}") from None


def _sql_store(settings: Settings) -> Any:
    from secureacct.stores.sql import SqlStore

    return SqlStore.from_url(settings.database_url)


def _mailer(settings: Settings) -> Mailer:
    if settings.mail_url in ("", "outbox"):
        return OutboxMailer()
    if settings.mail_url == "console":
        return ConsoleMailer()
    url = urlsplit(settings.mail_url)
    if not url.hostname:
        raise ConfigurationError(f"{PREFIX}MAIL_URL names no host")
    return SmtpMailer(
        host=url.hostname,
        port=url.port or (465 if url.scheme == "smtps" else 587),
        user=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        sender=settings.mail_from,
        implicit_tls=url.scheme == "smtps",
    )
