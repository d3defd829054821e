"""Mailings: begun by a yes, ended by one click, and a scanner that reads the link ends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.kit import PASSWORD
from tests.journeys.privacy_shop import PrivacyShop

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
CROSS_SITE = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def shop(folder: Path) -> Iterator[PrivacyShop]:
    """A shop with a mailing list."""
    made = PrivacyShop(folder)
    yield made
    made.close()


@pytest.fixture
def link(shop: PrivacyShop) -> str:
    """The one-click link of somebody who asked for news and got some."""
    member = shop.member()
    assert shop.send() == (0, 0)  # nobody asked yet
    member.post("/account/privacy", {"list.news": True})
    assert shop.send() == (1, 0)
    return shop.stop_link()


def test_a_scanner_changes_nothing(shop, link):
    """GET and HEAD, with and without cookies, show a button and end nothing."""
    scanner = shop.browser()
    for method in ("GET", "HEAD", "GET"):
        answer = scanner.request(method, link, html=True)
        assert answer.status_code == 200
    assert "Nothing happens until you press the button" in scanner.get(link, html=True).text
    assert scanner.request("PUT", link).status_code == 405
    assert shop.send() == (1, 0)


def test_one_click_ends_it_from_anywhere_and_again_is_fine(shop, link):
    """A provider posts without cookie, token or sign-in, from another site: once, twice, the same."""
    for _ in range(2):
        answer = shop.browser().request("POST", link, form=ONE_CLICK, headers=CROSS_SITE)
        assert (answer.status_code, answer.json) == (200, {"status": "removed", "list": "news"})
    assert shop.send() == (0, 0)


def test_one_click_as_multipart(shop, link):
    """RFC 8058 allows multipart/form-data too."""
    part = b'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
    body = b"--frontier\r\n" + part + b"--frontier--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=frontier", **CROSS_SITE}
    assert shop.browser().request("POST", link, body=body, headers=headers).status_code == 200
    assert shop.send() == (0, 0)


def test_a_post_must_say_one_click(shop, link):
    """An empty POST, or one that says something else, ends nothing."""
    for form in ({}, {"List-Unsubscribe": "Maybe"}, {"x": "y"}):
        assert shop.browser().request("POST", link, form=form).status_code == 422
    assert shop.browser().request("POST", link, body=b"\xff" * 70_000).status_code in (413, 415)
    assert shop.send() == (1, 0)


def test_the_button_works_without_script(shop, link):
    """What the page's own form posts ends the list, and the page says so."""
    page = shop.browser().get(link, html=True).text
    assert f'action="{link}"' in page
    done = shop.browser().request("POST", link, form=ONE_CLICK, html=True)
    assert "No more of these mails" in done.text
    assert shop.send() == (0, 0)


def test_links_that_are_not_ours_are_gone(shop, link):
    """Made up, cut, or for something else: 410, and nothing changes; the token cannot begin anything."""
    start, _, token = link.rpartition("/")
    changed = ("B" if token[0] == "A" else "A") + token[1:]
    for wrong in ("made-up", changed, token[:-1], "A" * 500):
        for answer in (
            shop.browser().get(f"{start}/{wrong}"),
            shop.browser().request("POST", f"{start}/{wrong}", form=ONE_CLICK),
        ):
            assert (answer.status_code, answer.json["code"]) == (410, "link_unknown")
    assert shop.send() == (1, 0)
    shop.browser().request("POST", link, form=ONE_CLICK)
    shop.browser().request("POST", link, form=ONE_CLICK)
    assert shop.send() == (0, 0)


def test_nothing_else_may_come_from_another_site(shop):
    """Every other POST of ours refuses a cross-site request."""
    from secureacct.web.routes import ROUTES

    exempt = [route.path for route in ROUTES if not route.csrf]
    assert exempt == ["/unsubscribe/{token}"]
    browser = shop.member()
    for path in ("/privacy", "/privacy/export", "/privacy/delete", "/privacy/keep", "/policy"):
        answer = browser.post(f"/account{path}", {"cookies": "accept"}, headers=CROSS_SITE)
        assert answer.status_code == 403, path


def test_after_a_stop_only_a_new_yes_begins_again(shop, link):
    """The person may change their mind on the privacy page; then, and only then, mails come again."""
    shop.browser().request("POST", link, form=ONE_CLICK)
    member = shop.browser()
    member.sign_in()
    assert member.get("/account/privacy").json["lists"][0]["subscribed"] is False
    member.post("/account/privacy", {"list.news": True})
    assert shop.send() == (1, 0)


def test_no_means_no_under_an_older_address_too(shop):
    """Who subscribed, changed the address and says no on the privacy page gets nothing at either address."""
    member = shop.member()
    member.post("/account/privacy", {"list.news": True})
    member.post("/account/email", {"password": PASSWORD, "new_email": "ada@new.example"})
    member.post(shop.link("ada@new.example", "/email/confirm/"))
    assert member.post("/account/privacy", {"list.news": False}).json == {"status": "saved"}
    assert not any(one["subscribed"] for one in member.get("/account/privacy").json["lists"])
    assert shop.send() == (0, 0)
