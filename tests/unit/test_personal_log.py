"""The personal part of the security log: readable while the person is here, and never again after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from secureacct._faces import run_inline
from secureacct.accounts.personal_log import NOBODY, PersonalLog, PersonalStore
from secureacct.audit import AsyncAuditLog, AuditLog, EventKeys, event_id, seal_event
from secureacct.fields import FieldCipher, SubjectForgotten
from secureacct.keys import Keyring, KmsUnavailable
from secureacct.records.events import Event
from secureacct.records.subject_keys import ForgetSubject
from secureacct.stores.memory import MemoryStore
from secureacct.stores.sql import AsyncSqlStore, SqlStore

KEYS = Keyring.generate()
HERE = {"device": "Firefox on Linux", "network": "192.0.2.0/24"}
_numbers = iter(range(1, 200))


class Bench:
    """A store, blocking or awaiting, and the log before it."""

    def __init__(self, store: Any, *, loop: asyncio.AbstractEventLoop | None = None, **more: Any) -> None:
        self.loop = loop
        self.log = PersonalLog(store, KEYS, **more)
        self.store = PersonalStore(store, self.log)

    def run(self, made: Any) -> Any:
        """The result of one step."""
        return self.loop.run_until_complete(made) if self.loop else run_inline(made)

    def write(self, *events: Event, changes: Any = ()) -> None:
        """Commit events."""
        self.run(self.store.commit(changes, events=events))

    def rows(self) -> list[Event]:
        """What stands in the store, the oldest first."""
        return list(self.run(self.store.events_after("", limit=100)))

    def read(self, event: Event, log: PersonalLog | None = None) -> dict[str, str]:
        """Open it, with a reader that begins with nothing."""
        reader = log or PersonalLog(self.store, KEYS)
        self.run(reader.load([event.account_id]))
        return reader.read(event)

    def verified(self) -> bool:
        """Whether the whole log proves itself."""
        made: Any = AsyncAuditLog(self.store, KEYS) if self.loop else AuditLog(self.store, KEYS)
        report = made.verify()
        return bool((self.run(report) if self.loop else report).ok)


@pytest.fixture(params=["memory", "sqlite", "sqlite_async"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """An empty log on a store of each kind."""
    if request.param == "memory":
        yield Bench(MemoryStore())
        return
    url = f"{tmp_path}/log.db"
    store = SqlStore(sa.create_engine(f"sqlite:///{url}"))
    store.create_schema()
    if request.param == "sqlite":
        yield Bench(store)
    else:
        loop = asyncio.new_event_loop()
        engine = create_async_engine(f"sqlite+aiosqlite:///{url}")
        yield Bench(AsyncSqlStore(engine), loop=loop)
        loop.run_until_complete(engine.dispose())
        loop.close()
    store.engine.dispose()


def event(account: str | None = "42", *, session: str | None = "s", outcome: Any = "ok") -> Event:
    """An event as the journeys make it: under the site's key."""
    at = 1_790_000_000 + next(_numbers)
    cipher = FieldCipher(KEYS, table="event", column="personal", type=str)
    return seal_event(
        EventKeys(KEYS), cipher, id=event_id(now=at, random=b"r" * 10), at=at, name="sign_in",
        outcome=outcome, account_id=account, session_id=session, personal=HERE,
    )  # fmt: skip


def test_erasure_makes_one_persons_part_unreadable_and_leaves_the_chain_whole(bench: Bench) -> None:
    """After the key is destroyed nobody reads their device; others' and nobody's stay; the log verifies."""
    bench.write(event("42"), event("7"), event(None))
    mine, other, nobodys = bench.rows()
    assert bench.read(mine) == bench.read(other) == bench.read(nobodys) == HERE
    bench.write(event("42"), changes=[ForgetSubject(tenant="", subject="42", at=1)])
    with pytest.raises(SubjectForgotten):
        bench.log.read(mine)  # not even the process that wrote it
    for row in bench.rows():
        if row.account_id == "42":
            with pytest.raises(SubjectForgotten):
                bench.read(row)
    assert bench.read(other) == bench.read(nobodys) == HERE
    assert bench.verified()


def test_what_is_told_of_an_erased_person_holds_nothing_personal(bench: Bench) -> None:
    """An event after the erasure is written, whole, and has no personal part at all."""
    bench.write(changes=[ForgetSubject(tenant="", subject="42", at=1)])
    bench.write(event("42"), event("42", session=None))
    assert [row.sealed for row in bench.rows()] == [b"", b""]
    assert bench.verified()


def test_rows_from_before_stay_readable(bench: Bench) -> None:
    """What lies under the site's key opens as it did, before and after the account has a key of its own."""
    old = event("42")
    bench.run(bench.store._store.commit((), events=[old]))
    assert bench.read(old) == HERE
    bench.write(event("42"))
    assert [bench.read(row) for row in bench.rows()] == [HERE, HERE]
    assert bench.rows()[0].sealed == old.sealed


def test_a_stranger_makes_no_key_and_uses_the_one_that_is_there(bench: Bench) -> None:
    """A wrong password begins no key; where there is one, what the stranger left goes with it."""
    bench.write(event("42", session=None, outcome="refused"))
    assert bench.run(bench.store.subject_keys("", ["42", NOBODY])) == []
    bench.write(event("42"))
    bench.write(event("42", session=None, outcome="refused"))
    bench.write(changes=[ForgetSubject(tenant="", subject="42", at=1)])
    before, _, after = bench.rows()
    assert bench.read(before) == HERE
    with pytest.raises(SubjectForgotten):
        bench.read(after)


def test_an_account_has_its_key_from_its_first_event(bench: Bench) -> None:
    """The event that opens an account is under its key already."""
    made = bench.run(bench.log.sealed(event("42", session=None)))
    assert bench.run(bench.store.subject_keys("", ["42"])) == []
    first = bench.run(bench.log.sealed(event("42", session=None), opens_account=True))
    assert len(bench.run(bench.store.subject_keys("", ["42"]))) == 1
    assert made.sealed[:33] != first.sealed[:33]


class Counted:
    """A store that counts how often it is asked for keys."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def subject_keys(self, tenant: str, subjects: Any) -> Any:
        """Count, and answer."""
        self.asked += subjects
        return await self._store.subject_keys(tenant, subjects)


def test_at_the_door_the_store_is_asked_as_often_for_nobody() -> None:
    """One read for an address with an account, one for an address without, however often it is tried."""
    store = Counted(MemoryStore())
    bench = Bench(store)
    bench.write(event("42"))
    store.asked.clear()
    for _ in range(3):
        bench.write(event("42", session=None, outcome="refused"))
        bench.write(event(None, session=None, outcome="refused"))
    assert store.asked == ["42", NOBODY] * 3


def test_a_person_is_read_for_once_and_then_at_hand() -> None:
    """Writing ten events and reading a page of them asks the store for the key once each."""
    store = Counted(MemoryStore())
    bench = Bench(store)
    for _ in range(10):
        bench.write(event("42"))
    assert store.asked == ["42"]
    reader = PersonalLog(store, KEYS)
    store.asked.clear()
    run_inline(reader.load(row.account_id for row in bench.rows()))
    assert [reader.read(row) for row in bench.rows()] == [HERE] * 10
    assert store.asked == ["42"]


def test_a_key_service_that_is_down_costs_the_event_only_its_personal_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The sign-in goes on and is on record; the log for operators says what is missing."""

    class Down:
        key_id, name = "1", "down"

        def wrap(self, *_: Any, **__: Any) -> bytes:
            raise KmsUnavailable("no answer")

        unwrap = rewrap_many = wrap

    bench = Bench(MemoryStore(), provider=Down())
    with caplog.at_level(logging.ERROR, logger="secureacct"):
        bench.write(event("42"))
    assert [row.sealed for row in bench.rows()] == [b""]
    assert bench.verified()
    assert "personal_part_lost" in caplog.text


def test_an_attempt_is_told_under_its_own_id(bench: Bench) -> None:
    """The copy that is written before an effect elsewhere has the same personal part, bound to its own id."""
    bench.write(event("42"))
    told = bench.rows()[0]
    attempt = bench.log.told_as(told, id=event_id(now=1, random=b"x" * 10), outcome="attempted")
    assert bench.read(attempt) == HERE
    assert (attempt.id, attempt.outcome) != (told.id, told.outcome)
