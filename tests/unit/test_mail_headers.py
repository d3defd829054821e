"""Mail headers: one line each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.mail.headers import MailRefused, header, unsubscribe_headers

BASE = "https://example.org"


@pytest.mark.parametrize(
    "value", ["", "a\r\nBcc: eve@example.org", "a\n", "a\x00", "a\x85b", "a\u2028b", "x" * 901]
)
def test_no_value_begins_another_header(value: str) -> None:
    """Line breaks of every kind, controls and endless lines are refused."""
    with pytest.raises(MailRefused) as caught:
        header("Subject", value)
    assert caught.value.problems == ("broken_header",)


@pytest.mark.parametrize("name", ["", "Sub ject", "Subject:", "Bcc: x\r\nSubject", "Sübject", "-x"])
def test_a_name_is_a_name(name: str) -> None:
    """Names have letters, digits and dashes."""
    with pytest.raises(MailRefused):
        header(name, "x")


def test_one_click_headers() -> None:
    """Both headers of RFC 8058, with our own link in angle brackets."""
    link = f"{BASE}/account/unsubscribe/AQAB-_"
    assert unsubscribe_headers(link, base_url=BASE) == (
        ("List-Unsubscribe", f"<{link}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/account/unsubscribe/x",
        "http://example.org/x",
        "https://example.org",
        "https://example.org.evil.example/x",
        "https://example.org@evil.example/x",
        "https://evil.example/x",
        f"{BASE}/x>, <https://evil.example",
        f"{BASE}/x y",
        f"{BASE}/x\r\nBcc: eve@example.org",
        f"{BASE}/é",
    ],
)
def test_the_link_is_our_own(link: str) -> None:
    """A link elsewhere, or one that breaks out of its brackets, is refused."""
    with pytest.raises(MailRefused):
        unsubscribe_headers(link, base_url=BASE)


@given(st.text(max_size=30), st.text(max_size=80))
def test_any_header_is_one_line_or_refused(name: str, value: str) -> None:
    """What is accepted has no line break in any reading."""
    try:
        made = header(name, value)
    except MailRefused:
        return
    assert len(f"{made[0]}: {made[1]}".splitlines()) == 1
