"""``flask secureacct ...``: what an operator needs, with the app's own settings."""

from __future__ import annotations

import click

from secureacct._bytes import b64url
from secureacct._faces import run_inline
from secureacct.accounts import standing
from secureacct.accounts.recovery import recover_by_operator
from secureacct.commitments import own_data, receipts
from secureacct.errors import SecureAcctError
from secureacct.records.accounts import PurgeAccounts
from secureacct.records.challenges import PurgeChallenges
from secureacct.records.changes import Committed
from secureacct.sessions import many as sessions
from secureacct.throttle import steps as throttle
from secureacct.web.flask.shell import Shell


def group(shell: Shell) -> click.Group:
    """The commands of one app."""

    @click.group("secureacct")
    def secureacct() -> None:
        """Accounts: tables, mails, housekeeping."""

    @secureacct.command()
    def init() -> None:
        """Make the tables and the keyring that are missing. Again is no harm."""
        try:
            shell.site.assembly.init()
        except SecureAcctError as error:
            raise click.ClickException(str(error)) from None
        keyring = shell.site.settings.keyring
        click.echo(f"ready; keep a copy of {keyring} apart from the database: nothing opens without it")

    @secureacct.command()
    def deliver() -> None:
        """Hand over the mails that wait."""
        click.echo(f"{shell.deliver()} mails left")

    @secureacct.command()
    def prune() -> None:
        """Remove what has expired: sign-ups, links, pending sign-ins, challenges, sessions, counts."""
        parts = shell.site.parts
        now = parts.now()
        done = run_inline(parts.store.commit((PurgeAccounts(now=now), PurgeChallenges(now=now))))
        removed = sum(done.counts) if isinstance(done, Committed) else 0
        removed += run_inline(sessions.purge(shell.site.sessions))
        removed += run_inline(throttle.forget(parts.throttle))
        click.echo(f"{removed} rows removed")

    @secureacct.group()
    def privacy() -> None:
        """Copies, deletions and records past their time."""

    @privacy.command("run")
    def privacy_run() -> None:
        """Make the copies that wait, erase the accounts that are due, delete what is past its time. Daily."""
        ran = run_inline(own_data.run(shell.site.privacy))
        aged = sum(one.deleted for one in ran.aged)
        click.echo(
            f"{ran.copies} copies made, {len(ran.receipts)} accounts erased, {aged} old records deleted"
        )
        for receipt in ran.receipts:
            click.echo(f"receipt {receipt}")
        click.echo(f"{shell.deliver()} mails left")

    @privacy.command("key")
    def privacy_key() -> None:
        """Print the public key that receipts of erasure are checked with."""
        click.echo(b64url(receipts.public_key(shell.site.parts.vault.keys)))

    _operator(secureacct, shell)
    _log(secureacct, shell)
    return secureacct


def _operator(secureacct: click.Group, shell: Shell) -> None:
    @secureacct.command("recover")
    @click.argument("email")
    @click.confirmation_option(prompt="Have you made sure, by other means, who is asking?")
    def recover(email: str) -> None:
        """Remove every second factor of an account whose owner lost them and the password."""
        run_inline(recover_by_operator(shell.site.parts, _account(shell, email)))
        click.echo("factors removed, sessions ended, owner told")

    @secureacct.command("disable")
    @click.argument("email")
    def disable(email: str) -> None:
        """Close an account to everybody and end its sessions, until it is enabled."""
        run_inline(standing.disable(shell.site.parts, _account(shell, email)))
        click.echo("sessions ended, sign-in refused until 'flask secureacct enable'")

    @secureacct.command("enable")
    @click.argument("email")
    def enable(email: str) -> None:
        """Let the owner of a disabled account sign in again."""
        run_inline(standing.enable(shell.site.parts, _account(shell, email)))
        click.echo("its owner may sign in again")


def _account(shell: Shell, email: str) -> str:
    known = run_inline(shell.site.parts.people.find(email))
    if known is None:
        raise click.ClickException("no account has this address")
    return known.id


def _log(secureacct: click.Group, shell: Shell) -> None:
    @secureacct.command()
    @click.option("--now", "force", is_flag=True, help="Everything, without waiting for a minute's worth.")
    def seal(force: bool) -> None:
        """Close what is due in the security log with signed checkpoints. Every minute."""
        click.echo(f"{shell.seal(force=force)} segments sealed")
