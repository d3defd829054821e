"""C04: you may edit your account information at any time with your e-mail address and password."""

from __future__ import annotations

import pytest


def test_the_owner_changes_the_password_and_the_old_one_is_dead(site):
    """With the current password it works at once; afterwards only the new one signs in."""
    person = site.person()
    changed = person.signed_in().post(
        "/password", {"current_password": person.password, "new_password": "another fine pass phrase 9"}
    )
    assert changed.status == 200
    old = site.browser().post("/sign-in", {"email": person.email, "password": person.password})
    new = site.browser().post("/sign-in", {"email": person.email, "password": "another fine pass phrase 9"})
    assert (old.status, new.status) == (401, 200)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/email", {"new_email": "thief@rehearsal.example"}),
        ("/password", {"new_password": "the thief's own phrase 1"}),
        ("/profile", {"name": "Thief"}),
        ("/two-step", {}),
        ("/recovery-codes", {}),
    ],
)
def test_a_stolen_session_alone_changes_nothing(site, path, body):
    """Without the password, or with a wrong one, every change is refused and no mail confirms one."""
    person = site.somebody
    thief = person.signed_in().copy()
    for password in ({}, {"password": "wrong", "current_password": "wrong"}):
        assert thief.post(path, {**body, **password}).status in (400, 401, 403, 422)
    assert not site.mails("thief@rehearsal.example")
    person.signed_in()


def test_an_owner_of_nothing_reaches_nothing(site):
    """Signed out, every page of the account asks for a sign-in."""
    for path in ("/profile", "/devices", "/activity", "/email", "/password"):
        answer = site.browser().page(path, headers={"Accept": "application/json"})
        assert answer.status == 401
