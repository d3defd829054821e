"""``secureacct audit`` as a person runs it."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from secureacct._faces import run_inline
from secureacct.audit import EventKeys, event_id, seal_event
from secureacct.cli.audit import group
from secureacct.fields import FieldCipher
from secureacct.keys import Keyring
from secureacct.stores.sql.base import metadata
from tests import audit_kit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a keyring and a log of 60 events, the oldest 60 days old."""
    keys = Keyring.generate()
    keys.save(tmp_path / "keyring.json")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/log.db")
    metadata.create_all(engine, tables=audit_kit.TABLES)
    cipher, macs, now = (
        FieldCipher(keys, table="event", column="personal", type=str),
        EventKeys(keys),
        time.time(),
    )
    events = [
        seal_event(
            macs,
            cipher,
            id=event_id(now=now - day * 86_400, random=bytes([day] * 10)),
            at=int(now - day * 86_400),
            name="sign_in",
            outcome="ok",
            account_id=str(day % 2),
            personal={"device": "Firefox\x1b[2J on Linux"},
        )
        for day in range(60)
    ]
    store = audit_kit.Sql(engine)
    run_inline(store.commit((), events=events[30:]))
    engine.dispose()
    assert run(tmp_path, "seal", "--now", "--notes", str(tmp_path / "notes")).exit_code == 0
    run_inline(store.commit((), events=events[:30]))
    engine.dispose()
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    """Run one command on the folder's log."""
    options = ["--database", f"sqlite:///{folder}/log.db", "--keyring", str(folder / "keyring.json")]
    return CliRunner().invoke(group, [*options, *arguments])


def test_a_whole_log_is_green_and_says_its_blind_window(folder: Path) -> None:
    """Exit 0; the unsealed events are counted and named as such."""
    result = run(folder, "verify", "--notes", str(folder / "notes"))
    assert result.exit_code == 0, result.output
    assert "60 events in 1 segments" in result.output
    assert "1 segments are vouched for" in result.output
    assert "blind window: 30 events since" in result.output
    assert result.output.endswith("the log is whole\n")
    assert "would not be seen" in run(folder, "verify").output


def test_an_edited_log_is_red_and_names_the_record(folder: Path) -> None:
    """Exit 1, in words and as JSON, with the event that was altered."""
    with closing(sqlite3.connect(folder / "log.db")) as db, db:
        (event,) = db.execute(
            "SELECT id FROM sa_event WHERE segment = 1 ORDER BY id LIMIT 1 OFFSET 7"
        ).fetchone()
        db.execute("UPDATE sa_event SET account_id = 'evil\x1b[2J' WHERE id = ?", (event,))
    result = run(folder, "verify")
    assert result.exit_code == 1
    assert f"event_altered: event {event} does not carry its own MAC" in result.output
    report = json.loads(run(folder, "verify", "--json").output)
    assert (report["ok"], report["findings"][0]["event_id"]) == (False, event)


def test_a_log_that_was_cut_off_is_red_with_notes_only(folder: Path) -> None:
    """Without the outside file a log without its end looks whole, and the command says that it would."""
    with closing(sqlite3.connect(folder / "log.db")) as db, db:
        db.execute("DELETE FROM sa_event")
        db.execute("DELETE FROM sa_audit_segment")
    assert run(folder, "verify").exit_code == 0
    result = run(folder, "verify", "--notes", str(folder / "notes"))
    assert result.exit_code == 1
    assert "rolled_back" in result.output


def test_tail_shows_the_newest_on_one_line_each(folder: Path) -> None:
    """Oldest of them first; what is personal only when asked for, and never raw."""
    lines = run(folder, "tail", "-n", "5").output.splitlines()
    assert len(lines) == 5
    assert lines == sorted(lines)
    assert "Firefox" not in "".join(lines)
    lines = run(folder, "tail", "-n", "3", "--account", "1", "--personal").output.splitlines()
    assert len(lines) == 3
    assert all("account=1" in line and "device=Firefox\\x1b[2J on Linux" in line for line in lines)


def test_export_writes_every_event_of_a_span(folder: Path) -> None:
    """JSON lines with MACs; the span is half open."""
    rows = [json.loads(line) for line in run(folder, "export", "--personal").stdout.splitlines()]
    assert len(rows) == 60
    assert {"id", "at", "mac", "sealed", "personal"} <= set(rows[0])
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 10 * 86_400))
    assert 9 <= len(run(folder, "export", "--since", since).stdout.splitlines()) <= 11


def test_prune_removes_old_segments_and_says_so_in_the_log(folder: Path) -> None:
    """Thirty days and older go with their segment, the log still verifies, and the removal is an event."""
    result = run(folder, "prune", "--older-than", "29", "--yes", "--notes", str(folder / "notes"))
    assert result.output == "removed 30 events in 1 segments\n"
    assert "audit_pruned" in run(folder, "tail", "-n", "1").output
    result = run(folder, "verify", "--notes", str(folder / "notes"))
    assert result.exit_code == 0, result.output
    assert "1 of them pruned" in result.output


def test_nothing_is_pruned_without_a_yes(folder: Path) -> None:
    """Asked and not answered, the command removes nothing."""
    assert run(folder, "prune", "--older-than", "1").exit_code == 1
    assert run(folder, "verify").output.startswith("60 events")


def test_the_public_key_is_printed(folder: Path) -> None:
    """One verifier key a line, the current first."""
    from secureacct.audit.notes import read_verifier_key

    (line,) = run(folder, "public-key").output.splitlines()
    assert read_verifier_key(line)[0] == "secureacct/audit"


def test_what_cannot_start_says_why_and_ends_with_2(folder: Path) -> None:
    """A missing keyring, a bad URL or a database without tables: one line, no traceback, no password."""
    keyring = str(folder / "keyring.json")
    for options in (
        ["--database", f"sqlite:///{folder}/log.db", "--keyring", str(folder / "none.json")],
        ["--database", "nonsense://u:hunter2@h", "--keyring", keyring],
        ["--database", f"sqlite:///{folder}/empty.db", "--keyring", keyring],
    ):
        result = CliRunner().invoke(group, [*options, "verify"])
        assert result.exit_code == 2, result.output
        assert len(result.output.splitlines()) == 1
        assert "hunter2" not in result.output
