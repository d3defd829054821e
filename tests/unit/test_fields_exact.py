"""Boundaries, names and numbers of fields, exactly: what a small wrong change would move."""

from __future__ import annotations

import datetime as dt
import inspect
import os
import uuid
from decimal import Decimal
from typing import Any

import pytest

from secureacct import keys as keys_package
from secureacct.fields import (
    BlindIndex,
    CompoundIndex,
    FieldCipher,
    InvalidValue,
    Masked,
    Sensitive,
    codec,
    envelope,
    errors,
    index_length,
    large,
    loaded_keys,
    padding,
    plan_index,
    planner,
    state,
    takeover,
    tokens,
    values,
    xaes,
)
from secureacct.fields.loaded_keys import LoadedKeys
from secureacct.fields.normalise import NORMALISERS
from secureacct.fields.purposes import PurposeBound, hidden, last_four
from secureacct.fields.subjects import rewrap
from secureacct.fields.transforms import transform
from secureacct.keys import Keyring

NUMBERS = {
    (codec, "COPIED_BYTES"): 8192,
    (codec, "READS_PER_LOOK"): 64,
    (codec, "LARGE_BYTES"): 65536,
    (codec, "SYSTEMIC_LEAST"): 8,
    (envelope, "XAES"): 0xA1,
    (envelope, "SIV_GCM"): 0xA2,
    (envelope, "SIV"): 0xA3,
    (envelope, "COBBLESTONE"): 0xA4,
    (envelope, "PREFIX_BYTES"): 33,
    (envelope, "SEGMENT_END"): 45,
    (envelope, "NONCE_END"): 57,
    (envelope, "TAG_BYTES"): 16,
    (envelope, "OVERHEAD_BYTES"): 73,
    (envelope, "SHORTEST_BYTES"): 75,
    (index_length, "UNIQUE_BITS"): 128,
    (index_length, "MOST_BITS"): 256,
    (large, "EXTRA_BYTES"): 64 + 2048 * 16,
    (large, "MOST_PAYLOAD_BYTES"): 33_554_432,
    (loaded_keys, "TTL_SECONDS"): 60.0,
    (loaded_keys, "MOST_HELD"): 10_000,
    (padding, "FLOOR_BYTES"): 32,
    (padding, "LEAST_BYTES"): 2,
    (padding, "TABLE_ENTRIES"): 4096,
    (planner, "LEAST_ROWS"): 16,
    (planner, "LEAST_DISTINCT"): 1024,
    (planner, "MOST_INDEXES"): 3,
    (state, "SEGMENT_MESSAGES"): 65536,
    (state, "CACHED_OPENERS"): 1024,
    (takeover, "BLOCK_BYTES"): 16,
    (tokens, "TOKENS_PER_LOOK"): 64,
    (xaes, "KEY_BYTES"): 32,
    (xaes, "NONCE_BYTES"): 24,
    (xaes, "SUBKEY_PART_BYTES"): 12,
    (xaes, "TAG_BYTES"): 16,
}

CODES = {
    "FieldError": "field",
    "ForeignCiphertext": "field_foreign_ciphertext",
    "InvalidValue": "field_invalid_value",
    "KeyDestroyed": "field_key_destroyed",
    "KeyDisabled": "field_key_disabled",
    "LeakyIndex": "field_leaky_index",
    "MalformedCiphertext": "field_malformed",
    "NotSearchable": "field_not_searchable",
    "PurposeRequired": "field_purpose_required",
    "SubjectForgotten": "field_subject_forgotten",
    "SubjectNotLoaded": "field_subject_not_loaded",
    "SystemicDecryptError": "field_systemic",
    "TamperedCiphertext": "field_tampered",
    "UnknownKey": "field_unknown_key",
    "UnknownSuite": "field_unknown_suite",
    "ValueTooLarge": "field_value_too_large",
    "WrongContext": "field_wrong_context",
}


@pytest.fixture(scope="module")
def keys() -> Keyring:
    """A keyring in memory."""
    return Keyring.generate()


@pytest.mark.parametrize(("place", "number"), NUMBERS.items(), ids=lambda each: str(each)[-40:])
def test_numbers_are_those_of_the_specification(place: tuple[Any, str], number: float) -> None:
    """A security number moves only together with this list."""
    assert getattr(*place) == number


def test_error_codes_stay() -> None:
    """Programs switch on them: each error has the code it always had."""
    found = {
        name: each.code
        for name, each in vars(errors).items()
        if isinstance(each, type) and hasattr(each, "code")
    }
    assert {name: found[name] for name in CODES} == CODES


def test_errors_of_the_keyring_become_those_of_the_field() -> None:
    """Three have a form of their own here, with the same words; a silent key service stays what it is."""
    for ours, theirs in (
        (errors.UnknownKey, keys_package.UnknownKey),
        (errors.KeyDisabled, keys_package.KeyDisabled),
        (errors.KeyDestroyed, keys_package.KeyDestroyed),
    ):
        made = errors.of_field(theirs("why"))
        assert (type(made), str(made)) == (ours, "why")
    silent = keys_package.KmsUnavailable("later")
    assert errors.of_field(silent) is silent


def test_reprs_name_the_place_and_nothing_else(keys: Keyring) -> None:
    """What a log shows of each object."""
    field = FieldCipher(keys, table="t", column="c", type=int)
    index = BlindIndex(keys, table="t", column="c", unique=True)
    both = CompoundIndex(keys, table="t", name="n", parts=[("a", "exact"), ("b", "exact")], unique=True)
    held = LoadedKeys()
    held.put("", b"42", bytes(32))
    assert [repr(each) for each in (field, index, both, held)] == [
        "<FieldCipher t.c of int>",
        "<BlindIndex t.c, 128 bits>",
        "<CompoundIndex t.n, 128 bits>",
        "<LoadedKeys, 1 held>",
    ]
    assert (field.table, field.column, field.type_name) == ("t", "c", "int")


def test_wrappers_show_what_they_may() -> None:
    """Sensitive shows nothing; Masked what it was given; both compare by value, odd texts too."""
    assert [f"{Sensitive('x')}", str(Sensitive("x")), repr(Sensitive("x"))] == ["Sensitive(****)"] * 3
    masked = Masked("4111", "** 11")
    assert [f"{masked:>6}", str(masked), repr(masked), masked.reveal()] == [
        " ** 11",
        "** 11",
        "** 11",
        "4111",
    ]
    assert Sensitive("\ud800") == Sensitive("\ud800")
    assert Sensitive("\ud800") != Sensitive("\ud801")
    assert Sensitive(b"a") == Sensitive(b"a")
    assert Sensitive(b"a") != Sensitive("a")
    assert Sensitive(1) != Sensitive(True)
    assert Sensitive(1) == Sensitive(1)
    assert Sensitive(1) != 1


def test_masks_show_four_of_at_least_eight() -> None:
    """Seven digits show nothing, eight show their last four, and other characters do not count."""
    assert [last_four("1234567"), last_four("12345678"), last_four("1234-567"), last_four(12345678)] == [
        "****", "**** 5678", "****", "**** 5678",
    ]  # fmt: skip
    assert hidden("anything") == "****"


def test_purposes_are_declared_and_counted(keys: Keyring) -> None:
    """No purpose, or a text in place of a list, is refused; reads are counted; a guard shows its mask."""
    field = FieldCipher(keys, table="order", column="card", type=str)
    wrong: Any
    for wrong in ([], "payment"):
        with pytest.raises(InvalidValue):
            PurposeBound(field, purposes=wrong)
    told: list[Any] = []
    card = PurposeBound(field, purposes=["payment"], mask=last_four, on_read=told.append)
    held = card.guard(card.encrypt("1234567812345678", row="1"), row="1")
    assert [str(held), repr(held), f"{held:>10}", dict(card.counts)] == [
        "**** 5678", "Guarded(****)", " **** 5678", {},
    ]  # fmt: skip
    with pytest.raises(errors.PurposeRequired, match=r"order\.card is read for payment only"):
        held.reveal("ads")
    assert held.reveal("payment") == held.reveal("payment") == "1234567812345678"
    assert (dict(card.counts), len(told)) == ({"payment": 2}, 2)
    assert (told[0].table, told[0].column, told[0].row, told[0].purpose) == ("order", "card", "1", "payment")


def test_a_kept_opener_is_used_again(keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one value of another process's segment, the next ones derive no key, long ones neither."""
    writer = FieldCipher(keys, table="t", column="c", type=bytes)
    blobs = writer.encrypt_many([b"a", b"b", bytes(20_000), b"c", b"d"], rows=["1"] * 5)
    reader = FieldCipher(keys, table="t", column="c", type=bytes)
    assert reader.decrypt(blobs[0], row="1") == b"a"
    asked: list[int] = []
    real = state.FieldState.opener

    def counted(self: state.FieldState, blob: bytes, aad: bytes) -> state.Open:
        asked.append(len(blob))
        return real(self, blob, aad)

    monkeypatch.setattr(state.FieldState, "opener", counted)
    assert [reader.decrypt(blob, row="1") for blob in blobs[1:3]] == [b"b", bytes(20_000)]
    assert reader.decrypt_many(blobs[3:], rows=["1", "1"]) == [b"c", b"d"]
    assert asked == []
    other = FieldCipher(keys, table="t", column="c", type=bytes)
    assert other.decrypt(blobs[2], row="1") == bytes(20_000)
    assert len(asked) == 1


def test_a_batch_asks_the_kernel_once(keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve fresh bytes for each value, in one call; nothing is encrypted one by one."""
    field = FieldCipher(keys, table="t", column="c", type=str)
    field.encrypt("v", row="1")
    asked: list[int] = []
    real = os.urandom

    def counted(size: int) -> bytes:
        asked.append(size)
        return real(size)

    monkeypatch.setattr(codec, "urandom", counted)
    blobs = field.encrypt_many(["v"] * 10, rows=["1"] * 10)
    assert (asked, field.decrypt_many(blobs, rows=["1"] * 10)) == ([120], ["v"] * 10)


@pytest.mark.parametrize(("fixed", "suite"), [(65_536, 0xA1), (65_537, 0xA4)])
def test_the_chunked_suite_begins_above_64_kib(keys: Keyring, fixed: int, suite: int) -> None:
    """Exactly 64 KiB padded stays in one message; one byte more goes into chunks; both come back."""
    field = FieldCipher(keys, table="t", column="c", type=bytes, large=True, fixed=fixed)
    blob = field.encrypt(bytes(5000), row="1")
    assert (blob[0], field.decrypt(blob, row="1")) == (suite, bytes(5000))


def test_for_another_person(keys: Keyring) -> None:
    """A field made from another keeps everything but the person: options, kind of row, place."""
    field = FieldCipher(
        keys,
        table="t",
        column="c",
        type=str,
        tenant="x",
        subject="1",
        row_kind="int",
        floor=64,
        encrypt_null=True,
    )
    other = field.for_subject("2")
    blob = other.encrypt("v", row=7)
    assert len(blob) == 73 + 64
    assert other.decrypt(blob, row=7) == "v"
    again = FieldCipher(
        keys,
        table="t",
        column="c",
        type=str,
        tenant="x",
        subject=b"2",
        row_kind="int",
        floor=64,
        encrypt_null=True,
    )
    assert again.decrypt(blob, row=7) == "v"
    null = other.encrypt(None, row=7)
    assert (len(null or b""), other.decrypt(null, row=7)) == (73 + 64, None)
    for wrong in (lambda: field.decrypt(blob, row=7), lambda: other.decrypt(blob, row="7")):
        with pytest.raises(errors.FieldError):
            wrong()


@pytest.mark.parametrize(
    ("length", "padded"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (8, 8), (9, 10), (16, 16), (17, 18), (33, 36), (100, 104), (1000, 1024)],
)
def test_padme_lengths(length: int, padded: int) -> None:
    """The values of the paper's formula."""
    assert padding.padme(length) == padded


@pytest.mark.parametrize(
    ("options", "longest"),
    [
        ({"floor": 2, "fixed": None, "max_value": 1}, 1),
        ({"floor": 1 << 20, "fixed": None, "max_value": 9}, 9),
        ({"floor": 32, "fixed": 2, "max_value": 9}, 1),
        ({"floor": 32, "fixed": 99, "max_value": 9}, 9),
        ({"floor": 1, "fixed": None, "max_value": 9}, None),
        ({"floor": (1 << 20) + 1, "fixed": None, "max_value": 9}, None),
        ({"floor": 32, "fixed": 1, "max_value": 9}, None),
        ({"floor": 32, "fixed": None, "max_value": 0}, None),
    ],
)
def test_options_of_padding(options: dict[str, Any], longest: int | None) -> None:
    """Each bound is exact: the last good value is taken, the first bad one refused."""
    if longest is not None:
        assert padding.check_options(**options) == longest
        return
    with pytest.raises(InvalidValue):
        padding.check_options(**options)


@pytest.mark.parametrize(
    ("value", "length"),
    [(0, 8), ((1 << 63) - 1, 8), (-(1 << 63), 8), (1 << 63, 9), (-(1 << 63) - 1, 9), (1 << 71, 10)],
)
def test_whole_numbers_have_one_width(value: int, length: int) -> None:
    """Eight bytes wherever they are enough; then the shortest with room for the sign."""
    encoded = values.value_type(int).encode(value)
    assert (len(encoded), values.value_type(int).decode(encoded)) == (length, value)


def test_rows_of_each_kind() -> None:
    """The bytes of the specification, and nothing for no row."""
    row = values.row_bytes
    one = uuid.UUID(int=1)
    assert [row("ä"), row(-1), row(one), row(None)] == ["ä".encode(), b"\xff" * 8, one.bytes, b""]
    assert row(("a", 1, one, b"b", None, ("c",))) == b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (b"sa", b"i" + (1).to_bytes(8, "big"), b"u" + one.bytes, b"bb", b"n", b"t\0\0\0\2sc")
    )
    for kind, wrong in (
        ("none", "x"),
        ("int", 1 << 63),
        ("uuid", "x"),
        ("str", 1),
    ):
        with pytest.raises((TypeError, ValueError, AttributeError, errors.FieldError, OverflowError)):
            values.ROW_ENCODERS[kind](wrong)


@pytest.mark.parametrize(
    ("python_type", "value", "encoded"),
    [
        (bool, True, "01"),
        (bool, False, "00"),
        (float, 1.5, "3ff8000000000000"),
        (Decimal, Decimal("1.50"), "312e3530"),
        (dt.date, dt.date(1, 1, 1), "00000001"),
        (dt.datetime, dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC), "00000000000f424000000000"),
        (dt.time, dt.time(0, 0, 1), "00000000000f42407fffffff"),
        (
            dt.time,
            dt.time(0, 0, 1, tzinfo=dt.timezone(dt.timedelta(seconds=-60))),
            "00000000000f4240ffffffc4",
        ),
        (dict, {"b": 1, "a": None}, b'{"a":null,"b":1}'.hex()),
    ],
)
def test_payloads_are_those_of_the_specification(python_type: type[Any], value: Any, encoded: str) -> None:
    """Each type's bytes, both ways; with a leading byte where null is hidden."""
    kind = values.value_type(python_type)
    assert kind.encode(value).hex() == encoded
    assert kind.decode(bytes.fromhex(encoded)) == value
    hidden_null = values.nullable(kind)
    assert (hidden_null.encode(value).hex(), hidden_null.encode(None)) == (f"01{encoded}", b"\x00")
    assert (hidden_null.decode(b"\x00"), hidden_null.name) == (None, f"{kind.name}?")
    for wrong in (b"", b"\x02", b"\x00\x00"):
        with pytest.raises(ValueError):
            hidden_null.decode(wrong)


@pytest.mark.parametrize(
    ("name", "most"),
    [("whole", None), ("initial", 36), ("domain", None), ("prefix2", 1296), ("last4", 10_000)],
)
def test_how_many_results_a_transform_has(name: str, most: int | None) -> None:
    """What the planner is told, and the label in the key."""
    assert (transform(name).most, transform(name).label) == (most, f"{name}/1")


def test_labels_of_normalisers_are_in_the_key() -> None:
    """Name and version, each once."""
    assert {each: rule.label for each, rule in NORMALISERS.items()} == {
        each: f"{each}/{rule.version}" for each, rule in NORMALISERS.items()
    }
    assert sorted(NORMALISERS) == ["casefold", "digits", "e164", "email", "exact", "nfc"]


def test_what_is_planned_for_an_accepted_index() -> None:
    """The plan is made if both numbers are there; bits outside of 1 to 256 are refused all the same."""
    told: dict[str, Any] = {"unique": False, "never": False, "accepted": "small shop", "what": "t.c"}
    assert index_length.planned(bits=4, rows=100, distinct=None, **told) == (4, None)
    assert index_length.planned(bits=4, rows=None, distinct=100, **told) == (4, None)
    bits, plan = index_length.planned(bits=4, rows=100, distinct=100, **told)
    assert (bits, plan) == (4, plan_index(rows=100, distinct=100, bits=4))
    assert index_length.planned(bits=256, rows=None, distinct=None, **told) == (256, None)
    for bits in (0, 257):
        with pytest.raises(InvalidValue, match="1 to 256"):
            index_length.planned(bits=bits, rows=None, distinct=None, **told)


def test_the_planner_says_why() -> None:
    """The sentences, the matches and both ends of what it takes."""
    assert plan_index(rows=16, distinct=1024).problems == (
        "no length hides and finds at once; take more rows or a longer value",
    )
    assert plan_index(rows=100_000, distinct=80_000, bits=16).problems == ("16 bits is outside of 9 to 15",)
    assert plan_index(rows=100_000, distinct=80_000, bits=8).problems == ("8 bits is outside of 9 to 15",)
    assert plan_index(rows=15, distinct=1 << 20).problems == ("fewer than 16 rows",)
    assert plan_index(rows=1 << 20, distinct=1023).problems == (
        "fewer than 1024 different values: their frequencies give them away",
    )
    assert planner.safe_bits(rows=1 << 400, distinct=1 << 400) == (128, 128)
    assert planner.safe_bits(rows=15, distinct=1 << 20) == planner.safe_bits(rows=99, distinct=3) == (1, 0)
    assert planner.safe_bits(rows=16, distinct=1 << 10) == (6, 2)
    assert planner.safe_bits(rows=1 << 20, distinct=4) == (11, 0)
    assert planner.expected_matches(rows=64, distinct=1 << 20, bits=4) == 4
    assert planner.expected_matches(rows=64, distinct=16, bits=9) == 4
    assert planner.expected_matches(rows=64, distinct=0, bits=9) == 64.0
    assert plan_index(rows=64, distinct=1 << 20, bits=20).observer_learns == (
        "which of 64 rows hold the same value, and how often each occurs"
    )
    assert plan_index(rows=100_000, distinct=80_000).observer_learns == (
        "which of 32768 groups a row is in; each group stands for about 2 values"
    )
    assert planner.column_problems([5, 5, 5, 5], distinct=1 << 30) == (
        "4 indexes on one column; an observer adds their bits up",
    )
    assert planner.column_problems([1, 1], distinct=0) == ("together 2 bits tell most of 0 values apart",)


@pytest.mark.parametrize(
    ("unpad", "good", "wrong"),
    [
        (
            "pkcs5",
            [(b"ab\x02\x02", b"ab"), (b"\x01", b""), (b"\x10" * 16, b"")],
            [b"a\x00", b"a\x03\x02", b"\x11" * 17],
        ),
        ("oneandzeroes", [(b"ab\x80\x00", b"ab"), (b"\x80", b"")], [b"ab", b"\x80\x01"]),
        (
            "zeroes",
            [(b"ab\x00\x02", b"ab"), (b"\x01", b""), (bytes(15) + b"\x10", b"")],
            [b"a\x00", b"a\x01\x02", bytes(16) + b"\x11"],
        ),
        ("naive", [(b"ab**", b"ab"), (b"ab", b"ab")], []),
    ],
)
def test_paddings_of_sqlalchemy_utils(
    unpad: str, good: list[tuple[bytes, bytes]], wrong: list[bytes]
) -> None:
    """Each is undone exactly, and what is none is refused."""
    undo = takeover._UNPADDERS[unpad]
    assert [undo(padded) for padded, _ in good] == [plain for _, plain in good]
    for bad in wrong:
        with pytest.raises(ValueError):
            undo(bad)


def test_loaded_keys_have_their_time() -> None:
    """Held for the whole of it and not longer; fresh for the first half; fields are told of a change only."""
    now = [100.0]
    held = LoadedKeys(ttl=60, most=2, ticks=lambda: now[0])
    told: list[int] = []

    class Field:
        def reset(self) -> None:
            told.append(1)

    field = Field()
    held.watch(field.reset)
    assert not held.is_fresh("", b"1")
    held.put("", b"1", b"k" * 32)
    assert (held.data_key("", b"1"), held.is_fresh("", b"1"), told) == (b"k" * 32, True, [])
    held.put("", b"1", b"k" * 32)
    assert told == []
    now[0] = 130.0
    assert held.is_fresh("", b"1")
    now[0] = 130.5
    assert not held.is_fresh("", b"1")
    now[0] = 160.0
    assert held.data_key("", b"1") == b"k" * 32
    now[0] = 160.5
    with pytest.raises(errors.SubjectNotLoaded):
        held.data_key("", b"1")
    held.put("", b"1", b"x" * 32)
    assert told == [1]
    held.forget("", b"1")
    assert len(told) >= 2
    now[0] = 900.0
    assert held.is_fresh("", b"1")
    with pytest.raises(errors.SubjectForgotten):
        held.data_key("", b"1")
    held.put("a", b"2", b"y" * 32)
    held.put("b", b"2", b"z" * 32)
    with pytest.raises(errors.SubjectNotLoaded):
        held.data_key("", b"1")
    assert (held.data_key("a", b"2"), held.data_key("b", b"2")) == (b"y" * 32, b"z" * 32)


def test_how_many_keys_are_wrapped_again_at_once() -> None:
    """Ten thousand unless said otherwise."""
    assert inspect.signature(rewrap).parameters["limit"].default == 10_000


@pytest.mark.parametrize(("failing", "systemic"), [(7, False), (8, True)])
def test_when_most_of_a_batch_fails(keys: Keyring, failing: int, systemic: bool) -> None:
    """More than half, and at least eight: the batch is wrong, not its values."""
    field = FieldCipher(keys, table="t", column="c", type=str)
    blobs = [*field.encrypt_many(["v"] * 7, rows=["1"] * 7), *[b"damaged"] * failing]
    if not systemic:
        assert len(field.decrypt_many(blobs, rows=["1"] * len(blobs), on_error="collect")) == 14
        return
    with pytest.raises(errors.SystemicDecryptError, match="8 of 15 values"):
        field.decrypt_many(blobs, rows=["1"] * len(blobs), on_error="collect")
    half = [*blobs, field.encrypt("v", row="1")]
    assert len(field.decrypt_many(half, rows=["1"] * 16, on_error="collect")) == 16
