"""Two callers do something to the same session or account at the same moment, round after round."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.records.changes import Committed
from secureacct.records.sessions import BumpSecurityVersion
from secureacct.sessions import Remember, SessionEnded, SessionPolicy, Sessions, TooManySessions

ROUNDS = int(os.environ.get("SECUREACCT_TEST_RACE_ROUNDS", "40"))  # 1,000 for a release
NOW = 1_790_000_000  # seconds since the epoch
POLICY = SessionPolicy(remember=Remember(rotate_every=timedelta(hours=1)))


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def raw(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A store that several connections share."""
    if request.param == "valkey":
        from secureacct.stores.redis import RedisStore

        yield RedisStore(request.getfixturevalue("valkey_client"))
        return
    from secureacct.stores.sql import SqlStore

    url = f"sqlite:///{tmp_path / 'a.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("pg_database")
    store = SqlStore.from_url(url)
    store.create_schema()
    yield store
    store.engine.dispose()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each act gave or raised; they begin together."""
    gate = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        gate.wait(10)
        try:
            results[place] = act()
        except (SessionEnded, TooManySessions) as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_start_against_everywhere(raw: Any) -> None:
    """What was there before is over; what began meanwhile is before or after, wholly."""
    sessions = Sessions(raw)
    for _ in range(ROUNDS):
        old = sessions.start("42")
        new, _ = at_once(lambda: sessions.start("42"), lambda: sessions.end_all("42"))
        assert sessions.load(old) is None
        alive = sessions.load(new) is not None
        assert len(sessions.list("42")) == alive
        assert sessions.end_all("42") == alive
        assert sessions.load(new) is None
        assert sessions.load(sessions.start("42")) is not None
        sessions.end_all("42")


def test_two_rotations_of_one_token(raw: Any) -> None:
    """One wins; the loser is told that the session is not there."""
    sessions = Sessions(raw)
    for _ in range(ROUNDS):
        token = sessions.start("42")
        results = at_once(partial(sessions.rotate, token), partial(sessions.rotate, token))
        won = [one for one in results if isinstance(one, str)]
        assert len(won) == 1
        assert sessions.load(won[0]) is not None
        assert sessions.load(token) is None
        sessions.end(won[0])


def test_two_renewals_of_one_token(raw: Any) -> None:
    """One gets the new token, the other reads on with the old one."""
    clock = [float(NOW)]
    sessions = Sessions(raw, policy=POLICY, clock=lambda: clock[0])
    for _ in range(ROUNDS):
        token = sessions.start("42", remember=True)
        clock[0] += 3600
        results = at_once(partial(sessions.renew, token), partial(sessions.renew, token))
        won = [one for one in results if one is not None]
        assert len(won) == 1
        assert sessions.load(token) is not None
        assert sessions.load(won[0]) is not None
        sessions.end(won[0])


def test_sign_out_against_rotation(raw: Any) -> None:
    """A sign-out that was acknowledged leaves no token alive, the new one neither."""
    sessions = Sessions(raw)
    for _ in range(ROUNDS):
        token = sessions.start("42")
        ended, new = at_once(partial(sessions.end, token), partial(sessions.rotate, token))
        assert sessions.load(token) is None
        if ended:
            assert isinstance(new, SessionEnded)
            assert sessions.list("42") == ()
        else:
            assert sessions.load(new) is not None
            sessions.end(new)


def test_sign_out_against_a_slow_touch(raw: Any) -> None:
    """The touch of a request that was under way brings nothing back."""
    clock = [float(NOW)]
    sessions = Sessions(raw, clock=lambda: clock[0])
    for _ in range(ROUNDS):
        token = sessions.start("42")
        clock[0] += 120
        at_once(partial(sessions.load, token), partial(sessions.end, token))
        assert sessions.load(token) is None
        assert sessions.list("42") == ()


def test_two_starts_for_one_place(raw: Any) -> None:
    """Where one session is allowed, two sign-ins at once get one."""
    sessions = Sessions(raw, policy=SessionPolicy(at_most=1))
    for _ in range(ROUNDS):
        results = at_once(lambda: sessions.start("42"), lambda: sessions.start("42"))
        assert sum(isinstance(one, str) for one in results) == 1
        assert len(sessions.list("42")) == 1
        sessions.end_all("42")


def _commit(raw: Any, claim: BumpSecurityVersion) -> Any:
    return run_inline(raw.commit((claim,)))


@pytest.mark.parametrize("raw", ["sqlite", "postgres"], indirect=True)
def test_two_claims_of_one_security_version(raw: Any) -> None:
    """Of two resets that rest on the same version, one happens."""
    Sessions(raw).start("42")
    for number in range(ROUNDS):
        claim = BumpSecurityVersion(account_id="42", expected=number)
        results = at_once(*[partial(_commit, raw, claim)] * 2)
        assert sum(isinstance(one, Committed) for one in results) == 1
