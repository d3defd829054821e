"""C19: other sites are outside our control."""

from __future__ import annotations

import pytest

from secureacct.commitments.contact import external_link, is_external, unmarked_external_links
from secureacct.commitments.errors import BadPromise

BASE = "https://shop.example"


@pytest.mark.parametrize(
    "ours", ["/", "/orders?x=1", "orders", "#top", "", "https://shop.example/a", "//shop.example/a"]
)
def test_our_own_pages_are_ours(ours):
    """Paths, and full addresses of our own host."""
    assert not is_external(ours, base_url=BASE)


@pytest.mark.parametrize(
    "theirs",
    ["https://evil.example", "//evil.example", "http://shop.example/", "https://shop.example:444/",
     "https://shop.example.evil.example/", "https://shop.example@evil.example/", "mailto:x@y.example"],
)  # fmt: skip
def test_everything_else_is_not(theirs):
    """Another scheme, host, port or user part makes it another site."""
    assert is_external(theirs, base_url=BASE)


def test_a_link_that_leaves_says_so_and_tells_nothing():
    """It carries rel, a referrer policy and a note, and nothing in it becomes markup."""
    link = external_link('https://other.example/?a="><script>', "Other <site>")
    assert 'rel="external noopener noreferrer nofollow"' in link
    assert 'referrerpolicy="no-referrer"' in link
    assert "<script>" not in link
    assert "Other &lt;site&gt;" in link
    assert "(another site)" in link
    with pytest.raises(BadPromise):
        external_link("javascript:alert(1)", "x")


def test_an_unmarked_link_is_found():
    """A page is read for links and forms that lead away without saying so."""
    page = (
        '<a href="/a">ours</a><a href="https://shop.example/b">ours</a><a href="https://evil.example/">x</a>'
        f'<form action="//evil.example/f"></form>{external_link("https://fine.example/", "fine")}'
        '<a href="mailto:x@shop.example">mail</a>'
    )
    assert unmarked_external_links(page, base_url=BASE) == ["https://evil.example/", "//evil.example/f"]
