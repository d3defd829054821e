"""C13: addresses and server logs may be used to police the site and see trends."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from secureacct._faces import run_inline
from secureacct.cli.retention import group
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.errors import BadPromise
from secureacct.commitments.pseudonyms import Pseudonyms
from secureacct.commitments.retention import CHUNK, RULES, RetentionParts, RetentionRule, run, with_rules
from secureacct.keys import Keyring
from secureacct.stores.sql import SqlStore
from secureacct.stores.sql.base import metadata
from tests.privacy_kit import START

MONTH_S = 30 * 86_400


def test_a_network_has_one_name_in_a_period_and_another_in_the_next(keys):
    """Attempts of a month can be counted together; two months have nothing in common."""
    names = Pseudonyms(keys)
    first = names.of("203.0.113.77", now=START)
    assert names.of("203.0.113.9", now=START) == first, "the same /24"
    assert names.of("203.0.114.77", now=START) != first
    assert names.of("203.0.113.77", now=START + MONTH_S) != first
    assert "203" not in first
    assert names.of("::ffff:203.0.113.77", now=START) == first
    assert names.of("2001:db8:1::1", now=START) == names.of("2001:db8:1:ffff::9", now=START)
    with pytest.raises(BadPromise):
        names.of("not an address", now=START)


def test_without_the_keyring_a_name_cannot_be_tried_out(keys):
    """Somebody with the log and no keys cannot go through all networks until one fits."""
    assert Pseudonyms(keys).of("203.0.113.77", now=START) != Pseudonyms(Keyring.generate()).of(
        "203.0.113.77", now=START
    )


class Log:
    """Something of the app's that ages: ten thousand lines."""

    def __init__(self, lines):
        self.lines = list(lines)

    async def older(self, *, before):
        return sum(one < before for one in self.lines)

    async def purge(self, *, before, limit):
        doomed = sorted(one for one in self.lines if one < before)[:limit]
        self.lines = [one for one in self.lines if one not in set(doomed)]
        return len(doomed)


def test_what_is_past_its_time_is_gone_in_small_steps(store, clock):
    """A run deletes chunk by chunk, and only what is past its time; a dry run deletes nothing."""
    now = int(clock())
    log = Log(range(now - 2500, now))
    rules = with_rules(RetentionRule(table="access log", keep=timedelta(seconds=100), why="trends"))
    parts = RetentionParts(store=store, rules=rules, elsewhere={"access log": log}, clock=clock)
    (dry,) = (one for one in run_inline(run(parts, dry_run=True)) if one.rule.table == "access log")
    assert (dry.found, dry.deleted, len(log.lines)) == (2400, 0, 2500)
    steps = []
    (wet,) = (
        one
        for one in run_inline(run(parts, dry_run=False, progress=lambda *at: steps.append(at)))
        if one.rule.table == "access log"
    )
    assert (wet.deleted, len(log.lines)) == (2400, 100)
    assert [gone for table, gone in steps if table == "access log"] == [CHUNK, 2 * CHUNK, 2400]
    assert min(log.lines) >= now - 100


def test_every_table_that_ages_has_a_rule_with_a_reason(store):
    """Our own tables are named, and each says why it stays as long as it does."""
    assert {one.table for one in RULES} == {"letter", "disclosure", "deletion"}
    assert all(one.why for one in RULES)
    for one in RULES:
        assert run_inline(store.held_older(one.table, before=0)) == 0


def test_the_command_counts_and_then_deletes(tmp_path, keys):
    """``--dry-run`` tells; without it the records go; a wrong rule is refused."""
    url = f"sqlite:///{tmp_path / 'app.db'}"
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    old = LetterParts(store=SqlStore.from_url(url), keys=keys, keep=timedelta(days=1), clock=lambda: 1000.0)
    Correspondence(old).receive(address="ada@example.org", subject="s", text="t")

    def letters(*options):
        done = CliRunner().invoke(group, ["run", "--database", url, "--json", *options])
        assert done.exit_code == 0, done.output
        tables = json.loads(done.output)["tables"]
        return next((one["found"], one["deleted"]) for one in tables if one["table"] == "letter")

    assert letters("--dry-run") == (1, 0)
    assert letters() == (1, 1)
    assert letters("--keep", "disclosure=10") == (0, 0)
    for wrong in ("letter", "letter=x", "nothing=3"):
        assert CliRunner().invoke(group, ["run", "--database", url, "--keep", wrong]).exit_code == 2
    assert "three years" in CliRunner().invoke(group, ["rules"]).output
    assert "would go" in CliRunner().invoke(group, ["run", "--database", url, "--dry-run"]).output
