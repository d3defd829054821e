"""Cross-site requests and plain HTTP: who may ask, and over what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.errors import Rejected
from secureacct.origin import (
    CrossSite,
    PlainHttp,
    carries_credentials,
    is_cross_site,
    is_loopback,
    refuse_cross_site,
    refuse_plain_http,
)

BASE = "https://example.org"


@pytest.mark.parametrize("site", [None, "same-origin", "none"])
@pytest.mark.parametrize("origin", [None, "https://example.org"])
def test_our_own_pages_pass(site: str | None, origin: str | None) -> None:
    """Our own forms pass, with either header, both, or none of them."""
    refuse_cross_site(sec_fetch_site=site, origin=origin, base_url=BASE)
    assert not is_cross_site(sec_fetch_site=site, origin=origin, base_url=BASE)


@pytest.mark.parametrize(
    "site", ["cross-site", "same-site", "", "Same-Origin", "same-origin ", "same-origin, same-origin", "x"]
)
def test_another_site_is_refused_whatever_the_origin_says(site: str) -> None:
    """Same-site is another origin too; an unknown, empty or doubled value is refused."""
    for origin in (None, "https://example.org"):
        with pytest.raises(CrossSite):
            refuse_cross_site(sec_fetch_site=site, origin=origin, base_url=BASE)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://example.org",
        "https://example.org:8443",
        "https://example.org/",
        "https://evil.example",
        "https://example.org.evil.example",
        "https://sub.example.org",
        "https://example.org@evil.example",
        "https://EXAMPLE.org",
        "https://example.org, https://evil.example",
    ],
)
def test_another_origin_is_refused_although_the_browser_says_same_origin(origin: str) -> None:
    """The origin is ours byte by byte, or the request is refused; null is nobody's."""
    for site in (None, "same-origin", "none"):
        with pytest.raises(CrossSite):
            refuse_cross_site(sec_fetch_site=site, origin=origin, base_url=BASE)


def test_a_port_is_part_of_the_origin() -> None:
    """Two apps on one host are two origins; the usual port is not written."""
    refuse_cross_site(sec_fetch_site=None, origin="https://example.org", base_url="https://example.org:443")
    with pytest.raises(CrossSite):
        refuse_cross_site(
            sec_fetch_site=None, origin="http://localhost:8001", base_url="http://localhost:8000"
        )


@given(st.one_of(st.none(), st.text(max_size=40)), st.one_of(st.none(), st.text(max_size=40)))
def test_any_header_passes_or_is_cross_site(site: str | None, origin: str | None) -> None:
    """Whatever the headers hold, the rule returns or raises CrossSite."""
    expected = (site not in (None, "same-origin", "none")) or (origin not in (None, BASE))
    assert is_cross_site(sec_fetch_site=site, origin=origin, base_url=BASE) is expected


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_loopback_is_this_machine(peer: str) -> None:
    """Every spelling of the machine's own address counts."""
    assert is_loopback(peer)


@pytest.mark.parametrize(
    "peer",
    [None, "", "10.0.0.1", "::ffff:10.0.0.1", "localhost", "127.0.0.1:80", "127.1", "2130706433", "::"],
)
def test_nothing_else_is(peer: str | None) -> None:
    """Other addresses, names, and spellings that only some parsers know do not count."""
    assert not is_loopback(peer)


@pytest.mark.parametrize(
    ("scheme", "peer", "base_url", "allowed"),
    [
        ("https", "203.0.113.9", "https://example.org", True),
        ("https", None, "https://example.org", True),
        ("http", "127.0.0.1", "http://localhost:8000", True),
        ("http", "::1", "http://localhost:8000", True),
        ("http", "203.0.113.9", "http://localhost:8000", False),
        ("http", None, "http://localhost:8000", False),
        ("http", "127.0.0.1", "https://localhost:8443", False),
        ("http", "127.0.0.1", "https://example.org", False),
        ("http", "203.0.113.9", "https://example.org", False),
        ("", "127.0.0.1", "http://localhost:8000", False),
        ("HTTPS", "203.0.113.9", "https://example.org", False),
        ("ws", "127.0.0.1", "http://localhost:8000", False),
    ],
)
def test_credentials_travel_over_https_or_never_leave_the_machine(
    scheme: str, peer: str | None, base_url: str, allowed: bool
) -> None:
    """Plain HTTP is believed only from this machine, and only if the app lives at http://localhost."""
    assert carries_credentials(scheme=scheme, peer=peer, base_url=base_url) is allowed
    if allowed:
        refuse_plain_http(scheme=scheme, peer=peer, base_url=base_url)
    else:
        with pytest.raises(PlainHttp):
            refuse_plain_http(scheme=scheme, peer=peer, base_url=base_url)


def test_the_errors_are_what_the_pages_answer() -> None:
    """403, each with its own code."""
    for error, code in ((CrossSite, "cross_site"), (PlainHttp, "plain_http")):
        assert issubclass(error, Rejected)
        assert (error.code, error.http_status_hint) == (code, 403)
