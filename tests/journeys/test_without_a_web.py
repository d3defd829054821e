"""The whole account from code, blocking and awaiting, on every store that keeps one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.accounts import Accounts, AsyncAccounts, Site, account_parts
from secureacct.accounts.outcomes import NeedsSecondFactor, SignedIn, SignInRejected
from secureacct.keys import Keyring
from secureacct.mailers.outbox import OutboxMailer
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.sessions.parts import parts_of
from secureacct.sessions.steps import load
from secureacct.stores.memory import MemoryStore
from secureacct.totp import Totp
from tests.journeys.kit import ADA, NEW_PASSWORD, PASSWORD, Clock

SITE = Site(name="Shop", base_url="https://shop.example")


def _sql(url: str, async_url: str, request: pytest.FixtureRequest) -> tuple[Any, Any]:
    from secureacct.stores.sql import AsyncSqlStore, SqlStore

    store = SqlStore.from_url(url)
    request.addfinalizer(store.engine.dispose)
    store.create_schema()
    return store, lambda: AsyncSqlStore.from_url(async_url)


def _sqlite(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Any, Any]:
    path = tmp_path / "accounts.db"
    return _sql(f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}", request)


def _postgres(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Any, Any]:
    del tmp_path
    url = request.getfixturevalue("pg_database")
    return _sql(url, url, request)


def _memory(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Any, Any]:
    del tmp_path, request
    return MemoryStore(), MemoryStore


STORES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgres": _postgres,
}


async def journey(accounts: Any, clock: Clock) -> None:
    """From sign-up to a password change, whatever face is driven."""

    async def done(result: Any) -> Any:
        return await result if inspect.isawaitable(result) else result

    parts, mailer = accounts.parts, OutboxMailer()
    sessions = parts_of(
        parts.store, parts.sessions, keys=parts.vault.keys, clock=clock, random=parts.random, meter=None,
        tell_reuse=None,
    )  # fmt: skip
    asked = await done(accounts.sign_up(ADA, PASSWORD))
    await done(accounts.deliver(mailer))
    token = mailer.messages(ADA)[0].links[0].rpartition("/")[2]
    await done(accounts.verify(token, browser_token=asked.browser_token))
    with pytest.raises(SignInRejected):
        await done(accounts.sign_in(ADA, "wrong"))
    signed_in = await done(accounts.sign_in(ADA, PASSWORD))
    assert isinstance(signed_in, SignedIn)
    session = await load(sessions, signed_in.token)
    assert session is not None
    enrolment = await done(accounts.begin_totp(session, PASSWORD))
    session = await load(sessions, enrolment.moved.token)
    assert session is not None
    totp = Totp.from_secret(enrolment.secret, issuer="Shop", account=ADA)
    clock.forward(30)
    shown = await done(accounts.confirm_totp(session, totp.code(at=clock())))
    assert len(shown.codes) == 10
    assert await load(sessions, signed_in.token) is None
    session = await load(sessions, shown.moved.token)
    assert session is not None
    pending = await done(accounts.sign_in(ADA, PASSWORD))
    assert isinstance(pending, NeedsSecondFactor)
    other = await done(accounts.second_factor(pending.pending_token, shown.codes[0]))
    clock.forward(1)
    moved = await done(accounts.change_password(session, PASSWORD, NEW_PASSWORD))
    assert moved.ended == 1
    assert await load(sessions, other.token) is None
    session = await load(sessions, moved.token)
    assert session is not None
    events = await done(accounts.activity(session))
    assert events[0].name == "password_changed"
    await done(accounts.sign_out(session))
    assert await load(sessions, moved.token) is None


@pytest.mark.parametrize("kind", STORES)
def test_blocking(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The blocking face, which never suspends."""
    store, _ = STORES[kind](tmp_path, request)
    clock = Clock()
    parts = account_parts(
        store, Keyring.generate(), site=SITE, hasher=PasswordHasher(profile=CHEAPEST), clock=clock
    )
    run_inline(journey(Accounts(parts), clock))


@pytest.mark.parametrize("kind", STORES)
def test_awaiting(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The awaiting face, with passwords hashed off the loop."""
    _, make = STORES[kind](tmp_path, request)
    clock = Clock()

    async def run() -> None:
        store = make()
        parts = account_parts(
            store,
            Keyring.generate(),
            site=SITE,
            awaiting=True,
            hasher=PasswordHasher(profile=CHEAPEST),
            clock=clock,
        )
        try:
            await journey(AsyncAccounts(parts), clock)
        finally:
            engine = getattr(store, "engine", None)
            if engine is not None:
                await engine.dispose()

    asyncio.run(run())
