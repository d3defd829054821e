"""A person's whole way through the demo in a real browser; every page is looked at on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.shop import PASSWORD, Looker, Phone, Shop, link_to, mails, served, sign_in, sign_up

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WAIT_MS = 10_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One demo for the module; every test has an account of its own."""
    with served(tmp_path_factory.mktemp("demo")) as running:
        yield running


def _watched(context: BrowserContext) -> tuple[Page, list[str]]:
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None,
    )
    return page, wrong


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page with scripts, on which no error and no breach of the policy may go unseen."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened, wrong = _watched(context)
    yield opened
    context.close()
    assert wrong == []


def _submit(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _password(page: Page, password: str = PASSWORD, label: str = "Password") -> None:
    page.get_by_label(label, exact=True).first.fill(password)


def test_every_page_from_sign_up_to_sign_out(page: Page, shop: Shop, chromium: Browser) -> None:
    """Each page of the way works, is free of axe's findings in light and dark, and fits 320 px."""
    looker, me = Looker("journey"), "grace@example.org"
    look = looker.look

    page.goto(shop.url("/"))
    look(page, "shop")
    page.goto(shop.url("/account/sign-up"))
    look(page, "sign-up")
    page.get_by_label("E-mail address").fill(me)
    _password(page, "too short")
    _submit(page, "Create account")
    page.wait_for_function("document.activeElement.getAttribute('role') === 'alert'")
    look(page, "sign-up-refused")
    _password(page)
    _submit(page, "Create account")
    look(page, "check-mail")
    page.goto(shop.url("/account/verify"))
    look(page, "verify-again")
    page.goto(shop.url("/dev/outbox"))
    look(page, "outbox")
    link = link_to(mails(page, shop, me)[0], "verify")
    other = chromium.new_context()
    elsewhere, _ = _watched(other)
    elsewhere.goto(link)
    look(elsewhere, "verify-elsewhere")
    page.goto(link)
    assert page.url == shop.url("/account/verify")
    look(page, "verify")
    _submit(page, "Confirm my address")
    look(page, "sign-in")
    page.goto(link)
    look(page, "dead-link")

    sign_in(page, shop, me, "seven other lanterns hum loudly")
    assert page.get_by_label("E-mail address").input_value() == me
    assert page.get_by_label("Password", exact=True).input_value() == ""
    look(page, "sign-in-refused")
    sign_in(page, shop, me)
    page.wait_for_url(shop.url("/"))
    look(page, "shop-signed-in")
    page.goto(shop.url("/orders"))
    look(page, "orders")
    page.goto(shop.url("/account/"))
    look(page, "account")

    page.goto(shop.url("/account/profile"))
    look(page, "profile-empty")
    page.get_by_label("Name", exact=True).fill("Grace Example")
    page.get_by_label("Shipping address").fill("2 Compiler Lane\n8001 Zurich")
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    _password(page)
    _submit(page, "Save")
    assert "4242" in page.locator("main").inner_text()
    assert "4242 4242" not in page.content()
    look(page, "profile")

    page.goto(shop.url("/account/two-step"))
    look(page, "two-step-off")
    page.get_by_label("A name for").fill("Phone")
    _password(page)
    _submit(page, "Go on")
    look(page, "two-step-confirm")
    phone = Phone(page.locator("code.secret").inner_text())
    page.get_by_label("Code").fill(phone.code())
    _submit(page, "Switch it on")
    codes = page.locator("[data-codes] code").all_inner_texts()
    assert len(codes) == 10
    look(page, "recovery-codes-new")
    page.goto(shop.url("/account/two-step"))
    look(page, "two-step-on")
    page.goto(shop.url("/account/recovery-codes"))
    look(page, "recovery-codes")
    page.goto(shop.url("/account/confirm"))
    look(page, "confirm")
    page.goto(shop.url("/account/passkeys"))
    look(page, "passkeys-none")

    sign_in(elsewhere, shop, me)
    look(elsewhere, "sign-in-code")
    elsewhere.get_by_label("Code").fill("000000")
    _submit(elsewhere, "Go on")
    look(elsewhere, "sign-in-code-refused")
    elsewhere.get_by_label("Code").fill(codes[0])
    _submit(elsewhere, "Go on")
    elsewhere.wait_for_url("**/account/recovery-codes**")
    look(elsewhere, "recovery-code-used")
    page.goto(shop.url("/account/devices"))
    look(page, "devices")
    page.goto(shop.url("/account/password"))
    look(page, "password")
    page.goto(shop.url("/account/email"))
    look(page, "email")
    page.get_by_label("New e-mail address").fill("hopper@example.org")
    _password(page)
    _submit(page, "Change address")
    look(page, "check-mail-email")
    page.goto(link_to(mails(page, shop, "hopper@example.org")[0], "email/confirm"))
    look(page, "email-confirm")
    page.goto(shop.url("/account/activity"))
    look(page, "activity")

    page.goto(shop.url("/account/devices"))
    _submit(page, "Sign out everywhere else")
    look(page, "devices-ended")
    elsewhere.goto(shop.url("/account/"))
    assert "/account/sign-in" in elsewhere.url
    page.locator("header").get_by_role("button", name="Sign out").click()
    look(page, "signed-out")
    page.goto(shop.url("/account/reset"))
    look(page, "reset")
    page.get_by_label("E-mail address").fill(me)
    _submit(page, "Send the link")
    look(page, "check-mail-reset")
    page.goto(link_to(mails(page, shop, me, 2)[0], "reset"))
    look(page, "reset-password")
    page.goto(shop.url("/account/recover"))
    look(page, "recover")
    page.goto(shop.url("/account/nowhere"))
    look(page, "problem")
    other.close()
    assert looker.wrong == []
