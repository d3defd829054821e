"""E-mail addresses: what is one."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secureacct.mail.address import masked, parse_address


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org",
        "Ada.Lovelace@Example.ORG",
        "ada+shop@example.org",
        "o'brien@example.org",
        "a@b.co",
        "!#$%&'*+/=?^_`{|}~-@example.org",
        "ada@xn--bcher-kva.example",
        "ada@sub.sub.example.museum",
        "ada@3com.example",
        "ada@example.test",
        "a" * 64 + "@example.org",
        "bücher@example.org",
        "ada@bücher.example",
        "用户@例子.广告",
    ],
)
def test_an_address_keeps_its_spelling(address: str) -> None:
    """Every address of everyday life passes and comes back as it was given."""
    assert parse_address(address) == address
    assert parse_address(f"  {address} ") == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ada",
        "@example.org",
        "ada@",
        "ada@@example.org",
        "ada@example@org.example",
        "ada@localhost",
        "ada@example",
        "ada@example.org.",
        "ada@.example.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@exa_mple.org",
        "ada@ab--cd.example",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        ".ada@example.org",
        "ada.@example.org",
        "a..da@example.org",
        '"ada lovelace"@example.org',
        '"ada"@example.org',
        "ada lovelace@example.org",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "ada@example.org (work)",
        "ada@example.org,eve@example.org",
        "ada@example.org;eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\n",
        "\tada@example.org",
        "ada\x00@example.org",
        "ada\u200b@example.org",
        "ada\u202e@example.org",
        "ada@exam\u00adple.org",
        "ada\ud800@example.org",
        "a" * 65 + "@example.org",
        "ada@" + "a" * 64 + ".org",
        "ada@" + "a." * 130 + "org",
        "ü" * 33 + "@example.org",
        "mailto:ada@example.org@x.example",
        "a" * 10_000_000 + "@example.org",
        " " * 10_000_000 + "ada@example.org",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    """Quotes, comments, names, literals, line breaks, lists and anything over its limit are refused."""
    assert parse_address(text) is None


def test_without_the_package_only_ascii_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """An install without email-validator takes ASCII addresses alike, and no others."""
    monkeypatch.setitem(sys.modules, "email_validator", None)
    assert parse_address("ada@example.org") == "ada@example.org"
    assert parse_address("ada@xn--bcher-kva.example") == "ada@xn--bcher-kva.example"
    assert parse_address("ada@bücher.example") is None


def test_a_masked_address_does_not_show_the_person() -> None:
    """Only the first character and the domain remain."""
    assert masked("ada.lovelace@example.org") == "a\u2026@example.org"


ASCII_ISH = st.text("ab.@-_+\"'<>()[]:; \r\n0", max_size=24)


@given(st.one_of(st.text(max_size=60), ASCII_ISH))
def test_any_text_is_an_address_or_none(text: str) -> None:
    """Parsing never raises; what passes is one line with one @ and passes again unchanged."""
    address = parse_address(text)
    if address is not None:
        assert address.count("@") == 1
        assert address.isprintable()
        assert " " not in address
        assert parse_address(address) == address


@example("a@0---0.a")
@given(st.from_regex(r"[ab.+-]{1,6}@[ab0.-]{1,8}\.[ab0-]{1,4}", fullmatch=True))
def test_what_passes_also_passes_the_package(text: str) -> None:
    """Our ASCII grammar takes nothing that email-validator would not."""
    from email_validator import validate_email

    if parse_address(text) is not None:
        validate_email(text, check_deliverability=False, globally_deliverable=False, test_environment=True)
