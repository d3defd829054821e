"""Two processes that do the same thing at the same moment, round after round.

A *claim* is prepared once per round by the parent; both processes wait for each other, make it, and the
parent counts the winners. Two stores take part: the real one, and a control that reads, then writes.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from typing import Any

from secureacct._faces import run_inline
from secureacct.errors import StoreUnavailable
from secureacct.records.changes import Committed
from tests.factor_kit import MemoryStore, SqlStore, create_tables, sql_engine
from tests.race_contests import PROCESSES, RACES
from tests.race_controls import ReadThenWrite

ROUNDS = int(os.environ.get("SECUREACCT_TEST_RACE_ROUNDS", "100"))  # 1,000 for a release
MEET_WITHIN_S = 60.0


@contextmanager
def _store(url: str, meet: Callable[[], None] | None = None) -> Iterator[Any]:
    """The store at a URL, or, where ``meet`` is given, its control."""
    if url.startswith(("unix:", "redis:")):  # imported here: it makes the start of other races slower
        import redis

        from secureacct.stores.redis import RedisStore
        from tests.race_controls_redis import ReadThenWriteInRedis

        with redis.Redis.from_url(url) as client:
            yield ReadThenWriteInRedis(client, meet) if meet else RedisStore(client)
        return
    engine = sql_engine(url)
    create_tables(engine)
    yield ReadThenWrite(engine, meet) if meet else SqlStore(engine)
    engine.dispose()


def _contend(race: str, url: str, who: int, control: bool, meet: Barrier, won: Any, rounds: int) -> None:
    """One of the processes: meet the other before each round, claim, and write down whether it won."""

    def wait() -> None:
        meet.wait(MEET_WITHIN_S)

    with _store(url, wait if control else None) as store:
        for number in range(rounds):
            wait()
            claim = RACES[race]().claim(store, number, who)
            try:
                done = run_inline(store.commit(claim)) if claim else None
            except StoreUnavailable:
                done = None
            won[number * PROCESSES + who] = isinstance(done, Committed)


@contextmanager
def _processes(race: str, url: str, control: bool, won: Any, rounds: int) -> Iterator[list[Any]]:
    context = multiprocessing.get_context("spawn")
    meet = context.Barrier(PROCESSES)
    running = [
        context.Process(target=_contend, args=(race, url, who, control, meet, won, rounds))
        for who in range(PROCESSES)
    ]
    for process in running:
        process.start()
    try:
        yield running
    finally:
        for process in running:
            process.join(MEET_WITHIN_S)
            if process.is_alive():
                process.kill()
                process.join()


def run_race(race: str, url: str, *, control: bool = False, rounds: int = ROUNDS) -> list[int]:
    """How many of the processes won each round."""
    with _store(url) as store:
        for number in range(rounds):
            for changes in RACES[race]().prepare(number):
                assert isinstance(run_inline(store.commit(changes)), Committed)
    won = multiprocessing.get_context("spawn").Array("b", rounds * PROCESSES, lock=False)
    with _processes(race, url, control, won, rounds) as running:
        pass
    assert [process.exitcode for process in running] == [0] * PROCESSES
    return [sum(won[number * PROCESSES : (number + 1) * PROCESSES]) for number in range(rounds)]


def run_race_of_threads(race: str, store: MemoryStore, *, rounds: int = ROUNDS) -> list[int]:
    """The same on a store in memory, whose callers are threads."""
    contest = RACES[race]()
    for number in range(rounds):
        for changes in contest.prepare(number):
            assert isinstance(run_inline(store.commit(changes)), Committed)
    meet = threading.Barrier(PROCESSES, timeout=MEET_WITHIN_S)

    def contend(who: int) -> list[bool]:
        won = []
        for number in range(rounds):
            meet.wait()
            claim = contest.claim(store, number, who)
            won.append(bool(claim) and isinstance(run_inline(store.commit(claim)), Committed))
        return won

    with ThreadPoolExecutor(PROCESSES) as pool:
        return [sum(round) for round in zip(*pool.map(contend, range(PROCESSES)), strict=True)]
