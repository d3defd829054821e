"""The base URL: one spelling, one host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct._urls import BaseUrl
from secureacct.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org/", "https://example.org"),
        ("https://Example.ORG:443", "https://example.org"),
        ("https://example.org:8443/", "https://example.org:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_the_origin_is_the_one_browsers_send(text: str, origin: str) -> None:
    """Case and the usual port disappear; reading the origin again changes nothing."""
    base = BaseUrl.of(text)
    assert base.origin == str(base) == origin
    assert BaseUrl.of(base) is base
    assert BaseUrl.of(origin) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "//example.org",
        "http://example.org",
        "http://127.0.0.1",
        "http://localhost.example.org",
        "ftp://example.org",
        "https://",
        "https:///x",
        "https://example.org/shop",
        "https://example.org?x",
        "https://example.org#x",
        "https://user@example.org",
        "https://user:pw@example.org",
        "https://example.org@evil.example",
        "https://example.org:99999",
        "https://example.org:x",
        "https://bücher.example",
        "https://exa mple.org",
        "https://example.org\\evil",
        "https://-a.example",
        "https://a..example",
        " https://example.org",
        "https://example.org\n",
        "https://[::1",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    """Plain HTTP, paths, user names, other schemes and broken hosts are refused with our error."""
    with pytest.raises(ConfigurationError):
        BaseUrl.of(text)


def test_a_page_is_on_our_host() -> None:
    """Only a path with one slash in front becomes a URL."""
    base = BaseUrl.of("https://example.org")
    assert base.at("/account/reset/abc?x=1") == "https://example.org/account/reset/abc?x=1"
    for path in ("", "x", "//evil", "/\\evil", "@evil", ".evil", "/a b", "/a\r\nb", "/é", "https://evil"):
        with pytest.raises(ConfigurationError):
            base.at(path)


def test_only_localhost_is_local() -> None:
    """``is_local`` is about the host, not the scheme."""
    assert BaseUrl.of("https://localhost:8443").is_local
    assert not BaseUrl.of("https://example.org").is_local


@given(
    st.one_of(st.text(max_size=60), st.text("htps:/.[]@#?ao-1 \\", max_size=30).map(lambda s: "https://" + s))
)
def test_any_text_is_read_or_refused(text: str) -> None:
    """Reading gives a base URL whose origin reads the same, or ConfigurationError."""
    try:
        base = BaseUrl.of(text)
    except ConfigurationError:
        return
    assert BaseUrl.of(base.origin) == base
