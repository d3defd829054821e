"""Any header at all: a value of cookie-octets, or None."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secureacct.cookies import SecureCookie, read_cookie

NAME = SecureCookie("session").name
OCTETS = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '",;\\')
VALUES = st.text(OCTETS, min_size=1, max_size=60)
PARTS = (NAME, NAME + "=", "=", ";", "; ", " ", "\t", "abc", "a=1", '"', ",", "\x85", "\xa0", "\x0b")
PIECES = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


def plain_reader(header: str) -> str | None:
    """The same rule, written the slow way."""
    hits = []
    for pair in header.split(";"):
        name, equals, value = pair.lstrip(" \t").partition("=")
        if equals and name == NAME:
            hits.append(value)
    if len(hits) != 1 or not hits[0] or len(hits[0]) + len(NAME) > 4096:
        return None
    return hits[0] if all(c in OCTETS for c in hits[0]) else None


@given(st.one_of(PIECES, st.text(max_size=200), st.binary(max_size=200)))
def test_any_header_is_read_or_ignored(header: str | bytes) -> None:
    """Reading never raises, and the fast reader agrees with the slow one."""
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    assert read_cookie(header, NAME) == plain_reader(text)


@given(VALUES, PIECES)
def test_what_was_set_comes_back_or_nothing_does(value: str, before: str) -> None:
    """With whatever a thief puts in front, the reader gives our value or none, never another."""
    pair = SecureCookie("session").set(value).split(";")[0]
    assert read_cookie(f"{before}; {pair}", NAME) in (value, None)
    assert read_cookie(f"{pair}; a=1", NAME) == value
