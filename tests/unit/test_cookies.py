"""The cookie: what a browser would take, and what a thief would plant."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from secureacct.cookies import CookieError, SecureCookie, account_cookies, read_cookie

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cookie_headers.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["why"])
def test_a_cookie_header_is_read_byte_by_byte(case: dict[str, str | None]) -> None:
    """Each header of the table gives exactly the value written beside it, as text and as bytes."""
    header = case["header"]
    assert header is not None
    assert read_cookie(header, VECTORS["name"]) == case["value"]
    assert read_cookie(header.encode("latin-1"), VECTORS["name"]) == case["value"]


def test_no_header_is_no_cookie() -> None:
    """Without a Cookie header there is no value."""
    assert SecureCookie("session").read(None) is None


def test_what_is_set_is_read_again() -> None:
    """The pair that a browser sends back gives the value that was set."""
    cookie = SecureCookie("session")
    assert cookie.read(cookie.set("v1.abc-_").split(";")[0]) == "v1.abc-_"


def test_every_guard_is_on() -> None:
    """Secure, HttpOnly, SameSite, Path=/ and the prefix are always there, and Domain never is."""
    for line in (SecureCookie("session").set("v"), SecureCookie("session").clear()):
        name, *attributes = line.split("; ")
        assert name.startswith("__Host-Http-session=")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert "domain" not in line.lower()


def test_strict_is_the_only_other_way() -> None:
    """SameSite is Lax or Strict; None does not exist."""
    assert "SameSite=Strict" in SecureCookie("session", same_site="Strict").set("v")
    with pytest.raises(CookieError):
        SecureCookie("session", same_site="None")  # type: ignore[arg-type]


def test_it_goes_with_the_window_unless_asked() -> None:
    """Without ``max_age`` the cookie has no lifetime of its own; with it, it has exactly that one."""
    cookie = SecureCookie("session")
    assert "Max-Age" not in cookie.set("v")
    assert "Expires" not in cookie.set("v")
    assert cookie.set("v", max_age=timedelta(days=30)).endswith("; Max-Age=2592000")
    assert cookie.set("v", max_age=60).endswith("; Max-Age=60")
    assert SecureCookie("pending", max_age=600).set("v").endswith("; Max-Age=600")


def test_clearing_empties_and_expires() -> None:
    """Clearing sends an empty value that expires at once."""
    assert SecureCookie("session").clear().startswith("__Host-Http-session=;")
    assert "Max-Age=0" in SecureCookie("session").clear()


@pytest.mark.parametrize("seconds", [0, -1, 34_560_001, timedelta(days=401), timedelta(seconds=-1)])
def test_a_lifetime_a_browser_would_change_is_refused(seconds: int | timedelta) -> None:
    """Lifetimes of nothing, or of more than 400 days, are refused instead of silently shortened."""
    with pytest.raises(CookieError):
        SecureCookie("session").set("v", max_age=seconds)
    with pytest.raises(CookieError):
        SecureCookie("session", max_age=seconds)


@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a;b", "a,b", 'a"b', "a\\b", "a\r\nSet-Cookie: x=y", "a\n", "é", "\x00", "\x7f"]
)
def test_a_value_no_cookie_may_hold_is_refused(value: str) -> None:
    """A value that would end the header, or that browsers drop, never leaves, and is not repeated."""
    with pytest.raises(CookieError) as caught:
        SecureCookie("session").set(value)
    assert not value.strip() or value not in str(caught.value)


def test_the_size_limit_is_the_browsers() -> None:
    """Name and value fill 4096 bytes and not one more, in both directions."""
    cookie = SecureCookie("session")
    fits = "x" * (4096 - len(cookie.name))
    assert cookie.read(cookie.set(fits).split(";")[0]) == fits
    with pytest.raises(CookieError):
        cookie.set(fits + "x")
    assert cookie.read(f"{cookie.name}={fits}x") is None


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "é", "__Host-x", "-a", "a\n", "x" * 65])
def test_a_name_a_browser_would_refuse_is_refused(name: str) -> None:
    """Names with anything but letters, digits, dash and underscore are refused at construction."""
    with pytest.raises(CookieError):
        SecureCookie(name)


def test_an_account_has_six_cookies_with_their_names_and_lifetimes() -> None:
    """The names are fixed; only the window's own cookies have no lifetime."""
    cookies = account_cookies("demo-session")
    assert cookies.session.name == "__Host-Http-demo-session"
    others = {
        cookies.presession: ("presession", None),
        cookies.attempt: ("attempt", 86_400),
        cookies.pending: ("pending", 600),
        cookies.link: ("link", 900),
        cookies.device: ("device", 15_552_000),
    }
    for cookie, (name, seconds) in others.items():
        line = cookie.set("v")
        assert line.startswith(f"__Host-Http-{name}=v;")
        assert ("Max-Age" not in line) if seconds is None else line.endswith(f"; Max-Age={seconds}")


def test_two_cookies_of_an_account_never_share_a_name() -> None:
    """A session cookie called like another cookie of the account is refused."""
    with pytest.raises(CookieError):
        account_cookies("pending")


def test_only_the_standard_library_is_imported() -> None:
    """``import secureacct.cookies`` pulls in nothing from outside the standard library."""
    code = (
        "import sys; before = set(sys.modules); import secureacct.cookies;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'secureacct'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
