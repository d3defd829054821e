"""Blind indexes: what they find, what they tell, what is refused."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from secureacct.fields import BlindIndex, CompoundIndex, InvalidValue, LeakyIndex, plan_index, tokens
from secureacct.fields.normalise import NORMALISERS, normaliser
from secureacct.fields.planner import column_problems, safe_bits
from secureacct.fields.transforms import transform
from secureacct.keys import Keyring, keyring
from tests.field_kit import ring_with, shows


def index(keys: Keyring | None = None, **options: Any) -> BlindIndex:
    """The unique index ``account.email``."""
    given: dict[str, Any] = {"table": "account", "column": "email", "normalise": "email", "unique": True}
    return BlindIndex(keys or Keyring.generate(), **(given | options))


def lp(part: bytes) -> bytes:
    """u32 length, then the bytes."""
    return len(part).to_bytes(4, "big") + part


def test_a_token_is_an_hmac_under_a_key_of_its_own() -> None:
    """The token is what the specification says, computed here without the library."""
    root = bytes(range(32))
    names = ("blind-index", "", "account", "email", "str", "", "email/1", "whole/1")
    joined = b"".join(lp(name.encode()) for name in names)
    info = lp(joined) + (128).to_bytes(2, "big") + (5).to_bytes(4, "big")
    prk = hmac.new(b"secureacct/index/v1", root, hashlib.sha256).digest()
    key = hmac.new(prk, info + b"\x01", hashlib.sha256).digest()
    expected = b"\x05" + hmac.new(key, b"ada@example.org", hashlib.sha256).digest()[:16]
    assert index(ring_with({5: root}, root="index")).of(" Ada@Example.org ") == expected


def test_spellings_meet() -> None:
    """The token of one spelling is among those looked up for another."""
    email = index()
    assert email.of("Ada@Example.org") in email.lookup("Ada@example.org")
    assert email.of("ada@bücher.example") in email.lookup("Ada@xn--bcher-kva.example.")
    assert email.of("a@example.org") not in email.lookup("b@example.org")


OTHERS: list[dict[str, Any]] = [
    {"table": "other"}, {"column": "mail"}, {"tenant": "t"}, {"name": "second"}, {"normalise": "nfc"},
    {"transform": "domain"}, {"transform": "last4"}, {"table": "accounte", "column": "mail"},
    {"unique": False, "bits": 127, "accept_leakage": "test"},
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_indexes_share_no_token(other: dict[str, Any]) -> None:
    """Whatever differs between two indexes, the same value has unrelated tokens in them."""
    keys = Keyring.generate()
    assert index(keys, **other).of("ada@example.org")[1:9] != index(keys).of("ada@example.org")[1:9]


@pytest.mark.parametrize("bits", range(1, 257))
def test_the_number_of_bits_is_exact(bits: int) -> None:
    """A token has its bits and no more: the rest of the last byte is zero, and the last bit is used."""
    made = index(normalise="exact", unique=False, bits=bits, accept_leakage="test")
    tokens = [made.of(f"value {n}")[1:] for n in range(40)]
    assert {len(token) for token in tokens} == {math.ceil(bits / 8)}
    unused = -bits % 8
    assert all(token[-1] & ((1 << unused) - 1) == 0 for token in tokens)
    assert len({token[-1] >> unused & 1 for token in tokens}) == 2


def test_a_twelve_bit_index_has_4096_values() -> None:
    """Bits that are no multiple of eight are all there."""
    made = index(normalise="exact", unique=False, bits=12, accept_leakage="test")
    assert len({made.of(str(n)) for n in range(60_000)}) == 4096


def test_a_zero_byte_makes_a_difference() -> None:
    """ "abc" and "abc\\0" have different tokens, and so have "" and "\\0"."""
    made = index(normalise="exact")
    assert len({made.of(value) for value in ("abc", "abc\0", "", "\0")}) == 4


def test_rotating_the_index_root_finds_old_and_new() -> None:
    """A token made before the rotation is still looked up, until its key is gone."""
    keys = Keyring.generate()
    email = index(keys)
    old = email.of("ada@example.org")
    keys.rotate("index")
    assert old in email.lookup("ada@example.org")
    assert email.of("ada@example.org") == email.lookup("ada@example.org")[0] != old
    assert (email.is_current(old), email.is_current(email.of("a@b.c"))) == (False, True)
    keys.destroy("index", 1, force=True)
    assert email.lookup("ada@example.org") == (email.of("ada@example.org"),)


@pytest.mark.parametrize(("python_type", "value"), [(int, 7), (bytes, b"x"), (uuid.UUID, uuid.UUID(int=1))])
def test_other_types_are_indexed_too(python_type: type[Any], value: Any) -> None:
    """A number, bytes and a UUID have tokens; a value of another type has none."""
    made = index(type=python_type, normalise="exact")
    assert made.of(value) in made.lookup(value)
    with pytest.raises(InvalidValue):
        made.of("text")
    with pytest.raises(InvalidValue):
        index(type=python_type, normalise="casefold")


@pytest.mark.parametrize("value", ["the-value-nobody-sees", 5, None, b"x", "\ud800@example.org"])
def test_what_cannot_be_indexed_is_refused_without_showing_it(value: Any) -> None:
    """The error holds neither the value nor a chain that does."""
    with pytest.raises(InvalidValue) as caught:
        index().of(value)
    assert not shows("the-value-nobody-sees", caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("exact", " A ", " A "),
        ("nfc", "e\u0301", "\u00e9"),
        ("casefold", " Stra\u00dfe  \uff21\tb ", "strasse a b"),
        ("casefold", "\u0345\u03b1", "\u03b9\u03b1"),
        ("email", " Ada.L@EXAMPLE.org. ", "ada.l@example.org"),
        ("email", "ABCDEFGHIJKLMNOPQRSTUVWXYZ[`{@EXAMPLE.org", "abcdefghijklmnopqrstuvwxyz[`{@example.org"),
        ("email", "\u0130da@example.org", "\u0130da@example.org"),
        ("email", "a@B\u00dcCHER\u3002example", "a@xn--bcher-kva.example"),
        ("email", "a@faß.de", "a@xn--fa-hia.de"),
        ("email", '"a@b"@example.org', '"a@b"@example.org'),
        ("e164", "0041 (44) 668-18 00", "+41446681800"),
        ("e164", "+41\u00a044\u2011668 18 00", "+41446681800"),
        ("digits", "4111-1111 \u0661", "411111111"),
    ],
)
def test_normalisers(name: str, value: str, expected: str) -> None:
    """Each rule gives exactly this; changing one means a new version of it."""
    rule = normaliser(name)
    assert rule.apply(value) == expected
    assert rule.version == 1
    assert rule.apply(expected) == expected or name == "exact"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("email", wrong) for wrong in ("", "@", "a@", "@b", "a@b..c", "a@ b", "a@" + "x" * 64)),
        *(("e164", wrong) for wrong in ("", "044 668 18 00", "+0441", "+" + "1" * 16, "+41x446681800")),
        ("digits", "none"),
    ],
)
def test_what_cannot_be_normalised_is_refused(name: str, value: str) -> None:
    """A rule refuses what is not of its kind instead of guessing."""
    with pytest.raises(InvalidValue):
        normaliser(name).apply(value)


def test_an_unknown_rule_names_those_there_are() -> None:
    """A wrong normaliser or transform is refused with the list."""
    with pytest.raises(InvalidValue, match="casefold"):
        normaliser("lower")
    for wrong in ("first4", "prefix0", "last", "prefix100", "last4x"):
        with pytest.raises(InvalidValue, match="prefixN"):
            transform(wrong)
    assert set(NORMALISERS) == {"exact", "nfc", "casefold", "email", "e164", "digits"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("whole", "abc", "abc"),
        ("initial", "\u00c4bc", "\u00e4"),
        ("prefix2", "abc", "ab"),
        ("last4", "123456", "3456"),
        ("domain", "a@b.c", "b.c"),
    ],
)
def test_transforms(name: str, value: str, expected: str) -> None:
    """Each cut gives exactly this."""
    assert transform(name).apply(value) == expected


def test_a_compound_index_is_found_by_all_its_parts() -> None:
    """Parts are normalised each in its own way and never run into each other."""
    keys = Keyring.generate()
    who = CompoundIndex(
        keys,
        table="person",
        name="who",
        parts=[("last_name", "casefold"), ("born", "exact"), ("card", "digits", "last4")],
        unique=True,
    )
    token = who.of("Stra\u00dfe", "1815-12-10", "4111 1111 1111 1234")
    assert token in who.lookup("STRASSE", "1815-12-10", "...1234")
    assert token not in who.lookup("STRASSE", "1815-12-11", "1234")
    pair = CompoundIndex(keys, table="t", name="n", parts=[("a", "exact"), ("b", "exact")], unique=True)
    assert pair.of("ab", "c") != pair.of("a", "bc")
    wrongs: tuple[tuple[Any, ...], ...] = (("a",), ("a", "b", "c"), ("a", 5))
    for wrong in wrongs:
        with pytest.raises(InvalidValue):
            pair.of(*wrong)
    with pytest.raises(InvalidValue):
        CompoundIndex(keys, table="t", name="n", parts=[("a", "exact")], unique=True)


LEAKY: list[dict[str, Any]] = [
    {}, {"rows": 100_000}, {"rows": 100_000, "distinct": 5}, {"rows": 15, "distinct": 100_000},
    {"rows": 100_000, "distinct": 80_000, "bits": 30}, {"rows": 100_000, "distinct": 80_000, "bits": 3},
    {"rows": 100_000, "distinct": 80_000}, {"type": bool, "rows": 100_000, "distinct": 80_000, "bits": 12},
    {"rows": 100_000, "distinct": 80_000, "bits": 10, "transform": "initial"},
]  # fmt: skip


@pytest.mark.parametrize("options", LEAKY, ids=str)
def test_an_index_that_tells_too_much_is_refused(options: dict[str, Any]) -> None:
    """Few values, few rows, too many or too few bits, flags and unplanned indexes need a written reason."""
    with pytest.raises(LeakyIndex):
        index(normalise="exact", unique=False, **options)
    accepted = index(normalise="exact", unique=False, **{"bits": 12, **options}, accept_leakage="a reason")
    assert accepted.accept_leakage == "a reason"


def test_a_planned_index_is_taken_and_its_length_written_down() -> None:
    """The error proposes a length, which is then accepted."""
    with pytest.raises(LeakyIndex, match="write bits=15"):
        index(normalise="exact", unique=False, rows=100_000, distinct=80_000)
    made = index(normalise="exact", unique=False, rows=100_000, distinct=80_000, bits=15)
    assert made.bits == 15
    assert made.plan is not None
    assert made.plan.expected_matches == pytest.approx(100_000 / 2**15)


def test_a_unique_index_has_128_bits() -> None:
    """Any other length is refused for unique values, and so is a length that HMAC cannot give."""
    assert index().bits == 128
    with pytest.raises(InvalidValue):
        index(bits=64)
    for bits in (0, 257):
        with pytest.raises(InvalidValue):
            index(unique=False, bits=bits, accept_leakage="x")


@pytest.mark.parametrize("rows", [16, 100, 10_000, 1_000_000, 10**9])
@pytest.mark.parametrize("distinct", [1 << 10, 50_000, 10**7])
def test_a_planned_length_keeps_both_bounds(rows: int, distinct: int) -> None:
    """Wherever the planner finds a length, sqrt(X) < 2^N < X/2 and 2 <= R/2^N <= sqrt(R) both hold."""
    plan = plan_index(rows=rows, distinct=distinct)
    low, high = safe_bits(rows=rows, distinct=distinct)
    assert (plan.bits is None) == (low > high) == bool(plan.problems)
    for bits in range(low, high + 1):
        assert math.sqrt(distinct) < 2**bits < distinct / 2
        assert 2 < rows / 2**bits < math.sqrt(rows)


@pytest.mark.parametrize("rows", [0, 1, 15, 16, 17, 64, 1000, 4096, 65_536, 10**6])
@pytest.mark.parametrize("distinct", [0, 1, 3, 4, 5, 1023, 1024, 4096, 10**6])
def test_the_safe_lengths_are_exactly_those_that_keep_the_bounds(rows: int, distinct: int) -> None:
    """Every length within the range keeps all four bounds, and every other one breaks one of them."""
    low, high = safe_bits(rows=rows, distinct=distinct)
    for bits in range(1, 40):
        keeps = (
            rows >= 16
            and 4**bits > distinct
            and 2 ** (bits + 1) < distinct
            and rows > 2 ** (bits + 1)
            and 4**bits > rows
        )
        assert (low <= bits <= high) == keeps, bits
    plan = plan_index(rows=rows, distinct=distinct)
    assert ("fewer than 16 rows" in plan.problems) == (rows < 16)
    assert ("different values" in " ".join(plan.problems)) == (distinct < 1024)
    for bits in (1, 8, 20, 64):
        judged = plan_index(rows=rows, distinct=distinct, bits=bits)
        assert judged.bits == bits
        assert bool(judged.problems) == (bool(plan.problems) or not low <= bits <= high)


def test_an_index_notices_a_rotation_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process learns of a new index key from the file, for looking up and for storing."""
    path = tmp_path / "keyring.json"
    Keyring.generate().save(path)
    here, there = Keyring.load(path), Keyring.load(path)
    email = index(here)
    old = email.of("a@b.c")
    there.rotate("index")
    new = index(there).of("a@b.c")
    assert email.of("a@b.c") == old
    later = time.monotonic() + keyring.RELOAD_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    monkeypatch.setattr(tokens, "monotonic", lambda: later)
    assert set(email.lookup("a@b.c")) == {old, new}
    for _ in range(tokens.TOKENS_PER_LOOK):
        email.of("a@b.c")
    assert email.of("a@b.c") == new


def test_a_plan_says_what_an_observer_learns() -> None:
    """The sentence for people names the groups, or that equal values show."""
    assert "32768 groups" in plan_index(rows=100_000, distinct=80_000).observer_learns
    assert "same value" in plan_index(rows=100_000, distinct=80_000, bits=128).observer_learns
    assert "too much" in plan_index(rows=10, distinct=5).observer_learns


def test_several_indexes_on_one_column_add_up() -> None:
    """More than three, or together nearly the whole value, is a problem."""
    assert column_problems([5, 5], distinct=1 << 20) == ()
    assert len(column_problems([5, 5, 5, 5], distinct=1 << 30)) == 1
    assert len(column_problems([10, 10], distinct=1 << 20)) == 1
    assert column_problems([9, 10], distinct=1 << 20) == ()
    assert column_problems([19], distinct=1 << 20) == ()
    assert column_problems([5, 5, 5], distinct=1 << 30) == ()
