"""Cookies: nothing optional before a choice, Reject as easy as Accept, the browser's signal is a no."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.kit import csrf_of
from tests.journeys.privacy_shop import PrivacyShop, account_id

OPTIONAL = "shop-visits"


@pytest.fixture
def shop(folder: Path) -> Iterator[PrivacyShop]:
    """A shop that declares one optional cookie, and sets it carelessly."""
    made = PrivacyShop(folder)
    yield made
    made.close()


def answer(browser, choice, **options):
    """Press a button of the notice, as a person does without script."""
    page = browser.get("/shop", html=True, **options).text
    form = {"csrf_token": csrf_of(page), "cookies": choice, "next": "/shop"}
    return browser.request("POST", "/account/privacy", form=form, html=True, **options)


def test_a_fresh_browser_gets_no_optional_cookie(shop):
    """Not from a careless page either; what nobody was told of is never set."""
    browser = shop.browser()
    page = browser.get("/shop", html=True)
    assert page.headers["X-Counted"] == "False"
    for path in ("/account/sign-in", "/account/sign-up", "/account/privacy", "/account/our-mail"):
        assert browser.get(path, html=True).status_code == 200
    assert set(browser.cookies) == {"__Host-Http-presession"}


def test_reject_holds(shop):
    """After Reject the question is gone and the cookie is not set; the refusal carries no number."""
    browser = shop.browser()
    done = answer(browser, "reject")
    assert (done.status_code, done.location) == (303, "/shop")
    page = browser.get("/shop", html=True)
    assert OPTIONAL not in browser.cookies
    assert "cookie-question" not in page.text
    assert browser.cookies["__Host-Http-choice"].split(".")[3:] == ["", ""]


def test_accept_holds_and_can_be_taken_back(shop):
    """After Accept the declared cookie is set, the undeclared one is not; Reject removes it at once."""
    browser = shop.browser()
    answer(browser, "accept")
    assert browser.get("/shop").headers["X-Counted"] == "True"
    assert OPTIONAL in browser.cookies
    assert "tracker" not in browser.cookies
    page = browser.get("/account/privacy", html=True).text
    assert "cookie-question" not in page
    taken_back = browser.submit("/account/privacy", {"cookies": "reject"})
    assert taken_back.status_code == 303
    assert OPTIONAL not in browser.cookies
    browser.get("/shop")
    assert OPTIONAL not in browser.cookies


def test_the_signal_is_a_no(shop):
    """Sec-GPC: no question, no optional cookie, and one that is there goes; an Accept is not believed."""
    browser = shop.browser()
    answer(browser, "accept")
    browser.get("/shop")
    assert OPTIONAL in browser.cookies
    page = browser.get("/shop", html=True, headers={"Sec-GPC": "1"})
    assert "cookie-question" not in page.text
    assert OPTIONAL not in browser.cookies
    signal = {"Sec-GPC": "1"}
    assert "do not want to be tracked" in browser.get("/account/privacy", html=True, headers=signal).text
    saved = browser.post("/account/privacy", {"cookies": "accept"}, headers=signal)
    assert saved.status_code == 200
    browser.get("/shop", headers=signal)
    assert OPTIONAL not in browser.cookies


def test_both_answers_are_the_same_size_on_one_layer(shop):
    """Accept and Reject are two buttons of one form, alike but for their words."""
    page = shop.browser().get("/account/sign-in", html=True).text
    buttons = re.findall(r'<button class="([^"]+)" type="submit" name="cookies" value="(\w+)">', page)
    assert buttons == [("answer", "accept"), ("answer", "reject")]
    between = page[page.index('value="accept"') : page.index('value="reject"')]
    assert "<form" not in between
    assert "</form" not in between


def test_the_choice_can_be_changed_from_every_page(shop):
    """The footer leads to it, signed in or not, and on pages that say no."""
    member = shop.member()
    pages = ("/account/", "/account/devices", "/account/nowhere", "/account/privacy")
    for browser, paths in ((shop.browser(), ("/account/sign-in", "/account/reset")), (member, pages)):
        for path in paths:
            assert '/account/privacy#cookies"' in browser.get(path, html=True).text, path


def test_a_choice_needs_our_own_form(shop):
    """Another site cannot accept for anybody."""
    browser = shop.browser()
    crossed = browser.post(
        "/account/privacy", {"cookies": "accept"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert crossed.status_code == 403
    forged = browser.request("POST", "/account/privacy", json={"cookies": "accept"})
    assert forged.json["code"] == "csrf_failed"


def test_what_is_chosen_must_exist(shop):
    """Nothing, nonsense and unknown names are refused, and then nothing of the form was chosen."""
    browser = shop.member()
    assert browser.post("/account/privacy", {}).status_code == 422
    assert browser.post("/account/privacy", {"cookies": "maybe"}).status_code == 422
    mixed = browser.post("/account/privacy", {"list.news": True, "purpose.nothing": True})
    assert (mixed.status_code, mixed.json["code"]) == (404, "unknown_purpose")
    assert browser.get("/account/privacy").json["lists"][0]["subscribed"] is False


def test_choices_of_an_account_stand_and_are_on_record(shop):
    """Purpose, list and partner: yes, then no, each in one call; the ledger proves every one."""
    browser = shop.member()
    names = ("purpose.suggestions", "list.news", "partner.carrier.letter")
    for yes in (True, False):
        assert browser.post("/account/privacy", dict.fromkeys(names, yes)).json == {"status": "saved"}
        seen = browser.get("/account/privacy").json
        assert seen["purposes"][0]["agreed"] is yes
        assert seen["lists"][0]["subscribed"] is yes
        assert seen["partners"][0]["allowed"] is yes
    from secureacct.consent import Consents

    consents = Consents(shop.shell.site.privacy.consents)
    assert consents.verify_history(account_id(browser)) == 6
    words = {one["text"] for one in browser.get("/account/activity").json["events"]}
    assert "A choice about your data was changed." in words


def test_strangers_choose_cookies_only(shop):
    """What belongs to an account needs the sign-in; the page itself does not."""
    stranger = shop.browser()
    seen = stranger.get("/account/privacy").json
    assert "lists" not in seen
    assert seen["cookies"]["standing"] == "undecided"
    assert stranger.post("/account/privacy", {"list.news": True}).status_code == 401
