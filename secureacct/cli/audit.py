"""``secureacct audit``: seal, verify, tail, export and prune the security log.

Rules of this file: it reads options and prints; the work is done in :mod:`secureacct.audit`. Exit code 0:
all is well; 1: the log is not what it was; 2: the command could not do its work. Whatever comes from the
log is escaped before it reaches a terminal.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from secureacct.errors import ConfigurationError, MissingExtra, SecureAcctError, StoreUnavailable

if TYPE_CHECKING:
    from secureacct.accounts.personal_log import PersonalLog
    from secureacct.audit import AuditLog, Report
    from secureacct.records.events import Event

PAGE = 1000  # events read at once
DAY_S = 86_400


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


def _open(context: click.Context, *, sinks: tuple[Any, ...] = ()) -> AuditLog:
    """The log that the options name.

    :raises ConfigurationError: the database URL cannot be used.
    :raises KeyringError: the keyring cannot be opened.
    """
    options = context.obj
    try:
        import sqlalchemy as sa
        from sqlalchemy.exc import ArgumentError

        from secureacct.stores.sql.audit import BlockingAudit
        from secureacct.stores.sql.journal import BlockingJournal
        from secureacct.stores.sql.subject_keys import BlockingSubjectKeys
    except ModuleNotFoundError:
        raise MissingExtra("sql", needed_for="the security log") from None
    from secureacct.audit import AuditLog
    from secureacct.keys import Keyring

    class Store(BlockingAudit, BlockingJournal, BlockingSubjectKeys):
        """Only the log, and the keys of the people in it."""

    phrase = options["passphrase"]
    passphrase = phrase.read_text().strip() if phrase is not None else None
    keys = Keyring.load(options["keyring"], passphrase=passphrase)
    try:
        engine = sa.create_engine(options["database"])
    except (ArgumentError, ModuleNotFoundError):  # the message may hold the URL's password
        raise ConfigurationError("the database URL cannot be used") from None
    context.call_on_close(engine.dispose)
    return AuditLog(Store(engine), keys, sinks=sinks, name=options["name"])


@contextmanager
def _told() -> Iterator[None]:
    """Say an error in one line and end with 2."""
    try:
        yield
    except (SecureAcctError, OSError) as error:
        click.echo(f"secureacct audit: {error}", err=True)
        raise SystemExit(2) from None


@group.command()
@click.option("--notes", type=click.Path(path_type=Path), help="A file outside, where checkpoints go.")
@click.option("--syslog", is_flag=True, help="Send checkpoints to the system log as well.")
@click.option("--now", "force", is_flag=True, help="Seal everything, without waiting for a minute's worth.")
@click.option("--every", type=click.IntRange(1, 3600), help="Stay, and look again after so many seconds.")
@click.pass_context
def seal(context: click.Context, notes: Path | None, syslog: bool, force: bool, every: int | None) -> None:
    """Close what is due with a signed checkpoint, and hand it to the outside.

    Run it every minute, or let it stay with --every 30.
    """
    from secureacct.audit import FileSink, SyslogSink

    with _told():
        sinks: tuple[Any, ...] = (*([FileSink(notes)] if notes else []), *([SyslogSink()] if syslog else []))
        log = _open(context, sinks=sinks)
        while True:
            try:
                for segment in log.seal(force=force):
                    click.echo(f"sealed segment {segment.number}: {segment.count} events")
            except StoreUnavailable as error:
                if every is None:
                    raise
                click.echo(f"secureacct audit: {error}", err=True)  # and try again: the log only grows
            if every is None:
                return
            time.sleep(every)


@group.command()
@click.option(
    "--notes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file outside with the checkpoints. Without it a cut-off end cannot be seen.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
def verify(context: click.Context, notes: Path | None, as_json: bool, quiet: bool) -> None:
    """Check every event, every segment and the whole chain."""
    from secureacct.audit import notes_in

    with _told():
        log = _open(context)
        anchors = tuple(notes_in(notes)) if notes else ()
        report = log.verify(anchors=anchors, progress=None if quiet or as_json else _progress())
    if as_json:
        click.echo(json.dumps(_as_json(report)))
    else:
        _say(report, outside=notes is not None)
    raise SystemExit(0 if report.ok else 1)


def _progress() -> Any:
    """Say how far it is, at most twice a second, and only to a terminal."""
    last = began = time.monotonic()

    def tell(events: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.5 and sys.stderr.isatty():
            last = now
            click.echo(f"\r{events:,} events, {events / (now - began):,.0f} a second ", nl=False, err=True)

    return tell


def _say(report: Report, *, outside: bool) -> None:
    if sys.stderr.isatty():
        click.echo("\r", nl=False, err=True)
    click.echo(
        f"{report.events:,} events in {report.segments:,} segments"
        + (f", {report.pruned:,} of them pruned" if report.pruned else "")
    )
    if outside:
        click.echo(f"{report.anchored:,} segments are vouched for by checkpoints outside")
    else:
        click.echo("no checkpoints from outside: a cut-off end or an old copy would not be seen (--notes)")
    if report.pending.count:
        since = _time(report.pending.oldest_at or 0)
        click.echo(
            f"blind window: {report.pending.count:,} events since {since} are not sealed; "
            "if others were deleted there, nobody can tell"
        )
    if report.ok:
        click.echo("the log is whole")
        return
    click.echo(f"THE LOG IS NOT WHOLE: {report.found:,} findings, the first:")
    for finding in report.findings[:20]:
        click.echo(f"  {finding.code}: {_plain(finding.text)}")
    if report.found > 20:
        click.echo(f"  and {report.found - 20:,} more")


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "events": report.events,
        "segments": report.segments,
        "pruned": report.pruned,
        "anchored": report.anchored,
        "pending": {"count": report.pending.count, "oldest_at": report.pending.oldest_at},
        "found": report.found,
        "findings": [
            {"code": one.code, "text": one.text, "segment": one.segment, "event_id": one.event_id}
            for one in report.findings
        ],
    }


@group.command()
@click.option("-n", "lines", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option("--account", help="Only this account's events.")
@click.option("--personal", is_flag=True, help="Decrypt device, network and detail.")
@click.pass_context
def tail(context: click.Context, lines: int, follow: bool, account: str | None, personal: bool) -> None:
    """Show the newest events, one a line."""
    with _told():
        log = _open(context)
        reader = _reader(log) if personal else None
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
    told = [_time(event.at), event.name, event.outcome, event.reason or "-"]
    told.append(f"account={event.account_id or '-'}")
    if event.session_id:
        told.append(f"session={event.session_id}")
    if event.correlation_id:
        told.append(f"request={event.correlation_id}")
    if reader is not None:
        told += [f"{key}={value}" for key, value in _personal(event, reader).items()]
    return "  ".join(_plain(one) for one in told)


def _personal(event: Event, reader: PersonalLog) -> dict[str, str]:
    from secureacct.fields import SubjectForgotten

    try:
        return reader.read(event)
    except SubjectForgotten:
        return {"personal": "<erased>"}
    except SecureAcctError as error:
        return {"personal": f"<{error.code}>"}


def _reader(log: AuditLog) -> PersonalLog:
    from secureacct.accounts.personal_log import PersonalLog

    return PersonalLog(log.parts.store, log.parts.keys.keys)


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
    with _told():
        log = _open(context)
        reader = _reader(log) if personal else None
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
        "at": _time(event.at),
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


@group.command()
@click.option("--older-than", "days", required=True, type=click.IntRange(1), help="Days an event is kept.")
@click.option(
    "--notes", type=click.Path(path_type=Path), help="The file outside; checkpoints go there first."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def prune(context: click.Context, days: int, notes: Path | None, yes: bool) -> None:
    """Remove whole segments that are old enough. Their seals stay, and the removal is an event itself."""
    import os

    from secureacct._faces import run_inline
    from secureacct.audit import FileSink, event_id, seal_event

    with _told():
        log = _open(context, sinks=(FileSink(notes),) if notes else ())
        log.hand_over()
        if not yes:
            click.confirm(f"Remove events older than {days} days for good?", abort=True)
        now = time.time()
        segments, events = log.prune(before=int(now) - days * DAY_S)
        if segments:
            told = seal_event(
                log.parts.keys,
                _reader(log).of_site,
                id=event_id(now=now, random=os.urandom(10)),
                at=int(now),
                name="audit_pruned",
                outcome="ok",
                personal={"detail": f"{segments} segments, {events} events, older than {days} days"},
            )
            store: Any = log.parts.store
            run_inline(store.commit((), events=(told,)))
        click.echo(f"removed {events:,} events in {segments:,} segments")


@group.command("public-key")
@click.pass_context
def public_key(context: click.Context) -> None:
    """Print the keys that check this log's checkpoints, the current one first. They are no secret."""
    from secureacct.audit.notes import public_keys, verifier_key

    with _told():
        log = _open(context)
        for key in public_keys(log.parts.keys):
            click.echo(verifier_key(log.parts.name, key))


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # an altered event may claim any time
        return f"@{seconds}"


def _plain(text: str) -> str:
    from secureacct.logs import escape

    return escape(text, most=None)
