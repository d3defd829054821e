"""``seal``, ``prune``, ``public-key``: closing the log, shortening it, and what others check it with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from secureacct.cli.audit.opening import group, opened, reader_of, told
from secureacct.errors import StoreUnavailable

DAY_S = 86_400


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

    with told():
        sinks: tuple[Any, ...] = (*([FileSink(notes)] if notes else []), *([SyslogSink()] if syslog else []))
        log = opened(context, sinks=sinks)
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

    with told():
        log = opened(context, sinks=(FileSink(notes),) if notes else ())
        log.hand_over()
        if not yes:
            click.confirm(f"Remove events older than {days} days for good?", abort=True)
        now = time.time()
        segments, events = log.prune(before=int(now) - days * DAY_S)
        if segments:
            removal = seal_event(
                log.parts.keys,
                reader_of(log).of_site,
                id=event_id(now=now, random=os.urandom(10)),
                at=int(now),
                name="audit_pruned",
                outcome="ok",
                personal={"detail": f"{segments} segments, {events} events, older than {days} days"},
            )
            store: Any = log.parts.store
            run_inline(store.commit((), events=(removal,)))
        click.echo(f"removed {events:,} events in {segments:,} segments")


@group.command("public-key")
@click.pass_context
def public_key(context: click.Context) -> None:
    """Print the keys that check this log's checkpoints, the current one first. They are no secret."""
    from secureacct.audit.notes import public_keys, verifier_key

    with told():
        log = opened(context)
        for key in public_keys(log.parts.keys):
            click.echo(verifier_key(log.parts.name, key))
