"""C21: questions go to a named contact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from secureacct.commitments.contact import SecurityTxt, problems, read_security_txt
from secureacct.commitments.errors import BadPromise
from tests.privacy_kit import START

NOW = datetime.fromtimestamp(START, UTC)
WHOLE = SecurityTxt(
    contact=("mailto:security@shop.example", "https://shop.example/security"),
    expires=NOW + timedelta(days=200),
    canonical=("https://shop.example/.well-known/security.txt",),
    policy="https://shop.example/security-policy",
    languages="en, de",
)


def test_it_reads_as_it_was_written():
    """Contact, Expires and the rest, one field a line, with the line ends of the RFC."""
    text = WHOLE.render()
    assert text.startswith("Contact: mailto:security@shop.example\r\n")
    assert text.count("\r\n") == text.count("\n") == 6
    assert read_security_txt(text) == WHOLE
    assert read_security_txt("# a comment\n" + text) == WHOLE


def test_an_expired_one_is_reported_in_time():
    """Expired, about to expire, and too far ahead are each told."""
    assert problems(WHOLE, now=NOW) == ()
    assert "expires on" in problems(WHOLE, now=NOW + timedelta(days=180))[0]
    assert "expired on" in problems(WHOLE, now=NOW + timedelta(days=200))[0]
    assert "more than a year" in problems(WHOLE, now=NOW - timedelta(days=400))[0]


@pytest.mark.parametrize(
    "wrong",
    ["", "Contact: mailto:x@y.example", "Expires: 2027-01-01T00:00:00Z",
     "Contact: mailto:x@y.example\nExpires: soon", "Contact: x@y.example\nExpires: 2027-01-01T00:00:00Z",
     "Contact: mailto:x@y.example\nExpires: 2027-01-01T00:00:00Z\nExpires: 2028-01-01T00:00:00Z",
     "Contact: http://y.example\nExpires: 2027-01-01T00:00:00Z"],
)  # fmt: skip
def test_one_that_says_too_little_is_refused(wrong):
    """No contact, no or two moments, no URI, or plain http."""
    with pytest.raises(BadPromise):
        read_security_txt(wrong)


def test_nothing_breaks_out_of_its_line():
    """A line break in a value cannot add a field."""
    with pytest.raises(BadPromise):
        SecurityTxt(contact=("mailto:x@y.example\r\nPolicy: https://evil.example",), expires=NOW)
    with pytest.raises(BadPromise):
        SecurityTxt(contact=("mailto:x@y.example",), expires=NOW, languages="en\nX: y")
