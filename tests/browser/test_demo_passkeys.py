"""Passkeys through the demo's own pages, with a virtual authenticator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.shop import ABANDONED, Looker, Phone, Shop, fill_password, sign_in, sign_up, submit
from tests.browser.test_passkeys import RECORD_SIGNALS, Device

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("webauthn")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ABANDONED]


def _member(page: Page, shop: Shop, email: str) -> Device:
    """A signed-in person who added a passkey called Laptop."""
    device = Device(page)
    sign_up(page, shop, email)
    sign_in(page, shop, email)
    page.wait_for_url(shop.url("/"))
    page.goto(shop.url("/account/passkeys"))
    page.get_by_label("Name", exact=True).fill("Laptop")
    page.locator("#passkey-password").fill("seven brass lanterns hum softly")
    submit(page, "Add a passkey")
    page.locator("strong", has_text="Laptop").wait_for()
    return device


def _sign_out(page: Page) -> None:
    page.locator("header").get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Signed out").wait_for()


def test_add_rename_and_remove(page: Page, shop: Shop) -> None:
    """The list's forms rename and remove, axe finds nothing, and the password manager is told."""
    page.add_init_script(RECORD_SIGNALS)
    looker = Looker("passkeys")
    _member(page, shop, "pia@example.org")
    page.locator("summary", has_text="Change").click()
    looker.look(page, "passkeys-one")
    page.get_by_text("You have none yet").wait_for()
    page.locator("#name-1").fill("Work laptop")
    page.get_by_role("button", name="Rename").click()
    page.get_by_text("Renamed.").wait_for()
    page.goto(shop.url("/account/two-step"))
    looker.look(page, "two-step-by-passkey")
    page.goto(shop.url("/account/confirm"))
    looker.look(page, "confirm-with-passkey")
    page.goto(shop.url("/account/passkeys"))
    page.evaluate("sessionStorage.clear()")
    page.locator("summary", has_text="Change").click()
    fill_password(page)
    page.get_by_role("button", name="Remove Work laptop").click()
    page.get_by_text("You have no passkey yet.").wait_for()
    page.wait_for_function("() => sessionStorage.getItem('signals') !== null")
    name, value = page.evaluate("JSON.parse(sessionStorage.getItem('signals'))")[-1]
    assert (name, value["allAcceptedCredentialIds"]) == ("signalAllAcceptedCredentials", [])
    assert "\n".join(looker.wrong) == ""


def test_sign_in_from_the_field_and_from_the_button(page: Page, shop: Shop) -> None:
    """The e-mail field's list signs in without a click; where it is not offered, the button does."""
    device = _member(page, shop, "paul@example.org")
    _sign_out(page)
    page.goto(shop.url("/account/sign-in?next=/orders"))  # the authenticator answers the waiting field
    page.wait_for_url(shop.url("/orders"))
    _sign_out(page)
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false;")
    page.goto(shop.url("/account/sign-in?next=/orders"))
    device.verifies(False)
    submit(page, "Sign in with a passkey")
    page.get_by_text("You can try again").wait_for()
    device.verifies(True)
    submit(page, "Sign in with a passkey")
    page.wait_for_url(shop.url("/orders"))


def test_as_second_step(page: Page, shop: Shop) -> None:
    """After the password the passkey stands in for the code."""
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false;")
    _member(page, shop, "pablo@example.org")
    _sign_out(page)
    sign_in(page, shop, "pablo@example.org")
    page.wait_for_url("**/sign-in/code")
    looker = Looker("passkeys")
    looker.look(page, "code-or-passkey")
    assert "\n".join(looker.wrong) == ""
    submit(page, "Sign in with a passkey")
    page.wait_for_url(shop.url("/"))
    page.get_by_text("pablo@example.org").wait_for()


def test_an_interrupted_form_goes_on_after_a_passkey(page: Page, shop: Shop) -> None:
    """Ten minutes later a change asks for a factor; a passkey shows it, and one click carries the form on."""
    _member(page, shop, "petra@example.org")
    page.goto(shop.url("/account/profile"))
    shop.clock.ahead_s += 11 * 60
    page.get_by_label("Name", exact=True).fill("Petra Example")
    fill_password(page)
    submit(page, "Save")
    page.wait_for_url("**/account/confirm?resume=*")
    assert page.get_by_label("Password", exact=True).count() == 0
    submit(page, "Confirm with a passkey")
    submit(page, "Go on")
    page.get_by_text("Saved.").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Petra Example"


def test_a_code_confirms_as_well(page: Page, shop: Shop) -> None:
    """Who has an app and a passkey may show either, and is asked for one thing only."""
    email = "pola@example.org"
    _member(page, shop, email)
    page.goto(shop.url("/account/two-step"))
    fill_password(page)
    submit(page, "Go on")
    phone = Phone(page.locator("code.secret").inner_text(), shop.clock)
    page.get_by_label("Code").fill(phone.code())
    submit(page, "Switch it on")
    page.get_by_label("I have saved these codes").check()
    submit(page, "Done")
    page.get_by_text("or your passkey").wait_for()
    _sign_out(page)
    page.add_init_script("delete window.PublicKeyCredential;")
    sign_in(page, shop, email)
    assert page.get_by_role("button", name="passkey").count() == 0
    page.get_by_label("Code").fill(phone.code())
    submit(page, "Go on")
    page.wait_for_url(shop.url("/"))
