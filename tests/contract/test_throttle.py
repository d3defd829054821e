"""Counting attempts: every store counts like the rule, and never one too many."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from secureacct.errors import StoreUnavailable
from secureacct.keys import Keyring
from secureacct.records.throttle import FOREVER_MS, Bucket, Charge, Counted, Refused
from secureacct.throttle import Admitted, ThrottleParts, TooManyAttempts, admit, rules, succeeded
from secureacct.throttle.policies import ActionPolicy, Budget, Ladder, ThrottlePolicy
from tests.throttle_kit import STORES, Driver, opened

NOW_MS = 1_790_000_000_000
LADDER = Charge(
    key=b"ladder", kind="account", free=5, step_ms=30_000, cap_ms=3_600_000, pause_at=0, room_ms=0,
    forget_ms=86_400_000,
)  # fmt: skip
PAUSING = replace(LADDER, key=b"pausing", free=2, pause_at=7)
BUDGET = Charge(
    key=b"budget", kind="network", free=10, step_ms=360_000, cap_ms=0, pause_at=0, room_ms=9 * 360_000,
    forget_ms=7_200_000,
)  # fmt: skip
WATCH = replace(BUDGET, key=b"watch", room_ms=FOREVER_MS)


@pytest.fixture(params=STORES)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A new store of every kind."""
    with opened(request.param, request) as driver:
        yield driver


class Model:
    """What the rules say, in a dict."""

    def __init__(self) -> None:
        self.buckets: dict[bytes, Bucket] = {}

    def count(self, charges: list[Charge], now_ms: int) -> Counted | Refused:
        after = {one.key: rules.count(self.buckets.get(one.key), one, now_ms=now_ms) for one in charges}
        shut = [
            (place, self.buckets[one.key].count, self.buckets[one.key].until_ms)
            for place, one in enumerate(charges)
            if after[one.key] is None
        ]
        if shut:
            return Refused(tuple(shut))
        self.buckets.update({key: bucket for key, bucket in after.items() if bucket is not None})
        return Counted(
            tuple((self.buckets[one.key].count, self.buckets[one.key].until_ms) for one in charges)
        )

    def settle(self, keys: list[bytes], rule: Any) -> None:
        for key in keys:
            if key in self.buckets:
                self.buckets[key] = rule(self.buckets[key])


@pytest.mark.parametrize("seed", range(3))
def test_a_store_counts_like_the_rule(driver: Driver, seed: int) -> None:
    """Over hundreds of attempts, settlements and leaps of time, a store and the rule never differ."""
    dice = random.Random(seed)
    model, now = Model(), NOW_MS
    for _ in range(250):
        now += dice.choice((0, 1, 500, 15_000, 40_000, 700_000, 4_000_000))
        if dice.random() < 0.02:
            now += 90_000_000  # more than a day: everything is forgotten, except a pause
        charges = dice.sample([LADDER, PAUSING, BUDGET, WATCH], dice.randint(1, 4))
        expected = model.count(charges, now)
        assert driver.run(driver.store.count_attempt(charges, now_ms=now)) == expected
        keys = [one.key for one in charges]
        act = dice.random()
        if isinstance(expected, Counted) and act < 0.25:
            model.settle(keys, rules.after_withdrawal)
            driver.run(driver.store.settle_withdrawn(keys))
        elif isinstance(expected, Counted) and act < 0.30:
            model.settle(keys, rules.after_success)
            driver.run(driver.store.settle_success(keys))


def test_fifty_at_once_are_never_more_than_the_limit(driver: Driver) -> None:
    """Of fifty parallel attempts exactly the five free ones pass."""
    answers = driver.together(lambda: driver.store.count_attempt([LADDER, WATCH], now_ms=NOW_MS), 50)
    assert [type(one) for one in answers if not isinstance(one, Counted | Refused)] == []
    passed = [one for one in answers if isinstance(one, Counted)]
    assert sorted(one.buckets[0][0] for one in passed) == [1, 2, 3, 4, 5]


def test_a_shut_bucket_charges_no_other(driver: Driver) -> None:
    """Where one bucket refuses, the others stay as they were: nobody is locked out by the refused."""
    for _ in range(5):
        driver.run(driver.store.count_attempt([LADDER], now_ms=NOW_MS))
    for _ in range(20):
        refused = driver.run(driver.store.count_attempt([BUDGET, LADDER, PAUSING], now_ms=NOW_MS))
        assert refused == Refused(((1, 5, NOW_MS + 30_000),))
    counted = driver.run(driver.store.count_attempt([BUDGET, PAUSING], now_ms=NOW_MS))
    assert [count for count, _ in counted.buckets] == [1, 1]


def test_what_is_quiet_is_forgotten_and_a_pause_is_not(driver: Driver) -> None:
    """After its quiet time a bucket counts from one again; a paused one stays shut."""
    now = NOW_MS
    for _ in range(7):
        driver.run(driver.store.count_attempt([PAUSING], now_ms=now))
        now += 3_600_001
    driver.run(driver.store.count_attempt([LADDER], now_ms=now))
    later = now + 10 * 86_400_000
    assert driver.run(driver.store.count_attempt([LADDER], now_ms=later)).buckets[0][0] == 1
    shut = driver.run(driver.store.count_attempt([PAUSING], now_ms=later))
    assert shut == Refused(((0, 7, FOREVER_MS),))
    driver.run(driver.store.settle_success([PAUSING.key]))
    assert driver.run(driver.store.count_attempt([PAUSING], now_ms=later)).buckets[0][0] == 1


def test_forgotten_buckets_can_be_removed(driver: Driver) -> None:
    """Removing takes what is forgotten, and only that."""
    old = [replace(BUDGET, key=bytes([number]) * 16) for number in range(5)]
    driver.run(driver.store.count_attempt(old, now_ms=NOW_MS))
    later = NOW_MS + 2 * 86_400_000
    driver.run(driver.store.count_attempt([LADDER], now_ms=later))
    removed = driver.run(driver.store.forget_buckets(now_ms=later, limit=3))
    removed += driver.run(driver.store.forget_buckets(now_ms=later, limit=100))
    assert removed in (5, 0)  # Redis lets them expire instead
    assert driver.run(driver.store.count_attempt([LADDER], now_ms=later)).buckets[0][0] == 2


def test_the_whole_step_on_every_store(driver: Driver) -> None:
    """Fifty parallel sign-ins to one account: five pass; after one success the account is open again,
    and the network has got back one attempt and not five."""
    policy = ThrottlePolicy().with_action(
        "sign_in", ActionPolicy(account_network=Ladder(), networks=(Budget(per_hour=6),))
    )
    parts = ThrottleParts(driver.store, Keyring.generate(), policy, lambda: NOW_MS / 1000)

    def attempt() -> Any:
        return admit(parts, action="sign_in", account="Ada@example.org", network="192.0.2.7")

    answers = driver.together(attempt, 50)
    tickets = [one for one in answers if isinstance(one, Admitted)]
    assert len(tickets) == 5
    assert {type(one) for one in answers} == {Admitted, TooManyAttempts}
    driver.run(succeeded(parts, tickets[0]))
    again = driver.together(attempt, 10)
    assert len([one for one in again if isinstance(one, Admitted)]) == 2  # 6 a network, 4 still spent
    assert {one.bucket for one in again if isinstance(one, TooManyAttempts)} == {"network"}


@pytest.mark.parametrize("kind", ["sqlite", "pg"])
def test_a_failure_survives_the_apps_rollback(kind: str, request: pytest.FixtureRequest) -> None:
    """A store joined to the app's transaction still counts in its own: a rollback forgets no failure."""
    with opened(kind, request) as driver, driver.store.engine.connect() as connection:
        joined = driver.store.using(connection)
        for _ in range(5):
            driver.run(joined.count_attempt([LADDER], now_ms=NOW_MS))
        connection.rollback()
        assert isinstance(driver.run(driver.store.count_attempt([LADDER], now_ms=NOW_MS)), Refused)


@pytest.mark.parametrize("kind", ["sqlite", "sqlite_async"])
def test_a_store_that_is_down_says_so(kind: str, request: pytest.FixtureRequest) -> None:
    """A database that cannot be read raises StoreUnavailable, and no third party's error."""
    from secureacct.stores.sql.throttle import throttle

    with opened(kind, request) as driver:

        async def drop() -> None:
            async with driver.store.engine.begin() as connection:
                await connection.run_sync(throttle.drop)

        if kind == "sqlite":
            throttle.drop(driver.store.engine)
        else:
            driver.run(drop())
        with pytest.raises(StoreUnavailable):
            driver.run(driver.store.count_attempt([LADDER], now_ms=NOW_MS))


def test_redis_that_is_down_says_so() -> None:
    """A cache that nobody serves raises StoreUnavailable."""
    redis = pytest.importorskip("redis")
    from secureacct.stores.redis import RedisStore

    store = RedisStore(redis.Redis(unix_socket_path="/nonexistent/socket"))
    with pytest.raises(StoreUnavailable):
        Driver(store).run(store.count_attempt([LADDER], now_ms=NOW_MS))
