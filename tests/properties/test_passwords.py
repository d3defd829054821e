"""Passwords, for every input: no exception, no cost without a reason, what is set verifies."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secureacct.password_rules import PasswordRules
from secureacct.passwords import PasswordHasher, PasswordUnusable, phc, profiles
from secureacct.passwords.guesses import unit_of
from secureacct.passwords.text import spellings, to_bytes

HASHER = PasswordHasher(profiles.CHEAPEST)
IMPORTING = PasswordHasher(profiles.CHEAPEST, importing=True)
RULES = PasswordRules()
STORED = [
    each["stored"]
    for each in json.loads(
        (Path(__file__).parent.parent / "vectors" / "password_hashes.json").read_text("utf-8")
    )["vectors"]
    if "crypt" not in each["scheme"] and each["scheme"] != "phpass"  # one altered digit may cost a second
]


@given(st.text(max_size=1200))
def test_a_password_is_set_and_verifies_or_is_refused_with_a_type(password: str) -> None:
    """There is no third way; what is refused when set is False when checked."""
    try:
        encoded = HASHER.hash(password)
    except PasswordUnusable:
        assert not HASHER.verify(password, HASHER.hash("something"))
        return
    assert HASHER.verify_and_update(password, encoded) == (True, None)
    assert (
        HASHER.verify(unicodedata.normalize("NFD", password), encoded)
        or len(unicodedata.normalize("NFD", password).encode()) > 4096
    )


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_two_passwords_verify_alike_only_if_nfc_makes_them_one(one: str, other: str) -> None:
    """Nothing but NFC is folded."""
    try:
        same = to_bytes(one) == to_bytes(other)
    except PasswordUnusable:
        return
    assert same is (unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other))
    assert HASHER.verify(other, HASHER.hash(one)) is same


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=200), st.sampled_from(STORED)), st.data())
def test_no_stored_string_raises(stored: str, data: st.DataObject) -> None:
    """Whatever stands in the column, checking is a bool."""
    if stored and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(stored) - 1))
        stored = stored[:at] + data.draw(st.characters()) + stored[at + 1 :]
    for hasher in (HASHER, IMPORTING):
        assert hasher.verify_and_update("no password of any vector", stored) == (False, None)


@given(
    st.integers(1, 2**33), st.integers(1, 2**33), st.integers(1, 2**25), st.binary(min_size=8, max_size=64),
    st.binary(min_size=10, max_size=128),
)  # fmt: skip
@example(65536, 3, 4, bytes(16), bytes(32))
@example(65536, 16, 4, bytes(16), bytes(32))
def test_what_is_read_is_within_the_ceilings_and_written_back(
    memory: int, passes: int, lanes: int, salt: bytes, tag: bytes
) -> None:
    """parse(write(x)) is x or None, and never more than the ceilings."""
    text = f"$argon2id$v=19$m={memory},t={passes},p={lanes}${phc.to_unpadded(salt)}${phc.to_unpadded(tag)}"
    read = phc.parse(text)
    if read is None:
        return
    assert (read.memory_kib, read.passes, read.lanes, read.salt, read.tag) == (
        memory, passes, lanes, salt, tag,
    )  # fmt: skip
    assert memory * passes <= phc.MAX_WORK_KIB
    assert memory <= phc.MAX_MEMORY_KIB


@given(st.text(max_size=300), st.lists(st.text(max_size=30), max_size=3))
def test_the_rules_never_raise_and_never_repeat_the_password(password: str, context: list[str]) -> None:
    """Every answer is a tuple of codes with texts."""
    for problem in RULES.check(password, context=context):
        assert problem.code
        assert len(password) < 15 or password not in problem.message


@given(st.lists(st.sampled_from("kettle herring violet marble canyon tractor lantern walnut orchid".split()),
                min_size=4, max_size=6, unique=True))  # fmt: skip
def test_phrases_of_four_different_words_pass(words: list[str]) -> None:
    """What people are told to do is accepted."""
    assert RULES.check(" ".join(words)) == ()


@given(st.text(min_size=1, max_size=12), st.integers(2, 6), st.integers(0, 11))
def test_the_unit_of_a_repeated_text_repeats_to_it(unit: str, times: int, cut: int) -> None:
    """The shortest unit is no longer than the one it was made from, and gives the text back."""
    text = unit * times + unit[: min(cut, len(unit) - 1)]
    found = unit_of(text)
    assert len(found) <= len(unit)
    assert (found * (len(text) // len(found) + 1))[: len(text)] == text


@pytest.mark.parametrize("typed", ["a", "é", "e\u0301", "\u212b", "\uac00", "\ufb01"])
def test_spellings_start_with_nfc_and_add_only_what_was_typed(typed: str) -> None:
    """The first spelling is what we hash, the second what an old system may have hashed."""
    found = spellings(typed)
    assert found[0] == unicodedata.normalize("NFC", typed).encode()
    assert found[1:] in ((), (typed.encode(),))
