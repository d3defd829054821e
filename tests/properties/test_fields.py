"""What holds for every value, row and place."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.fields import FieldCipher, FieldError, InvalidValue
from secureacct.fields.padding import padded_length, padme
from secureacct.fields.values import row_bytes, row_kind, value_type
from secureacct.keys import Keyring
from tests import second_reader

KEYS = Keyring.generate()
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SIMPLE_ROWS = TEXT | st.integers(-(2**63), 2**63 - 1) | st.uuids()
ROWS = SIMPLE_ROWS | st.none() | st.lists(SIMPLE_ROWS | st.binary(), min_size=1, max_size=4).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)
OFFSETS = st.integers(-86_399, 86_399).map(lambda s: dt.timezone(dt.timedelta(seconds=s)))
BY_TYPE: dict[type[Any], st.SearchStrategy[Any]] = {
    str: TEXT,
    bytes: st.binary(),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    dt.date: st.dates(),
    dt.datetime: st.datetimes(
        dt.datetime(2, 1, 1),  # noqa: DTZ001 - the bounds of hypothesis are naive
        dt.datetime(9998, 12, 31),  # noqa: DTZ001
        timezones=OFFSETS,
    ),
    dt.time: st.times() | st.times(timezones=OFFSETS),
    object: JSON,
}


@pytest.mark.parametrize("python_type", list(BY_TYPE), ids=lambda each: each.__name__)
def test_every_value_comes_back(python_type: type[Any]) -> None:
    """decrypt(encrypt(value)) is the value, for every value of the type and every row id."""
    field = FieldCipher(KEYS, table="t", column=python_type.__name__, type=python_type, max_value=1 << 16)

    @given(BY_TYPE[python_type], ROWS)
    def holds(value: Any, row: Any) -> None:
        back = field.decrypt(field.encrypt(value, row=row), row=row)
        assert back == value
        assert type(back) is type(value)

    holds()


@pytest.mark.parametrize("python_type", list(BY_TYPE), ids=lambda each: each.__name__)
@given(data=st.binary(max_size=40))
def test_a_decoder_takes_only_what_its_encoder_writes(python_type: type[Any], data: bytes) -> None:
    """Bytes that decode at all encode to the same bytes again, except for spellings of JSON and NaN."""
    values = value_type(python_type)
    try:
        value = values.decode(data)
    except ValueError:
        return
    if python_type is not object and value == value:
        assert values.encode(value) == data


@given(ROWS, ROWS)
def test_two_row_ids_never_look_alike(one: Any, two: Any) -> None:
    """Different row ids differ in kind or in bytes: the encoding is injective."""
    same = (row_kind(one), row_bytes(one)) == (row_kind(two), row_bytes(two))
    assert same == (one == two and type(one) is type(two))


@given(st.lists(TEXT, min_size=3, max_size=3), st.lists(TEXT, min_size=3, max_size=3))
def test_two_places_never_share_a_key(one: list[str], two: list[str]) -> None:
    """Different (tenant, table, column) have different prefixes, however the names are cut."""

    def prefix(parts: list[str]) -> bytes:
        tenant, table, column = parts
        field = FieldCipher(KEYS, tenant=tenant, table="t" + table, column="c" + column, type=str)
        return field.current_prefixes()[0]

    assert (prefix(one) == prefix(two)) == (one == two)


@given(st.integers(0, 1 << 22))
def test_padme_hides_lengths_at_a_bounded_price(length: int) -> None:
    """A padded length is never shorter, at most 12 % longer, the same as the second implementation's."""
    padded = padme(length)
    assert length <= padded <= length * 1.12 + 1
    assert padded == second_reader.padme(length)
    assert padme(padded) == padded
    assert padded_length(length, floor=32, fixed=None) >= max(32, length + 1)


@given(st.binary(max_size=400), ROWS)
def test_nothing_but_a_ciphertext_opens(data: bytes, row: Any) -> None:
    """Whatever bytes are found in the column, the answer is a FieldError and nothing else."""
    field = FieldCipher(KEYS, table="t", column="c", type=str)
    with pytest.raises(FieldError):
        field.decrypt(data, row=row)


@given(st.binary(max_size=200), st.data())
def test_a_header_with_any_rest_never_opens(rest: bytes, data: st.DataObject) -> None:
    """A true prefix, a true segment or a true nonce in front of anything else does not open."""
    field = FieldCipher(KEYS, table="t", column="c", type=str)
    blob = field.encrypt("v", row="1")
    kept = data.draw(st.sampled_from([1, 5, 33, 45, 57, 73]))
    if blob[:kept] + rest == blob:
        return
    with pytest.raises(FieldError):
        field.decrypt(blob[:kept] + rest, row="1")


@given(st.one_of(st.floats(), st.binary(), st.lists(st.none()), st.sets(st.integers()), st.booleans()))
def test_what_is_no_row_id_is_refused(row: Any) -> None:
    """No other Python value is taken for a row id."""
    with pytest.raises(InvalidValue):
        FieldCipher(KEYS, table="t", column="c", type=str).encrypt("v", row=row)
