"""A site's own configuration, looked at from inside: settings, keyring, database, mail, proxies.

Rules of this file: it reads and never writes; what cannot be looked at is "unknown", never "ok".
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from secureacct.assembly import Assembly, Choices
from secureacct.client_address import TrustedProxies
from secureacct.commitments.contact import SecurityTxt, problems
from secureacct.commitments.privacy import PrivacyChoices
from secureacct.doctor.findings import Finding, Level
from secureacct.errors import SecureAcctError
from secureacct.keys import Keyring
from secureacct.password_rules import PasswordRules
from secureacct.settings import PREFIX, Settings

EFFECTIVE_ENTRIES = 3000  # blocklist entries that satisfy the policy; ASVS 5 6.2.4
OLD_KEYS = 5  # readable keys of one root that make looking things up slow; ours


def examine(settings: Settings, choices: Choices | None = None) -> list[Finding]:
    """Every finding about a configuration, in the order of the steps of a start.

    :param choices: what the app says in code, where it is known.
    """
    found: list[Finding] = []
    if choices is not None:
        until = (choices.privacy or PrivacyChoices()).security_until
        if until is not None:
            settings = replace(settings, contact_until=f"{until:%Y-%m-%d}")
        found.extend(_own_users(choices))
    for look in (_transport, _keyring, _database, _mail, _proxies, _passwords, _contact):
        found.extend(_safely(look, settings))
    return found


def _safely(look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from look(settings)
    except SecureAcctError as error:
        yield Finding(look.__name__.strip("_"), "bad", str(error))


def _own_users(choices: Choices) -> Iterator[Finding]:
    holdings = (choices.privacy or PrivacyChoices()).holdings
    if choices.directory is not None and not holdings:
        yield Finding(
            "leaving",
            "bad",
            "people can neither download their data nor leave (both pages answer 404): the app has users of "
            "its own, and no holding says how to export and erase them",
            "PrivacyChoices(holdings=[Holding(...)]) for the table of users; docs/howto/privacy-pages.md",
            "GDPR articles 15, 17 and 20",
        )


def _transport(settings: Settings) -> Iterator[Finding]:
    if settings.base_url.startswith("https://"):
        yield Finding(
            "transport", "ok", f"links and cookies are for {settings.base_url}", source="ASVS 12.2.1"
        )
    else:
        yield Finding(
            "transport",
            "warn",
            "plain http to localhost: for trying out only",
            f"set {PREFIX}BASE_URL to an https address before anybody else uses it",
            "ASVS 12.2.1",
        )
    if settings.env != "production":
        yield Finding(
            "environment",
            "warn",
            f"{PREFIX}ENV is {settings.env}: mailers and profiles that are only for tests are allowed",
            f"set {PREFIX}ENV=production on the real site",
        )


def _keyring(settings: Settings) -> Iterator[Finding]:
    path = Path(settings.keyring)
    if not path.exists():
        yield Finding("keyring", "bad", f"there is no keyring at {path}", f"secureacct keys init {path}")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding("keyring", "bad", f"others may read {path} (mode {mode:o})", f"chmod 600 {path}")
        return
    keys = Keyring.load(path, passphrase=settings.keyring_passphrase or None)
    yield Finding("keyring", "ok", f"{path} is whole and only its owner reads it", source="ASVS 13.3.1")
    if not settings.keyring_passphrase:
        yield Finding(
            "keyring_sealed",
            "warn",
            "the keyring is not wrapped by a passphrase: a copy of the file opens everything",
            f"secureacct keys rewrap, and {PREFIX}KEYRING_PASSPHRASE_FILE",
        )
    for root in ("fields", "index", "tokens"):
        if len(keys.readable(root)) > OLD_KEYS:
            yield Finding(
                "old_keys",
                "warn",
                f"root {root} has many old keys",
                "rotate what they hold, then destroy them",
            )


def _database(settings: Settings) -> Iterator[Finding]:
    import sqlalchemy as sa

    from secureacct.stores.sql.base import metadata, our_errors
    from secureacct.stores.sql.engines import open_engine

    engine = open_engine(settings.database_url)
    try:
        with our_errors():
            present = set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()
    missing = sorted(table.name for table in metadata.sorted_tables if table.name not in present)
    if not missing:
        yield Finding("database", "ok", f"{len(metadata.tables)} tables are there")
    else:
        yield Finding(
            "database",
            "bad",
            f"tables are missing: {', '.join(missing[:5])}...",
            "flask secureacct init, or a migration",
        )
    if settings.env == "production" and engine.dialect.name == "sqlite":
        yield Finding("database_kind", "warn", "SQLite serves one machine", "PostgreSQL for more")


def _mail(settings: Settings) -> Iterator[Finding]:
    _ = Assembly(settings).mailer
    if settings.mail_url in ("", "outbox", "console"):
        yield Finding("mail", "warn", "mails go nowhere", f"{PREFIX}MAIL_URL=smtp://user:password@host:587")
    else:
        yield Finding("mail", "ok", "mails go to an SMTP server, over TLS")


def _proxies(settings: Settings) -> Iterator[Finding]:
    proxies = TrustedProxies.parse(settings.trusted_proxies)
    if not proxies.nobody:
        yield Finding("proxies", "ok", f"forwarded addresses are believed from: {settings.trusted_proxies}")
    elif settings.is_local:
        yield Finding("proxies", "ok", "no proxy is trusted, as it should be on one machine")
    else:
        yield Finding(
            "proxies",
            "warn",
            "no proxy is trusted: if one stands in front, every visitor seems to have its address, and one "
            "storm slows everybody; the log would say throttle.shared_address and client.untrusted_peer",
            f"{PREFIX}TRUSTED_PROXIES=10.0.0.0/8 (the proxy's own network), or leave it if there is none",
            "ASVS 4.1.3",
        )


def _contact(settings: Settings) -> Iterator[Finding]:
    until = settings.contact_expires
    rfc = "RFC 9116 section 2.5.5"
    mend = f"{PREFIX}CONTACT_UNTIL=YYYY-MM-DD, a day less than a year ahead, and a note to renew it"
    if not settings.contact:
        said = "nobody is named for questions and for reports of holes: there is no security.txt"
        yield Finding("contact", "warn", said, f"{PREFIX}CONTACT=security@...", rfc)
    elif until is None:
        said = "nobody said until when the contact holds, so security.txt ends 90 days after each start"
        yield Finding("contact", "warn", said, mend, rfc)
    else:
        now = datetime.now(UTC)
        wrong = problems(SecurityTxt(contact=("mailto:any@example.org",), expires=until), now=now)
        if wrong:
            level: Level = "bad" if until <= now else "warn"
            yield Finding("contact", level, f"security.txt: {wrong[0]}", mend, rfc)
        else:
            yield Finding("contact", "ok", f"the contact holds until {until:%Y-%m-%d}", source=rfc)


def _passwords(settings: Settings) -> Iterator[Finding]:
    del settings
    rules = PasswordRules()
    entries = rules.effective_entries()
    level = "ok" if entries >= EFFECTIVE_ENTRIES else "bad"
    yield Finding(
        "blocklist",
        "ok" if level == "ok" else "bad",
        f"{entries} blocked passwords satisfy the policy otherwise ({EFFECTIVE_ENTRIES} are asked for)",
        "" if level == "ok" else "secureacct passwords build-blocklist",
        "ASVS 6.2.4",
    )
