"""The whole account from code, blocking and awaiting, on every store that keeps one."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.accounts import Accounts, AsyncAccounts, Site, account_parts
from secureacct.accounts.outcomes import NeedsSecondFactor, SignedIn, SignInRejected
from secureacct.accounts.vault import ProfileField
from secureacct.keys import Keyring
from secureacct.mailers.outbox import OutboxMailer
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.sessions.parts import parts_of
from secureacct.sessions.steps import load
from secureacct.stores.memory import MemoryStore
from secureacct.testing.authenticator import SoftwareAuthenticator
from secureacct.totp import Totp
from tests.journeys.kit import ADA, NEW_PASSWORD, PASSWORD, Clock

NEW_ADDRESS = "ada@new.example"
PROFILE = (ProfileField(name="name", label="Name"),)
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


class Ada:
    """One person who drives every step of a face, and keeps her session."""

    def __init__(self, accounts: Any, clock: Clock) -> None:
        self.accounts, self.clock, self.parts = accounts, clock, accounts.parts
        self.mailer = OutboxMailer()
        self.address, self.password = ADA, PASSWORD
        self.session: Any = None
        self.sessions = parts_of(
            self.parts.store, self.parts.sessions, keys=self.parts.vault.keys, clock=clock,
            random=self.parts.random, meter=None, tell_reuse=None,
        )  # fmt: skip

    async def do(self, step: str, *args: Any, **named: Any) -> Any:
        """A step without a session."""
        self.clock.forward(1)
        result = getattr(self.accounts, step)(*args, **named)
        return await result if inspect.isawaitable(result) else result

    async def my(self, step: str, *args: Any, **named: Any) -> Any:
        """A step with her session, which may get a new token by it."""
        result = await self.do(step, self.session, *args, **named)
        moved = getattr(result, "moved", result)
        if hasattr(moved, "token"):
            await self.now_with(moved.token)
        return result

    async def now_with(self, token: str) -> None:
        """Go on with this session."""
        self.session = await load(self.sessions, token)
        assert self.session is not None

    async def link(self, part: str) -> str:
        """The token of the newest mailed link of a kind, to any of her addresses."""
        await self.do("deliver", self.mailer, limit=100)
        links = [one for mail in self.mailer.messages() for one in mail.links if part in one]
        return str(links[0].rpartition("/")[2])

    async def sign_in(self) -> None:
        """With the password alone."""
        await self.now_with((await self.do("sign_in", self.address, self.password)).token)


async def everything_else(accounts: Any, clock: Clock) -> None:
    """Every step that the first journey does not take."""
    ada = Ada(accounts, clock)
    asked = await ada.do("sign_up", ADA, PASSWORD)
    await ada.do("send_link_again", ADA, browser_token=asked.browser_token)
    token = await ada.link("/verify/")
    assert await ada.do("verification_needs_password", token, browser_token=None)
    await ada.do("verify", token, password=PASSWORD)
    await ada.sign_in()
    assert (await ada.my("person")).email == ADA

    await ada.my("save_profile", PASSWORD, {"name": "Ada"})
    assert await ada.my("read_profile") == {"name": "Ada"}

    first = ada.session
    await ada.sign_in()
    assert {one.id for one in await ada.my("devices")} == {first.id, ada.session.id}
    assert await ada.my("end_device", first.id) == 1
    await ada.do("sign_in", ADA, PASSWORD)
    assert await ada.my("end_others") == 1

    await ada.my("ask_for_email_change", PASSWORD, NEW_ADDRESS)
    token = await ada.link("/email/confirm/")
    await ada.do("email_link_works", token)
    await ada.do("confirm_email_change", token)
    undo = await ada.link("/email/undo/")
    await ada.do("undo_link_works", undo)
    await ada.do("undo_email_change", undo)
    with pytest.raises(SignInRejected):
        await ada.do("sign_in", NEW_ADDRESS, PASSWORD)

    await ada.do("ask_for_reset", ADA)
    token = await ada.link("/reset/")
    await ada.do("reset_link_works", token)
    await ada.do("reset_password", token, NEW_PASSWORD)
    ada.password = NEW_PASSWORD
    await ada.sign_in()

    await factors(ada)
    await passkey(ada)
    await lost(ada)


async def factors(ada: Ada) -> None:
    """An authenticator, its codes, the interrupted form, and off again."""
    await ada.my("begin_totp", NEW_PASSWORD)
    waiting = await ada.my("pending_totp")
    totp = Totp.from_secret(waiting.secret, issuer="Shop", account=ADA)
    ada.clock.forward(30)
    await ada.my("confirm_totp", totp.code(at=ada.clock()))
    held = (await ada.my("factors")).usable_totp[0]
    codes = (await ada.my("new_recovery_codes", NEW_PASSWORD)).codes
    kept = await ada.my("interrupt", path="/account/profile", form={"name": "A."}, password_proved=True)
    ada.clock.forward(30)
    await ada.my("confirm", code=totp.code(at=ada.clock()))
    assert (await ada.my("resume", kept)).form == {"name": "A."}
    await ada.my("confirm", code=codes[0])
    await ada.my("remove_totp", held.id, NEW_PASSWORD)
    assert not (await ada.my("factors")).any
    again = await ada.my("begin_totp", NEW_PASSWORD)
    totp = Totp.from_secret(again.secret, issuer="Shop", account=ADA)
    ada.clock.forward(30)
    await ada.my("confirm_totp", totp.code(at=ada.clock()))
    await ada.my("turn_off_totp", NEW_PASSWORD)


async def passkey(ada: Ada) -> None:
    """Added, used to confirm and to sign in, renamed, removed."""
    key = SoftwareAuthenticator(origin=SITE.base_url)
    options = await ada.my("begin_adding_passkey", NEW_PASSWORD)
    await ada.my("finish_adding_passkey", key.create(options), name="Key")
    (stored,) = (await ada.my("factors")).passkeys
    await ada.my("rename_passkey", stored.id, "My key")
    await ada.my("finish_passkey_confirm", key.get(await ada.my("begin_passkey_confirm")))
    options = await ada.do("begin_passkey_sign_in", binding="browser")
    done = await ada.do("finish_passkey_sign_in", key.get(options), binding="browser")
    await ada.now_with(done.token)
    await ada.my("remove_passkey", stored.id, NEW_PASSWORD)
    assert not (await ada.my("factors")).any


async def lost(ada: Ada) -> None:
    """Recovery: asked for, cancelled, gone through; "not me"; the operator's steps; out everywhere."""
    again = await ada.my("begin_totp", NEW_PASSWORD)
    totp = Totp.from_secret(again.secret, issuer="Shop", account=ADA)
    ada.clock.forward(30)
    await ada.my("confirm_totp", totp.code(at=ada.clock()))
    await ada.do("ask_for_recovery", ADA, NEW_PASSWORD)
    token = await ada.link("/recover/")
    assert await ada.do("recovery_state", token) is None
    await ada.do("go_on_with_recovery", token)
    cancel = await ada.link("/recover/cancel/")
    await ada.do("cancel_link_works", cancel)
    await ada.do("cancel_recovery", cancel)
    assert (await ada.my("factors")).any
    await ada.do("recover_by_operator", ada.session.account_id)
    await ada.sign_in()
    await ada.do("disable", ada.session.account_id)
    with pytest.raises(SignInRejected):
        await ada.do("sign_in", ADA, NEW_PASSWORD)
    await ada.do("enable", ada.session.account_id)
    await ada.sign_in()
    token = await ada.link("/not-me/")
    await ada.do("not_me_works", token)
    await ada.do("not_me", token)
    await ada.do("reset_password", await ada.link("/reset/"), PASSWORD)
    ada.password = PASSWORD
    await ada.sign_in()
    assert await ada.my("end_everywhere") == 1


def test_the_two_journeys_take_every_step() -> None:
    """A step that neither takes would be one that only Flask was seen to work with."""
    steps = {name for name in dir(Accounts) if not name.startswith("_")}
    source = Path(__file__).read_text()
    taken = set(re.findall(r'(?:do|my)\(\s*"(\w+)"', source)) | set(re.findall(r"accounts\.(\w+)\(", source))
    assert steps - taken == set()


JOURNEYS = {"first": journey, "rest": everything_else}


@pytest.mark.parametrize("way", JOURNEYS)
@pytest.mark.parametrize("kind", STORES)
def test_blocking(kind: str, way: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The blocking face, which never suspends."""
    store, _ = STORES[kind](tmp_path, request)
    clock = Clock()
    parts = account_parts(
        store,
        Keyring.generate(),
        site=SITE,
        profile=PROFILE,
        hasher=PasswordHasher(profile=CHEAPEST),
        clock=clock,
    )
    run_inline(JOURNEYS[way](Accounts(parts), clock))


@pytest.mark.parametrize("way", JOURNEYS)
@pytest.mark.parametrize("kind", STORES)
def test_awaiting(kind: str, way: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The awaiting face, with passwords hashed off the loop."""
    _, make = STORES[kind](tmp_path, request)
    clock = Clock()

    async def run() -> None:
        store = make()
        parts = account_parts(
            store,
            Keyring.generate(),
            site=SITE,
            profile=PROFILE,
            awaiting=True,
            hasher=PasswordHasher(profile=CHEAPEST),
            clock=clock,
        )
        try:
            await JOURNEYS[way](AsyncAccounts(parts), clock)
        finally:
            engine = getattr(store, "engine", None)
            if engine is not None:
                await engine.dispose()

    asyncio.run(run())
