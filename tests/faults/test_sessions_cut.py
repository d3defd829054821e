"""The connection to PostgreSQL is cut at the one moment that matters: at COMMIT, before the server has it, or
after, so that it was done and nobody was told."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.errors import StoreUnavailable
from secureacct.records.changes import Committed, Lost
from secureacct.records.sessions import BumpSecurityVersion
from secureacct.sessions import SessionEnded
from tests import servers
from tests.load_kit import WAYS, Driven, Load, once_it_answers, sessions_on
from tests.proxy_kit import Cut, Proxy, proxy

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("SECUREACCT_TEST_FAULT_ROUNDS", "3"))  # 20 for a release
SOCKET = ".s.PGSQL.5432"


@pytest.fixture
def behind(pg_database: str) -> Iterator[tuple[str, Proxy]]:
    """A database's URL through a proxy, and the proxy."""
    url = sa.make_url(pg_database)
    folder_of_socket = url.query.get("host")
    target = Path(str(folder_of_socket)) / SOCKET if folder_of_socket else (str(url.host), url.port or 5432)
    with servers.short_folder() as folder, proxy(folder / SOCKET, target) as between:
        through = url.set(host=None, port=None, query={"host": str(folder)})
        yield through.render_as_string(hide_password=False), between


def _cut_next_commit(between: Proxy, how: Cut) -> None:
    def decide(data: bytes) -> Cut:
        if b"COMMIT\0" not in data:
            return Cut.NOT
        between.decide = lambda _: Cut.NOT
        return how

    between.decide = decide


@contextlib.contextmanager
def _cut(between: Proxy, how: Cut) -> Iterator[None]:
    """The block's commit is cut, and what it calls says that it does not know."""
    cuts = between.cuts
    _cut_next_commit(between, how)
    with pytest.raises(StoreUnavailable):
        yield
    assert between.cuts == cuts + 1


@pytest.mark.parametrize("how", [Cut.BEFORE, Cut.AFTER], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_a_sign_out_cut_at_its_commit(behind: tuple[str, Proxy], way: str, how: Cut) -> None:
    """Nobody is told that it worked; what it did is one of the two, and asking again settles it."""
    url, between = behind
    with sessions_on(url, way) as sessions:
        for _ in range(ROUNDS):
            token = sessions.start("42")
            with _cut(between, how):
                sessions.end(token)
            lives = once_it_answers(functools.partial(sessions.load, token)) is not None
            assert lives == (how is Cut.BEFORE)
            assert sessions.end(token) is lives
            assert sessions.load(token) is None
            assert not sessions.end(token)


@pytest.mark.parametrize("how", [Cut.BEFORE, Cut.AFTER], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_cut_at_its_commit_happens_once_or_not_at_all(
    behind: tuple[str, Proxy], way: str, how: Cut
) -> None:
    """A start, a rotation, "everywhere" and a claim: tried again, none of them takes effect twice."""
    url, between = behind
    done = how is Cut.AFTER
    with sessions_on(url, way) as sessions:
        first = sessions.start("42")
        with _cut(between, how):
            sessions.start("42")
        assert len(once_it_answers(lambda: sessions.list("42"))) == 1 + done  # nobody has its token
        with _cut(between, how):
            sessions.rotate(first)
        if done:
            assert once_it_answers(lambda: sessions.load(first)) is None
            with pytest.raises(SessionEnded):
                sessions.rotate(first)
        else:
            first = once_it_answers(lambda: sessions.rotate(first))
            assert sessions.load(first) is not None
        kept = sessions.start("42")
        with _cut(between, how):
            sessions.end_all("42")
        assert (once_it_answers(lambda: sessions.load(kept)) is None) == done
        assert (sessions.end_all("42") == 0) == done
        assert sessions.load(kept) is None
        assert sessions.list("42") == ()
        with _cut(between, how):
            _claim(sessions)
        assert once_it_answers(lambda: type(_claim(sessions))) is (Lost if done else Committed)
        assert sessions.account_state("42").security_version == 1


def _claim(sessions: Driven) -> Any:
    claim = BumpSecurityVersion(account_id="42", expected=0)
    return sessions.run(sessions.piece.parts.store.commit((claim,)))


@pytest.mark.parametrize("way", WAYS)
def test_commits_cut_under_load(behind: tuple[str, Proxy], way: str) -> None:
    """Every tenth commit of four people is cut, in turns before and after: what was acknowledged holds."""
    url, between = behind
    with sessions_on(url, way) as sessions:
        between.decide = _every_tenth()
        with Load(sessions) as load:
            load.until(20 * ROUNDS)
        between.decide = lambda _: Cut.NOT
        assert load.unavailable > ROUNDS
        assert once_it_answers(lambda: sessions.start("9"))
        load.check()


def _every_tenth() -> Callable[[bytes], Cut]:
    commits = itertools.count(1)

    def decide(data: bytes) -> Cut:
        at = next(commits) if b"COMMIT\0" in data else 1
        return Cut.NOT if at % 10 else Cut.BEFORE if at % 20 else Cut.AFTER

    return decide
