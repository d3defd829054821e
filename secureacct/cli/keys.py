"""``secureacct keys``: make, show and change the keyring."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from secureacct.cli.keyring import keyring_options, opened, passphrase_in
from secureacct.keys import ROOTS, Keyring

FIELDS_ROOT = "fields"


@click.group()
def group() -> None:
    """Make, show and change the keyring. Every change is on disk before the command returns."""


root_option: Final = click.option(
    "--root", type=click.Choice(ROOTS), default=FIELDS_ROOT, show_default=True, help="Which root."
)


@group.command()
@click.argument("path", envvar="SECUREACCT_KEYRING", type=click.Path(path_type=Path))
@click.option(
    "--passphrase-file",
    envvar="SECUREACCT_KEYRING_PASSPHRASE_FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Wrap it by the passphrase in this file.",
)
def init(path: Path, passphrase_file: Path | None) -> None:
    """Make a new keyring at PATH. An existing file is never replaced."""
    Keyring.generate().save(path, passphrase_in(passphrase_file))
    click.echo(f"made {path} (mode 0600); back it up: without it what it protects is lost")


@group.command()
@keyring_options
@click.option("--root", type=click.Choice(ROOTS), help="Only this root.")
def show(keyring: Path, passphrase_file: Path | None, root: str | None) -> None:
    """List the keys and their states. Shows no key material."""
    ring = opened(keyring, passphrase_file)
    click.echo(f"{'root':<8} {'id':>5}  {'state':<13} {'since':<20} made")
    for key in ring.describe(root):
        click.echo(
            f"{key.root:<8} {key.id:>5}  {key.state.value:<13} {_time(key.changed):<20} {_time(key.created)}"
        )


@group.command()
@keyring_options
@root_option
def rotate(keyring: Path, passphrase_file: Path | None, root: str) -> None:
    """Make a new primary key. Older ones keep verifying and decrypting."""
    click.echo(f"key {opened(keyring, passphrase_file).rotate(root)} of root {root} is primary")


@group.command("add-pending")
@keyring_options
@root_option
def add_pending(keyring: Path, passphrase_file: Path | None, root: str) -> None:
    """Make a key that every process learns before anyone writes with it; then: promote."""
    click.echo(f"key {opened(keyring, passphrase_file).add_pending(root)} of root {root} is pending")


@group.command()
@keyring_options
@root_option
@click.argument("key_id", type=int)
def promote(keyring: Path, passphrase_file: Path | None, root: str, key_id: int) -> None:
    """Let KEY_ID write from now on."""
    opened(keyring, passphrase_file).promote(root, key_id)
    click.echo(f"key {key_id} of root {root} is primary")


@group.command()
@keyring_options
@root_option
@click.argument("key_id", type=int)
def disable(keyring: Path, passphrase_file: Path | None, root: str, key_id: int) -> None:
    """Hold KEY_ID back. What it protects is unreadable until it is enabled."""
    opened(keyring, passphrase_file).disable(root, key_id)
    click.echo(f"key {key_id} of root {root} is disabled; bring it back with: secureacct keys enable")


@group.command()
@keyring_options
@root_option
@click.argument("key_id", type=int)
def enable(keyring: Path, passphrase_file: Path | None, root: str, key_id: int) -> None:
    """Bring KEY_ID back as decrypt-only."""
    opened(keyring, passphrase_file).enable(root, key_id)
    click.echo(f"key {key_id} of root {root} is decrypt-only")


@group.command()
@keyring_options
@root_option
@click.argument("key_id", type=int)
@click.option("--models", help="module:attribute of the encrypted columns, to count what is left.")
@click.option("--database", envvar="SECUREACCT_DATABASE_URL", help="SQLAlchemy URL, to count what is left.")
@click.option("--force", is_flag=True, help="Destroy it whatever it still protects. There is no way back.")
def destroy(
    keyring: Path,
    passphrase_file: Path | None,
    root: str,
    key_id: int,
    models: str | None,
    database: str | None,
    force: bool,
) -> None:
    """Forget KEY_ID for good. Refused while it still protects something, or nobody counted."""
    ring = opened(keyring, passphrase_file)
    remaining: Callable[[], int] | None = None
    if root == FIELDS_ROOT and models and database and not force:
        from secureacct.cli.fields import rotations  # only here: it loads the ORM

        targets = rotations(models, database, ring)

        def count() -> int:
            return sum(target.remaining_under(key_id) for target in targets)

        remaining = count
    ring.destroy(root, key_id, force, remaining=remaining)
    click.echo(f"key {key_id} of root {root} is destroyed")


@group.command()
@keyring_options
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Wrap it by this one; without it the keyring is left unwrapped.",
)
def rewrap(keyring: Path, passphrase_file: Path | None, new_passphrase_file: Path | None) -> None:
    """Change, set or remove the passphrase of the keyring file. Keys stay the same."""
    opened(keyring, passphrase_file).save(keyring, passphrase_in(new_passphrase_file))
    click.echo("wrapped by the new passphrase" if new_passphrase_file else "not wrapped any more")


def _time(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
