"""What somebody who owns the database, and not the keys, can do to the log: nothing that goes unseen.

Forty altered copies by default; ``SECUREACCT_TEST_MUTATIONS=400`` for all of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.audit import notes_in, steps
from secureacct.audit.encoding import EventKeys
from secureacct.audit.notes import Checkpoint, sign
from secureacct.audit.verifying import Report
from secureacct.keys import Keyring
from secureacct.stores.sql.base import metadata
from tests import audit_kit
from tests.audit_kit import START
from tests.throttle_kit import Driver

COPIES = int(os.environ.get("SECUREACCT_TEST_MUTATIONS", "40"))
SEGMENTS, EACH = 6, 25

Mutation = Callable[[sqlite3.Connection, random.Random, Path], None]


@pytest.fixture(scope="module")
def keys() -> Keyring:
    """The keys the thief does not have."""
    return Keyring.generate()


@pytest.fixture(scope="module")
def log(keys: Keyring, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log of six segments, an older copy of it, and the notes outside."""
    folder = tmp_path_factory.mktemp("log")
    engine = sa.create_engine(f"sqlite:///{folder}/log.db")
    metadata.create_all(engine, tables=audit_kit.TABLES)
    driver = Driver(audit_kit.Sql(engine))
    everything = audit_kit.events(keys, SEGMENTS * EACH)
    parts = audit_kit.parts(driver, keys, notes=folder / "notes", now=START + 9000)
    for number in range(SEGMENTS):
        driver.run(driver.store.commit((), events=everything[number * EACH : (number + 1) * EACH]))
        driver.run(steps.seal(parts, force=True))
        if number == 3:
            engine.dispose()
            shutil.copy(folder / "log.db", folder / "old.db")
    engine.dispose()
    return folder


def pick(db: sqlite3.Connection, dice: random.Random) -> str:
    """The id of an event."""
    return dice.choice([row[0] for row in db.execute("SELECT id FROM sa_event ORDER BY id")])


def bit(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """One field of one event."""
    choices: list[tuple[str, list[Any]]] = [
        ("at", [0, START + 1_000_000]),
        ("name", ["sign_out", "sign_up"]),
        ("outcome", ["okay", "failed"]),
        ("reason", ["x", "y"]),
        ("account_id", ["3", "", None]),
        ("session_id", ["s2", "", None]),
        ("correlation_id", ["r", ""]),
        ("sealed", [b"", b"forged"]),
        ("mac", [b"", bytes(37), b"\x01" + bytes(36)]),
    ]
    column, values = dice.choice(choices)
    event = pick(db, dice)
    (now,) = db.execute(f'SELECT "{column}" FROM sa_event WHERE id = ?', (event,)).fetchone()
    value = dice.choice([one for one in values if one != now])
    db.execute(f'UPDATE sa_event SET "{column}" = ? WHERE id = ?', (value, event))


def flipped(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """One bit of one MAC or one encrypted part."""
    column, event = dice.choice(("mac", "sealed")), pick(db, dice)
    data = bytearray(db.execute(f"SELECT {column} FROM sa_event WHERE id = ?", (event,)).fetchone()[0])
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    db.execute(f"UPDATE sa_event SET {column} = ? WHERE id = ?", (bytes(data), event))


def deletion(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """One event is gone; perhaps the segment's count was adapted."""
    event = pick(db, dice)
    (segment,) = db.execute("SELECT segment FROM sa_event WHERE id = ?", (event,)).fetchone()
    db.execute("DELETE FROM sa_event WHERE id = ?", (event,))
    if dice.random() < 0.5:
        db.execute("UPDATE sa_audit_segment SET count = count - 1 WHERE number = ?", (segment,))


def swap(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """Two events exchange what they say, MACs and all, or their names alone."""
    one, other = pick(db, dice), pick(db, dice)
    while other == one:
        other = pick(db, dice)
    columns = dice.choice(("sealed", "mac, sealed", "account_id, sealed, mac"))
    names = [name.strip() for name in columns.split(",")]
    rows = [
        db.execute(f"SELECT {columns} FROM sa_event WHERE id = ?", (who,)).fetchone() for who in (one, other)
    ]
    sets = ", ".join(f"{name} = ?" for name in names)
    db.execute(f"UPDATE sa_event SET {sets} WHERE id = ?", (*rows[1], one))
    db.execute(f"UPDATE sa_event SET {sets} WHERE id = ?", (*rows[0], other))


def splice(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """A genuine event moves to another segment, out of all segments, or to one that does not exist."""
    event = pick(db, dice)
    (here,) = db.execute("SELECT segment FROM sa_event WHERE id = ?", (event,)).fetchone()
    there = dice.choice([one for one in (None, -1, 0, *range(1, SEGMENTS + 1), 999) if one != here])
    db.execute("UPDATE sa_event SET segment = ? WHERE id = ?", (there, event))


def repeated(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """A genuine event appears a second time under another id."""
    event = pick(db, dice)
    db.execute(
        "INSERT INTO sa_event (id, at, name, outcome, reason, account_id, session_id, correlation_id, sealed,"
        " mac, segment) SELECT substr(id, 1, 25) || 'Z', at, name, outcome, reason, account_id, session_id,"
        " correlation_id, sealed, mac, ? FROM sa_event WHERE id = ?",
        (dice.choice((None, 1, SEGMENTS)), event),
    )


def rolled_back(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """The whole database is replaced by its older copy."""
    with closing(sqlite3.connect(folder / "old.db")) as old, old:
        old.backup(db)


def truncated(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """The end is cut off: the last segments and all their events."""
    keep = dice.randrange(0, SEGMENTS)
    db.execute("DELETE FROM sa_event WHERE segment > ?", (keep,))
    db.execute("DELETE FROM sa_audit_segment WHERE number > ?", (keep,))


def segment_gone(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """One segment vanishes as a whole, from anywhere; perhaps its events only."""
    number = dice.randrange(1, SEGMENTS + 1)
    db.execute("DELETE FROM sa_event WHERE segment = ?", (number,))
    if dice.random() < 0.5:
        db.execute("DELETE FROM sa_audit_segment WHERE number = ?", (number,))


def rechained(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """An event is deleted, and every hash and note after it is made again, with a key of the thief's."""
    thief = EventKeys(Keyring.generate())
    event = pick(db, dice)
    (first,) = db.execute("SELECT segment FROM sa_event WHERE id = ?", (event,)).fetchone()
    db.execute("DELETE FROM sa_event WHERE id = ?", (event,))
    for number in range(first, SEGMENTS + 1):
        count, sealed_at, last_at = db.execute(
            "SELECT count, sealed_at, last_at FROM sa_audit_segment WHERE number = ?", (number,)
        ).fetchone()
        (count,) = db.execute("SELECT count(*) FROM sa_event WHERE segment = ?", (number,)).fetchone()
        digest = hashlib.sha256(b"%d" % number).digest()
        checkpoint = Checkpoint(
            name="secureacct/audit",
            number=number,
            hash=digest,
            count=count,
            sealed_at=sealed_at,
            last_at=last_at,
        )
        db.execute(
            "UPDATE sa_audit_segment SET count = ?, hash = ?, note = ? WHERE number = ?",
            (count, digest, sign(thief, checkpoint), number),
        )


def pruned_falsely(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """A segment's events are removed and it is marked as if we had pruned it."""
    number = dice.randrange(1, SEGMENTS + 1)
    db.execute("DELETE FROM sa_event WHERE segment = ?", (number,))
    db.execute(
        "UPDATE sa_audit_segment SET pruned_at = ?, pruned_mac = ? WHERE number = ?",
        (START, dice.choice((b"", bytes(37), dice.randbytes(37))), number),
    )


def seal_changed(db: sqlite3.Connection, dice: random.Random, folder: Path) -> None:
    """One number of one segment's record."""
    column, value = dice.choice(
        [("count", 999), ("last_at", 1), ("sealed_at", 1), ("hash", bytes(32)), ("note", "x"), ("note", "")]
    )
    number = dice.randrange(1, SEGMENTS + 1)
    db.execute(f"UPDATE sa_audit_segment SET {column} = ? WHERE number = ?", (value, number))


MUTATIONS: tuple[Mutation, ...] = (
    bit, flipped, deletion, swap, splice, repeated, rolled_back, truncated, segment_gone, rechained,
    pruned_falsely, seal_changed,
)  # fmt: skip


def check(database: Path, notes: Path, keys: Keyring) -> Report:
    """The report on a copy."""
    engine = sa.create_engine(f"sqlite:///{database}")
    driver = Driver(audit_kit.Sql(engine))
    report: Report = driver.run(steps.verify(audit_kit.parts(driver, keys), anchors=tuple(notes_in(notes))))
    engine.dispose()
    return report


def test_the_copy_nobody_touched_is_green(log: Path, keys: Keyring) -> None:
    """The control: without a mutation there is no finding."""
    report = check(log / "log.db", log / "notes", keys)
    assert report.ok, report.findings
    assert (report.segments, report.events) == (SEGMENTS, SEGMENTS * EACH)


@pytest.mark.parametrize("number", range(COPIES))
def test_every_altered_copy_is_red(number: int, log: Path, keys: Keyring, tmp_path: Path) -> None:
    """Each altered copy has a finding, and where one event was altered that event is the one named."""
    dice = random.Random(number)
    mutate = MUTATIONS[number % len(MUTATIONS)]
    shutil.copy(log / "log.db", tmp_path / "log.db")
    with closing(sqlite3.connect(tmp_path / "log.db")) as db, db:
        before = set(db.execute("SELECT * FROM sa_event"))
        mutate(db, dice, log)
        db.commit()
        changed = {row[0] for row in set(db.execute("SELECT * FROM sa_event")) - before}
    report = check(tmp_path / "log.db", log / "notes", keys)
    assert not report.ok, mutate.__doc__
    if mutate in (bit, flipped, swap):
        assert report.first_bad is not None
        assert report.first_bad.event_id == min(changed)
