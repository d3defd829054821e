"""Writers and a sealer that die in the middle: one chain, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from secureacct.audit import EventKeys, FileSink, notes_in, steps
from secureacct.audit.steps import AuditParts
from secureacct.keys import Keyring
from secureacct.stores.sql.base import metadata
from tests import audit_kit
from tests.throttle_kit import Driver

WRITERS = 4
ROUNDS = 2

WRITE = """
import os, sys, time, random
import sqlalchemy as sa
from secureacct._faces import run_inline
from secureacct.audit import EventKeys, event_id, seal_event
from secureacct.errors import StoreUnavailable
from secureacct.keys import Keyring
from tests.audit_kit import Plain, Sql

store, macs = Sql(sa.create_engine(sys.argv[1])), EventKeys(Keyring.load(sys.argv[2]))
print("ready", flush=True)
while True:
    now = time.time()
    name = event_id(now=now, random=os.urandom(10))
    event = seal_event(macs, Plain(), id=name, at=int(now), name="sign_in", outcome="ok", account_id="1")
    try:
        run_inline(store.commit((), events=(event,)))
    except StoreUnavailable:
        continue
    print(event.id, flush=True)
    time.sleep(random.random() * 0.004)
"""

SEAL = """
import sys, time
import sqlalchemy as sa
from secureacct.audit import AuditLog, FileSink
from secureacct.errors import StoreUnavailable
from secureacct.keys import Keyring
from tests.audit_kit import Sql

log = AuditLog(Sql(sa.create_engine(sys.argv[1])), Keyring.load(sys.argv[2]), sinks=(FileSink(sys.argv[3]),))
print("ready", flush=True)
while True:
    try:
        log.seal(force=True)
    except StoreUnavailable:
        pass
    time.sleep(0.01)
"""


@pytest.mark.parametrize("kind", ["sqlite", "pg"])
def test_kill_nine_loses_nothing_that_was_acknowledged(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Four writers and two sealers are killed with -9, twice over: every acknowledged event is in
    the log, the log is one chain, and every checkpoint outside agrees with it."""
    url = f"sqlite:///{tmp_path}/log.db" if kind == "sqlite" else str(request.getfixturevalue("pg_database"))
    Keyring.generate().save(tmp_path / "keyring.json")
    engine = sa.create_engine(url)
    metadata.create_all(engine, tables=audit_kit.TABLES)
    if kind == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    acknowledged: set[str] = set()
    dice = random.Random(1)
    for _ in range(ROUNDS):
        acknowledged |= _one_round(url, tmp_path, dice)
    keys = EventKeys(Keyring.load(tmp_path / "keyring.json"))
    driver = Driver(audit_kit.Sql(engine))
    parts = AuditParts(driver.store, keys, (FileSink(tmp_path / "notes"),))
    driver.run(steps.seal(parts, force=True))
    report = driver.run(steps.verify(parts, anchors=tuple(notes_in(tmp_path / "notes"))))
    with engine.connect() as connection:
        kept = set(connection.scalars(sa.text("SELECT id FROM sa_event")))
    engine.dispose()
    assert report.ok, report.findings
    assert report.anchored == report.segments > ROUNDS
    assert len(acknowledged) > WRITERS * ROUNDS
    assert acknowledged <= kept
    assert report.events == len(kept)


def _one_round(url: str, folder: Path, dice: random.Random) -> set[str]:
    """Start everybody, let them work, kill them; what the writers said they had written."""

    def start(program: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", program, url, str(folder / "keyring.json"), str(folder / "notes")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)

    running = [start(WRITE) for _ in range(WRITERS)] + [start(SEAL) for _ in range(2)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    time.sleep(0.3 + dice.random() * 0.3)
    for one in running:
        one.send_signal(signal.SIGKILL)
    said: set[str] = set()
    for one in running:
        output, _ = one.communicate()
        said |= {line for line in output.splitlines() if len(line) == 26}
    return said
