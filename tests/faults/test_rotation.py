"""Rotation while workers and the database are killed and the application reads and writes.

``SECUREACCT_TEST_ROTATION_ROWS`` (8,000 unless set), ``SECUREACCT_TEST_ROTATION_KILLS`` (3, of workers) and
``SECUREACCT_TEST_ROTATION_SERVER_KILLS`` (1, of PostgreSQL): longer runs.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import pytest

sa = pytest.importorskip("sqlalchemy")

from secureacct.errors import StoreUnavailable  # noqa: E402
from secureacct.fields import FieldCipher, FieldError  # noqa: E402
from secureacct.keys import Keyring  # noqa: E402
from secureacct.orm.rotation import RotatedColumn, Rotation  # noqa: E402
from tests import pg_kit, servers  # noqa: E402

R = TypeVar("R")

ROWS = int(os.environ.get("SECUREACCT_TEST_ROTATION_ROWS", "8000"))
KILLS = int(os.environ.get("SECUREACCT_TEST_ROTATION_KILLS", "3"))
SERVER_KILLS = int(os.environ.get("SECUREACCT_TEST_ROTATION_SERVER_KILLS", "1"))
DAMAGED = (11, 4_242, 7_999)
CHUNK_ROWS = 200 if ROWS < 100_000 else 2000

Told = tuple[str, dict[int, tuple[int, int]], int]
"""What went wrong, if anything; last acknowledged and last tried write by row; how often it worked."""


def table() -> Any:
    """The table that is rotated."""
    return sa.Table(
        "person",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("email", sa.LargeBinary),
        sa.Column("touched", sa.Integer, nullable=False),
    )


def cipher(keys: Keyring) -> FieldCipher[str]:
    """The field that is rotated."""
    return FieldCipher(keys, table="person", column="email", type=str)


def value_of(row: int, touched: int) -> str:
    """What a row holds after so many writes."""
    return f"new{row}-{touched}" if touched else f"user{row}"


def rotation(url: str, path: Path) -> Rotation:
    """The rotation, as a process of its own would make it."""
    columns = [RotatedColumn("email", cipher(Keyring.load(path)))]
    return Rotation(sa.create_engine(url), table(), columns, chunk_rows=CHUNK_ROWS)


def patiently(ask: Callable[[], R]) -> R:
    """The answer of a database that may be down for a while."""
    give_up = time.monotonic() + 120
    while True:
        try:
            return ask()
        except (StoreUnavailable, sa.exc.OperationalError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _worker(url: str, path: Path) -> None:
    target = rotation(url, path)
    patiently(target.work)


def _rows_of(seed: int) -> Iterator[int]:
    """Rows of one writer, which no other writer touches: the last value is known."""
    choose = random.Random(seed)
    while True:
        row = choose.randrange(1, ROWS + 1)
        if row not in DAMAGED and row % 2 == seed % 2:
            yield row


def _writer(url: str, path: Path, seed: int, stop: Any, told: Any) -> None:
    """The application: writes through the library, and reads back what it wrote."""
    field, people, engine = cipher(Keyring.load(path)), table(), sa.create_engine(url)
    last: dict[int, tuple[int, int]] = {}
    count = 0
    for row in _rows_of(seed):
        if stop.is_set():
            break
        acknowledged, tried = last.get(row, (0, 0))
        last[row] = (acknowledged, tried + 1)
        change = sa.update(people).where(people.c.id == row)
        blob = field.encrypt(value_of(row, tried + 1), row=row)
        try:
            with engine.begin() as connection:
                connection.execute(change.values(email=blob, touched=tried + 1))
        except sa.exc.OperationalError:
            time.sleep(0.01)
            continue  # it may have been written or not: nobody said
        last[row] = (tried + 1, tried + 1)
        count += 1
        try:
            with engine.connect() as connection:
                found = connection.execute(sa.select(people.c.email).where(people.c.id == row)).scalar_one()
        except sa.exc.OperationalError:
            continue
        if field.decrypt(bytes(found), row=row) != value_of(row, tried + 1):
            told.put((f"row {row}: write {tried + 1} is lost", last, count))
            return
    told.put(("", last, count))


def _reader(url: str, path: Path, seed: int, stop: Any, told: Any) -> None:
    """The application: reads through the library. No row may go back to an older value."""
    field, people, engine = cipher(Keyring.load(path)), table(), sa.create_engine(url)
    seen: dict[int, int] = {}
    count = 0
    for row in _rows_of(seed):
        if stop.is_set():
            break
        query = sa.select(people.c.email, people.c.touched).where(people.c.id == row)
        try:
            with engine.connect() as connection:
                blob, touched = connection.execute(query).one()
        except sa.exc.OperationalError:
            time.sleep(0.01)
            continue
        try:
            value = field.decrypt(bytes(blob), row=row)
        except FieldError as error:
            value = error.code
        if value != value_of(row, touched) or touched < seen.get(row, 0):
            told.put((f"row {row}: {value} after write {touched}, seen {seen.get(row, 0)}", {}, count))
            return
        seen[row] = touched
        count += 1
    told.put(("", {}, count))


def fill(engine: Any, field: FieldCipher[str]) -> None:
    """Rows 1 to ROWS under the first key, three of them damaged."""
    people = table()
    people.create(engine)
    with engine.begin() as connection:
        for start in range(1, ROWS + 1, 5000):
            part = list(range(start, min(start + 5000, ROWS + 1)))
            blobs = field.encrypt_many([value_of(n, 0) for n in part], rows=part)
            rows = [{"id": n, "email": b, "touched": 0} for n, b in zip(part, blobs, strict=True)]
            connection.execute(people.insert(), rows)
        for row in DAMAGED:
            connection.execute(sa.update(people).where(people.c.id == row).values(email=b"damaged %d" % row))


def disturb(server: pg_kit.Killable, target: Rotation, start: Callable[[], BaseProcess]) -> None:
    """Kill workers and the server in a random order, each while a worker gets on; a new worker follows."""
    choose = random.Random(1)
    steps = ["worker"] * KILLS + ["server"] * SERVER_KILLS
    choose.shuffle(steps)
    worker = start()
    for step in steps:
        before = patiently(target.status).done
        give_up = time.monotonic() + 60
        while worker.is_alive() and time.monotonic() < give_up and patiently(target.status).done == before:
            worker.join(0.01)
        worker.join(choose.random() * 0.05)
        if step == "server":
            server.kill()
            server.start()  # the worker waits for it, and goes on
        elif worker.pid is not None and worker.is_alive():
            os.kill(worker.pid, signal.SIGKILL)
        if not worker.is_alive() or step == "worker":
            worker.join()
            worker = start()
    worker.join()
    assert worker.exitcode == 0


def assert_everything_is_there(
    engine: Any, field: FieldCipher[str], last: dict[int, tuple[int, int]]
) -> None:
    """Every value is its row's last one, under the new key once; damaged rows are untouched."""
    people, seen = table(), 0
    with engine.connect() as connection:
        found = connection.execution_options(yield_per=5000).execute(sa.select(people).order_by(people.c.id))
        for part in found.partitions():
            good = [(row, bytes(blob), touched) for row, blob, touched in part if row not in DAMAGED]
            damaged = {row: bytes(blob) for row, blob, _ in part if row in DAMAGED}
            assert damaged == {row: b"damaged %d" % row for row in damaged}
            ids = [row for row, _, _ in good]
            assert field.decrypt_many([blob for _, blob, _ in good], rows=ids) == [
                value_of(row, touched) for row, _, touched in good
            ]
            assert {blob[1:5] for _, blob, _ in good} == {(2).to_bytes(4, "big")}
            for row, _, touched in good:
                acknowledged, tried = last.get(row, (0, 0))
                assert acknowledged <= touched <= tried, f"row {row} holds write {touched}"
            seen += len(part)
    assert seen == ROWS


def digest(engine: Any) -> str:
    """One hash of all that the table holds."""
    query = "select md5(string_agg(md5(email) || touched, '' order by id)) from person"
    with engine.connect() as connection:
        return str(connection.exec_driver_sql(query).scalar_one())


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_nothing_is_lost_when_workers_and_the_database_are_killed(tmp_path: Path) -> None:
    """Two writers and two readers work meanwhile: nothing is lost, encrypted twice or overwritten; damaged
    rows are listed and untouched; a second run changes nothing."""
    path = tmp_path / "keyring.json"
    keys = Keyring.generate()
    keys.save(path)
    field = cipher(keys)
    context: SpawnContext = multiprocessing.get_context("spawn")
    with pg_kit.killable() as server, servers.fresh_database(server.url) as url:
        engine = sa.create_engine(url)
        fill(engine, field)
        keys.rotate()
        stop, told = context.Event(), context.SimpleQueue()
        users = [
            context.Process(target=work, args=(url, path, seed, stop, told), daemon=True)
            for work in (_writer, _reader)
            for seed in (0, 1)
        ]
        for user in users:
            user.start()
        target = rotation(url, path)
        target.plan()

        def start() -> BaseProcess:
            worker = context.Process(target=_worker, args=(url, path), daemon=True)
            worker.start()
            return worker

        answers: list[Told] = []
        try:
            disturb(server, target, start)
            engine.dispose()  # its connections belonged to a server that was killed
            progress = target.run()
        finally:
            stop.set()
            answers = [told.get() for _ in users]
            for user in users:
                user.join()
            told.close()
        assert [problem for problem, _, _ in answers if problem] == []
        assert all(count > 0 for _, _, count in answers)
        last = {row: counts for _, rows, _ in answers for row, counts in rows.items()}
        target.next_pass()
        target.work()
        assert target.remaining() == len(DAMAGED)
        assert sorted(int(row) for row, _, _ in target.failed_rows()) == sorted(DAMAGED)
        assert progress.failed == len(DAMAGED)
        assert_everything_is_there(engine, field, last)
        before = digest(engine)
        target.next_pass()
        assert target.work() == 0
        assert digest(engine) == before
        assert target.remaining_under(1) == 0
        print(
            f"\n{ROWS:,} rows; {KILLS} workers and PostgreSQL {SERVER_KILLS} times killed;"
            f" {sum(count for _, rows, count in answers if rows):,} writes acknowledged,"
            f" {sum(tried - done for done, tried in last.values()):,} without an answer,"
            f" {sum(count for _, rows, count in answers if not rows):,} reads; {progress.passes} passes"
        )
        for opened in (engine, target._engine):
            opened.dispose()
