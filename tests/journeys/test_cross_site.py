"""No other site makes a browser do anything here."""

from __future__ import annotations

import pytest

from tests.journeys.kit import ADA, BASE, PASSWORD, Shop, csrf_of

POSTS = (
    "/account/sign-up",
    "/account/sign-in",
    "/account/sign-in/code",
    "/account/sign-out",
    "/account/devices",
    "/account/password",
    "/account/reset",
    "/account/email",
    "/account/profile",
    "/account/two-step",
    "/account/two-step/confirm",
    "/account/two-step/off",
    "/account/recovery-codes",
    "/account/confirm",
    "/account/recover",
    "/account/passkeys",
    "/account/sign-in/passkey",
)


@pytest.mark.parametrize("path", POSTS)
def test_every_post_needs_a_token(shop: Shop, path: str) -> None:
    """Without the token every POST is refused, signed in or not, form or JSON."""
    for browser in (shop.browser(), shop.member()):
        browser.csrf()
        answer = browser.request("POST", path, json={"password": PASSWORD})
        assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")  # type: ignore[index]
        assert browser.request("POST", path, form={}, html=True).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://shop.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example.evil.example"},
    ],
)
def test_other_origins_are_refused_before_the_token_is_looked_at(shop: Shop, headers: dict[str, str]) -> None:
    """A right token does not help a request that came from elsewhere."""
    browser = shop.browser()
    answer = browser.post("/account/sign-in", {"email": ADA, "password": PASSWORD}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "cross_site")  # type: ignore[index]


def test_our_own_pages_pass(shop: Shop) -> None:
    """The headers that browsers send from our own pages are fine."""
    shop.member()
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": BASE}
    answer = shop.browser().post("/account/sign-in", {"email": ADA, "password": PASSWORD}, headers=headers)
    assert answer.status_code == 200


def test_a_token_belongs_to_one_browser(shop: Shop) -> None:
    """Mallory's token does not work in Ada's browser: no sign-in into Mallory's account by force."""
    mallory, ada = shop.browser(), shop.browser()
    ada.csrf()
    answer = ada.request(
        "POST", "/account/sign-in", json={"csrf_token": mallory.csrf(), "email": ADA, "password": PASSWORD}
    )
    assert answer.status_code == 403


def test_the_token_changes_at_sign_in(shop: Shop) -> None:
    """A token from before the sign-in does not work after it."""
    ada = shop.browser()
    shop.member()
    before = ada.csrf()
    ada.sign_in()
    answer = ada.request("POST", "/account/sign-out", json={"csrf_token": before})
    assert answer.status_code == 403
    assert ada.is_signed_in()


def test_a_client_without_a_cookie_jar_is_refused(shop: Shop) -> None:
    """A token alone, without the cookie it is tied to, is worth nothing."""
    browser = shop.browser()
    token = browser.csrf()
    answer = browser.request("POST", "/account/sign-up", json={"csrf_token": token}, cookies={})
    assert answer.status_code == 403


def test_the_token_may_come_as_a_header(shop: Shop) -> None:
    """Programs send X-CSRF-Token."""
    browser = shop.browser()
    answer = browser.request(
        "POST", "/account/reset", json={"email": ADA}, headers={"X-CSRF-Token": browser.csrf()}
    )
    assert answer.status_code == 202


def test_two_forms_have_two_spellings_of_one_token(shop: Shop) -> None:
    """The token is masked per response, and both spellings work."""
    browser = shop.browser()
    first = csrf_of(browser.get("/account/reset", html=True).text)
    second = csrf_of(browser.get("/account/reset", html=True).text)
    assert first != second
    for token in (first, second):
        answer = browser.request("POST", "/account/reset", form={"csrf_token": token, "email": ADA})
        assert answer.status_code == 202


@pytest.mark.parametrize(
    "next_path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5cevil.example",
        "http:evil.example",
        "https://shop.example@evil.example/",
        "/account/../../x",
        "javascript:alert(1)",
        "/\t/evil.example",
    ],
)
def test_no_open_redirect(shop: Shop, next_path: str) -> None:
    """``next`` leads nowhere but to our own pages."""
    shop.member()
    ada = shop.browser()
    answer = ada.submit("/account/sign-in", {"email": ADA, "password": PASSWORD, "next": next_path})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_next_is_kept(shop: Shop) -> None:
    """A page of ours is where people go on, over the second step too."""
    ada = shop.member()
    ada.switch_on_two_step()
    ada.post("/account/sign-out")
    assert ada.get("/?a=1", html=True).headers["Location"] == "/account/sign-in?next=/%3Fa%3D1"
    answer = ada.submit("/account/sign-in", {"email": ADA, "password": PASSWORD, "next": "/?a=1"})
    assert answer.headers["Location"] == "/account/sign-in/code"
    answer = ada.submit("/account/sign-in/code", {"code": ada.code()})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?a=1")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"Host": "shop.example@evil.example"},
    ],
)
def test_links_name_our_own_host(shop: Shop, headers: dict[str, str]) -> None:
    """Whatever the request says its host is, mailed links lead to the configured one."""
    shop.member()
    answer = shop.browser().post("/account/reset", {"email": ADA}, headers=headers)
    assert answer.status_code in (202, 400)
    for message in shop.mails(ADA):
        assert "evil" not in message.text + message.html
        assert all(link.startswith(BASE + "/account/") for link in message.links)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_uses_nothing_up(shop: Shop, method: str) -> None:
    """Mail scanners open every link; the person's click still works."""
    browser = shop.browser()
    browser.sign_up()
    link = shop.link(ADA, "/verify/")
    scanner = shop.browser()
    for _ in range(3):
        answer = scanner.request(method, link, html=True)
        assert answer.status_code == 303
        assert answer.headers["Location"] == "/account/verify"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        scanner.request(method, "/account/verify", html=True)
    assert browser.post(link).json == {"status": "verified"}


def test_the_secret_leaves_the_address_bar(shop: Shop) -> None:
    """The page behind a link is at a clean address and its form works from there."""
    browser = shop.browser()
    browser.sign_up()
    browser.get(shop.link(ADA, "/verify/"), html=True)
    page = browser.get("/account/verify", html=True)
    assert page.status_code == 200
    assert browser.cookies["__Host-Http-link"].partition(":")[2] not in page.text
    answer = browser.submit("/account/verify")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sign-in?done=verified")


def test_one_kind_of_link_is_no_other(shop: Shop) -> None:
    """A reset link's secret opens no other page, in the path or in the cookie."""
    ada = shop.member()
    ada.post("/account/reset", {"email": ADA})
    token = shop.link(ADA, "/reset/").rpartition("/")[2]
    for path in ("verify", "email/confirm", "email/undo", "not-me", "recover", "recover/cancel"):
        assert ada.post(f"/account/{path}/{token}").status_code == 410
        ada.cookies["__Host-Http-link"] = f"reset:{token}"
        answer = ada.get(f"/account/{path}", html=True)
        assert answer.status_code in (200, 410)
        ada.cookies.pop("__Host-Http-link", None)
