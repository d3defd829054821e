"""``secureacct retention``: which records stay how long and why, and the run that keeps to it.

Rules of this file: it reads options and prints; the work is done in ``secureacct.commitments.retention``. The
security log has its own end: ``secureacct audit prune``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from secureacct.cli.database import existing


@click.group()
def group() -> None:
    """How long records stay, and deleting what is past its time."""


def _rules(changed: tuple[str, ...]) -> Any:
    from secureacct.commitments.retention import RULES, RetentionRule, with_rules

    known = {one.table: one for one in RULES}
    made = []
    for one in changed:
        table, _, days = one.partition("=")
        if table not in known or not days.isdecimal():
            raise click.BadParameter(f"--keep {one}: must be one of {', '.join(known)}, = and days")
        made.append(RetentionRule(table=table, keep=timedelta(days=int(days)), why="set on the command line"))
    return with_rules(*made)


@group.command()
def rules() -> None:
    """Print the rules."""
    for one in _rules(()):
        click.echo(f"{one.table:12} {one.keep.days:5} days  {one.why}")


@group.command()
@click.option(
    "--database", envvar="SECUREACCT_DATABASE_URL", required=True, help="The records: an SQLAlchemy URL."
)
@click.option("--dry-run", is_flag=True, help="Count, and delete nothing.")
@click.option("--keep", "changed", multiple=True, metavar="TABLE=DAYS", help="Another time for one table.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def run(database: str, dry_run: bool, changed: tuple[str, ...], as_json: bool) -> None:
    """Delete what is past its time, in small steps. Run it daily; stopping it half way is no harm."""
    from secureacct._faces import run_inline
    from secureacct.commitments.retention import RetentionParts
    from secureacct.commitments.retention import run as retention_run

    database = existing(database, needed_for="secureacct retention")
    from secureacct.stores.sql import SqlStore

    parts = RetentionParts(store=SqlStore.from_url(database), rules=_rules(changed))
    found = run_inline(retention_run(parts, dry_run=dry_run))
    if as_json:
        facts = [
            {"table": one.rule.table, "before": one.before, "found": one.found, "deleted": one.deleted}
            for one in found
        ]
        click.echo(json.dumps({"dry_run": dry_run, "tables": facts}, indent=1))
        return
    for one in found:
        moment = datetime.fromtimestamp(one.before, UTC).strftime("%Y-%m-%d %H:%M")
        did = "would go" if dry_run else "deleted"
        click.echo(f"{one.rule.table:12} before {moment} UTC: {one.found if dry_run else one.deleted} {did}")
