"""A Valkey that dies under load and comes back, or whose replica takes over. What it keeps of what it
acknowledged is what ``docs/why/stores-that-lose-writes.md`` says."""

from __future__ import annotations

import os

import pytest

from secureacct.errors import StoreUnavailable
from tests import valkey_kit
from tests.load_kit import WAYS, Load, once_it_answers, sessions_in

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("SECUREACCT_TEST_FAULT_ROUNDS", "3"))  # 20 for a release
PROMOTIONS = max(1, ROUNDS // 3)  # each with two new servers


@pytest.mark.parametrize("way", WAYS)
def test_a_server_with_its_log_on_disk_is_killed_under_load(way: str) -> None:
    """With ``appendfsync always`` whatever was acknowledged is there after every restart."""
    durable = ('save ""', "appendonly yes", "appendfsync always")
    with valkey_kit.valkeys(1, *durable) as (server,), sessions_in(server.url, way) as sessions:
        with Load(sessions) as load:
            for _ in range(ROUNDS):
                load.until(10)
                server.kill()
                server.start()
                assert once_it_answers(lambda: sessions.start("9"))
        load.check()


@pytest.mark.parametrize("way", WAYS)
def test_a_replica_is_promoted_under_load(way: str) -> None:
    """With ``wait_replicas=1`` the replica has whatever was acknowledged, also when the link to it went dead
    some time before the primary."""
    for _ in range(PROMOTIONS):
        with valkey_kit.primary_and_replica() as (primary, replica, between):
            careful = {"wait_replicas": 1, "wait_ms": 50}
            with sessions_in(primary.url, way, **careful) as sessions, Load(sessions) as load:
                load.until(20)
                between.hold()
                load.until_unavailable(8)
                primary.kill()
                replica.ask("REPLICAOF", "NO", "ONE")
            with sessions_in(replica.url, way) as promoted:
                load.check(promoted)
                assert promoted.load(promoted.start("9")) is not None


def test_an_old_primary_acknowledges_nothing_more() -> None:
    """A replica is promoted while the primary lives on: with ``wait_replicas=1`` the old one is of no use."""
    with valkey_kit.primary_and_replica() as (primary, replica, _between):
        with sessions_in(primary.url, "blocking", wait_replicas=1, wait_ms=50) as sessions:
            token = sessions.start("42")
            replica.ask("REPLICAOF", "NO", "ONE")
            for act in (
                lambda: sessions.end(token),
                lambda: sessions.start("42"),
                lambda: sessions.end_all("42"),
                lambda: sessions.end_everyone(),
            ):
                with pytest.raises(StoreUnavailable):
                    act()
        with sessions_in(replica.url, "blocking") as promoted:
            assert promoted.load(token) is not None
            assert promoted.end(token)
            assert promoted.load(token) is None


def test_what_a_replica_that_was_behind_brings_back() -> None:
    """Without ``wait_replicas`` the promoted replica is as old as its last word from the primary: a later
    sign-out was acknowledged and is undone, a later sign-in is gone. Earlier ones hold, and ending every
    session ends what came back."""
    with valkey_kit.primary_and_replica() as (primary, replica, between):
        with sessions_in(primary.url, "blocking") as sessions:
            before, after = sessions.start("42"), sessions.start("42")
            assert sessions.end(before)
            valkey_kit.catch_up(primary, replica)
            between.hold()
            assert sessions.end(after)
            late = sessions.start("42")
            primary.kill()
        replica.ask("REPLICAOF", "NO", "ONE")
        with sessions_in(replica.url, "blocking") as promoted:
            assert promoted.load(before) is None
            assert promoted.load(after) is not None
            assert promoted.load(late) is None
            promoted.end_everyone()
            assert promoted.load(after) is None
