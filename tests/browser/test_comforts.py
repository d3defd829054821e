"""What makes the pages easy: the script's comforts, other directions, sizes and colours, named devices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.shop import (
    ABANDONED,
    PASSWORD,
    Phone,
    Shop,
    fill_password,
    sign_in,
    sign_up,
    submit,
    watched,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), ABANDONED]


def test_the_comforts(page: Page, shop: Shop) -> None:
    """Show password resets on the way out and back; moments are local; codes can be kept in three ways, and
    the page asks before it forgets them."""
    me = "cara@example.org"
    sign_up(page, shop, me)
    page.goto(shop.url("/account/sign-in"))
    page.evaluate("navigator.clipboard.writeText('pasted with joy')")
    page.get_by_label("Password", exact=True).focus()
    page.keyboard.press("Control+V")
    shown = page.locator("#password")
    assert shown.input_value() == "pasted with joy"
    toggle = page.get_by_role("button", name="Show password")
    toggle.click()
    assert shown.get_attribute("type") == "text"
    assert page.locator(".with-toggle [aria-live=polite]").inner_text() == "Your password is shown"
    page.goto(shop.url("/account/sign-up"))
    page.go_back()
    assert page.locator("#password").get_attribute("type") == "password"
    page.get_by_role("button", name="Show password").click()
    with page.expect_request("**/account/sign-in") as sent:
        page.evaluate("""() => {
            const form = document.querySelector("main form");
            form.addEventListener("submit", () => { document.title = form.elements.password.type; });
        }""")
        page.get_by_label("E-mail address").fill(me)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.wait_for_function("() => document.querySelector('#password').type === 'text'")
        page.get_by_role("button", name="Sign in", exact=True).click()
    assert sent.value.method == "POST"
    page.wait_for_url(shop.url("/"))
    page.goto(shop.url("/account/devices"))
    moment = page.locator("time").first
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment.get_attribute("datetime") or "")
    assert "UTC" not in moment.inner_text()
    assert "UTC" in (moment.get_attribute("title") or "")

    page.goto(shop.url("/account/two-step"))
    fill_password(page)
    submit(page, "Go on")
    secret = page.locator("code.secret").inner_text()
    submit(page, "Copy")
    page.get_by_text("Copied").first.wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == secret.replace(" ", "")
    assert secret.replace(" ", "") not in page.locator("svg title").inner_html()
    page.get_by_label("Code").fill(Phone(secret, shop.clock).code())
    submit(page, "Switch it on")
    codes = page.locator("[data-codes] code").all_inner_texts()
    submit(page, "Copy")
    page.get_by_text("Copied").first.wait_for()
    assert page.evaluate("navigator.clipboard.readText()").split()[-10:] == codes
    with page.expect_download() as download:
        submit(page, "Download")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert Path(download.value.path()).read_text("utf-8").split()[-10:] == codes
    page.evaluate("window.print = () => { document.title = 'printed'; }")
    submit(page, "Print")
    assert page.title() == "printed"
    page.emulate_media(media="print")
    assert page.locator("[data-codes]").is_visible()
    assert not page.locator("header nav").is_visible()
    assert not page.get_by_role("button", name="Done").is_visible()
    page.emulate_media(media="screen")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.locator("header").get_by_role("link", name="Your account").click()
    page.wait_for_url("**/account/")
    assert asked == ["beforeunload"]


def test_the_other_way_round_and_enlarged(page: Page, shop: Shop) -> None:
    """Written from right to left, with words a third longer, at 320 px and at 200 %, nothing runs
    out of the page."""
    page.goto(shop.url("/account/sign-in"))
    for path in (
        "/account/sign-in",
        "/account/sign-up",
        "/account/reset",
        "/account/recover",
        "/",
        "/dev/outbox",
    ):
        page.goto(shop.url(path))
        page.evaluate("""() => {
            document.documentElement.dir = "rtl";
            const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (words.nextNode()) {
              const text = words.currentNode.data;
              if (text.trim()) words.currentNode.data = text + "\\u05d0".repeat(text.trim().length / 3);
            }
        }""")
        for width in (320, 640):
            page.set_viewport_size({"width": width, "height": 512})
            for size in ("100%", "200%"):
                page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", size)
                if (width, size) == (320, "200%"):
                    continue  # WCAG asks for 200 % at 640 and for 320 at 100 %
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width, size)


def test_forced_colours_and_the_code_to_scan(page: Page, shop: Shop) -> None:
    """With forced colours buttons keep an edge, and the code to scan keeps black on white."""
    me = "fay@example.org"
    sign_up(page, shop, me)
    sign_in(page, shop, me)
    page.emulate_media(forced_colors="active", color_scheme="dark")
    page.goto(shop.url("/account/two-step"))
    button = page.get_by_role("button", name="Go on")
    assert button.evaluate("(one) => getComputedStyle(one).borderTopStyle") == "solid"
    fill_password(page)
    button.click()
    page.wait_for_url("**/two-step/confirm")
    style = "(one) => getComputedStyle(one).backgroundColor"
    assert page.locator(".qr").evaluate(style) == "rgb(255, 255, 255)"


def test_devices_are_named_and_end_one_by_one(page: Page, shop: Shop, chromium: Browser) -> None:
    """Each device's button says which; pressing it signs out that browser only; no secret is shown."""
    me = "dora@example.org"
    sign_up(page, shop, me)
    sign_in(page, shop, me)
    other = chromium.new_context(
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    )
    elsewhere, _ = watched(other)
    sign_in(elsewhere, shop, me)
    page.goto(shop.url("/account/devices"))
    for context in (page.context, other):
        for cookie in context.cookies():
            assert cookie["value"] not in page.content()
    assert page.get_by_role("button", name="(this device)").count() == 1
    page.get_by_role("button", name="Sign out Firefox on Linux").click()
    page.get_by_text("Signed out there").wait_for()
    elsewhere.goto(shop.url("/orders"))
    assert elsewhere.url.startswith(shop.url("/account/sign-in"))
    page.goto(shop.url("/orders"))
    assert page.url == shop.url("/orders")
    other.close()
