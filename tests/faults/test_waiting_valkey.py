"""Challenges, pending sign-ins and interrupted POSTs on a Valkey that fails: nothing is used twice, nobody
sees more than "come back later"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from secureacct._faces import run_inline
from secureacct.errors import StoreUnavailable
from secureacct.records.accounts import AddInterrupted, AddPending, ClaimInterrupted, ClaimPending
from secureacct.records.challenges import ClaimChallenge, DropChallenges, PutChallenge
from secureacct.records.changes import Change, Committed, Lost
from secureacct.stores.redis import RedisStore
from tests import servers, valkey_kit
from tests.factor_kit import NOW, challenge, interrupted, pending
from tests.journeys.kit import ADA, PASSWORD, Shop

pytestmark = pytest.mark.faults

PUT: tuple[Change, ...] = (
    PutChallenge(challenge=challenge(), now=NOW),
    AddPending(pending=pending()),
    AddInterrupted(interrupted=interrupted(), now=NOW),
)
CLAIMS: tuple[Change, ...] = (
    ClaimChallenge(digest=b"d" * 32, purpose="confirm", binding="session:1", account_id="a", now=NOW),
    ClaimPending(hash=b"p1", now=NOW),
    ClaimInterrupted(hash=b"i1", session_id="s", now=NOW),
)


@pytest.fixture
def client() -> Iterator[Any]:
    """A client of a server of its own."""
    with servers.valkey() as url, redis.Redis.from_url(url, socket_timeout=1) as client:
        client.flushall()
        yield client


@pytest.mark.parametrize("options", [{"protocol": 2}, {"protocol": 3}, {"decode_responses": True}], ids=str)
def test_either_protocol_and_a_time_to_live_on_every_key(client: Any, options: dict[str, Any]) -> None:
    """Whatever the client's settings, each is kept, read and claimed once, and every key expires."""
    path = client.get_connection_kwargs()["path"]
    with redis.Redis(unix_socket_path=path, **options) as other:
        store = RedisStore(other)
        for change in PUT:
            assert isinstance(run_inline(store.commit((change,))), Committed)
        names = client.keys("*")
        assert len(names) == 4
        assert all(0 < client.ttl(name) <= 600 for name in names)
        assert run_inline(store.pending(b"p1", now=NOW)) == pending()
        assert run_inline(store.interrupted(b"i1", session_id="s", now=NOW)) == interrupted()
        for claim in CLAIMS:
            assert isinstance(run_inline(store.commit((claim,))), Committed)
            assert run_inline(store.commit((claim,))) == Lost(claim)
        assert isinstance(run_inline(store.commit((DropChallenges(account_id="a"),))), Committed)


def test_a_server_that_is_gone_emptied_or_full(client: Any) -> None:
    """Gone: unavailable. Full: what is there can be used up, nothing new is kept. Emptied: claims lose."""
    store = RedisStore(client)
    for change in PUT:
        run_inline(store.commit((change,)))
    client.config_set("maxmemory", 1)
    for change in PUT:
        with pytest.raises(StoreUnavailable):
            run_inline(store.commit((change,)))
    assert isinstance(run_inline(store.commit(CLAIMS)), Committed)
    client.config_set("maxmemory", 0)
    for change in PUT:
        run_inline(store.commit((change,)))
    client.flushall()
    for claim in CLAIMS:
        assert run_inline(store.commit((claim,))) == Lost(claim)
    client.shutdown(nosave=True)
    for change in (*PUT, *CLAIMS, DropChallenges(account_id="a")):
        with pytest.raises(StoreUnavailable):
            run_inline(store.commit((change,)))
    with pytest.raises(StoreUnavailable):
        run_inline(store.pending(b"p1", now=NOW))


def test_a_wrong_type_or_rubbish_at_the_key(client: Any) -> None:
    """A list or three bytes where a record should be: unavailable, and nothing is claimed."""
    store = RedisStore(client)
    for change in PUT:
        run_inline(store.commit((change,)))
    for name in client.keys("*"):
        client.delete(name)
        client.rpush(name, b"rubbish")
    for change in (*PUT[:2], *CLAIMS, DropChallenges(account_id="a")):
        with pytest.raises(StoreUnavailable):
            run_inline(store.commit((change,)))
    for read in (store.pending(b"p1", now=NOW), store.interrupted(b"i1", session_id="s", now=NOW)):
        with pytest.raises(StoreUnavailable):
            run_inline(read)
    client.flushall()
    client.set("sa:p:cDE", b"\xff\xff\xff\xff{")
    with pytest.raises(StoreUnavailable):
        run_inline(store.pending(b"p1", now=NOW))


def test_a_claim_that_did_not_reach_the_replica_is_not_acknowledged() -> None:
    """With ``wait_replicas=1`` what was acknowledged as used up is used up on the replica that takes over."""
    with valkey_kit.primary_and_replica() as (primary, replica, between):
        with primary.client() as client:
            store = RedisStore(client, wait_replicas=1, wait_ms=2000)
            for change in PUT:
                assert isinstance(run_inline(store.commit((change,))), Committed)
            assert isinstance(run_inline(store.commit((CLAIMS[0],))), Committed)
            between.hold()
            store.wait_ms = 50
            with pytest.raises(StoreUnavailable):
                run_inline(store.commit((CLAIMS[1],)))
            primary.kill()
        replica.ask("REPLICAOF", "NO", "ONE")
        with replica.client() as client:
            promoted = RedisStore(client)
            assert run_inline(promoted.commit((CLAIMS[0],))) == Lost(CLAIMS[0])
            assert isinstance(run_inline(promoted.commit((CLAIMS[1],))), Committed)


def test_between_password_and_code_the_server_is_lost(tmp_path: Path, client: Any) -> None:
    """A page answers 503 and when to come back, for a wrong type at the key and for a server that is gone."""
    path = client.get_connection_kwargs()["path"]
    shop = Shop(tmp_path, settings={"SECUREACCT_SESSION_URL": f"unix://{path}"})
    shop.member().switch_on_two_step()
    ada = shop.browser()
    ada.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    (name,) = client.keys("sa:p:*")
    assert all(client.ttl(one) > 0 for one in client.keys("*"))
    csrf = ada.csrf()
    value = client.get(name)
    left = client.ttl(name)
    client.delete(name)
    client.rpush(name, b"rubbish")
    form = {"csrf_token": csrf, "code": "123456"}
    answer = ada.request("POST", "/account/sign-in/code", json=form)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    client.delete(name)
    client.set(name, value, ex=left)
    client.shutdown(nosave=True)
    answer = ada.request("POST", "/account/sign-in/code", json=form)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
