"""``tail`` and ``export``: what the log says, as lines and as JSON."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import click

from secureacct.cli.audit.opening import group, in_utc, opened, plain, reader_of, told
from secureacct.errors import SecureAcctError

if TYPE_CHECKING:
    from secureacct.accounts.personal_log import PersonalLog
    from secureacct.audit import AuditLog
    from secureacct.records.events import Event

PAGE = 1000  # events read at once


@group.command()
@click.option("-n", "lines", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option("--account", help="Only this account's events.")
@click.option("--personal", is_flag=True, help="Decrypt device, network and detail.")
@click.pass_context
def tail(context: click.Context, lines: int, follow: bool, account: str | None, personal: bool) -> None:
    """Show the newest events, one a line."""
    with told():
        log = opened(context)
        reader = reader_of(log) if personal else None
        from secureacct._faces import run_inline

        store: Any = log.parts.store
        if account is None:
            events = run_inline(store.newest_events(limit=lines))
        else:
            events = sorted(run_inline(store.events_of(account, limit=lines)), key=lambda one: one.id)
        last = ""
        while True:
            _load(reader, events)
            for event in events:
                last = event.id
                if account is None or event.account_id == account:
                    click.echo(_line(event, reader))
            if not follow:
                return
            if not events:
                time.sleep(1)
            events = run_inline(store.events_after(last, limit=PAGE))


def _line(event: Event, reader: PersonalLog | None) -> str:
    words = [in_utc(event.at), event.name, event.outcome, event.reason or "-"]
    words.append(f"account={event.account_id or '-'}")
    if event.session_id:
        words.append(f"session={event.session_id}")
    if event.correlation_id:
        words.append(f"request={event.correlation_id}")
    if reader is not None:
        words += [f"{key}={value}" for key, value in _personal(event, reader).items()]
    return "  ".join(plain(one) for one in words)


def _personal(event: Event, reader: PersonalLog) -> dict[str, str]:
    from secureacct.fields import SubjectForgotten

    try:
        return reader.read(event)
    except SubjectForgotten:
        return {"personal": "<erased>"}
    except SecureAcctError as error:
        return {"personal": f"<{error.code}>"}


def _load(reader: PersonalLog | None, events: Iterable[Event]) -> None:
    from secureacct._faces import run_inline

    if reader is not None:
        run_inline(reader.load(one.account_id for one in events))


@group.command()
@click.option("--out", type=click.File("w"), default="-", help="The file; standard output if left out.")
@click.option("--since", type=click.DateTime(), help="UTC.")
@click.option("--until", type=click.DateTime(), help="UTC, not included.")
@click.option("--personal", is_flag=True, help="Decrypt device, network and detail.")
@click.pass_context
def export(
    context: click.Context, out: TextIO, since: datetime | None, until: datetime | None, personal: bool
) -> None:
    """Write events as JSON lines, with their MACs, oldest first."""
    with told():
        log = opened(context)
        reader = reader_of(log) if personal else None
        first = -(1 << 62) if since is None else int(since.replace(tzinfo=UTC).timestamp())
        end = 1 << 62 if until is None else int(until.replace(tzinfo=UTC).timestamp())
        number = 0
        for page in _pages(log):
            wanted = [event for event in page if first <= event.at < end]
            _load(reader, wanted)
            for event in wanted:
                out.write(json.dumps(_exported(event, reader)) + "\n")
            number += len(wanted)
        out.flush()
        click.echo(f"{number:,} events", err=True)


def _pages(log: AuditLog) -> Iterator[Sequence[Event]]:
    from secureacct._faces import run_inline

    last = ""
    while events := run_inline(log.parts.store.events_after(last, limit=PAGE)):
        yield events
        last = events[-1].id


def _exported(event: Event, reader: PersonalLog | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": event.id,
        "at": in_utc(event.at),
        "name": event.name,
        "outcome": event.outcome,
        "reason": event.reason,
        "account_id": event.account_id,
        "session_id": event.session_id,
        "correlation_id": event.correlation_id,
        "sealed": base64.b64encode(event.sealed).decode(),
        "mac": event.mac.hex(),
    }
    if reader is not None:
        row["personal"] = _personal(event, reader)
    return row
