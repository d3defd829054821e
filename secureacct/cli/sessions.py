"""``secureacct sessions``: list, end and purge sessions, and count them.

Rules of this file: it reads options and prints; the work is done in :mod:`secureacct.sessions`. What a
client once said about itself is printed without control characters. Exit code 0: done; 2: it could not
be done, and nothing was acknowledged.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureacct.cli.database import existing
from secureacct.errors import SecureAcctError
from secureacct.sessions import Sessions

if TYPE_CHECKING:
    from secureacct.keys import Keyring
    from secureacct.records.events import Event


@click.group()
@click.option(
    "--store",
    envvar=["SECUREACCT_SESSION_URL", "SECUREACCT_DATABASE_URL"],
    required=True,
    help="Where the sessions are: an SQLAlchemy URL, or redis://, rediss://, unix://.",
)
@click.option(
    "--keyring",
    envvar="SECUREACCT_KEYRING",
    type=click.Path(path_type=Path),
    help="The keys: opens device names, and writes what is done here into the security log.",
)
@click.option(
    "--passphrase-file",
    envvar="SECUREACCT_KEYRING_PASSPHRASE_FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the passphrase that wraps the keyring.",
)
@click.pass_context
def group(context: click.Context, store: str, keyring: Path | None, passphrase_file: Path | None) -> None:
    """List, end and purge sessions. Ending is immediate: the next request is signed out."""
    context.obj = {"store": store, "keyring": keyring, "passphrase": passphrase_file}


class _Tool:
    """What every command works with."""

    def __init__(self, sessions: Sessions, keys: Keyring | None, *, records: bool) -> None:
        self.sessions = sessions
        self.keys = keys
        self.records = records

    def events(self, name: str, account_id: str | None, session_id: str | None = None) -> tuple[Event, ...]:
        """The event of a command; none where there is no log or no key to write it with."""
        if self.keys is None or not self.records:
            return ()
        from secureacct.audit import EventKeys
        from secureacct.audit.events import RANDOM_BYTES, event_id, with_mac
        from secureacct.records.events import Event

        now = time.time()
        bare = Event(
            id=event_id(now=now, random=os.urandom(RANDOM_BYTES)),
            at=int(now),
            name=name,
            outcome="ok",
            reason="operator",
            account_id=account_id,
            session_id=session_id,
        )
        return (with_mac(EventKeys(self.keys), bare),)


@contextmanager
def _tool(context: click.Context) -> Iterator[_Tool]:
    options = context.obj
    try:
        keys = _keys(options["keyring"], options["passphrase"])
        url = options["store"]
        if url.partition("://")[0] in ("redis", "rediss", "unix", "valkey", "valkeys"):
            from secureacct.stores.redis import RedisStore, client_from_url

            with client_from_url(url) as client:
                yield _Tool(Sessions(RedisStore(client), keys=keys), keys, records=False)
            return
        from secureacct.stores.sql import SqlStore

        store = SqlStore.from_url(existing(url, needed_for="secureacct sessions"))
        try:
            yield _Tool(Sessions(store, keys=keys), keys, records=True)
        finally:
            store.engine.dispose()
    except SecureAcctError as error:
        click.echo(f"secureacct: {error}", err=True)
        context.exit(2)


def _keys(keyring: Path | None, passphrase: Path | None) -> Keyring | None:
    if keyring is None:
        return None
    from secureacct.cli.keyring import opened

    return opened(keyring, passphrase)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


@group.command("list")
@click.argument("account_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_sessions(context: click.Context, account_id: str, as_json: bool) -> None:
    """The live sessions of an account: public id, times, device."""
    with _tool(context) as tool:
        for one in tool.sessions.devices(account_id):
            if as_json:
                line: dict[str, Any] = {
                    "id": one.id,
                    "name": one.name,
                    "network": one.network,
                    "remember": one.remember,
                    "created_at": one.created_at,
                    "last_seen_at": one.last_seen_at,
                }
                click.echo(json.dumps(line, sort_keys=True))
            else:
                where = _plain(f"{one.name}, {one.network}" if one.network else one.name)
                kept = " remembered" if one.remember else ""
                click.echo(f"{one.id}  {_time(one.created_at)}  {_time(one.last_seen_at)}  {where}{kept}")


@group.command()
@click.argument("account_id")
@click.argument("session_id")
@click.pass_context
def end(context: click.Context, account_id: str, session_id: str) -> None:
    """End one session of an account. Exit code 1: there was none of this id."""
    with _tool(context) as tool:
        events = tool.events("sessions_ended", account_id, session_id)
        if not tool.sessions.end_by_id(account_id, session_id, events=events):
            click.echo("no such session", err=True)
            context.exit(1)
        click.echo("ended 1")


@group.command("end-all")
@click.argument("account_id", required=False)
@click.option("--everyone", is_flag=True, help="Every session of every account.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def end_all(context: click.Context, account_id: str | None, everyone: bool, yes: bool) -> None:
    """End every session of an account, or, on a bad day, of everyone."""
    if everyone == (account_id is not None):
        raise click.UsageError("name an account, or say --everyone")
    if everyone and not yes:
        click.confirm("Every person will have to sign in again. Go on?", abort=True)
    with _tool(context) as tool:
        if account_id is None:
            tool.sessions.end_everyone(events=tool.events("sessions_ended", None))
            click.echo("ended every session of every account")
            return
        ended = tool.sessions.end_all(account_id, events=tool.events("sessions_ended", account_id))
        click.echo(f"ended {ended}")


@group.command()
@click.pass_context
def purge(context: click.Context) -> None:
    """Remove rows of sessions that are over. Safe at any time and beside any number of others."""
    with _tool(context) as tool:
        began = time.monotonic()
        removed = tool.sessions.purge()
        click.echo(f"removed {removed} in {time.monotonic() - began:.1f} s")


@group.command()
@click.pass_context
def stats(context: click.Context) -> None:
    """How many rows there are, dead ones included until a purge meets them."""
    with _tool(context) as tool:
        click.echo(f"rows {tool.sessions.count()}")


__all__ = ["group"]
