"""Settings: few, typed, checked at start. Each is a field here and ``SECUREACCT_<NAME>`` outside.

Rules of this file: an unknown name is refused with the nearest known one; a value that cannot work
is refused with what would; a policy is an object handed to the extension, never a setting.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from secureacct._urls import BaseUrl
from secureacct.cookies import CookieError, SecureCookie
from secureacct.errors import ConfigurationError

PREFIX = "SECUREACCT_"
AWAITING_DRIVERS = frozenset(("aiosqlite", "asyncpg", "asyncmy", "aiomysql"))
SWITCH = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a site must say, and what it may."""

    database_url: str = field(repr=False)  # an SQLAlchemy URL: sqlite:///app.db, postgresql+psycopg://...
    keyring: str  # path of the keyring file
    base_url: str  # https://shop.example, or http://localhost:8000 for trying out
    site_name: str = ""  # in mails and page titles; the host of base_url if empty
    contact: str = ""  # where questions go: an address or a URL, in mails and security.txt
    contact_until: str = ""  # the day the contact holds until, 2027-06-30: when security.txt expires
    env: str = "development"  # "production" refuses what is only for trying out
    cookie_name: str = "session"  # after the prefix __Host-Http-
    url_prefix: str = "/account"
    base_template: str = "secureacct/base.html"  # what our pages extend
    keyring_passphrase: str = field(default="", repr=False)  # or SECUREACCT_KEYRING_PASSPHRASE_FILE
    session_url: str = field(default="", repr=False)  # redis://...: sessions and throttle there, not in SQL
    mail_url: str = field(default="", repr=False)  # smtp://user:password@host:587, "console:" or "outbox:"
    mail_from: str = ""  # sender of account mails
    trusted_proxies: str = ""  # whose forwarded headers are believed: "10.0.0.0/8, unix; header=forwarded"
    network_budget: int = 100  # attempts per hour and network; the demo's visitors share one address
    hash_parallel: int = 0  # passwords hashed at once; 0: as many as there are cores
    after_sign_in: str = "/"  # where people go when nothing else was asked for
    policy: str = "2026-11"  # a named, dated set of security numbers; see secureacct.assembly.POLICIES
    audit_checkpoints: str = ""  # a file that the log's sealer appends its signed checkpoints to
    pages: bool = True  # off: an app with pages of its own gets the guards and the parts only

    def __post_init__(self) -> None:
        try:
            base = BaseUrl.of(self.base_url)
        except ConfigurationError as error:
            raise ConfigurationError(f"{PREFIX}BASE_URL: {error}") from None
        local = base.scheme == "http"
        object.__setattr__(self, "base_url", base.origin)
        if not self.site_name:
            object.__setattr__(self, "site_name", base.host)
        self._check_site_name()
        try:
            SecureCookie(self.cookie_name)
        except CookieError as error:
            raise ConfigurationError(f"{PREFIX}COOKIE_NAME: {error}") from None
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/"):
            raise ConfigurationError(f"{PREFIX}URL_PREFIX must look like /account")
        if self.env not in ("development", "production", "testing"):
            raise ConfigurationError(f"{PREFIX}ENV must be production, development or testing")
        if self.env == "production" and local:
            raise ConfigurationError(f"{PREFIX}ENV is production, but {PREFIX}BASE_URL is http://localhost")
        self._check_stores()
        self._check_mail()
        _ = self.contact_expires
        if self.network_budget < 1:
            raise ConfigurationError(
                f"{PREFIX}NETWORK_BUDGET must be a number of attempts an hour, at least 1"
            )

    def _check_site_name(self) -> None:
        """It stands in every mail and in authenticator apps: a mail that may not leave stops sign-ups."""
        from secureacct.mail.compose import compose
        from secureacct.mail.headers import MailRefused

        links, facts = {"confirm": "/account/verify/x"}, {"lifetime": "24 hours"}
        try:
            to = "somebody@example.org"
            compose("verify", to=to, site=self.site_name, base_url=self.base_url, links=links, facts=facts)
            usable = ":" not in self.site_name  # what an authenticator app takes for the end of the name
        except (ConfigurationError, MailRefused):
            usable = False
        if not usable:
            raise ConfigurationError(
                f"{PREFIX}SITE_NAME must be a name as people say it: at most 100 characters on one line, no "
                "colon, no address of another site"
            )

    def _check_stores(self) -> None:
        dialect, separator, _ = self.database_url.partition("://")
        name, _, driver = dialect.partition("+")
        if not separator or name == "postgres":
            raise ConfigurationError(
                f"{PREFIX}DATABASE_URL must look like sqlite:///app.db or postgresql+psycopg://user@host/name"
            )
        if driver in AWAITING_DRIVERS:
            raise ConfigurationError(
                f"{PREFIX}DATABASE_URL names {driver}, a driver for event loops: write sqlite:///app.db or "
                "postgresql+psycopg://user@host/name"
            )
        if self.session_url and not self.session_url.startswith(
            ("redis://", "rediss://", "valkey://", "valkeys://", "unix://")
        ):
            raise ConfigurationError(
                f"{PREFIX}SESSION_URL must look like redis://host:6379/0 or rediss://..."
            )

    def _check_mail(self) -> None:
        object.__setattr__(self, "mail_url", self.mail_url.removesuffix(":"))
        name = f"{PREFIX}MAIL_URL"
        if not self.mail_url and not self.is_local:
            raise ConfigurationError(f"{name} is missing: smtp://user:password@host:587, console: or outbox:")
        if self.mail_url in ("", "outbox"):
            if self.env == "production":
                raise ConfigurationError(f"{name} must name an SMTP server in production")
        elif self.mail_url != "console":
            if not self.mail_url.startswith(("smtp://", "smtps://")):
                raise ConfigurationError(f"{name} must be smtp://user:password@host:587, console: or outbox:")
            if not self.mail_from:
                raise ConfigurationError(f"{PREFIX}MAIL_FROM must name the sender of account mails")

    @property
    def contact_expires(self) -> datetime | None:
        """The last moment of ``contact_until``.

        :raises ConfigurationError: it is no day.
        """
        if not self.contact_until:
            return None
        try:
            day = date.fromisoformat(self.contact_until)
        except ValueError:
            raise ConfigurationError(f"{PREFIX}CONTACT_UNTIL must be a day like 2027-06-30") from None
        return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)

    @property
    def is_local(self) -> bool:
        """Trying out on this machine: plain HTTP to localhost, keys made on first use."""
        return BaseUrl.of(self.base_url).is_local

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """From a mapping such as ``app.config``; only ``SECUREACCT_*`` names are looked at.

        :raises ConfigurationError: an unknown name (with the nearest known one), a missing one, or a
            value that cannot work.
        """
        known = {one.name: one for one in fields(cls)}
        found: dict[str, Any] = {}
        for name, value in values.items():
            if not name.startswith(PREFIX) or value is None:
                continue
            short = name.removeprefix(PREFIX).lower()
            if short.endswith("_file") and short.removesuffix("_file") in known:
                short, value = short.removesuffix("_file"), _read(name, value)
            if short not in known:
                near = difflib.get_close_matches(short, known, n=1)
                hint = (
                    f"; did you mean {PREFIX}{near[0].upper()}?" if near else "; there is no setting like it"
                )
                raise ConfigurationError(f"unknown setting {name}{hint}")
            found[short] = _typed(name, value, known[short].type)
        missing = [name for name in ("database_url", "keyring", "base_url") if name not in found]
        if missing:
            names = ", ".join(PREFIX + name.upper() for name in missing)
            raise ConfigurationError(f"missing: {names}; set them before init_app(app)")
        return cls(**found)

    @classmethod
    def from_env(cls) -> Self:
        """From the environment. See :meth:`from_mapping`; what only test runs use is not looked at."""
        return cls.from_mapping(
            {
                name: value
                for name, value in os.environ.items()
                if not name.startswith(f"{PREFIX}TEST_") and name != f"{PREFIX}CHROMIUM"
            }
        )


def _typed(name: str, value: Any, wanted: Any) -> Any:
    if wanted == "int":
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ConfigurationError(f"{name} must be a whole number") from None
    if wanted == "bool":
        switched = SWITCH.get(str(value).strip().lower())
        if switched is None:
            raise ConfigurationError(f"{name} must be on or off")
        return switched
    if not isinstance(value, (str, Path)):
        raise ConfigurationError(f"{name} must be text")
    return str(value)


def _read(name: str, path: Any) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{name} names a file that cannot be read ({error.strerror})") from None
