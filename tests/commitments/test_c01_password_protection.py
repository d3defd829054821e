"""C01: customer data is guarded by passwords with standard mechanisms."""

from __future__ import annotations

import re

from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import FLOOR


def test_the_thief_of_the_database_has_nothing_that_works(site):
    """No password, session, reset link or confirmation link stands in a copy of the database."""
    person = site.person()
    browser = person.signed_in()
    browser.post("/reset", {"email": person.email})
    secrets = [person.password, site.link(person.email, "/reset").rpartition("/")[2]]
    secrets += [value for name, value in browser.cookies.items() if "session" in name]
    dump = site.dump()
    assert len(secrets) >= 3
    for secret in secrets:
        assert secret.encode() not in dump


def test_what_the_thief_finds_opens_nothing(site):
    """Every text in the database that looks like a token, tried as a session cookie, is nobody."""
    person = site.person()
    browser = person.signed_in()
    name = next(one for one in browser.cookies if one.endswith("-session") and "pre" not in one)
    thief = site.browser()
    found = set(re.findall(rb"[A-Za-z0-9_-]{22,64}", site.dump()))
    assert found
    for text in sorted(found)[:400]:
        thief.cookies = {name: text.decode()}
        assert thief.account is None


def test_a_stolen_hash_is_no_password(site):
    """Typing in the stored hash does not sign in, and every hash is Argon2id."""
    person = site.person()
    hashes = set(re.findall(rb"\$argon2id\$[A-Za-z0-9$=,+/.-]+", site.dump()))
    assert hashes
    for one in hashes:
        answer = site.browser().post("/sign-in", {"email": person.email, "password": one.decode()})
        assert answer.status in (401, 429)


def test_an_old_hash_is_replaced_when_its_owner_signs_in():
    """A hash of weaker parameters verifies once, and comes back stronger."""
    old = PasswordHasher(FLOOR).hash("a pass phrase of old times")
    ok, replacement = PasswordHasher().verify_and_update("a pass phrase of old times", old)
    assert ok
    assert replacement is not None
    assert "m=65536" in replacement
