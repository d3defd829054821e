"""C06: sign out when done, above all on a shared computer."""

from __future__ import annotations


def test_a_cookie_copied_before_sign_out_opens_nothing(site):
    """The next person at the computer kept the cookie; after sign-out it is nobody's."""
    browser = site.somebody.signed_in()
    thief = browser.copy()
    assert thief.account is not None
    assert browser.post("/sign-out").status == 200
    assert thief.account is None
    assert thief.page("/devices", headers={"Accept": "application/json"}).status == 401


def test_the_back_button_shows_nothing(site):
    """Account pages are never stored, and sign-out clears what the site put into the browser."""
    browser = site.somebody.signed_in()
    for path in ("/devices", "/profile", "/activity", "/sign-in"):
        assert "no-store" in browser.page(path).header("Cache-Control")
    out = browser.post("/sign-out")
    assert '"storage"' in out.header("Clear-Site-Data")
    assert not any("session" in name and "pre" not in name for name in browser.cookies)


def test_signing_out_twice_is_fine(site):
    """Who is signed out already hears the same."""
    browser = site.somebody.signed_in()
    assert [browser.post("/sign-out").status for _ in range(2)] == [200, 200]


def test_a_session_elsewhere_can_be_ended_from_here(site):
    """From the list of devices, the one left signed in on a shared computer ends."""
    person = site.person()
    left_behind, here = person.signed_in(), person.signed_in()
    assert here.post("/devices", {"others": True}).status == 200
    assert left_behind.account is None
    assert here.account is not None
