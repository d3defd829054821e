"""C02: sensitive data is protected by standard encryption."""

from __future__ import annotations

import pytest

from secureacct.fields import FieldCipher, FieldError


def test_the_database_file_has_no_plain_text(site):
    """The address that somebody signed up with is nowhere in it as it is."""
    person = site.person()
    person.signed_in()
    dump = site.dump()
    assert person.email.encode() not in dump
    assert person.email.partition("@")[0].encode() not in dump


def test_a_clerk_cannot_swap_two_customers_values(keys):
    """A value put into another row, column or table is refused, and so is one changed by a bit."""
    card = FieldCipher(keys, table="profile", column="card", type=str)
    ada, bob = card.encrypt("4111", row="ada"), card.encrypt("5500", row="bob")
    for blob, row in (
        (ada, "bob"),
        (bob, "ada"),
        (ada[:-1] + bytes([ada[-1] ^ 1]), "ada"),
        (ada[:40], "ada"),
    ):
        with pytest.raises(FieldError):
            card.decrypt(blob, row=row)
    with pytest.raises(FieldError):
        FieldCipher(keys, table="order", column="card", type=str).decrypt(ada, row="ada")
    assert card.decrypt(ada, row="ada") == "4111"


def test_a_new_key_leaves_old_values_readable():
    """After rotation old values open, and new ones are written under the new key."""
    from secureacct.keys import Keyring

    rotating = Keyring.generate()
    card = FieldCipher(rotating, table="profile", column="card", type=str)
    old = card.encrypt("4111", row="1")
    rotating.rotate()
    assert card.decrypt(old, row="1") == "4111"
    assert card.encrypt("4111", row="1")[:33] != old[:33]
