"""C07: closing the browser ends the visit; an unattended visit ends by itself."""

from __future__ import annotations

from secureacct.sessions import Sessions
from secureacct.sessions.policy import SessionPolicy
from secureacct.stores.memory import MemoryStore
from tests.privacy_kit import Clock


def test_the_cookie_dies_with_the_window(site):
    """No lifetime is given, so a browser that closes forgets it."""
    browser = site.somebody.signed_in()
    line = next(one for one in browser.was_set if "-session=" in one)
    assert "max-age" not in line.lower()
    assert "expires" not in line.lower()


def test_a_visit_left_alone_ends_on_the_server_too():
    """A copied cookie of a visit that was left alone is nobody, whatever the browser kept."""
    clock = Clock()
    policy = SessionPolicy()
    assert policy.idle is not None
    sessions = Sessions(MemoryStore(), policy=policy, clock=clock)
    token = sessions.start("42")
    assert sessions.load(token) is not None
    clock.forward(seconds=policy.idle.total_seconds() + 120)
    assert sessions.load(token) is None


def test_a_busy_visit_ends_one_day_as_well():
    """Using it all the time keeps it alive up to the absolute limit and not longer."""
    clock = Clock()
    policy = SessionPolicy()
    assert policy.idle is not None
    sessions = Sessions(MemoryStore(), policy=policy, clock=clock)
    token, steps = sessions.start("42"), 0
    while sessions.load(token) is not None:
        clock.forward(seconds=policy.idle.total_seconds() / 2)
        steps += 1
        assert steps < 10_000
    assert clock.at - 1_795_600_000 <= policy.absolute.total_seconds() + policy.idle.total_seconds()
