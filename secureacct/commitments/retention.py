"""How long each kind of record stays, as data, and the run that keeps to it (C13, C17).

Rules of this file: every table that ages has a rule with a reason; a rule is a number of days and never
"for ever" by silence; a dry run counts what a run would delete and deletes nothing; a run goes in
chunks, so it never holds a table for long, and stopping it half way is no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from secureacct._faces import Kind
from secureacct.commitments.errors import BadPromise
from secureacct.commitments.mailings import CONFIRM_LIFETIME
from secureacct.ports.exports import HeldReads
from secureacct.ports.journal import Journal
from secureacct.records.changes import Committed
from secureacct.records.deletions import PurgeHeld
from secureacct.records.exports import DropExports
from secureacct.records.mailings import ForgetPending
from secureacct.records.statistics import ForgetDays

CHUNK = 1000  # rows a transaction; short enough not to be noticed beside requests
DAY_S = 86_400


class RetentionStore(Journal, HeldReads, Protocol):
    """What retention asks of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """How long rows of a table stay after the moment that ages them, and why so long."""

    table: str
    keep: timedelta
    why: str


RULES: tuple[RetentionRule, ...] = (
    RetentionRule(
        table="letter", keep=timedelta(0),
        why="a letter carries its own end, set when it is kept; past it, it goes",
    ),
    RetentionRule(
        table="disclosure", keep=timedelta(days=1095),
        why="so that people can see who got their data in the last three years",
    ),
    RetentionRule(
        table="deletion", keep=timedelta(days=1095),
        why="a receipt names nobody and proves that we did what was asked",
    ),
)  # fmt: skip
"""Our own tables. An app that keeps the security log here adds its rule for it."""


class AgesElsewhere(Protocol):
    """Something that ages and is not one of our registered tables: the app's own, or the security log."""

    async def older(self, *, before: int) -> int:
        """How many records are older than ``before`` (seconds since the epoch)."""
        ...

    async def purge(self, *, before: int, limit: int) -> int:
        """Delete up to ``limit`` of them; how many went."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionParts:
    """What a run works with."""

    store: RetentionStore
    rules: Sequence[RetentionRule] = RULES
    elsewhere: Mapping[str, AgesElsewhere] = field(default_factory=dict)
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """What one rule found, and what became of it."""

    rule: RetentionRule
    before: int  # seconds since the epoch
    found: int
    deleted: int


def with_rules(*changed: RetentionRule, base: Sequence[RetentionRule] = RULES) -> tuple[RetentionRule, ...]:
    """The rules with some replaced or added, by table.

    :raises BadPromise: a rule without a reason, or with a time below zero.
    """
    for one in changed:
        if not one.why.strip() or one.keep < timedelta(0):
            raise BadPromise(f"retention of {one.table!r}: needs a reason and a time of zero or more")
    rules = {one.table: one for one in base} | {one.table: one for one in changed}
    return tuple(rules.values())


async def run(
    parts: RetentionParts, *, dry_run: bool, progress: Callable[[str, int], object] | None = None
) -> Sequence[Aged]:
    """Keep to every rule: count what is past its time, and delete it unless this is a dry run.

    :param progress: called after each chunk with the table and how many rows are gone so far.
    """
    now = int(parts.clock())
    report = []
    for rule in parts.rules:
        before = now - int(rule.keep.total_seconds())
        other = parts.elsewhere.get(rule.table)
        if other is not None:
            found = await other.older(before=before)
        else:
            found = await parts.store.held_older(rule.table, before=before)
        deleted = 0
        while not dry_run:
            if other is not None:
                gone = await other.purge(before=before, limit=CHUNK)
            else:
                change = PurgeHeld(table=rule.table, before=before, limit=CHUNK)
                outcome = await parts.store.commit([change])
                gone = outcome.counts[0] if isinstance(outcome, Committed) else 0
            deleted += gone
            if progress is not None:
                progress(rule.table, deleted)
            if gone < CHUNK:
                break
        report.append(Aged(rule=rule, before=before, found=found, deleted=deleted))
    if not dry_run:
        unproven = ForgetPending(before=now - int(CONFIRM_LIFETIME.total_seconds()))
        await parts.store.commit([DropExports(now=now), ForgetDays(day=now // DAY_S), unproven])
    return report
