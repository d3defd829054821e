"""Any target: a path that every reader resolves to our own host, or None."""

from __future__ import annotations

import re
from urllib.parse import unquote, urljoin, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from secureacct.redirects import safe_next

BASE = "https://example.org"
PARTS: tuple[str, ...] = (
    "/",
    "//",
    "\\",
    ".",
    "..",
    "@",
    ":",
    "?",
    "#",
    "%2f",
    "%5c",
    "%2e",
    "%09",
    "\t",
    "\n",
    " ",
    "\u3000",
    "a",
)
PARTS += (
    "https:",
    "http:",
    "javascript:",
    "evil.example",
    "example.org",
    BASE,
    "[::1]",
    "%",
    "%25",
    "\x00",
    "é",
)
TARGETS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PARTS), max_size=9).map("".join))


def as_a_browser(target: str) -> str:
    """What the WHATWG URL standard does before it looks for a host."""
    cleaned = re.sub(r"[\t\r\n]", "", target.strip("".join(map(chr, range(0x21)))))
    return urljoin(BASE + "/here", cleaned.replace("\\", "/"))


@given(TARGETS)
def test_whatever_is_followed_stays_here(target: str) -> None:
    """A browser, and a program that decodes first, both stay on our origin."""
    path = safe_next(target, BASE)
    if path is None:
        return
    assert re.match(r"/(?!/)[!-~]*\Z", path)
    for reading in (path, unquote(path.partition("?")[0]), unquote(unquote(path.partition("?")[0]))):
        parts = urlsplit(as_a_browser(reading))
        assert (parts.scheme, parts.netloc) == ("https", "example.org")
    assert safe_next(path, BASE) == path
