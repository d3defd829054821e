"""What watching costs: counting an attempt, writing an event, checking a log.

    python tests/benchmarks/watch.py [--events 1000000] [--pg URL] [--redis URL]

Every row is measured in turns with its own limit, the least work that keeps the same promise on that
store: medians of the same run.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[2]))

from secureacct._faces import run_inline
from secureacct.audit import AuditLog, EventKeys, event_id, seal_event
from secureacct.audit.sealing import seal_rule
from secureacct.fields import FieldCipher
from secureacct.keys import Keyring
from secureacct.records.events import Event
from secureacct.stores.sql.audit import BlockingAudit, segment
from secureacct.stores.sql.base import metadata
from secureacct.stores.sql.journal import BlockingJournal, event
from secureacct.stores.sql.throttle import BlockingThrottle, _count_text, throttle
from secureacct.throttle import ThrottleParts, admit, rules
from secureacct.throttle.policies import ThrottlePolicy
from secureacct.throttle.steps import _stranger_lane

NOW = 1_790_000_000.0


class Store(BlockingThrottle, BlockingAudit, BlockingJournal):
    """What is measured."""


def in_turns(kinds: dict[str, Callable[[], Any]], *, rounds: int) -> dict[str, float]:
    """Median microseconds of each kind, run in turns."""
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 20):
        for name, act in kinds.items():
            begun = time.perf_counter()
            act()
            if number >= 20:
                times[name].append((time.perf_counter() - begun) * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, medians: dict[str, float], limit: str) -> None:
    """Print one table."""
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:<58} {value:>9.1f} µs {value / medians[limit]:>6.2f}")


WIDE = ThrottlePolicy().with_network_budget(per_hour=1_000_000)


def rows_of(parts: ThrottleParts, number: int, *, now_ms: int) -> list[object]:
    """The parameters of one attempt's statement, made by hand."""
    lane = _stranger_lane(parts, WIDE.of("sign_in"), "sign_in", f"{number}@example.org", "192.0.2.7")
    charges = sorted(lane, key=lambda one: one.key)
    values: list[object] = []
    for one in charges:
        values += (one.key, 1, *rules.opening(one, now_ms=now_ms), now_ms, one.free, one.step_ms)
        values += (one.cap_ms, one.pause_at, one.room_ms)
    return values


def counting(url: str, *, rounds: int) -> None:
    """One attempt, four buckets: our step against the driver's own prepared statement."""
    engine, keys = sa.create_engine(url), Keyring.generate()
    throttle.drop(engine, checkfirst=True)
    throttle.create(engine)
    _careful(engine)
    parts = ThrottleParts(Store(engine), keys, WIDE)
    driver = engine.raw_connection()
    cursor = driver.cursor()
    dialect = engine.dialect
    text = _count_text(dialect.name, dialect.paramstyle, 4)
    ticks = iter(range(10**9))
    prepared = [
        tuple(rows_of(parts, 10**6 + number, now_ms=int(NOW * 1000))) for number in range(rounds + 20)
    ]
    given = iter(prepared)

    def bare() -> None:
        cursor.execute(text, next(given))
        cursor.fetchall()
        driver.commit()

    def ours() -> None:
        run_inline(
            admit(parts, action="sign_in", account=f"{next(ticks)}@example.org", network="192.0.2.7", now=NOW)
        )

    show(
        f"an attempt is counted ({dialect.name}, 4 buckets, one statement)",
        in_turns(
            {"limit: the driver, the statement and its parameters ready": bare, "admit": ours}, rounds=rounds
        ),
        "limit: the driver, the statement and its parameters ready",
    )
    driver.close()
    engine.dispose()


def counting_redis(url: str, *, rounds: int) -> None:
    """The same on Redis or Valkey: our step against one prepared EVALSHA."""
    import redis

    from secureacct.stores.redis import RedisStore
    from secureacct.stores.redis.asking import sha_of
    from secureacct.stores.redis.throttle import COUNT, _count_arguments, _names

    keys, store = Keyring.generate(), RedisStore(redis.Redis.from_url(url), prefix="bench:")
    parts = ThrottleParts(store, keys, WIDE)
    ticks = iter(range(10**9))
    store.client.script_load(COUNT)
    charge = _stranger_lane(parts, WIDE.of("sign_in"), "sign_in", "x@example.org", "192.0.2.7")
    arguments = _count_arguments(charge, now_ms=int(NOW * 1000))
    name = iter(range(10**9))

    def bare() -> None:
        made = _names("bench:", [next(name).to_bytes(16, "big") for _ in charge])
        store.client.evalsha(sha_of(COUNT), len(made), *made, *arguments)

    def ours() -> None:
        run_inline(
            admit(parts, action="sign_in", account=f"{next(ticks)}@example.org", network="192.0.2.7", now=NOW)
        )

    limit = "limit: redis-py, one EVALSHA with its arguments ready"
    show(
        "an attempt is counted (Redis, 4 buckets, one script)",
        in_turns({limit: bare, "admit": ours}, rounds=rounds),
        limit,
    )
    store.client.flushdb()


def appending(url: str, *, rounds: int) -> None:
    """One event with an effect in one transaction: bare row, our event, and a chain inside."""
    engine, keys = sa.create_engine(url), Keyring.generate()
    effect = sa.Table("bench_effect", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    plain = sa.Table(
        "bench_event",
        sa.MetaData(),
        *(
            sa.Column(name, kind)
            for name, kind in (("id", sa.Text), ("at", sa.BigInteger), ("name", sa.Text))
        ),
        *(
            sa.Column(name, sa.Text)
            for name in ("outcome", "reason", "account_id", "session_id", "correlation_id")
        ),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id"),
        sa.Index("ix_bench_event_account", "account_id", "id"),
    )
    for table in (effect, plain, event, segment):
        table.drop(engine, checkfirst=True)
        table.create(engine)
    _careful(engine)
    store, macs = Store(engine), EventKeys(keys)
    cipher = FieldCipher(keys, table="event", column="personal", type=str)
    ticks = iter(range(10**9))

    def common() -> dict[str, Any]:
        now = time.time()
        facts = {"name": "sign_in", "outcome": "ok", "reason": "", "account_id": "42", "session_id": "s1"}
        return {
            **facts,
            "id": event_id(now=now, random=os.urandom(10)),
            "at": int(now),
            "correlation_id": "r1",
        }

    def bare() -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(effect), [{"id": next(ticks)}])
            connection.execute(sa.insert(plain), [{**common(), "detail": '{"device":"Firefox on Linux"}'}])

    def ours() -> None:
        made = seal_event(macs, cipher, **common(), personal={"device": "Firefox on Linux"})
        with engine.begin() as connection:
            connection.execute(sa.insert(effect), [{"id": next(ticks)}])
            run_inline(store.using(connection).commit((), events=(made,)))

    def ours_alone() -> None:
        run_inline(store.commit((), events=(seal_event(macs, cipher, **common(), personal={"device": "x"}),)))

    limit = "limit: effect + bare INSERT of the same facts in clear"
    kinds = {
        limit: bare,
        "effect + sealed, MACed event (savepoint of the app's)": ours,
        "event alone": ours_alone,
    }
    show(f"an event is written ({engine.dialect.name})", in_turns(kinds, rounds=rounds), limit)
    for table in (effect, plain):
        table.drop(engine)
    engine.dispose()


def _one(macs: EventKeys, cipher: Any, at: int) -> Event:
    return seal_event(
        macs,
        cipher,
        id=event_id(now=NOW + at / 100, random=os.urandom(10)),
        at=int(NOW) + at // 100,
        name="sign_in",
        outcome="ok",
        account_id=str(at % 5000),
        session_id="s1",
        correlation_id="r1",
        personal={"device": "Firefox on Linux"},
    )


def checking(number: int) -> None:
    """Verify a log of ``number`` events: events a second, and how memory grew on the way."""
    with tempfile.TemporaryDirectory() as folder:
        engine, keys = sa.create_engine(f"sqlite:///{folder}/log.db"), Keyring.generate()
        metadata.create_all(engine, tables=[event, segment])
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
        store, macs = Store(engine), EventKeys(keys)
        cipher = FieldCipher(keys, table="event", column="personal", type=str)
        begun = time.perf_counter()
        for first in range(0, number, 1000):
            made = [_one(macs, cipher, at) for at in range(first, first + 1000)]
            run_inline(store.commit((), events=made))
            run_inline(store.seal_segment(seal_rule(macs, log_name="bench", now=int(NOW)), limit=1000))
        written = number / (time.perf_counter() - begun)
        log = AuditLog(store, keys, name="bench")
        peaks: list[int] = []

        def note(_: int) -> None:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

        begun, busy = time.perf_counter(), time.process_time()
        report = log.verify(progress=note)
        spent, busy = time.perf_counter() - begun, time.process_time() - busy
        tenth = peaks[max(0, len(peaks) // 10 - 1)]
        print(
            f"\na log of {report.events:,} events is checked ({'whole' if report.ok else report.first_bad})"
        )
        print(f"  {'made, written and sealed':<58} {written:>9,.0f} a second")
        print(f"  {'verified':<58} {report.events / spent:>9,.0f} a second")
        print(f"  {'verified, counting CPU time alone':<58} {report.events / busy:>9,.0f} a second")
        print(
            f"  {'peak memory after a tenth, at the end':<54} {tenth / 1024:>5.0f}, {peaks[-1] / 1024:.0f} MB"
        )
        engine.dispose()


def _careful(engine: sa.Engine) -> None:
    """SQLite as a server would run it: write-ahead log, every commit synced."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def main() -> None:
    """Measure everything that is at hand."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=100_000, help="size of the log that is checked")
    options.add_argument("--rounds", type=int, default=1000)
    options.add_argument("--pg", default=os.environ.get("SECUREACCT_TEST_PG_URL", ""))
    options.add_argument("--redis", default="")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/bench.db", *([given.pg] if given.pg else [])]
        for url in urls:
            counting(url, rounds=given.rounds)
        if given.redis:
            counting_redis(given.redis, rounds=given.rounds)
        for url in urls:
            appending(url, rounds=given.rounds)
    checking(given.events)


if __name__ == "__main__":
    main()
