"""When the database is locked, full, gone or slow: 503 with a time to come back, and nothing untrue."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.journeys.kit import ADA, PASSWORD, Browser, Shop


class Lock:
    """Another process holds the database's write lock."""

    def __init__(self, shop: Shop) -> None:
        self.connection = sqlite3.connect(shop.folder / "shop.db", isolation_level=None)

    def __enter__(self) -> None:
        self.connection.execute("BEGIN EXCLUSIVE")

    def __exit__(self, *_: object) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.close()


@pytest.fixture
def impatient(shop: Shop) -> Shop:
    """A shop that does not wait for a lock."""

    @sa.event.listens_for(shop.parts.store.engine, "connect")
    def _impatient(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 20")

    shop.parts.store.engine.dispose()
    return shop


def fill(shop: Shop) -> None:
    """The disk is full: the database may not grow by a page."""

    @sa.event.listens_for(shop.parts.store.engine, "connect")
    def _full(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    shop.parts.store.engine.dispose()


def break_it(shop: Shop) -> None:
    """The database cannot be reached at all."""

    @sa.event.listens_for(shop.parts.store.engine, "do_connect")
    def _gone(*_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    shop.parts.store.engine.dispose()


def test_locked(impatient: Shop) -> None:
    """While the database is locked for writing, a sign-in and a change answer 503 and change nothing."""
    ada = impatient.member()
    form = {"csrf_token": ada.csrf(), "password": PASSWORD, "phone": "1"}
    stranger = impatient.browser()
    sign_in = {"csrf_token": stranger.csrf(), "email": ADA, "password": PASSWORD}
    with Lock(impatient):
        for browser, path, fields in (
            (ada, "/account/profile", form),
            (stranger, "/account/sign-in", sign_in),
        ):
            answer = browser.request("POST", path, json=fields)
            assert (answer.status_code, answer.json["code"]) == (503, "store_unavailable")  # type: ignore[index]
            assert int(answer.headers["Retry-After"]) > 0
            page = browser.request("POST", path, form=fields, html=True)
            assert page.status_code == 503
            assert "Retry-After" in page.headers
    assert ada.get("/account/profile").json["profile"]["phone"] is None  # type: ignore[index]
    assert not stranger.is_signed_in()


def _sign_out(browser: Browser, token: str, *, html: bool) -> tuple[int, str, str]:
    if html:
        answer = browser.request("POST", "/account/sign-out", form={"csrf_token": token}, html=True)
    else:
        answer = browser.request("POST", "/account/sign-out", json={"csrf_token": token})
    return answer.status_code, answer.text, answer.headers.get("Clear-Site-Data", "")


@pytest.mark.parametrize("html", [False, True])
def test_sign_out_says_what_is_true(impatient: Shop, html: bool) -> None:
    """The session could not be ended: 503, the cookie is cleared all the same, and the answer says when
    the session ends by itself; a copy of the cookie does live until then."""
    ada = impatient.member()
    thief, token = ada.stolen(), ada.csrf()
    with Lock(impatient):
        status, text, cleared = _sign_out(ada, token, html=html)
    assert status == 503
    assert "__Host-Http-session" not in ada.cookies
    assert cleared == '"storage"'
    assert "session_ends_at" in text or "ends" in text
    assert '"status": "signed_out"' not in text
    assert thief.is_signed_in()


@pytest.mark.parametrize("html", [False, True])
def test_sign_out_with_the_database_gone(shop: Shop, html: bool) -> None:
    """Even with nobody to ask, the cookie goes and the answer says when everything is over at the latest."""
    ada = shop.member()
    token = ada.csrf()
    break_it(shop)
    status, text, cleared = _sign_out(ada, token, html=html)
    assert status == 503
    assert "__Host-Http-session" not in ada.cookies
    assert cleared == '"storage"'
    if not html:
        import json

        assert json.loads(text)["session_ends_at"] > shop.clock()


def test_gone(shop: Shop) -> None:
    """Without a database nobody is signed in by mistake, and every page, the app's own too, answers 503."""
    ada = shop.member()
    break_it(shop)
    for path in ("/", "/account/profile", "/account/session", "/account/devices"):
        for html in (False, True):
            answer = ada.get(path, html=html)
            assert answer.status_code == 503, path
            assert int(answer.headers["Retry-After"]) > 0
            assert "sqlite" not in answer.text.lower()
    assert "__Host-Http-session" in ada.cookies  # the outage is no sign-out


def test_full(shop: Shop) -> None:
    """On a full disk nothing is half done: the answer is 503 and the account is as it was."""
    ada = shop.member()
    fill(shop)
    answer = ada.post("/account/profile", {"password": PASSWORD, "shipping_address": "x" * 400})
    if answer.status_code == 200:  # there was room left in the last page
        for _ in range(200):
            answer = ada.post("/account/profile", {"password": PASSWORD, "shipping_address": "x" * 400})
            if answer.status_code != 200:
                break
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_mail_trouble_is_nobodys_error(shop: Shop) -> None:
    """A mailer that fails changes no answer; the mail waits and goes later."""
    from secureacct.ports.mailer import MailTrouble

    async def fail(*_: object) -> None:
        raise MailTrouble("refused", permanent=False)

    ada, send = shop.member(), shop.mailer.send
    before = len(shop.mails(ADA))
    shop.mailer.send = fail  # type: ignore[method-assign,assignment]
    assert ada.post("/account/reset", {"email": ADA}).status_code == 202
    shop.shell.deliver()
    shop.mailer.send = send  # type: ignore[method-assign]
    shop.clock.forward(3600)
    assert len(shop.mails(ADA)) == before + 1


def test_too_busy(shop: Shop) -> None:
    """Too many passwords at once: 503 with Retry-After, nothing counted against anybody."""
    from secureacct.errors import TooBusy

    shop.member()
    run = shop.hasher.run

    def busy(*_: object, **__: object) -> None:
        raise TooBusy(retry_after=2)

    shop.hasher.run = busy  # type: ignore[method-assign]
    browser = shop.browser()
    for _ in range(10):
        answer = browser.sign_in()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    shop.hasher.run = run  # type: ignore[method-assign]
    assert browser.sign_in().status_code == 200


def test_a_broken_template_tells_nothing(tmp_path: Path) -> None:
    """A page's name for what is wrong never holds a path, a query or a password of the database's."""
    from secureacct.errors import StoreUnavailable

    shop = Shop(tmp_path)
    break_it(shop)
    answer = shop.browser().get("/account/session")
    assert str(tmp_path) not in answer.text
    assert answer.json["title"] == StoreUnavailable.public_message  # type: ignore[index]
    shop.close()
