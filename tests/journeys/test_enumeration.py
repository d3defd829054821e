"""Nobody learns from an answer whether an address has an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from tests.journeys.kit import ADA, NEW_PASSWORD, PASSWORD, Browser, Shop

KNOWN, UNKNOWN, WAITING, DISABLED = ADA, "nobody@example.org", "wait@example.org", "gone@example.org"
EVERYBODY = (KNOWN, UNKNOWN, WAITING, DISABLED)
VARYING = {"Set-Cookie", "Date"}


def populate(shop: Shop) -> None:
    """One address of each kind."""
    shop.member(KNOWN)
    shop.browser().sign_up(WAITING)
    gone = shop.member(DISABLED)
    account = gone.get("/account/session").json["account"]["id"]  # type: ignore[index]
    with shop.parts.store.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE sa_account_state SET status = 'disabled' WHERE account_id = :id"), {"id": account}
        )


def shape(answer: TestResponse) -> tuple[Any, ...]:
    """Everything a stranger sees of an answer, but random values."""
    cookies = sorted(
        (header.partition("=")[0], len(header.partition(";")[0]), header.partition(";")[2])
        for header in answer.headers.getlist("Set-Cookie")
    )
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in VARYING)
    return answer.status_code, answer.data, headers, cookies


ASKED: dict[str, Callable[[Browser, str], TestResponse]] = {
    "sign-up": lambda browser, email: browser.sign_up(email, NEW_PASSWORD),
    "sign-in": lambda browser, email: browser.sign_in(email, "wrong password here"),
    "reset": lambda browser, email: browser.post("/account/reset", {"email": email}),
    "verify": lambda browser, email: browser.post("/account/verify", {"email": email}),
    "recover": lambda browser, email: browser.post(
        "/account/recover", {"email": email, "password": PASSWORD}
    ),
}


@pytest.mark.parametrize("journey", ASKED)
def test_the_same_answer_for_every_address(shop: Shop, journey: str) -> None:
    """Status, body, headers and cookies are the same for known, unknown, unconfirmed and disabled."""
    populate(shop)
    answers = {email: shape(ASKED[journey](shop.browser(), email)) for email in EVERYBODY}
    for email in EVERYBODY:
        assert answers[email] == answers[UNKNOWN], email


@pytest.mark.parametrize("journey", ASKED)
def test_the_same_page_for_every_address(shop: Shop, journey: str) -> None:
    """The page a person sees holds the same words, but for what they typed and the form's token."""
    populate(shop)
    paths = {"sign-up": "/account/sign-up", "sign-in": "/account/sign-in", "recover": "/account/recover"}
    path = paths.get(journey, f"/account/{journey}")
    pages = set()
    for email in EVERYBODY:
        browser = shop.browser()
        answer = browser.submit(path, {"email": email, "password": "some other long words"})
        token = answer.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        text = answer.text.replace(email, "ADDRESS")
        pages.add((answer.status_code, text.replace(token, "TOKEN") if token else text))
    assert len(pages) == 1


@pytest.mark.parametrize("journey", ASKED)
def test_the_same_work_for_every_address(shop: Shop, journey: str) -> None:
    """As many passwords are hashed for each, so the clock tells nothing either."""
    populate(shop)
    worked = set()
    for email in EVERYBODY:
        browser = shop.browser()
        browser.csrf()
        before = shop.hasher.worked
        ASKED[journey](browser, email)
        worked.add(shop.hasher.worked - before)
    assert len(worked) == 1


@pytest.mark.parametrize("journey", ["sign-in", "reset", "sign-up", "verify"])
def test_the_same_waits_for_every_address(shop: Shop, journey: str) -> None:
    """Too many attempts wait alike, whether or not there is an account."""
    populate(shop)
    seen = []
    everybody = EVERYBODY if journey != "sign-up" else (KNOWN, WAITING, DISABLED)  # these signed up once
    for email in everybody:
        browser = shop.browser()
        answers = [ASKED[journey](browser, email) for _ in range(7)]
        seen.append(
            [(answer.status_code, answer.headers.get("Retry-After"), answer.data) for answer in answers]
        )
    assert seen[0][-1][0] == 429
    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize("journey", ["sign-in", "reset", "verify"])
def test_the_same_page_for_every_address_after_too_many(shop: Shop, journey: str) -> None:
    """The page that asks to wait is the same whole answer, headers and cookies included, for each of them."""
    populate(shop)
    seen = []
    for email in EVERYBODY:
        browser = shop.browser()
        for _ in range(6):
            ASKED[journey](browser, email)
        answer = browser.submit(f"/account/{journey}", {"email": email, "password": "some other long words"})
        seen.append((answer.status_code, without_what_varies(answer, email), shape(answer)[2:]))
    assert seen[0][0] == 429
    assert all(one == seen[0] for one in seen)


def without_what_varies(answer: TestResponse, email: str) -> str:
    """A page without the form's token and the address that was typed."""
    token = answer.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    text = answer.text.replace(email, "ADDRESS")
    return text.replace(token, "TOKEN") if token else text


@pytest.mark.parametrize("way", ["program", "page"])
def test_signed_in_people_learn_nothing_about_others(shop: Shop, way: str) -> None:
    """Asking for an address that somebody has, and for a free one: the same whole answer, and the same wait
    once it was asked too often."""
    populate(shop)
    wanted = (KNOWN, UNKNOWN, WAITING, DISABLED)
    seen = []
    for number, email in enumerate(wanted):
        browser = shop.member(f"m{number}@example.org")
        fields = {"password": PASSWORD, "new_email": email}
        asked = browser.post if way == "program" else browser.submit
        answers = [asked("/account/email", fields) for _ in range(5)]
        own = f"m{number}@example.org"
        seen.append(
            [
                (without_what_varies(one, email).replace(own, "OWN"), shape(one)[0], shape(one)[2:])
                for one in answers
            ]
        )
    assert seen[0][0][1] == (202 if way == "program" else 200)
    assert seen[0][-1][1] == 429
    assert all(one == seen[0] for one in seen)


def test_a_disabled_account_is_out(shop: Shop) -> None:
    """Disabling ends nothing by itself that matters: the next request is signed out, and nothing gets in."""
    ada = shop.member()
    account = ada.get("/account/session").json["account"]["id"]  # type: ignore[index]
    with shop.parts.store.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE sa_account_state SET status = 'disabled' WHERE account_id = :id"), {"id": account}
        )
    assert not ada.is_signed_in()
    assert shop.browser().sign_in().status_code == 401
    shop.browser().post("/account/reset", {"email": ADA})
    assert not any("/reset/" in link for message in shop.mails(ADA) for link in message.links)


@pytest.mark.parametrize(
    "email", ["Ada.Lovelace@Example.org", "ADA.LOVELACE@EXAMPLE.ORG", " ada.lovelace@example.org "]
)
def test_spelling_of_the_address(shop: Shop, email: str) -> None:
    """Case and spaces around do not keep the owner out."""
    shop.member()
    assert shop.browser().sign_in(email).status_code == 200


def test_a_lookalike_is_somebody_else(shop: Shop) -> None:
    """Letters that only look alike find no account. What Unicode calls the same letter (the Kelvin sign)
    does, and then mail goes to the address its owner gave, never to the one that was typed."""
    shop.member("mike@example.org")
    for lookalike in ("m\u0131ke@example.org", "mike@\u0435xample.org"):
        shop.browser().post("/account/reset", {"email": lookalike})
        assert not any("new password" in message.subject for message in shop.mails("mike@example.org"))
    shop.browser().post("/account/reset", {"email": "mi\u212ae@example.org"})
    shop.shell.deliver()
    assert {message.to for message in shop.mailer.messages()} == {"mike@example.org"}
