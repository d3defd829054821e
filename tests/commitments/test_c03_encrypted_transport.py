"""C03: transactions, records of them and account information go over TLS only; people can confirm it."""

from __future__ import annotations

import re


def test_a_valid_cookie_sent_without_tls_is_not_honoured(site):
    """Somebody who listens on the wire and replays the cookie over plain HTTP is nobody."""
    browser = site.somebody.signed_in()
    json = {"Accept": "application/json"}
    assert browser.page("/session", headers=json).json["account"]
    assert not browser.page("/session", headers=json, plain=True).json.get("account")


def test_every_cookie_is_for_tls_and_this_host_only(site):
    """Secure, HttpOnly, no Domain, and a name that browsers hold us to."""
    browser = site.somebody.signed_in()
    assert browser.was_set
    for line in browser.was_set:
        attributes = line.lower().replace(" ", "").split(";")
        assert "secure" in attributes
        assert "httponly" in attributes
        assert not any(one.startswith("domain=") for one in attributes)
        assert line.startswith("__Host-Http-")


def test_browsers_are_told_to_come_back_over_tls(site):
    """HSTS for a year or more, on pages and on answers to programs."""
    for path in ("/sign-in", "/session"):
        found = re.search(r"max-age=(\d+)", site.browser().page(path).header("Strict-Transport-Security"))
        assert found is not None
        assert int(found[1]) >= 31_536_000
