"""Who we are to a browser: what cannot work is refused at construction."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("webauthn")

from secureacct import passkeys as pk
from secureacct.errors import ConfigurationError
from tests.passkey_kit import (
    ORIGIN,
)

# The relying party


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "https://127.0.0.1",
        "https://[::1]",
        "ftp://example.org",
        "example.org",
        "https://",
        "https://com",
        "https://user:pw@example.org",
        "https://example.org:99999",
        "https://exa mple.org",
    ],
)
def test_a_base_url_that_no_browser_takes_is_refused(url: str) -> None:
    """WebAuthn needs https (or localhost) and a host name."""
    with pytest.raises(ConfigurationError):
        pk.RelyingParty.at(url, name="Example")


@pytest.mark.parametrize(
    ("url", "rp_id", "origin"),
    [
        ("https://example.org", "example.org", "https://example.org"),
        ("https://Accounts.Example.org/", "accounts.example.org", "https://accounts.example.org"),
        ("https://example.org:443/base", "example.org", "https://example.org"),
        ("http://localhost:8000", "localhost", "http://localhost:8000"),
        ("https://localhost:8443", "localhost", "https://localhost:8443"),
    ],
)
def test_the_relying_party_of_a_base_url(url: str, rp_id: str, origin: str) -> None:
    """The host is the RP id, and the origin is as browsers spell it."""
    rp = pk.RelyingParty.at(url, name="Example")
    assert (rp.id, rp.origins) == (rp_id, (origin,))


@pytest.mark.parametrize(
    "parts",
    [
        {"id": "example.org", "origins": ("https://example.com",)},
        {"id": "example.org", "origins": ("https://notexample.org",)},
        {"id": "example.org", "origins": ("https://example.org/",)},
        {"id": "example.org", "origins": ("https://example.org:443",)},
        {"id": "example.org", "origins": ()},
        {"id": "EXAMPLE.org", "origins": (ORIGIN,)},
        {"id": "https://example.org", "origins": (ORIGIN,)},
        {"id": "org", "origins": (ORIGIN,)},
        {"id": "example.org", "origins": (ORIGIN,), "name": " "},
        {"id": "example.org", "origins": (ORIGIN,), "related_origins": ("http://localhost",)},
        {
            "id": "example.org",
            "origins": (ORIGIN,),
            "related_origins": tuple(f"https://e{n}.ch" for n in range(6)),
        },
    ],
)
def test_a_relying_party_that_is_set_up_wrongly_is_refused(parts: dict[str, Any]) -> None:
    """At construction, not in the middle of a sign-in."""
    with pytest.raises(ConfigurationError):
        pk.RelyingParty(**{"name": "Example", **parts})
