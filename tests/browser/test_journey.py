"""A person's whole way through the demo in a real browser; every page is looked at on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.shop import (
    ABANDONED,
    PASSWORD,
    Looker,
    Phone,
    Shop,
    fill_password,
    mailed_link,
    sign_in,
    sign_up,
    submit,
    watched,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), ABANDONED]


def test_every_page_from_sign_up_to_sign_out(page: Page, shop: Shop, chromium: Browser) -> None:
    """Each page of the way works, is free of axe's findings in light and dark, and fits 320 px."""
    looker, me = Looker("journey"), "grace@example.org"
    look = looker.look

    page.goto(shop.url("/"))
    look(page, "shop")
    page.goto(shop.url("/account/sign-up"))
    look(page, "sign-up")
    page.get_by_label("E-mail address").fill(me)
    fill_password(page, "too short")
    submit(page, "Create account")
    page.wait_for_function("() => document.activeElement.getAttribute('role') === 'alert'")
    look(page, "sign-up-refused")
    fill_password(page)
    submit(page, "Create account")
    look(page, "check-mail")
    page.goto(shop.url("/account/verify"))
    look(page, "verify-again")
    page.goto(shop.url("/dev/outbox"))
    look(page, "outbox")
    link = mailed_link(page, shop, me, "verify")
    other = chromium.new_context()
    elsewhere, _ = watched(other)
    elsewhere.goto(link)
    look(elsewhere, "verify-elsewhere")
    page.goto(link)
    assert page.url == shop.url("/account/verify")
    look(page, "verify")
    submit(page, "Confirm my address")
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
    fill_password(page)
    submit(page, "Save")
    assert "4242" in page.locator("main").inner_text()
    assert "4242 4242" not in page.content()
    look(page, "profile")

    page.goto(shop.url("/account/two-step"))
    look(page, "two-step-off")
    page.get_by_label("A name for").fill("Phone")
    fill_password(page)
    submit(page, "Go on")
    look(page, "two-step-confirm")
    phone = Phone(page.locator("code.secret").inner_text(), shop.clock)
    page.get_by_label("Code").fill(phone.code())
    submit(page, "Switch it on")
    codes = page.locator("[data-codes] code").all_inner_texts()
    assert len(codes) == 10
    look(page, "recovery-codes-new")
    page.get_by_label("I have saved these codes").check()
    submit(page, "Done")
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
    submit(elsewhere, "Go on")
    look(elsewhere, "sign-in-code-refused")
    elsewhere.get_by_label("Code").fill(codes[0])
    submit(elsewhere, "Go on")
    elsewhere.wait_for_url("**/account/recovery-codes**")
    look(elsewhere, "recovery-code-used")
    page.goto(shop.url("/account/devices"))
    look(page, "devices")
    page.goto(shop.url("/account/password"))
    look(page, "password")
    page.goto(shop.url("/account/email"))
    look(page, "email")
    page.get_by_label("New e-mail address").fill("hopper@example.org")
    fill_password(page)
    submit(page, "Change address")
    look(page, "check-mail-email")
    page.goto(mailed_link(page, shop, "hopper@example.org", "email/confirm"))
    look(page, "email-confirm")
    page.goto(shop.url("/account/activity"))
    look(page, "activity")

    page.goto(shop.url("/account/devices"))
    submit(page, "Sign out everywhere else")
    look(page, "devices-ended")
    elsewhere.goto(shop.url("/account/"))
    assert "/account/sign-in" in elsewhere.url
    page.locator("header").get_by_role("button", name="Sign out").click()
    look(page, "signed-out")
    page.goto(shop.url("/account/reset"))
    look(page, "reset")
    page.get_by_label("E-mail address").fill(me)
    submit(page, "Send the link")
    look(page, "check-mail-reset")
    page.goto(mailed_link(page, shop, me, "reset"))
    look(page, "reset-password")
    page.goto(shop.url("/account/recover"))
    look(page, "recover")
    page.goto(shop.url("/account/nowhere"))
    look(page, "problem")
    other.close()
    assert "\n".join(looker.wrong) == ""


def test_without_scripts(chromium: Browser, shop: Shop) -> None:
    """With JavaScript off everything but passkeys works, and nothing is shown that would not."""
    context = chromium.new_context(java_script_enabled=False)
    page, wrong = watched(context)
    me = "nora@example.org"
    sign_up(page, shop, me)
    assert page.get_by_role("button", name="Show password").count() == 0
    assert page.get_by_role("button", name="passkey").count() == 0
    sign_in(page, shop, me)
    page.goto(shop.url("/account/profile"))
    page.get_by_label("Card number").fill("4242424242424242")
    fill_password(page)
    submit(page, "Save")
    page.get_by_label("Remove the saved one").check()
    fill_password(page)
    submit(page, "Save")
    assert "ends in" not in page.content()
    page.goto(shop.url("/account/two-step"))
    fill_password(page)
    submit(page, "Go on")
    phone = Phone(page.locator("code.secret").inner_text(), shop.clock)
    page.get_by_label("Code").fill(phone.code())
    submit(page, "Switch it on")
    codes = page.locator("[data-codes] code").all_inner_texts()
    assert page.get_by_role("button", name="Copy").count() == 0
    page.get_by_label("I have saved these codes").check()
    submit(page, "Done")
    assert "10 codes are left" in page.content()
    page.locator("header").get_by_role("button", name="Sign out").click()
    assert "You are signed out" in page.content()
    for proof in (phone.code(), codes[0]):
        sign_in(page, shop, me)
        page.get_by_label("Code").fill(proof)
        submit(page, "Go on")
        assert page.locator("header").get_by_role("button", name="Sign out").count() == 1
        page.goto(shop.url("/account/devices"))
        submit(page, "Sign out everywhere")
    page.goto(shop.url("/account/reset"))
    page.get_by_label("E-mail address").fill(me)
    submit(page, "Send the link")
    page.goto(mailed_link(page, shop, me, "reset"))
    fill_password(page, "nine quiet herons cross the weir", "New password")
    submit(page, "Set the new password")
    assert "Your new password is set" in page.content()
    context.close()
    assert wrong == []


FOCUSED = """() => {
  const one = document.activeElement;
  const box = one.getBoundingClientRect();
  const seen = one.matches(":focus-visible") && getComputedStyle(one).outlineStyle !== "none";
  return { name: (one.getAttribute("aria-label") ?? one.textContent).trim(), id: one.id, tag: one.tagName,
           seen, inside: box.bottom > 0 && box.top < innerHeight };
}"""


def _tab_to(page: Page, *, id: str = "", name: str = "") -> None:
    """Press Tab until the control is reached; each stop must show its focus and be in sight."""
    for _ in range(40):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["tag"] == "BODY":
            continue
        assert at["seen"], f"no visible focus on {at}"
        assert at["inside"], f"focus out of sight on {at}"
        if (id and at["id"] == id) or (name and at["name"] == name):
            return
    raise AssertionError(f"the keyboard never reaches {id or name}")


def test_by_keyboard_alone(page: Page, shop: Shop) -> None:
    """From sign-up over two-step sign-in to sign-out no pointer is needed, and focus is always seen."""
    keys, me = page.keyboard, "kay@example.org"
    page.goto(shop.url("/account/sign-up"))
    keys.press("Tab")
    assert page.evaluate(FOCUSED)["name"] == "Skip to the content"
    _tab_to(page, id="email")
    keys.type(me)
    _tab_to(page, id="password")
    keys.type(PASSWORD)
    _tab_to(page, name="Show password")
    keys.press("Space")
    assert page.locator("#password").get_attribute("type") == "text"
    _tab_to(page, name="Create account")
    keys.press("Enter")
    page.get_by_role("heading", name="Look into your mail").wait_for()
    page.goto(mailed_link(page, shop, me, "verify"))
    _tab_to(page, name="Confirm my address")
    keys.press("Enter")
    page.get_by_role("heading", name="Sign in").wait_for()
    _tab_to(page, id="email")
    keys.type(me)
    _tab_to(page, id="password")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(shop.url("/"))
    page.goto(shop.url("/account/"))
    _tab_to(page, name="Two-step sign-in")
    keys.press("Enter")
    page.wait_for_url("**/two-step")
    _tab_to(page, id="password")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/two-step/confirm")
    phone = Phone(page.locator("code.secret").inner_text(), shop.clock)
    _tab_to(page, id="code")
    keys.type(phone.code())
    keys.press("Enter")
    page.get_by_role("heading", name="Recovery codes").wait_for()
    _tab_to(page, id="kept")
    keys.press("Space")
    _tab_to(page, name="Done")
    keys.press("Enter")
    page.get_by_role("heading", name="Two-step sign-in").wait_for()
    _tab_to(page, name="Sign out")
    keys.press("Enter")
    page.get_by_role("heading", name="Signed out").wait_for()


def test_after_sign_out_the_back_button_shows_nothing(page: Page, shop: Shop) -> None:
    """Neither going back nor a second tab shows a private page, and a captured cookie opens nothing."""
    me = "bea@example.org"
    sign_up(page, shop, me)
    sign_in(page, shop, me)
    page.goto(shop.url("/account/profile"))
    page.get_by_label("Name", exact=True).fill("Bea Example")
    fill_password(page)
    submit(page, "Save")
    page.goto(shop.url("/orders"))
    page.goto(shop.url("/account/profile"))
    captured = page.context.cookies()
    page.locator("header").get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Signed out").wait_for()
    for _ in range(3):
        page.go_back()
        assert me not in page.content()
        assert "Bea Example" not in page.content()
        assert "Your orders" not in page.content()
    page.context.clear_cookies()
    page.context.add_cookies(captured)  # type: ignore[arg-type]
    page.goto(shop.url("/account/profile"))
    assert page.url.startswith(shop.url("/account/sign-in"))
    page.goto(shop.url("/orders"))
    assert page.url.startswith(shop.url("/account/sign-in"))


def test_the_pages_of_privacy(page: Page, shop: Shop) -> None:
    """The cookie question and the pages of privacy are free of axe's findings; it is asked once."""
    looker, me = Looker("privacy"), "priya@example.org"
    page.goto(shop.url("/"))
    looker.look(page, "cookie-question")
    accept, reject = (page.get_by_role("button", name=name, exact=True) for name in ("Accept", "Reject"))
    (one, other) = (button.bounding_box() for button in (accept, reject))
    assert one is not None
    assert other is not None
    assert (one["width"], one["height"]) == pytest.approx((other["width"], other["height"]), abs=1)
    reject.click()
    assert page.get_by_role("button", name="Accept", exact=True).count() == 0
    sign_up(page, shop, me)
    sign_in(page, shop, me)
    for path in ("privacy", "privacy/export", "privacy/delete", "policy", "our-mail"):
        page.goto(shop.url(f"/account/{path}"))
        looker.look(page, path.replace("/", "-"))
    page.goto(shop.url("/account/privacy/delete"))
    fill_password(page)
    submit(page, "Delete my account")
    page.goto(shop.url("/account/"))
    looker.look(page, "account-on-its-way-out")
    assert "\n".join(looker.wrong) == ""
