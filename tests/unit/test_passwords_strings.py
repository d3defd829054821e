"""The strings we store, against answers that were made without this library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secureacct.keys import UnknownKey
from secureacct.passwords import PasswordHasher, profiles

DATA = json.loads((Path(__file__).parent.parent / "vectors" / "password_strings.json").read_text("utf-8"))
PASSWORD = DATA["password"]
HASHER = PasswordHasher(profiles.FLOOR)


class OneKey:
    """A keyring that holds one derived key."""

    def __init__(self, key_id: int, key: bytes) -> None:
        self.key_id, self.key = key_id, key

    def primary(self, root: str) -> int:
        """See ``PepperKeys``."""
        return self.key_id

    def derive(
        self, root: str, purpose: str | bytes, *, key_id: int | None = None, length: int = 32
    ) -> bytes:
        """See ``PepperKeys``."""
        if (root, purpose, key_id, length) != ("pepper", "password-pepper/v1", self.key_id, 32):
            raise UnknownKey("not this one")
        return self.key


def test_a_plain_string_verifies_and_is_current() -> None:
    """Argon2id as every library writes it."""
    assert HASHER.verify_and_update(PASSWORD, DATA["plain"]) == (True, None)


@pytest.mark.parametrize("vector", DATA["wrapped"], ids=lambda v: v["old"][:8])
def test_a_wrapped_string_verifies(vector: dict[str, str]) -> None:
    """Made by hand from the specification; replaced by a plain one."""
    ok, replacement = HASHER.verify_and_update(PASSWORD, vector["stored"])
    assert ok
    assert replacement is not None
    assert replacement.startswith("$argon2id$")
    assert not HASHER.verify("another", vector["stored"])


@pytest.mark.parametrize("vector", DATA["peppered"], ids=lambda v: v["account_id"])
def test_a_peppered_string_verifies_for_its_account(vector: dict[str, str]) -> None:
    """Made by hand from the specification; for another account or key id it is not this one's."""
    keys = OneKey(7, bytes.fromhex(vector["derived_key"]))
    hasher = PasswordHasher(profiles.FLOOR, keys=keys)
    stored, account = vector["stored"], vector["account_id"]
    assert hasher.verify_and_update(PASSWORD, stored, account_id=account) == (True, None)
    assert not hasher.verify(PASSWORD, stored, account_id="another")
    with pytest.raises(UnknownKey):
        hasher.verify(PASSWORD, stored.replace("k=7", "k=8"), account_id=account)
