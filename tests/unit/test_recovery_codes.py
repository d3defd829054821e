"""Recovery codes: as they are shown, typed, and kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from secureacct import recovery_codes
from secureacct.errors import ConfigurationError
from secureacct.keys import Keyring, file_format
from secureacct.recovery_codes import RecoveryCodes, generate, keyed_hash, parse, spell

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "recovery_code.json").read_text())


@pytest.fixture
def keys() -> Keyring:
    """A fresh keyring."""
    return Keyring.generate()


@pytest.fixture
def codes(keys: Keyring) -> RecoveryCodes:
    """Codes under it."""
    return RecoveryCodes(keys)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["shown"])
def test_known_answers(case: dict[str, str | int]) -> None:
    """Root key, account and code give exactly this spelling and this stored hash."""
    code = bytes.fromhex(str(case["code"]))
    assert spell(code) == case["shown"]
    assert parse(str(case["shown"])) == code
    prk = file_format.prk("tokens", bytes.fromhex(str(case["root"])))
    key = file_format.expand(prk, recovery_codes._INFO, 32)
    assert key.hex() == case["key"]
    stored = keyed_hash(key=key, key_id=int(case["key_id"]), account_id=str(case["account_id"]), code=code)
    assert stored.hex() == case["stored"]


def test_a_set_has_ten_codes_of_120_bits(codes: RecoveryCodes) -> None:
    """Ten different codes in six groups of four, from an alphabet without lookalikes."""
    new = codes.new(account_id="42")
    assert len(set(new.shown)) == len(set(new.stored)) == 10
    for shown in new.shown:
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", shown)
        assert len(parse(shown) or b"") == 15


def test_sets_differ(codes: RecoveryCodes) -> None:
    """No code of one set is in the next."""
    assert not set(codes.new(account_id="42").shown) & set(codes.new(account_id="42").shown)


def test_a_shown_code_finds_its_stored_hash(codes: RecoveryCodes) -> None:
    """Each code finds its own hash and no other of the set."""
    new = codes.new(account_id="42")
    for shown, stored in zip(new.shown, new.stored, strict=True):
        assert set(codes.lookup(shown, account_id="42")) & set(new.stored) == {stored}


def test_a_code_is_bound_to_its_account(codes: RecoveryCodes) -> None:
    """A row moved to another account finds nothing there."""
    new = codes.new(account_id="42")
    assert not set(codes.lookup(new.shown[0], account_id="43")) & set(new.stored)


def test_a_stolen_table_needs_the_key(codes: RecoveryCodes) -> None:
    """Without the keyring the same code has another hash."""
    new = codes.new(account_id="42")
    assert not set(RecoveryCodes(Keyring.generate()).lookup(new.shown[0], account_id="42")) & set(new.stored)


def test_rotation_keeps_codes_until_their_key_goes(keys: Keyring, codes: RecoveryCodes) -> None:
    """Codes of before a rotation still work; they end with their key."""
    old = codes.new(account_id="42")
    first = keys.primary("tokens")
    keys.rotate("tokens")
    assert old.stored[0] in codes.lookup(old.shown[0], account_id="42")
    assert codes.new(account_id="42").stored[0][1:5] == keys.primary("tokens").to_bytes(4, "big")
    keys.destroy("tokens", first, force=True)
    assert old.stored[0] not in codes.lookup(old.shown[0], account_id="42")


CODE = bytes.fromhex("00443214c74254b635cf84653a56d7")  # 0123-4567... in order


@pytest.mark.parametrize(
    "typed",
    [
        "0123-4567-89AB-CDEF-GHJK-MNPQ",
        "0123456789ABCDEFGHJKMNPQ",
        "0123-4567-89ab-cdef-ghjk-mnpq",
        "  0123 4567 89AB CDEF GHJK MNPQ ",
        "O1234567 89AB CDEF GHJK MNPQ",
        "oI23-4567-89AB-CDEF-GHJK-MNPQ",
        "0i23-4567-89AB-CDEF-GHJK-MNPQ",
        "0L23-4567-89AB-CDEF-GHJK-MNPQ",
        "0l23-4567-89AB-CDEF-GHJK-MNPQ",
        "0123\u20134567\u201189AB\u2014CDEF\u00a0GHJK\tMNPQ\r\n",
    ],
)
def test_what_people_type_is_forgiven(typed: str) -> None:
    """Case, gaps, dashes of any kind and lookalike letters do not matter."""
    assert parse(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0123-4567-89AB-CDEF-GHJK-MNP",
        "0123-4567-89AB-CDEF-GHJK-MNPQ-R",
        "U123-4567-89AB-CDEF-GHJK-MNPQ",
        "\uff10123-4567-89AB-CDEF-GHJK-MNPQ",
        "\u0660123-4567-89AB-CDEF-GHJK-MNPQ",
        "0123-4567-89AB-CDEF-GHJK-MNP\u212a",
        "0123-4567-89AB-CDEF\nGHJK-MNPQ",
        "0123-4567-89AB-CDEF-GHJK-MNP\x00",
        "0123_4567_89AB_CDEF_GHJK_MNPQ",
        "-" * 101,
        "0" * 10_000_000,
        "\ud800" * 24,
    ],
)
def test_what_is_no_code_is_refused(codes: RecoveryCodes, typed: str) -> None:
    """Anything else is no code, and finds nothing."""
    assert parse(typed) is None
    assert codes.lookup(typed, account_id="42") == ()


def test_the_rule_needs_its_random_bytes() -> None:
    """A set is made of exactly 150 bytes, each used once."""
    assert b"".join(generate(bytes(range(150)))) == bytes(range(150))
    for size in (0, 149, 151):
        with pytest.raises(ConfigurationError):
            generate(bytes(size))


def test_no_code_is_in_a_repr(codes: RecoveryCodes) -> None:
    """A repr shows neither codes nor hashes."""
    new = codes.new(account_id="42")
    assert not any(shown in repr(new) for shown in new.shown)
    assert "\\x" not in repr(new)
