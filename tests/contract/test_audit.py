"""The log on every store: one chain, checked to its end, pruned without losing its proof."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from secureacct.audit import EventKeys, notes_in, steps
from secureacct.audit.errors import SinkUnavailable
from secureacct.audit.steps import AuditParts
from secureacct.keys import Keyring
from secureacct.records.audit import Pending, Segment
from secureacct.stores.sql.base import metadata
from tests import audit_kit
from tests.audit_kit import START
from tests.throttle_kit import Driver


@pytest.fixture(params=audit_kit.STORES)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A new log of every kind."""
    with audit_kit.opened(request.param, request) as driver:
        yield driver


@pytest.fixture
def keys() -> Keyring:
    """A keyring."""
    return Keyring.generate()


def test_events_are_sealed_in_segments_of_a_thousand(driver: Driver, keys: Keyring, tmp_path: Path) -> None:
    """2,500 events become three segments whose notes are outside, and everything checks."""
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 2500)))
    parts = audit_kit.parts(driver, keys, notes=tmp_path / "notes", now=START + 3000)
    sealed = driver.run(steps.seal(parts))
    assert [(one.number, one.count) for one in sealed] == [(1, 1000), (2, 1000), (3, 500)]
    seen: list[int] = []
    notes = tuple(notes_in(tmp_path / "notes"))
    report = driver.run(steps.verify(parts, anchors=notes, progress=seen.append))
    assert report.ok, report.findings
    assert (report.events, report.segments, report.anchored) == (2500, 3, 3)
    assert report.pending == Pending(count=0)
    assert seen == [1000, 2000, 2500]


def test_sealing_waits_for_a_minute_or_a_thousand(driver: Driver, keys: Keyring) -> None:
    """Young events stay unsealed, are counted as the blind window, and are checked one by one."""
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 30)))
    parts = audit_kit.parts(driver, keys, now=START + 59)
    assert driver.run(steps.seal(parts)) == []
    report = driver.run(steps.verify(parts))
    assert report.ok
    assert (report.events, report.pending) == (30, Pending(count=30, oldest_at=START))
    assert len(driver.run(steps.seal(parts, now=START + 60))) == 1
    assert driver.run(steps.seal(parts, now=START + 60, force=True)) == []


def test_an_event_that_commits_late_is_sealed_later(driver: Driver, keys: Keyring) -> None:
    """A slow transaction whose event has an early id breaks nothing: it joins the next segment."""
    late, *others = audit_kit.events(keys, 20)
    parts = audit_kit.parts(driver, keys, now=START + 100)
    driver.run(driver.store.commit((), events=others))
    driver.run(steps.seal(parts))
    driver.run(driver.store.commit((), events=(late,)))
    driver.run(steps.seal(parts))
    report = driver.run(steps.verify(parts))
    assert report.ok
    assert (report.segments, report.events) == (2, 20)


def test_two_sealers_make_one_chain(driver: Driver, keys: Keyring) -> None:
    """Sealers that run at once never seal an event twice and never fork the chain."""
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 4000)))
    parts = audit_kit.parts(driver, keys, now=START + 9000)
    driver.together(lambda: steps.seal(parts, force=True), 6)
    driver.run(steps.seal(parts, force=True))
    report = driver.run(steps.verify(parts))
    assert report.ok, report.findings
    assert (report.segments, report.events) == (4, 4000)


def test_pruning_takes_whole_segments_and_leaves_their_seals(driver: Driver, keys: Keyring) -> None:
    """After pruning the rest still proves itself, and so does that it was pruned by us."""
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 2500)))
    parts = audit_kit.parts(driver, keys, now=START + 3000)
    driver.run(steps.seal(parts))
    assert driver.run(steps.prune(parts, before=START + 1500)) == (1, 1000)
    assert driver.run(steps.prune(parts, before=START + 1500)) == (0, 0)
    report = driver.run(steps.verify(parts))
    assert report.ok, report.findings
    assert (report.segments, report.pruned, report.events) == (3, 1, 1500)
    assert driver.run(driver.store.events_in(1)) == []


class Broken:
    """A sink that takes nothing until it is mended."""

    name = "broken"
    mended = False

    def __init__(self) -> None:
        self.taken: list[int] = []

    def deliver(self, segment: Segment) -> None:
        """Refuse, or note the segment's number."""
        if not self.mended:
            raise SinkUnavailable
        self.taken.append(segment.number)


def test_notes_wait_for_a_sink_that_is_down(driver: Driver, keys: Keyring) -> None:
    """Sealing goes on, notes arrive later and in order, and nothing unanchored is pruned."""
    sink = Broken()
    parts = AuditParts(driver.store, EventKeys(keys), (sink,), clock=lambda: START + 9000)
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 2500)))
    assert len(driver.run(steps.seal(parts))) == 3
    assert driver.run(steps.prune(parts, before=START + 9000)) == (0, 0)
    sink.mended = True
    assert driver.run(steps.hand_over(parts)) == 3
    assert sink.taken == [1, 2, 3]
    assert driver.run(steps.hand_over(parts)) == 0
    assert driver.run(steps.prune(parts, before=START + 9000)) == (3, 2500)


def test_the_root_can_rotate_and_the_past_still_checks(driver: Driver, keys: Keyring, tmp_path: Path) -> None:
    """Events and notes name their key: a rotated audit root changes nothing about what was written."""
    parts = audit_kit.parts(driver, keys, notes=tmp_path / "notes", now=START + 9000)
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 50)))
    driver.run(steps.seal(parts))
    keys.rotate(root="audit")
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 50, seed=1)))
    driver.run(steps.seal(parts))
    report = driver.run(steps.verify(parts, anchors=tuple(notes_in(tmp_path / "notes"))))
    assert report.ok, report.findings
    assert report.anchored == 2


def test_another_keyring_proves_nothing(driver: Driver, keys: Keyring) -> None:
    """A log written under other keys is not accepted."""
    driver.run(driver.store.commit((), events=audit_kit.events(keys, 5)))
    driver.run(steps.seal(audit_kit.parts(driver, keys, now=START + 9000)))
    report = driver.run(steps.verify(audit_kit.parts(driver, Keyring.generate())))
    assert not report.ok
    assert report.first_bad is not None
    assert report.first_bad.code == "seal_forged"


def test_the_documented_role_cannot_change_the_log(pg_database: str, keys: Keyring) -> None:
    """On PostgreSQL the app's role may add events, and neither change nor remove one; the sealer's
    role may set the segment, and nothing else."""
    admin = sa.create_engine(pg_database, isolation_level="AUTOCOMMIT")
    metadata.create_all(admin)
    roles = Path(__file__).parents[2] / "docs" / "reference" / "audit.md"
    grants = roles.read_text().split("```sql\n", 1)[1].split("```", 1)[0]
    with admin.connect() as connection:
        for statement in filter(None, (one.strip() for one in grants.split(";"))):
            connection.exec_driver_sql(statement)

    def as_role(role: str, statement: str) -> None:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"SET ROLE {role}")
            try:
                connection.exec_driver_sql(statement)
            finally:
                connection.exec_driver_sql("RESET ROLE")

    engine = sa.create_engine(pg_database, connect_args={"options": "-c role=secureacct_app"})
    app = Driver(audit_kit.Sql(engine))
    app.run(app.store.commit((), events=audit_kit.events(keys, 5)))
    assert len(app.run(app.store.events_of("1", limit=9))) >= 0
    engine.dispose()
    sealer_engine = sa.create_engine(pg_database, connect_args={"options": "-c role=secureacct_sealer"})
    sealer = Driver(audit_kit.Sql(sealer_engine))
    assert len(sealer.run(steps.seal(audit_kit.parts(sealer, keys, now=START + 999)))) == 1
    assert sealer.run(steps.verify(audit_kit.parts(sealer, keys))).ok
    sealer_engine.dispose()
    forbidden = {
        "secureacct_app": (
            "UPDATE sa_event SET outcome = 'ok'",
            "UPDATE sa_event SET segment = NULL",
            "DELETE FROM sa_event",
            "TRUNCATE sa_event",
            "DELETE FROM sa_audit_segment",
        ),
        "secureacct_sealer": (
            "UPDATE sa_event SET outcome = 'ok'",
            "DELETE FROM sa_event",
            "DELETE FROM sa_audit_segment",
        ),
    }
    for role, statements in forbidden.items():
        for statement in statements:
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                as_role(role, statement)
    admin.dispose()
