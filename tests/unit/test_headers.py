"""Security headers: what every response says, and what none may say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.errors import ConfigurationError
from secureacct.headers import HeaderSet, content_security_policy, security_headers

ALL = ("page", "account", "link", "signed_out")
EVERYWHERE = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def sets(base_url: str = "https://example.org") -> Mapping[str, dict[str, str]]:
    """All sets as dictionaries."""
    made = security_headers(base_url)
    return {name: dict(getattr(made, name).text) for name in ALL}


@pytest.mark.parametrize("kind", ALL)
def test_every_response_has_them(kind: str) -> None:
    """CSP without anything inline, nosniff, isolation, and the permissions of nothing."""
    got = sets()[kind]
    assert EVERYWHERE.items() <= got.items()
    assert "camera=()" in got["Permissions-Policy"]
    assert "publickey-credentials-get=(self)" in got["Permissions-Policy"]


def test_account_pages_are_never_stored() -> None:
    """no-store on everything but the app's own public pages."""
    got = sets()
    assert "Cache-Control" not in got["page"]
    assert {got[kind]["Cache-Control"] for kind in ALL[1:]} == {"no-store"}


def test_other_sites_learn_nothing_and_forms_keep_their_origin() -> None:
    """Links with a token send no referrer at all; pages with forms keep it inside."""
    got = sets()
    assert got["link"]["Referrer-Policy"] == "no-referrer"
    assert {got[kind]["Referrer-Policy"] for kind in ("page", "account", "signed_out")} == {"same-origin"}


def test_signing_out_clears_what_pages_kept() -> None:
    """Storage always, the cache only if asked, and never ``"cookies"``, which clears the whole domain."""
    assert sets()["signed_out"]["Clear-Site-Data"] == '"storage"'
    asked = security_headers("https://example.org", clear_cache=True).signed_out
    assert dict(asked.text)["Clear-Site-Data"] == '"cache", "storage"'
    assert not any("Clear-Site-Data" in sets()[kind] for kind in ("page", "account", "link"))


@pytest.mark.parametrize("base_url", ["http://localhost:8000", "https://localhost:8443"])
def test_localhost_gets_no_hsts(base_url: str) -> None:
    """Neither plain http nor a host that other programs share is pinned to https."""
    assert not any("Strict-Transport-Security" in headers for headers in sets(base_url).values())


def test_https_gets_hsts_everywhere() -> None:
    """Two years with subdomains, or what was asked for."""
    assert {h["Strict-Transport-Security"] for h in sets().values()} == {
        "max-age=63072000; includeSubDomains"
    }
    ramp = security_headers("https://example.org", hsts_max_age_s=86_400, hsts_subdomains=False)
    assert dict(ramp.page.text)["Strict-Transport-Security"] == "max-age=86400"
    with pytest.raises(ConfigurationError):
        security_headers("https://example.org", hsts_max_age_s=-1)


def test_both_forms_say_the_same() -> None:
    """The bytes for ASGI are the text for WSGI, with lower-case names."""
    account = security_headers("https://example.org").account
    assert account.raw == tuple((n.lower().encode(), v.encode()) for n, v in account.text)


def test_a_directive_can_be_added_and_replaced() -> None:
    """An app with a CDN or a font says so."""
    policy = content_security_policy(
        {"img-src": "'self' data: https://cdn.example", "form-action": "'self' https://pay.example"}
    )
    assert "img-src 'self' data: https://cdn.example" in policy
    assert "form-action 'self' https://pay.example" in policy
    assert "default-src 'self'" in policy
    assert content_security_policy({"upgrade-insecure-requests": ""}).endswith("; upgrade-insecure-requests")


@pytest.mark.parametrize(
    "more",
    [
        {"script-src": "'self' 'unsafe-inline'"},
        {"style-src": "'UNSAFE-INLINE'"},
        {"script-src": "'unsafe-eval'"},
        {"script-src": "*"},
        {"script-src": "data:"},
        {"script-src": "https:"},
        {"default-src": "'self' blob:"},
        {"frame-ancestors": "https://evil.example"},
        {"base-uri": "'self'"},
        {"img-src": "'self'; script-src https://evil.example"},
        {"img-src": "'self', script-src x"},
        {"img-src": "'self'\r\nX: y"},
        {"Img Src": "'self'"},
        {"": "'self'"},
    ],
)
def test_a_policy_that_lets_things_in_is_refused(more: dict[str, str]) -> None:
    """Inline, eval, everything, framing, and whatever breaks out of its directive."""
    with pytest.raises(ConfigurationError):
        content_security_policy(more)


@pytest.mark.parametrize(
    ("name", "value"),
    [("X", "a\r\nSet-Cookie: x=y"), ("X", "a\n"), ("X", ""), ("X", "é"), ("X\n", "a"), ("", "a")],
)
def test_no_header_breaks_out_of_its_line(name: str, value: str) -> None:
    """Line breaks, control characters and what is not ASCII are refused in names and values."""
    with pytest.raises(ConfigurationError):
        HeaderSet.of([(name, value)])


def test_no_header_is_there_twice() -> None:
    """Browsers disagree about a doubled security header, so none is sent."""
    with pytest.raises(ConfigurationError):
        HeaderSet.of([("X-A", "1"), ("x-a", "2")])


@given(st.text(max_size=20), st.text(max_size=40))
def test_any_pair_is_one_line_or_refused(name: str, value: str) -> None:
    """What is accepted is printable ASCII on one line."""
    try:
        made = HeaderSet.of([(name, value)])
    except ConfigurationError:
        return
    line = made.raw[0][0] + b": " + made.raw[0][1]
    assert all(0x20 <= byte < 0x7F for byte in line)
