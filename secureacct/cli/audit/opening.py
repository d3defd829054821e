"""The group of commands, the log that its options name, and how things are said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureacct.cli.database import existing
from secureacct.errors import ConfigurationError, SecureAcctError

if TYPE_CHECKING:
    from secureacct.accounts.personal_log import PersonalLog
    from secureacct.audit import AuditLog


@click.group()
@click.option(
    "--database", envvar="SECUREACCT_DATABASE_URL", required=True, help="Where the log is: an SQLAlchemy URL."
)
@click.option(
    "--keyring", envvar="SECUREACCT_KEYRING", required=True, type=click.Path(path_type=Path), help="The keys."
)
@click.option(
    "--passphrase-file",
    envvar="SECUREACCT_KEYRING_PASSPHRASE_FILE",
    type=click.Path(path_type=Path),
    help="Opens a keyring that has a passphrase.",
)
@click.option("--name", default="secureacct/audit", show_default=True, help="The log's name in its notes.")
@click.pass_context
def group(
    context: click.Context, database: str, keyring: Path, passphrase_file: Path | None, name: str
) -> None:
    """The security log: is it whole, and what does it say?"""
    context.obj = {"database": database, "keyring": keyring, "passphrase": passphrase_file, "name": name}


def opened(context: click.Context, *, sinks: tuple[Any, ...] = ()) -> AuditLog:
    """The log that the options name.

    :raises ConfigurationError: the database URL cannot be used.
    :raises KeyringError: the keyring cannot be opened.
    """
    options = context.obj
    database = existing(options["database"], needed_for="the security log")
    import sqlalchemy as sa

    from secureacct.audit import AuditLog
    from secureacct.keys import Keyring
    from secureacct.stores.sql.audit import BlockingAudit
    from secureacct.stores.sql.journal import BlockingJournal
    from secureacct.stores.sql.subject_keys import BlockingSubjectKeys

    class Store(BlockingAudit, BlockingJournal, BlockingSubjectKeys):
        """Only the log, and the keys of the people in it."""

    phrase = options["passphrase"]
    passphrase = phrase.read_text().strip() if phrase is not None else None
    keys = Keyring.load(options["keyring"], passphrase=passphrase)
    try:
        engine = sa.create_engine(database)
    except ModuleNotFoundError:
        raise ConfigurationError("the driver that the database URL names is not installed") from None
    context.call_on_close(engine.dispose)
    return AuditLog(Store(engine), keys, sinks=sinks, name=options["name"])


@contextmanager
def told() -> Iterator[None]:
    """Say an error in one line and end with 2."""
    try:
        yield
    except (SecureAcctError, OSError) as error:
        click.echo(f"secureacct audit: {error}", err=True)
        raise SystemExit(2) from None


def reader_of(log: AuditLog) -> PersonalLog:
    """What opens the personal part of events."""
    from secureacct.accounts.personal_log import PersonalLog

    return PersonalLog(log.parts.store, log.parts.keys.keys)


def in_utc(seconds: int) -> str:
    """A moment as RFC 3339 in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # an altered event may claim any time
        return f"@{seconds}"


def plain(text: str) -> str:
    """Text from the log as a terminal may show it."""
    from secureacct.logs import escape

    return escape(text, most=None)
