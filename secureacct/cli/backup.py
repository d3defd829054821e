"""``secureacct backup``: seal a dump or a keyring into an archive, and open it again, whole or not at all.

Rules of this file: a passphrase comes from a file or a prompt, never from the command line, where other
users of the machine could read it; the archive of the data and that of the keys are two.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from secureacct.errors import ConfigurationError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def group() -> None:
    """Sealed backups of a database dump or a keyring."""


def _provider(passphrase_file: Path | None, provider: str | None, *, confirm: bool) -> Any:
    from secureacct.keys import PassphraseProvider

    if provider is not None:
        module, _, name = provider.partition(":")
        sys.path.insert(0, "")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigurationError(f"--provider {provider}: {error}") from None
    if passphrase_file is not None:
        try:
            text = passphrase_file.read_text("utf-8").rstrip("\r\n")
        except OSError as error:
            raise ConfigurationError(f"--passphrase-file: cannot be read ({error.strerror})") from None
    else:
        text = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    return PassphraseProvider(text)


def _options(command: Any) -> Any:
    for option in (
        click.option("--passphrase-file", type=_FILE, help="Holds the passphrase; a prompt asks otherwise."),
        click.option("--provider", metavar="MODULE:NAME", help="A key service instead: any KeyProvider."),
        click.option("--keyring", "holds", flag_value="keyring", help="It is a keyring."),
        click.option("--data", "holds", flag_value="data", default=True, help="It is data (the default)."),
    ):
        command = option(command)
    return command


@group.command()
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
@_options
def seal(source: Path, target: Path, holds: Any, passphrase_file: Path | None, provider: str | None) -> None:
    """Seal SOURCE into the new archive TARGET. A database is dumped first (pg_dump, sqlite3 .backup)."""
    from secureacct.commitments import backup

    wraps = _provider(passphrase_file, provider, confirm=True)
    start = time.perf_counter()
    size = backup.seal(source, target, provider=wraps, holds=holds)
    rate = size / max(time.perf_counter() - start, 1e-6) / 1e6
    click.echo(f"sealed {size} bytes into {target} ({rate:.0f} MB/s)")


@group.command("open")
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
@_options
def open_(source: Path, target: Path, holds: Any, passphrase_file: Path | None, provider: str | None) -> None:
    """Open the archive SOURCE into the new file TARGET, which appears whole or not at all."""
    from secureacct.commitments import backup

    wraps = _provider(passphrase_file, provider, confirm=False)
    try:
        header = backup.unseal(source, target, provider=wraps, expected_holds=holds)
    except (backup.BackupAltered, backup.BackupLocked) as error:
        click.echo(f"secureacct: {error}", err=True)
        raise SystemExit(1) from None
    made = datetime.fromtimestamp(header.made_at, UTC)
    click.echo(f"opened into {target}: {header.holds} of {made:%Y-%m-%d %H:%M} UTC")


@group.command()
@click.argument("source", type=_FILE)
def show(source: Path) -> None:
    """Say what the archive SOURCE says of itself. Nothing is verified without the key."""
    from secureacct.commitments import backup

    try:
        with source.open("rb") as file:
            header, _ = backup.read_header(file)
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read ({error.strerror})") from None
    except backup.BackupAltered as error:
        click.echo(f"secureacct: {error}", err=True)
        raise SystemExit(1) from None
    facts = {"holds": header.holds, "made_at": header.made_at, "provider": header.provider}
    click.echo(json.dumps({**facts, "key_id": header.key_id}, indent=1))
