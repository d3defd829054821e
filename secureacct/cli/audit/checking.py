"""``verify``: whether the log is whole, for people and as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureacct.cli.audit.opening import group, in_utc, opened, plain, told

if TYPE_CHECKING:
    from secureacct.audit import Report


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

    with told():
        log = opened(context)
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
        since = in_utc(report.pending.oldest_at or 0)
        click.echo(
            f"blind window: {report.pending.count:,} events since {since} are not sealed; "
            "if others were deleted there, nobody can tell"
        )
    if report.ok:
        click.echo("the log is whole")
        return
    click.echo(f"THE LOG IS NOT WHOLE: {report.found:,} findings, the first:")
    for finding in report.findings[:20]:
        click.echo(f"  {finding.code}: {plain(finding.text)}")
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
