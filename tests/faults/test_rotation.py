"""Rotation while workers are killed and the application writes.

``SECUREACCT_TEST_ROTATION_ROWS`` (20,000 unless set) and ``SECUREACCT_TEST_ROTATION_KILLS`` (6): longer runs.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

sa = pytest.importorskip("sqlalchemy")

from secureacct.fields import FieldCipher  # noqa: E402
from secureacct.keys import Keyring  # noqa: E402
from secureacct.orm.rotation import RotatedColumn, Rotation  # noqa: E402

ROWS = int(os.environ.get("SECUREACCT_TEST_ROTATION_ROWS", "20000"))
KILLS = int(os.environ.get("SECUREACCT_TEST_ROTATION_KILLS", "6"))
DAMAGED = (11, 4_242, 9_999)


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


def rotation(url: str, path: Path) -> Rotation:
    """The rotation, as a process of its own would make it."""
    return Rotation(
        sa.create_engine(url), table(), [RotatedColumn("email", cipher(Keyring.load(path)))], chunk_rows=500
    )


def _worker(url: str, path: Path) -> None:
    rotation(url, path).work()


def _writer(url: str, path: Path, seed: int, stop: Any, written: Any) -> None:
    """The application: writes through the library, reads back what it wrote."""
    field, people = cipher(Keyring.load(path)), table()
    engine, choose = sa.create_engine(url), random.Random(seed)
    count = 0
    while not stop.is_set():
        row = choose.randrange(1, ROWS + 1)
        if row in DAMAGED or row % 2 != seed % 2:  # each writer has its own half: the last value is known
            continue
        count += 1
        value = f"new{row}-{seed}-{count}"
        with engine.begin() as connection:
            connection.execute(
                sa.update(people)
                .where(people.c.id == row)
                .values(email=field.encrypt(value, row=row), touched=count)
            )
        with engine.connect() as connection:
            blob = connection.execute(sa.select(people.c.email).where(people.c.id == row)).scalar_one()
        if field.decrypt(bytes(blob), row=row) != value:
            written.put((seed, -1, f"{row} lost {value}"))
            return
    written.put((seed, count, ""))


@pytest.mark.timeout(600)
def test_nothing_is_lost_when_workers_are_killed_while_the_application_writes(
    pg_database: str, tmp_path: Path
) -> None:
    """Every value is its row's last one, under the new key once; damaged rows are listed and untouched."""
    path = tmp_path / "keyring.json"
    keys = Keyring.generate()
    keys.save(path)
    field, people = cipher(keys), table()
    engine = sa.create_engine(pg_database)
    people.create(engine)
    ids = list(range(1, ROWS + 1))
    with engine.begin() as connection:
        for start in range(0, ROWS, 5000):
            part = ids[start : start + 5000]
            blobs = field.encrypt_many([f"user{n}" for n in part], rows=part)
            rows = [{"id": n, "email": b, "touched": 0} for n, b in zip(part, blobs, strict=True)]
            connection.execute(people.insert(), rows)
        for row in DAMAGED:
            connection.execute(sa.update(people).where(people.c.id == row).values(email=b"damaged %d" % row))
    keys.rotate()
    context = multiprocessing.get_context("spawn")
    stop, written = context.Event(), context.SimpleQueue()
    writers = [
        context.Process(target=_writer, args=(pg_database, path, seed, stop, written)) for seed in (0, 1)
    ]
    for writer in writers:
        writer.start()
    target = rotation(pg_database, path)
    target.plan()
    choose = random.Random(1)
    try:
        for _ in range(KILLS):
            worker = context.Process(target=_worker, args=(pg_database, path))
            worker.start()
            before = target.status().done
            deadline = time.monotonic() + 20
            while target.status().done == before and worker.is_alive() and time.monotonic() < deadline:
                worker.join(0.01)
            worker.join(choose.random() * 0.05)
            if worker.pid is not None and worker.is_alive():
                os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        progress = target.run()
    finally:
        stop.set()
        told = [written.get() for _ in writers]
        for writer in writers:
            writer.join()
    assert [problem for _, _, problem in told if problem] == []
    target.next_pass()
    target.work()
    assert target.remaining() == len(DAMAGED)
    assert sorted(int(row) for row, _, _ in target.failed_rows()) == sorted(DAMAGED)
    assert progress.failed == len(DAMAGED)
    with engine.connect() as connection:
        for row, blob, touched in connection.execute(sa.select(people)):
            if row in DAMAGED:
                assert bytes(blob) == b"damaged %d" % row
                continue
            value = field.decrypt(bytes(blob), row=row)
            assert value == (f"user{row}" if not touched else f"new{row}-{row % 2}-{touched}")
            assert bytes(blob)[1:5] == (2).to_bytes(4, "big")
        before = dict(connection.execute(sa.select(people.c.id, people.c.email)).all())
    target.next_pass()
    assert target.work() == 0
    with engine.connect() as connection:
        assert dict(connection.execute(sa.select(people.c.id, people.c.email)).all()) == before
    assert target.remaining_under(1) == 0
    for opened in (engine, target._engine):
        opened.dispose()
