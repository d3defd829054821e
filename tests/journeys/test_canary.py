"""After a whole journey, nothing secret is where it should not be: files, logs, reprs, answers, mails."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator

import pytest

from secureacct.testing.authenticator import SoftwareAuthenticator
from tests.journeys.kit import BASE, Browser, Shop

EMAIL = "canary.address@birds.example"
NEW_EMAIL = "canary.second@birds.example"
PASSWORD = "canary sings at four in the morning"
SECOND_PASSWORD = "canary sleeps at noon in the shade"
PHONE = "+41 44 111 22 33 canary"
CARD = "5500005555555559"
ADDRESS = "Canary Lane 7, Birdham"
WRONG = "a canary that was never a password"


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger at its most talkative."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def journey(shop: Shop) -> dict[str, str]:
    """Everything an account can do; the secrets that were used, by name."""
    secrets = {
        "password": PASSWORD,
        "second password": SECOND_PASSWORD,
        "wrong password": WRONG,
        "phone": PHONE,
        "card": CARD,
        "address": ADDRESS,
        "e-mail": EMAIL,
        "new e-mail": NEW_EMAIL,
    }
    browser = shop.browser()

    def keep(name: str) -> None:
        for cookie, value in browser.cookies.items():
            secrets[f"{name}: {cookie}"] = value

    browser.sign_up(EMAIL, PASSWORD)
    keep("sign-up")
    shop.browser().sign_in(EMAIL, WRONG)
    shop.browser().sign_in(WRONG, "x")  # typed into the wrong field
    link = shop.link(EMAIL, "/verify/")
    secrets["verify link"] = link.rpartition("/")[2]
    browser.post(link)
    browser.sign_in(EMAIL, PASSWORD, remember=True)
    keep("sign-in")
    fields = {"name": "Canary", "phone": PHONE, "shipping_address": ADDRESS, "card_number": CARD}
    assert browser.post("/account/profile", {"password": PASSWORD, **fields}).status_code == 200
    codes = browser.switch_on_two_step(PASSWORD)
    keep("two-step")
    assert browser.totp is not None
    secrets["TOTP secret"] = browser.totp.secret
    for number, code in enumerate(codes):
        secrets[f"recovery code {number}"] = code
    _with_passkey(browser)
    code = browser.code()
    browser.post("/account/confirm", {"code": code})
    browser.post("/account/email", {"password": PASSWORD, "new_email": NEW_EMAIL})
    secrets["e-mail link"] = shop.link(NEW_EMAIL, "/email/confirm/").rpartition("/")[2]
    browser.post(shop.link(NEW_EMAIL, "/email/confirm/"))
    browser.post("/account/password", {"current_password": PASSWORD, "new_password": SECOND_PASSWORD})
    keep("password")
    browser.post("/account/reset", {"email": NEW_EMAIL})
    secrets["reset link"] = shop.link(NEW_EMAIL, "/reset/").rpartition("/")[2]
    waiting = shop.browser()
    waiting.sign_in(NEW_EMAIL, SECOND_PASSWORD)
    secrets["pending"] = waiting.cookies["__Host-Http-pending"]
    waiting.post("/account/sign-in/code", {"code": codes[0]})
    shop.clock.forward(601)
    browser.submit("/account/profile", {"password": SECOND_PASSWORD, "phone": PHONE})
    for path in ("/account/", "/account/profile", "/account/devices", "/account/activity"):
        browser.get(path, html=True)
    for path in ("/account/verify/", "/account/reset/", "/account/not-me/"):
        browser.get(path + secrets["reset link"], html=True)
    browser.post("/account/sign-out")
    shop.shell.deliver()
    return secrets


def _with_passkey(browser: Browser) -> None:
    device = SoftwareAuthenticator(origin=BASE)
    options = browser.post("/account/passkeys", {"password": PASSWORD}).json["options"]  # type: ignore[index]
    answer = browser.post("/account/passkeys", {"credential": device.create(options), "name": "Canary key"})
    assert answer.status_code == 200


def spellings(value: str) -> Iterator[bytes]:
    """A secret as it could have been written."""
    raw = value.encode()
    yield raw
    yield raw.lower()
    yield raw.hex().encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield value.replace(" ", "+").encode()
    yield value.replace("-", "").encode()
    yield value.encode("utf-16-le")
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
        yield base64.urlsafe_b64decode(value + "=")
    if re.fullmatch(r"[A-Z2-7]{32}", value):
        yield base64.b32decode(value)


def leaks(haystack: bytes, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets that are there."""
    return [name for name, value in secrets.items() if any(one in haystack for one in spellings(value))]


def test_the_database_files_hold_no_secret(shop: Shop) -> None:
    """No password, token, code, secret, address, phone or card number in any file of the database, nor the
    keyring in it."""
    secrets = journey(shop)
    files = [file for file in shop.folder.iterdir() if file.name.startswith("shop.db")]
    assert len(files) >= 2  # the write-ahead log is looked at too
    for file in files:
        assert leaks(file.read_bytes(), secrets) == [], file.name
    shop.close()
    assert leaks((shop.folder / "shop.db").read_bytes(), secrets) == []


def test_the_logs_hold_no_secret(shop: Shop, everything: pytest.LogCaptureFixture) -> None:
    """Nor in anything that any logger wrote, at any level."""
    secrets = journey(shop)
    text = "\n".join(
        f"{record.name} {record.getMessage()} {record.__dict__}" for record in everything.records
    )
    ours = "\n".join(line for line in text.splitlines() if "sqlalchemy" not in line)
    assert leaks(ours.encode("utf-8", "replace"), secrets) == []


def test_no_repr_holds_a_secret(shop: Shop) -> None:
    """Nor in the repr of anything that the app holds on to."""
    secrets = journey(shop)
    site = shop.shell.site
    things = [shop.shell, site, site.assembly, site.settings, site.parts, site.parts.vault, site.cookies]
    things += [site.parts.vault.keys, site.parts.people, site.parts.throttle, site.sessions]
    things += list(shop.mailer.messages())
    assert leaks("\n".join(map(repr, things)).encode(), secrets) == []
    assert (shop.folder / "keyring.json").read_text() not in "\n".join(map(repr, things))


def test_mails_hold_no_password_and_answers_no_other(shop: Shop) -> None:
    """No mail holds a password, code or TOTP secret, whichever it is about."""
    secrets = journey(shop)
    never = {
        name: value
        for name, value in secrets.items()
        if "password" in name or "code" in name or name in ("TOTP secret", "card", "phone", "pending")
    }
    for message in shop.mailer.messages():
        text = "\n".join((message.subject, message.text, message.html, str(message.headers)))
        assert leaks(text.encode(), never) == [], message.subject


def test_the_card_is_never_answered_whole(shop: Shop) -> None:
    """The owner's own page and JSON show the last four digits only."""
    ada = shop.member()
    words = "seven lively walnut teapots"
    ada.post("/account/profile", {"password": words, "card_number": CARD})
    page, data = ada.get("/account/profile", html=True).text, ada.get("/account/profile")
    assert CARD not in page
    assert "5559" in page
    assert data.json["profile"]["card_number"] == {"last4": "5559"}  # type: ignore[index]
    answer = ada.submit("/account/profile", {"password": words, "name": "Ada", "card_number": ""})
    assert answer.status_code == 303
    assert ada.get("/account/profile").json["profile"]["card_number"] == {"last4": "5559"}  # type: ignore[index]
    ada.post("/account/profile", {"password": words, "card_number": ""})
    assert ada.get("/account/profile").json["profile"]["card_number"] is None  # type: ignore[index]


def test_the_canary_can_be_found() -> None:
    """The search itself finds a secret in each of its spellings."""
    secret = {"x": "canary sings"}
    for written in (b"..canary sings..", b"63616e6172792073696e6773", base64.b64encode(b"canary sings")):
        assert leaks(written, secret) == ["x"]
