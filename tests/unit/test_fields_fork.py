"""Forked and spawned processes never repeat a nonce."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest

from secureacct.fields import FieldCipher
from secureacct.keys import Keyring

WRITERS = 8
EACH = 125_000  # values per process: 10^6 together
BATCH = 25_000


def _write(path: Path, queue: SimpleQueue[bytes]) -> None:
    field = FieldCipher(Keyring.load(path), table="t", column="c", type=bool)
    heads: list[bytes] = []
    for _ in range(EACH // BATCH):
        heads += [blob[:57] for blob in field.encrypt_many([True] * BATCH, rows=["1"] * BATCH) if blob]
    queue.put(b"".join(heads))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_never_share_a_prefix_and_nonce(tmp_path: Path, method: str) -> None:
    """Eight processes that write one field repeat no (prefix, nonce) in a million values."""
    path = tmp_path / "keyring.json"
    Keyring.generate().save(path)
    context: Any = multiprocessing.get_context(method)
    queue: SimpleQueue[bytes] = context.SimpleQueue()
    workers = [context.Process(target=_write, args=(path, queue)) for _ in range(WRITERS)]
    for worker in workers:
        worker.start()
    told = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    queue.close()
    seen = {part[at : at + 57] for part in told for at in range(0, len(part), 57)}
    assert len(seen) == WRITERS * EACH == 1_000_000


def test_a_child_leaves_the_segment_and_locks_of_its_parent() -> None:
    """After a fork, even while other threads encrypt and rotate, the child writes in a segment of its own."""
    keys = Keyring.generate()
    field = FieldCipher(keys, table="t", column="c", type=str)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            field.encrypt("v", row="1")
            keys.rotate()

    context = multiprocessing.get_context("fork")
    queue: SimpleQueue[bytes] = context.SimpleQueue()
    thread = threading.Thread(target=busy)
    thread.start()
    try:
        heads = []
        for _ in range(20):
            child = context.Process(target=lambda: queue.put(field.encrypt("v", row="1")[:57]))
            child.start()
            heads.append(queue.get())
            child.join(60)
            assert child.exitcode == 0
    finally:
        stop.set()
        thread.join()
    mine = field.encrypt("v", row="1")[:45]
    assert len({head[:45] for head in heads} | {mine}) == 21
