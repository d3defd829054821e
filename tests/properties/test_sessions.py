"""Long random histories on every store, compared with a model of a few lines.

Two actors share the store; the clock jumps forwards and backwards; tokens are kept after they died, so
that whatever was dead is asked about for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random as stdlib_random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from secureacct.sessions import (
    AccountNotActive,
    AsyncSessions,
    Remember,
    SessionEnded,
    SessionPolicy,
    Sessions,
)
from secureacct.stores.memory import MemoryStore

NOW = 1_790_000_000  # seconds since the epoch
ACCOUNTS = ("a", "b")
IDLE_S, ABSOLUTE_S, ROTATE_S = 1800, 7200, 3600
POLICY = SessionPolicy(
    idle=timedelta(seconds=IDLE_S),
    absolute=timedelta(seconds=ABSOLUTE_S),
    remember=Remember(
        absolute=timedelta(seconds=4 * ABSOLUTE_S), idle=None, rotate_every=timedelta(seconds=ROTATE_S)
    ),
)


@dataclass(frozen=True)
class Model:
    """What a session should be."""

    account: str
    started_at: int
    seen_at: int
    remember: bool
    token_at: int
    token: str
    factors: tuple[str, ...] = ()

    def alive(self, now: int) -> bool:
        """The limits, in the plainest words."""
        longest = 4 * ABSOLUTE_S if self.remember else ABSOLUTE_S
        if now - self.started_at >= longest or self.started_at - now > 2 * 86_400:
            return False
        return self.remember or now - self.seen_at < IDLE_S


class Histories(RuleBasedStateMachine):
    """Two actors, one store, one model."""

    tokens = Bundle("tokens")
    open_store: Callable[[], contextlib.AbstractContextManager[tuple[Any, Any]]]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.live: dict[str, Model] = {}  # token -> session
        self.renewed: dict[str, tuple[str, int]] = {}  # old token -> (public id, when)
        self.ids: dict[str, str] = {}  # token -> public id
        self.status = dict.fromkeys(ACCOUNTS, "active")
        self.stack = contextlib.ExitStack()

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        """Open the store; two pieces stand for two processes."""
        source = stdlib_random.Random(seed)
        raw, drive = self.stack.enter_context(type(self).open_store())
        options: dict[str, Any] = {"policy": POLICY, "clock": lambda: self.now, "random": source.randbytes}
        face: Any = Sessions if drive is None else AsyncSessions
        self.actors = [face(raw, **options) for _ in range(2)]
        self.drive = drive

    def teardown(self) -> None:
        """Close the store."""
        self.stack.close()

    def call(self, actor: int, name: str, *args: Any, **kwargs: Any) -> Any:
        """One call of one actor."""
        result = getattr(self.actors[actor], name)(*args, **kwargs)
        return result if self.drive is None else self.drive(result)

    def expected(self, token: str) -> Model | None:
        """The live session the model has for a token."""
        found = self.live.get(token)
        if found is None or not found.alive(self.now) or self.status[found.account] != "active":
            return None
        return found

    actor = st.integers(0, 1)
    account = st.sampled_from(ACCOUNTS)

    @rule(target=tokens, actor=actor, account=account, remember=st.booleans())
    def start(self, actor: int, account: str, remember: bool) -> str:
        """Sign in."""
        if self.status[account] != "active":
            with pytest.raises(AccountNotActive):
                self.call(actor, "start", account)
            return ""
        token: str = self.call(actor, "start", account, remember=remember, factors=["password"])
        self.live[token] = Model(account, self.now, self.now, remember, self.now, token, ("password",))
        self.ids[token] = self.call(actor, "load", token).id
        return token

    @rule(actor=actor, token=tokens)
    def load(self, actor: int, token: str) -> None:
        """Ask who it is."""
        self.check(actor, token)

    def check(self, actor: int, token: str) -> None:
        """The store says what the model says."""
        session = self.call(actor, "load", token)
        wanted = self.expected(token)
        if wanted is not None:
            assert session is not None
            assert (session.account_id, session.id, session.remember, session.started_at) == (
                wanted.account,
                self.ids[token],
                wanted.remember,
                wanted.started_at,
            )
            assert session.factors == wanted.factors
            touch_s = 60
            if abs(self.now - wanted.seen_at) >= touch_s:
                self.live[token] = replace(wanted, seen_at=self.now)
            return
        if token in self.renewed:
            public, when = self.renewed[token]
            heirs = [one for one in self.live if self.ids[one] == public and self.expected(one)]
            if abs(self.now - when) < 10 and heirs:
                assert session is not None
                assert session.id == public
                return
            if abs(self.now - when) >= 10:
                self.forget(public)
        assert session is None

    def forget(self, public: str) -> None:
        """A session is over in the model."""
        self.live = {token: one for token, one in self.live.items() if self.ids[token] != public}

    @rule(target=tokens, actor=actor, token=tokens)
    def rotate(self, actor: int, token: str) -> str:
        """Step up."""
        wanted = self.expected(token)
        if wanted is None:
            with pytest.raises(SessionEnded):
                self.call(actor, "rotate", token)
            self.check(actor, token)
            return token
        new: str = self.call(actor, "rotate", token, factors=["totp"])
        del self.live[token]
        factors = wanted.factors if "totp" in wanted.factors else (*wanted.factors, "totp")
        self.live[new] = replace(wanted, token=new, seen_at=self.now, token_at=self.now, factors=factors)
        self.ids[new] = self.ids[token]
        return new

    @rule(target=tokens, actor=actor, token=tokens)
    def renew(self, actor: int, token: str) -> str:
        """The clock's rotation."""
        wanted = self.expected(token)
        new = self.call(actor, "renew", token)
        due = wanted is not None and wanted.remember and self.now - wanted.token_at >= ROTATE_S
        assert (new is not None) == due
        if new is None or wanted is None:
            self.check(actor, token)
            return token
        del self.live[token]
        self.live[new] = replace(wanted, token=new, seen_at=self.now, token_at=self.now)
        self.ids[new] = self.ids[token]
        self.renewed[token] = (self.ids[token], self.now)
        return str(new)

    @rule(actor=actor, account=account, seconds=st.sampled_from([0, 9, 10, 15]))
    def renew_and_come_back(self, actor: int, account: str, seconds: int) -> None:
        """A token that was rotated out comes back: in time to read, or too late."""
        token: Any = self.start(actor, account, True)
        if token:
            self.now += ROTATE_S
            new: Any = self.renew(actor, token)
            self.now += seconds
            self.check(1 - actor, token)
            self.check(actor, new)

    @rule(actor=actor, token=tokens)
    def end(self, actor: int, token: str) -> None:
        """Sign out."""
        self.call(actor, "end", token)
        if token in self.renewed:
            self.forget(self.renewed[token][0])
        self.live.pop(token, None)

    @rule(actor=actor, account=account, token=tokens)
    def end_by_id(self, actor: int, account: str, token: str) -> None:
        """From the devices page; another account's id does nothing."""
        public = self.ids.get(token, "")
        self.call(actor, "end_by_id", account, public)
        if any(self.ids[one] == public and model.account == account for one, model in self.live.items()):
            self.forget(public)

    @rule(actor=actor, account=account, keep=st.none() | tokens)
    def end_all(self, actor: int, account: str, keep: str | None) -> None:
        """Sign out everywhere."""
        mine = [token for token in self.live if (one := self.expected(token)) and one.account == account]
        ended = self.call(actor, "end_all", account, keep=keep)
        assert ended == len([token for token in mine if token != keep])
        self.live = {
            token: one
            for token, one in self.live.items()
            if one.account != account or (token == keep and token in mine)
        }

    @rule(actor=actor, account=account, status=st.sampled_from(["active", "disabled"]))
    def set_status(self, actor: int, account: str, status: str) -> None:
        """Disable and enable; either way sessions end."""
        self.call(actor, "set_status", account, status)
        self.status[account] = status
        self.live = {token: one for token, one in self.live.items() if one.account != account}

    @rule(actor=actor)
    def purge(self, actor: int) -> None:
        """Nothing that lives is removed. What is dead now may be removed for good, so the model forgets
        it as well: a clock that goes back must not count on it."""
        self.call(actor, "purge", batch=2)
        self.live = {token: one for token, one in self.live.items() if self._kept(one)}

    def _kept(self, one: Model) -> bool:
        ends_at = one.started_at + (4 * ABSOLUTE_S if one.remember else ABSOLUTE_S)
        return self.now < ends_at and (one.remember or self.now - one.seen_at < IDLE_S)

    @rule(seconds=st.sampled_from([1, 9, 59, 60, 600, 1799, 1800, 3600, 7200, 30_000, -30, -3600, -40_000]))
    def jump(self, seconds: int) -> None:
        """Time passes, or the clock is set back."""
        self.now += seconds

    @invariant()
    @precondition(lambda self: hasattr(self, "actors"))
    def lists_agree(self) -> None:
        """The devices page shows exactly the live sessions."""
        for account in ACCOUNTS:
            listed = {one.id for one in self.call(0, "list", account)}
            wanted = {
                self.ids[token]
                for token in self.live
                if (one := self.expected(token)) and one.account == account
            }
            assert listed == wanted


@contextlib.contextmanager
def _memory() -> Iterator[tuple[Any, Any]]:
    yield MemoryStore(), None


@contextlib.contextmanager
def _sql(url: str) -> Iterator[tuple[Any, Any]]:
    from secureacct.stores.sql import SqlStore, metadata

    store = SqlStore.from_url(url)
    store.create_schema()
    with store.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name.startswith(("sa_session", "sa_account_state")):
                connection.execute(table.delete())
    yield store, None
    store.engine.dispose()


@contextlib.contextmanager
def _sqlite_awaiting(url: str) -> Iterator[tuple[Any, Any]]:
    from secureacct.stores.sql import AsyncSqlStore

    with _sql(url), asyncio.Runner() as runner:
        store = AsyncSqlStore.from_url(url)
        yield store, runner.get_loop().run_until_complete
        runner.run(store.engine.dispose())


@contextlib.contextmanager
def _valkey(client: Any) -> Iterator[tuple[Any, Any]]:
    from secureacct.stores.redis import RedisStore

    client.flushdb()
    yield RedisStore(client), None


@pytest.mark.parametrize("kind", ["memory", "sqlite", "sqlite-awaiting", "postgres", "valkey"])
def test_every_store_behaves_like_the_model(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Through long random histories with clock jumps and two actors, store and model never disagree."""
    opened: Any = _memory
    if kind == "sqlite":
        opened = functools.partial(_sql, f"sqlite:///{tmp_path / 'a.db'}")
    elif kind == "sqlite-awaiting":
        opened = functools.partial(_sqlite_awaiting, f"sqlite:///{tmp_path / 'a.db'}")
    elif kind == "postgres":
        opened = functools.partial(_sql, request.getfixturevalue("pg_database"))
    elif kind == "valkey":
        opened = functools.partial(_valkey, request.getfixturevalue("valkey_client"))
    machine: Any = type("H", (Histories,), {"open_store": staticmethod(opened)})
    machine.TestCase.settings = settings(
        max_examples=60 if kind == "memory" else 12,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase().runTest()
