"""One encrypted field: what it keeps, what it binds, what it refuses."""

from __future__ import annotations

import datetime as dt
import json
import logging
import pickle
import threading
import traceback
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct.fields import (
    FieldCipher,
    FieldError,
    InvalidValue,
    KeyDestroyed,
    KeyDisabled,
    MalformedCiphertext,
    Masked,
    Sensitive,
    SystemicDecryptError,
    TamperedCiphertext,
    UnknownKey,
    UnknownSuite,
    ValueTooLarge,
    WrongContext,
    from_text,
    padding,
    state,
    to_text,
)
from secureacct.fields.xaes import Xaes256Gcm
from secureacct.keys import Keyring, keyring
from secureacct.keys import UnknownKey as AnyUnknownKey
from tests import second_reader
from tests.field_kit import flipped, ring_with, shows

VECTORS = Path(__file__).parents[1] / "vectors"
TYPES: dict[str, type[Any]] = {
    "str": str, "bytes": bytes, "int": int, "bool": bool, "float": float, "decimal": Decimal, "date": dt.date,
    "datetime": dt.datetime, "time": dt.time, "uuid": uuid.UUID, "json": object,
}  # fmt: skip
VALUES: list[Any] = [
    *("", "héllo\0\0", "\x80", "🔑" * 50, b"", b"\0\x80\0"),
    *(0, -1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64, -(1 << 90), True, False),
    *(0.0, -0.0, float("inf"), 1.5, Decimal("1.500"), Decimal("-0"), Decimal("1E+7")),
    *(dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.datetime(1, 1, 2, tzinfo=dt.UTC)),
    dt.datetime(2026, 11, 5, 1, 2, 3, 4, tzinfo=dt.timezone(dt.timedelta(hours=5))),
    *(dt.time(23, 59, 59, 999999), dt.time(0, 0, tzinfo=dt.UTC)),
    *(uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)),
    *({}, {"b": [1, None, {"x": "é"}], "c": True}, [], [1, "2", None]),
]


def cipher(keys: Keyring | None = None, **options: Any) -> FieldCipher[Any]:
    """The field ``profile.phone``."""
    given: dict[str, Any] = {"table": "profile", "column": "phone", "type": str}
    return FieldCipher(keys or Keyring.generate(), **(given | options))


def load(name: str) -> list[dict[str, Any]]:
    """The vectors of a file."""
    vectors: list[dict[str, Any]] = json.loads((VECTORS / name).read_text())
    return vectors


def row_of(vector: dict[str, Any]) -> Any:
    """The row id of a vector as a Python value."""
    raw = bytes.fromhex(vector["row"])
    return {
        "str": lambda: raw.decode(),
        "int": lambda: int.from_bytes(raw, "big", signed=True),
        "uuid": lambda: uuid.UUID(bytes=raw),
        "none": lambda: None,
        "tuple": lambda: ("ab", 9),
    }[vector["row_kind"]]()


class FixedDataKey:
    """Data keys as a vector gives them."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def data_key(self, tenant: str, subject: bytes) -> bytes:
        return self.key

    def watch(self, callback: Any) -> None:
        pass


def field_of(vector: dict[str, Any]) -> FieldCipher[Any]:
    """The field of a vector."""
    subject = bytes.fromhex(vector["subject"])
    data_key = vector.get("data_key")
    return FieldCipher(
        ring_with({vector["key_id"]: bytes.fromhex(vector["root"])}),
        table=vector["table"],
        column=vector["column"],
        tenant=vector["tenant"],
        type=TYPES[vector["type"].rstrip("?")],
        subject=subject or None,
        data_keys=FixedDataKey(bytes.fromhex(data_key)) if data_key else None,
        encrypt_null=vector["type"].endswith("?"),
    )


ALL_VECTORS = load("field_envelope.json") + load("field_envelope_subjects.json")


@pytest.mark.parametrize("vector", ALL_VECTORS, ids=lambda v: f"{v['key_id']}-{v['type']}-{v['row_kind']}")
def test_the_vectors_are_read_and_what_we_write_is_read_elsewhere(vector: dict[str, Any]) -> None:
    """Every published value opens, and a second implementation opens ours as the same payload."""
    field, row = field_of(vector), row_of(vector)
    value = field.decrypt(bytes.fromhex(vector["blob"]), row=row)
    ours = field.encrypt(value, row=row)
    assert second_reader.unseal(vector, ours).hex() == vector["payload"]
    assert len(ours) == len(vector["blob"]) // 2


def test_the_vectors_are_those_of_the_second_implementation() -> None:
    """The files hold what the second implementation writes, so neither can drift alone."""
    assert load("field_envelope.json") == second_reader.vectors()
    assert load("field_envelope_subjects.json") == second_reader.subject_vectors()


def test_xaes_gives_the_public_vectors() -> None:
    """The two vectors of c2sp.org/XAES-256-GCM, sub-key included."""
    for vector in load("xaes_256_gcm.json"):
        xaes = Xaes256Gcm(bytes.fromhex(vector["key"]))
        nonce, aad = vector["nonce"].encode(), vector["aad"].encode()
        sealed = xaes.encrypt(nonce, vector["plaintext"].encode(), aad)
        assert sealed.hex() == vector["ciphertext"]
        assert xaes.decrypt(nonce, sealed, aad) == vector["plaintext"].encode()
        assert xaes.subkey(nonce[:12]) == second_reader.xaes_subkey(bytes.fromhex(vector["key"]), nonce)


def test_xaes_gives_the_accumulated_vector() -> None:
    """Ten thousand random messages hash to the value that c2sp.org/XAES-256-GCM publishes."""
    import hashlib

    stream = hashlib.shake_128(b"").digest(6 << 20)
    at = 0

    def read(length: int) -> bytes:
        nonlocal at
        at += length
        return stream[at - length : at]

    total = hashlib.shake_128()
    for _ in range(10_000):
        key, nonce = read(32), read(24)
        plain = read(read(1)[0])
        aad = read(read(1)[0])
        sealed = Xaes256Gcm(key).encrypt(nonce, plain, aad)
        assert Xaes256Gcm(key).decrypt(nonce, sealed, aad) == plain
        total.update(sealed)
    assert total.hexdigest(32) == "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_xaes_takes_one_key_length(length: int) -> None:
    """A key that is not 32 bytes, and a nonce that is not 24, are refused."""
    with pytest.raises(InvalidValue):
        Xaes256Gcm(bytes(length))
    with pytest.raises(InvalidValue):
        Xaes256Gcm(bytes(32)).encrypt(bytes(length), b"", None)


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("encrypt_null", [False, True])
def test_a_value_comes_back_equal_and_of_its_type(value: Any, encrypt_null: bool) -> None:
    """What went in comes out, empty ones, zero, false and minus zero included, one by one and in a batch."""
    field = cipher(type=type(value), encrypt_null=encrypt_null)
    back = field.decrypt(field.encrypt(value, row="1"), row="1")
    assert (repr(back), type(back)) == (repr(value), type(value))
    batch = field.decrypt_many(field.encrypt_many([value, None], rows=["1", "2"]), rows=["1", "2"])
    assert [repr(one) for one in batch] == [repr(value), "None"]


@pytest.mark.parametrize(
    ("python_type", "value"),
    [
        *((str, wrong) for wrong in (b"bytes", 5, "\ud800")),
        *((bytes, wrong) for wrong in ("text", bytearray(b"x"))),
        *((int, wrong) for wrong in (True, 1.0)),
        *((bool, 1), (float, 1), (Decimal, 1), (Decimal, Decimal("NaN")), (uuid.UUID, "0" * 32)),
        (dt.date, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        *(
            (dt.datetime, wrong)
            for wrong in (dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None), dt.date(2026, 1, 1))
        ),
        (dt.time, dt.time(1, tzinfo=dt.timezone(dt.timedelta(microseconds=1)))),
        *((dict, wrong) for wrong in ([1], {1: 2}, {"x": float("nan")}, {"x": "\ud800"})),
        *((list, (1,)), (object, [(1,)]), (object, {"x": {1}})),
    ],
)
def test_a_value_of_another_type_is_refused(python_type: type[Any], value: Any) -> None:
    """What would come back changed is refused, naive times and lone surrogates included."""
    field = cipher(type=python_type)
    with pytest.raises(InvalidValue):
        field.encrypt(value, row="1")
    with pytest.raises(InvalidValue):
        field.encrypt_many([value], rows=["1"])


def test_a_type_that_cannot_be_stored_is_refused_when_the_field_is_made() -> None:
    """The error lists what can be stored."""
    with pytest.raises(InvalidValue, match="Decimal"):
        cipher(type=complex)


def test_none_is_none_or_hidden() -> None:
    """None stays None by default; with encrypt_null it is a value of the length of any short one."""
    assert cipher().encrypt(None, row="1") is None
    hidden = cipher(encrypt_null=True)
    blob = hidden.encrypt(None, row="1")
    assert blob is not None
    assert len(blob) == len(hidden.encrypt("a name", row="1"))
    assert hidden.decrypt(blob, row="1") is None
    assert hidden.decrypt(None, row="1") is None


SWAPS: list[dict[str, Any]] = [
    {"table": "account"}, {"column": "mobile"}, {"tenant": "t2"}, {"subject": "person"}, {"type": bytes},
    {"encrypt_null": True}, {"table": "profilep", "column": "hone"}, {"tenant": "p", "table": "rofile"},
]  # fmt: skip


@pytest.mark.parametrize("swap", SWAPS, ids=str)
def test_a_value_that_was_moved_elsewhere_is_refused(swap: dict[str, Any]) -> None:
    """Another table, column, tenant, person or type, even where the joined names are equal."""
    keys = Keyring.generate()
    blob = cipher(keys).encrypt("secret", row="1")
    with pytest.raises(WrongContext):
        cipher(keys, **swap).decrypt(blob, row="1")
    back = cipher(keys, **swap).encrypt(b"secret" if swap.get("type") is bytes else "secret", row="1")
    with pytest.raises(WrongContext):
        cipher(keys).decrypt(back, row="1")


def test_a_value_of_another_row_is_refused() -> None:
    """Another row id of the same kind is TamperedCiphertext; of another kind it is WrongContext."""
    field = cipher()
    blob = field.encrypt("secret", row="7")
    with pytest.raises(TamperedCiphertext):
        field.decrypt(blob, row="8")
    for other in (7, uuid.UUID(int=7), ("7",), None):
        with pytest.raises(WrongContext):
            field.decrypt(blob, row=other)
        assert field.decrypt(field.encrypt("x", row=other), row=other) == "x"


def test_parts_of_a_row_id_do_not_run_into_each_other() -> None:
    """("ab", "c") is not ("a", "bc"), and 1 is not "1"."""
    field = cipher()
    for one, two in ((("ab", "c"), ("a", "bc")), ((1, 2), ("1", 2)), ((b"x",), ("x",)), (("a",), ("a", ""))):
        with pytest.raises(TamperedCiphertext):
            field.decrypt(field.encrypt("v", row=one), row=two)


@pytest.mark.parametrize("row", [1.5, True, b"bytes", object(), (), (1.5,), 2**63, "\ud800", [1]])
def test_what_cannot_name_a_row_is_refused(row: Any) -> None:
    """A row id is a str, int of 64 bits, UUID, a tuple of these, or None; nothing is guessed."""
    field = cipher()
    blob = field.encrypt("v", row="1")
    for act in (
        lambda: field.encrypt("v", row=row),
        lambda: field.decrypt(blob, row=row),
        lambda: field.encrypt_many(["v"], rows=[row]),
        lambda: field.decrypt_many([blob], rows=[row]),
    ):
        with pytest.raises((InvalidValue, WrongContext)):
            act()


def test_a_field_can_take_one_kind_of_row_id_only() -> None:
    """With row_kind every other kind is refused; row= can never be left out."""
    field = cipher(row_kind="int")
    assert field.decrypt(field.encrypt("v", row=7), row=7) == "v"
    for row in ("7", None):
        with pytest.raises(InvalidValue):
            field.encrypt("v", row=row)
        with pytest.raises(InvalidValue):
            field.decrypt(field.encrypt("v", row=7), row=row)
    with pytest.raises(TypeError):
        field.encrypt("v")  # type: ignore[call-overload]
    with pytest.raises(InvalidValue):
        cipher(row_kind="date")


@pytest.mark.parametrize("warm", [False, True])
def test_every_flipped_bit_is_found(warm: bool) -> None:
    """No bit of a value can be turned, whether or not its segment is already known."""
    keys = Keyring.generate()
    blob = cipher(keys).encrypt("secret", row="1")
    reader = cipher(keys)
    for bit in range(len(blob) * 8):
        if warm:
            reader.decrypt(blob, row="1")
        with pytest.raises(FieldError):
            reader.decrypt(flipped(blob, bit), row="1")


@pytest.mark.parametrize("warm", [False, True])
def test_every_cut_is_found(warm: bool) -> None:
    """Cut short anywhere, or with bytes behind, a value is refused; under 75 bytes it is malformed."""
    keys = Keyring.generate()
    blob = cipher(keys).encrypt("secret", row="1")
    reader = cipher(keys)
    if warm:
        reader.decrypt(blob, row="1")
    for length in range(len(blob)):
        expected = MalformedCiphertext if length < 75 else TamperedCiphertext
        with pytest.raises(expected):
            reader.decrypt(blob[:length], row="1")
    for extra in (b"\0", blob):
        with pytest.raises(TamperedCiphertext):
            reader.decrypt(blob + extra, row="1")


@pytest.mark.parametrize("suite", [byte for byte in range(256) if byte != 0xA1])
def test_every_other_suite_is_refused(suite: int) -> None:
    """A field reads the suites on its list and no other, whatever the value says of itself."""
    field = cipher()
    blob = field.encrypt("secret", row="1")
    with pytest.raises(UnknownSuite):
        field.decrypt(bytes([suite]) + blob[1:], row="1")


@pytest.mark.parametrize("given", ["plain text", "sa1.AAAA", 5, 1.5, object(), ["x"]])
def test_what_is_not_bytes_is_malformed(given: Any) -> None:
    """Plain text in an encrypted column is an error, never the value."""
    with pytest.raises(MalformedCiphertext):
        cipher().decrypt(given, row="1")
    with pytest.raises(MalformedCiphertext):
        cipher().decrypt_many([given], rows=["1"])


@pytest.mark.parametrize("length", [0, 5, 74, 75, 500, 10_000])
def test_plain_bytes_are_never_taken_for_a_value(length: int) -> None:
    """Bytes that are no ciphertext are refused at every length."""
    with pytest.raises((MalformedCiphertext, UnknownSuite)):
        cipher().decrypt(b"p" * length, row="1")


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes_are_read(kind: Any) -> None:
    """A driver's memoryview or bytearray is as good as bytes."""
    field = cipher()
    blob = field.encrypt("v", row="1")
    assert field.decrypt(kind(blob), row="1") == "v"
    assert field.decrypt_many([kind(blob)], rows=["1"]) == ["v"]


def test_key_states_are_told_apart() -> None:
    """Unknown, disabled and destroyed keys are three errors, which are the keyring's own too."""
    keys = Keyring.generate()
    field = cipher(keys)
    blob = field.encrypt("v", row="1")
    with pytest.raises(UnknownKey, match="key id 9") as caught:
        field.decrypt(blob[:4] + b"\x09" + blob[5:], row="1")
    assert isinstance(caught.value, AnyUnknownKey)
    keys.rotate()
    assert field.decrypt(blob, row="1") == "v"
    keys.disable("fields", 1)
    with pytest.raises(KeyDisabled):
        field.decrypt(blob, row="1")
    keys.enable("fields", 1)
    assert field.decrypt(blob, row="1") == "v"
    keys.destroy("fields", 1, force=True)
    with pytest.raises(KeyDestroyed):
        field.decrypt(blob, row="1")


def test_the_same_id_with_another_key_is_the_wrong_context() -> None:
    """A value of another keyring with the same key id does not fit, and is not tried."""
    blob = cipher(ring_with({1: b"a" * 32})).encrypt("v", row="1")
    with pytest.raises(WrongContext):
        cipher(ring_with({1: b"b" * 32})).decrypt(blob, row="1")


def test_a_rotation_moves_what_is_written_next() -> None:
    """After rotate() the next value has the new key's prefix, in the same process at once."""
    keys = Keyring.generate()
    field = cipher(keys)
    old = field.encrypt("v", row="1")
    assert old.startswith(field.current_prefixes()[0])
    keys.rotate()
    new = field.encrypt("v", row="1")
    assert new[:33] == field.current_prefixes()[0] != old[:33]
    assert old[:33] == field.prefixes_under(1)[0]


def test_a_rotation_elsewhere_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer in another process stops using the old key within the reload time, a reader likewise."""
    path = tmp_path / "keyring.json"
    Keyring.generate().save(path)
    here, there = Keyring.load(path), Keyring.load(path)
    field = cipher(here)
    old = field.encrypt("v", row="1")
    newest = there.rotate()
    assert field.encrypt("v", row="1")[:5] == old[:5]
    assert field.decrypt(cipher(there).encrypt("w", row="1"), row="1") == "w"
    there.disable("fields", 1)
    import time

    from secureacct.fields import codec

    later = time.monotonic() + keyring.RELOAD_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    monkeypatch.setattr(codec, "monotonic", lambda: later)
    assert field.encrypt("v", row="1")[1:5] == newest.to_bytes(4, "big")
    with pytest.raises(KeyDisabled):
        for _ in range(codec.READS_PER_LOOK + 1):
            field.decrypt(old, row="1")


def test_a_ciphertext_that_is_valid_under_two_keys_is_refused() -> None:
    """AES-GCM alone opens one crafted text under two keys; behind either prefix, one key is refused."""
    one, two = b"a" * 32, b"b" * 32
    fields = [cipher(ring_with({1: key})) for key in (one, two)]
    prefixes = [field.current_prefixes()[0] for field in fields]
    part, nonce, aad = bytes(12), bytes(12), b"1"
    inner = [_gcm_key(ring_with({1: key}), part) for key in (one, two)]
    body = _valid_under_both(inner[0], inner[1], nonce, aad)
    for key in inner:
        AESGCM(key).decrypt(nonce, body, aad)  # raw AES-GCM accepts it twice
    for prefix, mine, other in ((prefixes[0], 0, 1), (prefixes[1], 1, 0)):
        blob = prefix + part + nonce + body
        with pytest.raises(WrongContext):
            fields[other].decrypt(blob, row="1")
        try:
            fields[mine].decrypt(blob, row="1")
        except MalformedCiphertext:
            pass  # the crafted text need not be padded: it was authentic for this key, and only for it


def _gcm_key(keys: Keyring, part: bytes) -> bytes:
    made = state.FieldState(keys, cipher(keys)._place, "str", suites=(0xA1,), data_keys=None)
    return Xaes256Gcm(made._field_key(1, 0xA1).key).subkey(part)


def _valid_under_both(key_1: bytes, key_2: bytes, nonce: bytes, aad: bytes) -> bytes:
    """Two blocks whose GCM tag is the same under both keys: one linear equation over GF(2^128)."""

    def times(x: int, y: int) -> int:
        z = 0
        for bit in range(127, -1, -1):
            if (y >> bit) & 1:
                z ^= x
            x = (x >> 1) ^ (0xE1 << 120 if x & 1 else 0)
        return z

    def inverse(x: int) -> int:
        result, power = 1 << 127, x
        for _ in range(127):
            power = times(power, power)
            result = times(result, power)
        return result

    h1, h2 = (int.from_bytes(second_reader.aes_block(key, bytes(16)), "big") for key in (key_1, key_2))
    e1, e2 = (
        int.from_bytes(second_reader.aes_block(key, nonce + b"\0\0\0\x01"), "big") for key in (key_1, key_2)
    )
    padded = int.from_bytes(aad.ljust(16, b"\0"), "big")
    sizes = (len(aad) * 8) << 64 | 256
    first = int.from_bytes(b"\x11" * 16, "big")

    def rest(h: int, e: int) -> int:
        square = times(h, h)
        return times(padded, times(square, square)) ^ times(first, times(square, h)) ^ times(sizes, h) ^ e

    second = times(rest(h1, e1) ^ rest(h2, e2), inverse(times(h1, h1) ^ times(h2, h2)))
    tag = rest(h1, e1) ^ times(second, times(h1, h1))
    return first.to_bytes(16, "big") + second.to_bytes(16, "big") + tag.to_bytes(16, "big")


def test_lengths_are_hidden() -> None:
    """Payloads of 0 to 255 bytes have at most 25 stored lengths; numbers, dates and short texts share one."""
    field = cipher(type=bytes)
    lengths = {len(field.encrypt(bytes(length), row="1")) for length in range(256)}
    assert len(lengths) <= 25
    short: list[Any] = [
        0,
        True,
        1.5,
        dt.date(2026, 1, 1),
        uuid.UUID(int=1),
        "thirty-one bytes, not one more.",
    ]
    assert {len(cipher(type=type(value)).encrypt(value, row="1")) for value in short} == {105}


def test_floor_and_fixed_lengths() -> None:
    """A higher floor makes short values equal; a fixed length makes all equal and refuses longer ones."""
    floor = cipher(floor=128)
    assert {len(floor.encrypt("x" * n, row="1")) for n in (0, 50, 127)} == {73 + 128}
    assert floor.decrypt(floor.encrypt("x" * 500, row="1"), row="1") == "x" * 500
    fixed = cipher(fixed=16)
    assert {len(fixed.encrypt("x" * n, row="1")) for n in range(16)} == {73 + 16}
    assert fixed.decrypt(fixed.encrypt("x" * 15, row="1"), row="1") == "x" * 15
    with pytest.raises(ValueTooLarge):
        fixed.encrypt("x" * 16, row="1")
    for name, wrong in (("floor", 1), ("fixed", 1), ("max_value", 0), ("floor", 1 << 30)):
        with pytest.raises(InvalidValue):
            cipher(None, **{name: wrong})


@pytest.mark.parametrize("limit", [10, 4095, 4096, 5000, 100_000])
def test_a_value_over_the_limit_is_refused_before_any_cryptography(limit: int) -> None:
    """The limit itself is taken, one byte more is not; a longer ciphertext is not even opened."""
    keys = Keyring.generate()
    field = cipher(keys, max_value=limit)
    assert field.decrypt(field.encrypt("x" * limit, row="1"), row="1") == "x" * limit
    for act in (field.encrypt, lambda value, row: field.encrypt_many([value], rows=[row])):
        with pytest.raises(ValueTooLarge):
            act("x" * (limit + 1), row="1")
    with pytest.raises(ValueTooLarge):
        field.decrypt(b"\xa1" * (limit * 2 + 200), row="1")


def test_the_default_limit_is_one_mebibyte() -> None:
    """1,048,576 encoded bytes are taken, one more is not."""
    field = cipher(type=bytes)
    assert field.decrypt(field.encrypt(bytes(1 << 20), row="1"), row="1") == bytes(1 << 20)
    with pytest.raises(ValueTooLarge):
        field.encrypt(bytes((1 << 20) + 1), row="1")
    smallest = cipher(floor=2)
    assert len(smallest.encrypt("", row="1")) == 75
    assert smallest.decrypt(smallest.encrypt("", row="1"), row="1") == ""
    assert len(cipher(floor=1 << 20).encrypt("", row="1")) == 73 + (1 << 20)
    with pytest.raises(InvalidValue):
        cipher(floor=(1 << 20) + 1)


@pytest.mark.parametrize("length", [4095, 4096, 8000, 8192, 9000, 70_000])
def test_long_values(length: int) -> None:
    """Values around every internal boundary come back equal, and altered ones do not."""
    for python_type, value in ((str, "ä" * (length // 2)), (bytes, bytes(length)), (object, ["x" * length])):
        field = cipher(type=python_type)
        blob = field.encrypt(value, row="1")
        assert field.decrypt(blob, row="1") == value
        with pytest.raises(TamperedCiphertext):
            field.decrypt(flipped(blob, 8 * len(blob) - 1), row="1")
        with pytest.raises(TamperedCiphertext):
            field.decrypt(blob, row="2")


def test_large_values_go_to_the_chunked_suite() -> None:
    """With large=True a value over 64 KiB is suite 0xA4, bound like any other, and rotates like any other."""
    pytest.importorskip("cryptography.cobblestone")
    keys = Keyring.generate()
    field = cipher(keys, type=bytes, large=True, max_value=1 << 21)
    small, big = field.encrypt(b"x", row="1"), field.encrypt(b"y" * 1_500_000, row="1")
    assert (small[0], big[0]) == (0xA1, 0xA4)
    assert (small[:33], big[:33]) == tuple(field.current_prefixes())
    assert field.decrypt(big, row="1") == b"y" * 1_500_000
    for changed in (big[:-1], flipped(big, 8 * 40), flipped(big, 8 * 70_000), big[:33] + big[33 + 64 :]):
        with pytest.raises(TamperedCiphertext):
            field.decrypt(changed, row="1")
    with pytest.raises(TamperedCiphertext):
        field.decrypt(big, row="2")
    with pytest.raises(WrongContext):
        cipher(keys, type=bytes, large=True, max_value=1 << 21, column="c").decrypt(big, row="1")
    with pytest.raises(UnknownSuite):
        cipher(keys, type=bytes, max_value=1 << 21).decrypt(big, row="1")
    with pytest.raises(InvalidValue):
        cipher(large=True, max_value=1 << 30)


def test_batches_are_all_or_nothing_unless_collected() -> None:
    """One bad row raises its own error; collected, it stands where its value would be."""
    field = cipher()
    rows = [str(n) for n in range(20)]
    blobs: list[Any] = list(field.encrypt_many([f"v{n}" for n in range(20)], rows=rows))
    blobs[7] = blobs[8]
    with pytest.raises(TamperedCiphertext):
        field.decrypt_many(blobs, rows=rows)
    collected = field.decrypt_many(blobs, rows=rows, on_error="collect")
    assert isinstance(collected[7], TamperedCiphertext)
    assert [value for value in collected if isinstance(value, str)] == [f"v{n}" for n in range(20) if n != 7]


def test_a_batch_that_mostly_fails_is_a_systemic_error() -> None:
    """More than half of eight or more failing values point at a key or column, not at rows."""
    keys = Keyring.generate()
    rows = [str(n) for n in range(16)]
    blobs: list[Any] = list(cipher(keys).encrypt_many(["v"] * 16, rows=rows))
    with pytest.raises(SystemicDecryptError, match="16 of 16"):
        cipher(keys, column="other").decrypt_many(blobs, rows=rows, on_error="collect")
    half = [*blobs[:8], *cipher(keys, column="other").encrypt_many(["v"] * 8, rows=rows[8:])]
    assert len(cipher(keys).decrypt_many(half, rows=rows, on_error="collect")) == 16
    with pytest.raises(SystemicDecryptError, match="8 of 15"):
        cipher(keys, column="other").decrypt_many(half[:15], rows=rows[:15], on_error="collect")
    few = cipher(keys, column="other").decrypt_many(blobs[:7], rows=rows[:7], on_error="collect")
    assert all(isinstance(one, WrongContext) for one in few)


def test_a_batch_needs_as_many_rows_as_values() -> None:
    """A missing row is an error, never a shorter result; nothing in is nothing out."""
    field = cipher()
    both: tuple[Callable[..., Any], ...] = (field.encrypt_many, field.decrypt_many)
    for act in both:
        with pytest.raises(InvalidValue, match="as many rows"):
            act(["a"], rows=[])
        assert act([], rows=[]) == []


def test_a_batch_is_at_most_one_segment() -> None:
    """65,536 values are one batch; one more is refused."""
    field = cipher(type=bool)
    assert len(set(field.encrypt_many([True] * 65_536, rows=["1"] * 65_536))) == 65_536
    with pytest.raises(ValueTooLarge):
        field.encrypt_many([True] * 65_537, rows=["1"] * 65_537)


def test_batches_take_every_kind_of_row() -> None:
    """Rows of several kinds in one batch are each bound in their own way."""
    field = cipher()
    rows: list[Any] = ["1", 1, uuid.UUID(int=1), ("1", 1), None]
    blobs = field.encrypt_many(["v"] * 5, rows=rows)
    assert field.decrypt_many(blobs, rows=rows) == ["v"] * 5
    with pytest.raises(FieldError):
        field.decrypt_many(blobs, rows=rows[::-1])


def test_a_segment_ends_after_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sub-key serves so many messages and no more; what was written before still opens."""
    monkeypatch.setattr(state, "SEGMENT_MESSAGES", 10)
    field = cipher()
    blobs = [field.encrypt("v", row="1") for _ in range(35)]
    assert len({blob[:45] for blob in blobs}) == 4
    assert len({blob[33:57] for blob in blobs}) == 35
    assert field.decrypt_many(blobs, rows=["1"] * 35) == ["v"] * 35


def test_forged_values_do_not_fill_the_cache() -> None:
    """Only a segment that gave an authentic value is kept, and no more than the bound of them."""
    keys = Keyring.generate()
    field = cipher(keys)
    blob = field.encrypt("v", row="1")
    kept = field._states["str"]
    before = dict(kept.openers)
    for number in range(50):
        with pytest.raises(TamperedCiphertext):
            field.decrypt(blob[:33] + number.to_bytes(12, "big") + blob[45:], row="1")
    assert kept.openers == before
    small = state.FieldState(keys, field._place, "str", suites=(0xA1,), data_keys=None, openers=4)
    for _ in range(20):
        made = cipher(keys).encrypt("v", row="1")
        small.opener(made, b"1")
    assert len(small.openers) == 4


def test_one_field_never_opens_through_another_ones_cache() -> None:
    """Two fields share nothing: warm in one, a value is still refused by the other."""
    keys = Keyring.generate()
    strict, loose = cipher(keys, type=bytes), cipher(keys, type=bytes, large=True)
    blob = loose.encrypt(b"v" * 100_000, row="1")
    loose.decrypt(blob, row="1")
    with pytest.raises(UnknownSuite):
        strict.decrypt(blob, row="1")


SECRET = "the-value-nobody-sees"


@pytest.mark.parametrize(
    "act",
    [
        lambda f: f.encrypt(SECRET + "\ud800", row="1"),
        lambda f: f.encrypt(SECRET * 100_000, row="1"),
        lambda f: f.encrypt(SECRET, row=1.5),
        lambda f: f.encrypt({SECRET}, row="1"),
        lambda f: f.encrypt_many([SECRET, SECRET + "\ud800"], rows=["1", "2"]),
        lambda f: f.encrypt_many([SECRET], rows=[]),
        lambda f: f.encrypt_many([SECRET * 100_000], rows=["1"]),
        lambda f: f.decrypt_many([f.encrypt(SECRET, row="1"), b"x"], rows=["1", "2"]),
        lambda f: f.decrypt_many(
            [f.encrypt(SECRET, row="1")] + [b"x"] * 20, rows=["1"] * 21, on_error="collect"
        ),
        lambda f: _as_date(f).decrypt(_forged(f), row="1"),
        lambda f: _as_date(f, 9000).decrypt(_forged(f, 9000), row="1"),
    ],
)
def test_no_error_holds_a_value(act: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the error, nor its chain, nor the locals of our frames, nor a log line holds the value."""
    keys = ring_with({1: b"k" * 32})
    field = cipher(keys)
    with pytest.raises(FieldError) as caught:
        act(field)
    assert not shows(SECRET, caught.value)
    logging.getLogger("app").error("failed", exc_info=caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value)).replace("lambda f", "")
    assert SECRET not in caplog.text


def _as_date(field: FieldCipher[Any], size: int = 0) -> FieldCipher[Any]:
    return FieldCipher(field._keys, table="profile", column="n", type=dt.date)


def _forged(field: FieldCipher[Any], size: int = 0) -> bytes:
    """What a malicious key holder could write: authentic for the place, and not a date."""
    as_date = _as_date(field)
    head, seal = as_date._states["str"].roll()
    nonce = bytes(12)
    return head + nonce + seal(nonce, SECRET.encode() + bytes(size) + b"\x80", b"1")


@pytest.mark.parametrize("payload", [b"", b"no mark at all", b"\x80", b"12345678\x80", bytes(9) + b"\x80"])
def test_authentic_nonsense_is_malformed(payload: bytes) -> None:
    """What a key holder could write outside of the library is refused, not guessed at."""
    field = cipher(type=bool)
    head, seal = field._states["str"].roll()
    blob = head + bytes(12) + seal(bytes(12), payload.ljust(33, b"\0") if payload else bytes(32), b"1")
    with pytest.raises(MalformedCiphertext):
        field.decrypt(blob, row="1")
    with pytest.raises(MalformedCiphertext):
        field.decrypt_many([blob], rows=["1"])


def test_sensitive_values_show_nothing() -> None:
    """No repr, format, pickle, JSON or hash of a sensitive value; only reveal() gives it."""
    field = cipher()
    held = field.decrypt_sensitive(field.encrypt(SECRET, row="1"), row="1")
    assert held is not None
    assert held.reveal() == SECRET
    for text in (repr(held), str(held), f"{held}", f"{held:>40}", repr([held])):
        assert SECRET not in text
    for act in (pickle.dumps, json.dumps, hash):
        with pytest.raises(TypeError):
            act(held)
    assert held == Sensitive(SECRET)
    assert held != Sensitive(SECRET + "x")
    assert held != SECRET
    assert Sensitive(b"a") == Sensitive(b"a")
    assert Sensitive(1) != Sensitive(True)
    assert field.decrypt_sensitive(None, row="1") is None


def test_a_masked_value_shows_its_mask() -> None:
    """The chosen part shows; the rest does not."""
    held = Masked("4111111111111111", "**** 1111")
    assert (str(held), f"{held:>10}", held.reveal()) == ("**** 1111", " **** 1111", "4111111111111111")
    with pytest.raises(TypeError):
        pickle.dumps(held)


def test_text_form_has_one_spelling() -> None:
    """sa1. and base64url without padding; every other spelling of the same bytes is refused."""
    field = cipher()
    text = field.encrypt_text("v", row="1")
    assert field.decrypt_text(text, row="1") == "v"
    assert from_text(to_text(b"abc")) == b"abc"
    for wrong in (
        text[4:],
        text + "=",
        text.replace("sa1.", "sa2."),
        text + "\n",
        " " + text,
        "sa1.A",
        "v",
        "",
    ):
        with pytest.raises(MalformedCiphertext):
            from_text(wrong)


def test_what_was_derived_while_the_keyring_changed_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key or opener that was derived before a change and arrives after it is not kept."""
    keys = Keyring.generate()
    field = cipher(keys)
    blob = field.encrypt("v", row="1")
    kept = field._states["str"]
    real = Keyring.derive

    def and_then_it_changes(self: Keyring, *args: Any, **options: Any) -> bytes:
        found = real(self, *args, **options)
        monkeypatch.undo()
        self.add_pending()
        return found

    kept.reset()
    monkeypatch.setattr(Keyring, "derive", and_then_it_changes)
    assert field.decrypt(blob, row="1") == "v"
    assert (kept.openers, kept._field_keys) == ({}, {})
    monkeypatch.setattr(Keyring, "derive", and_then_it_changes)
    assert field.decrypt(field.encrypt("w", row="1"), row="1") == "w"
    assert len(kept.openers) == 1


def test_a_batch_that_fails_gives_nothing_away() -> None:
    """The list of values opened so far is emptied before the error leaves."""
    field = cipher()
    blobs: list[Any] = [field.encrypt("the-value-nobody-sees", row="1"), b"x"]
    with pytest.raises(MalformedCiphertext) as caught:
        field.decrypt_many(blobs, rows=["1", "1"])
    assert not shows("the-value-nobody-sees", caught.value)


def test_threads_share_one_field() -> None:
    """Eight threads on one field, with keys rotating under them, never mix values or repeat a nonce."""
    keys = Keyring.generate()
    field = cipher(keys)
    problems: list[str] = []
    seen: list[list[bytes]] = []

    def work(name: int) -> None:
        mine = []
        for number in range(1500):
            value = f"{name}-{number}"
            blob = field.encrypt(value, row=value)
            mine.append(blob[:57])
            if field.decrypt(blob, row=value) != value:
                problems.append(value)
            if number % 500 == name:
                keys.rotate()
        seen.append(mine)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    together = [blob for mine in seen for blob in mine]
    assert len(together) == len(set(together)) == 8 * 1500


def test_eight_tenants_with_their_own_keyrings_never_mix() -> None:
    """Each tenant's field, used from all threads at once, writes under its own key only."""
    tenants = {f"t{n}": Keyring.generate() for n in range(8)}
    fields = {name: cipher(keys, tenant=name) for name, keys in tenants.items()}
    made: list[tuple[str, bytes]] = []

    def work() -> None:
        for number in range(400):
            name = f"t{number % 8}"
            made.append((name, fields[name].encrypt(name, row="1")))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(cipher(tenants[name], tenant=name).decrypt(blob, row="1") == name for name, blob in made)


def test_a_field_needs_a_place() -> None:
    """An empty table or column, and data keys without a subject, are refused."""
    for wrong in ({"table": ""}, {"column": ""}, {"data_keys": FixedDataKey(bytes(32))}):
        with pytest.raises(InvalidValue):
            cipher(**wrong)
    assert repr(cipher()) == "<FieldCipher profile.phone of str>"


@pytest.mark.parametrize(
    ("floor", "fixed", "kept"), [(32, None, 4096), (1024, None, 4096), (1 << 20, None, 4), (2, 1 << 20, 4)]
)
def test_suffixes_kept_ready_take_little_memory(floor: int, fixed: int | None, kept: int) -> None:
    """A field with a high floor keeps a few suffixes ready, not gigabytes of zeros; values come back."""
    ready = padding.suffixes(floor, fixed, (1 << 20) - 1)
    assert (len(ready), sum(map(len, ready)) <= 1 << 22) == (kept, True)
    field = cipher(type=bytes, floor=floor, fixed=fixed)
    for length in (kept - 1, kept, kept + 1):
        blob = field.encrypt(bytes(length), row="1")
        assert len(blob) == 73 + padding.padded_length(length, floor=floor, fixed=fixed)
        assert field.decrypt(blob, row="1") == bytes(length)
