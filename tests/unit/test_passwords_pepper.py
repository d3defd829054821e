"""The pepper: bound to the account, rotated without a reset, and never mistaken for a wrong password."""

from __future__ import annotations

import pytest

from secureacct.errors import ConfigurationError
from secureacct.keys import KeyDisabled, Keyring, UnknownKey
from secureacct.passwords import PasswordHasher, pepper, profiles
from secureacct.passwords.wrapping import outlook, wrap

PASSWORD = "correct horse battery staple"


@pytest.fixture
def keys() -> Keyring:
    """A fresh keyring."""
    return Keyring.generate()


@pytest.fixture
def hasher(keys: Keyring) -> PasswordHasher:
    """A cheap hasher with a pepper."""
    return PasswordHasher(profiles.CHEAPEST, keys=keys)


def test_what_is_stored_shows_neither_hash_nor_salt(hasher: PasswordHasher) -> None:
    """The stored string is a version, a key id and sealed bytes."""
    encoded = hasher.hash(PASSWORD, account_id="1")
    assert encoded.startswith("$sa-pepper$v=1$k=")
    assert "argon2" not in encoded
    assert hasher.verify_and_update(PASSWORD, encoded, account_id="1") == (True, None)
    assert not hasher.verify("wrong", encoded, account_id="1")
    assert not hasher.needs_update(encoded, account_id="1")


def test_a_hash_moved_to_another_row_does_not_verify(hasher: PasswordHasher) -> None:
    """Who can write to the database cannot give an account the hash of another one."""
    encoded = hasher.hash(PASSWORD, account_id="1")
    assert not hasher.verify(PASSWORD, encoded, account_id="2")
    assert not hasher.verify(PASSWORD, encoded, account_id="1 ")


def test_every_altered_character_is_false(hasher: PasswordHasher) -> None:
    """No bit of the sealed string can be changed."""
    encoded = hasher.hash(PASSWORD, account_id="1")
    start = encoded.index("$k=") + 5
    for at in range(start, len(encoded), 7):
        other = "A" if encoded[at] != "A" else "B"
        assert not hasher.verify(PASSWORD, encoded[:at] + other + encoded[at + 1 :], account_id="1")


def test_a_planted_hash_without_pepper_is_refused(hasher: PasswordHasher, keys: Keyring) -> None:
    """A known hash written into the table does not open the account, except while a table moves in."""
    planted = PasswordHasher(profiles.CHEAPEST).hash(PASSWORD)
    assert not hasher.verify(PASSWORD, planted, account_id="1")
    importing = PasswordHasher(profiles.CHEAPEST, keys=keys, importing=True)
    ok, replacement = importing.verify_and_update(PASSWORD, planted, account_id="1")
    assert ok
    assert replacement is not None
    assert pepper.is_sealed(replacement)


def test_rotation_needs_no_reset(hasher: PasswordHasher, keys: Keyring) -> None:
    """After a new key the old hash verifies and is replaced under the new key."""
    encoded = hasher.hash(PASSWORD, account_id="1")
    keys.rotate("pepper")
    assert hasher.needs_update(encoded, account_id="1")
    ok, replacement = hasher.verify_and_update(PASSWORD, encoded, account_id="1")
    assert ok
    assert replacement is not None
    assert pepper.key_of(replacement) == keys.primary("pepper") != pepper.key_of(encoded)


def test_an_unknown_key_raises_and_is_no_wrong_password(hasher: PasswordHasher) -> None:
    """A worker without the new key must answer "later", not count a failure."""
    encoded = hasher.hash(PASSWORD, account_id="1")
    foreign_key = encoded.replace("$k=1$", "$k=77$")
    with pytest.raises(UnknownKey):
        hasher.verify(PASSWORD, foreign_key, account_id="1")
    with pytest.raises(UnknownKey):
        PasswordHasher(profiles.CHEAPEST).verify(PASSWORD, encoded, account_id="1")


def test_a_new_key_is_handed_out_before_it_is_used(keys: Keyring) -> None:
    """Two phases: pending keys verify nowhere and are used by nobody until they are promoted."""
    hasher = PasswordHasher(profiles.CHEAPEST, keys=keys)
    pending = keys.add_pending("pepper")
    before = hasher.hash(PASSWORD, account_id="1")
    assert pepper.key_of(before) != pending
    keys.promote("pepper", pending)
    assert pepper.key_of(hasher.hash(PASSWORD, account_id="1")) == pending
    assert hasher.verify(PASSWORD, before, account_id="1")


def test_a_disabled_key_raises(hasher: PasswordHasher, keys: Keyring) -> None:
    """A key that is held back is an error of the service, not of the person."""
    encoded = hasher.hash(PASSWORD, account_id="1")
    old = keys.primary("pepper")
    keys.rotate("pepper")
    keys.disable("pepper", old)
    with pytest.raises(KeyDisabled):
        hasher.verify(PASSWORD, encoded, account_id="1")


def test_a_pepper_without_an_account_is_a_programming_error(hasher: PasswordHasher) -> None:
    """Forgetting account_id is loud on both sides."""
    with pytest.raises(ConfigurationError):
        hasher.hash(PASSWORD)
    with pytest.raises(ConfigurationError):
        hasher.verify(PASSWORD, hasher.hash(PASSWORD, account_id="1"))


@pytest.mark.parametrize(
    "stored",
    [
        "$sa-pepper$",
        "$sa-pepper$v=2$k=1$AAAA",
        "$sa-pepper$v=1$k=01$AAAA",
        "$sa-pepper$v=1$k=-1$AAAA",
        "$sa-pepper$v=1$k=1$AAAA",
        "$sa-pepper$v=1$k=1$====",
        "$sa-pepper$v=1$k=99999999999999999999$AAAA",
        "$sa-pepper$v=1$k=1$" + "A" * 5000,
    ],
)
def test_damaged_strings_are_false(hasher: PasswordHasher, stored: str) -> None:
    """What does not parse is False and never an exception."""
    assert not hasher.verify(PASSWORD, stored, account_id="1")


def test_a_table_can_be_peppered_without_any_password(keys: Keyring) -> None:
    """Native hashes are sealed as they are, old ones wrapped and sealed; both verify without a flag."""
    importing = PasswordHasher(profiles.CHEAPEST, keys=keys, importing=True)
    strict = PasswordHasher(profiles.CHEAPEST, keys=keys)
    native = PasswordHasher(profiles.CHEAPEST).hash(PASSWORD)
    old = "sha1$salt$" + __import__("hashlib").sha1(b"salt" + PASSWORD.encode()).hexdigest()
    for stored, outcome in ((native, "peppered"), (old, "wrapped")):
        assert outlook(importing, stored) == outcome
        done = wrap(importing, stored, account_id="1")
        assert done.outcome == outcome
        assert done.stored is not None
        assert strict.verify(PASSWORD, done.stored, account_id="1")
        assert not strict.verify(PASSWORD, done.stored, account_id="2")
        assert wrap(importing, done.stored, account_id="1").outcome == "kept"


def test_the_hash_of_a_sign_up_moves_to_its_account(hasher: PasswordHasher) -> None:
    """Bound to the attempt first, to the account afterwards, and to nobody else's at any time."""
    attempt = hasher.hash(PASSWORD, account_id="attempt-1")
    moved = hasher.rebind(attempt, account_id="attempt-1", to="account-9")
    assert hasher.verify(PASSWORD, moved, account_id="account-9")
    assert not hasher.verify(PASSWORD, moved, account_id="attempt-1")
    with pytest.raises(ConfigurationError):
        hasher.rebind(attempt, account_id="attempt-2", to="account-9")
    plain = PasswordHasher(profiles.CHEAPEST)
    assert plain.rebind("as it is", account_id="a", to="b") == "as it is"
