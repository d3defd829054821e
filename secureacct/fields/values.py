"""Typed values and row ids as bytes, each in exactly one way.

Rules of this file: what goes in comes out equal, type included; ``""``, ``0``, ``False`` and ``b""``
are values like any other; a decoder accepts only what its encoder writes. The name of the type and of
the kind of row id are part of the key, so reading with another type fails before anything is decoded.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

from secureacct._bytes import lp
from secureacct.fields.errors import InvalidValue

T = TypeVar("T")

Row = str | int | uuid.UUID | tuple[str | int | uuid.UUID | bytes, ...] | None
"""What names a row: its primary key. ``None`` is "not bound to a row", and must be written."""


class _Unfit(ValueError):
    """Not of this type, or bytes that its encoder never writes; the caller says which."""


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_INT64 = struct.Struct(">q")
_FLOAT = struct.Struct(">d")
_DATETIME = struct.Struct(">qi")  # microseconds since 1970 UTC, offset from UTC in seconds
_NAIVE = 0x7FFFFFFF  # where a time of day has no offset


@dataclass(frozen=True, slots=True)
class ValueType(Generic[T]):
    """How one type becomes bytes. What does not fit is a TypeError or ValueError without a message."""

    name: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]


def value_type(python_type: type[T]) -> ValueType[T]:
    """The value type for a Python type. ``dict``, ``list`` and ``object`` are stored as JSON.

    :raises InvalidValue: there is none.
    """
    found = _TYPES.get(python_type)
    if found is None:
        names = ", ".join(known.__name__ for known in _TYPES)
        raise InvalidValue(f"a field cannot hold {python_type!r}; it can hold {names}")
    return found


def nullable(inner: ValueType[T]) -> ValueType[T | None]:
    """The same type with ``None`` as one more value, so that an observer cannot tell who has none."""

    def encode(value: T | None) -> bytes:
        return b"\x00" if value is None else b"\x01" + inner.encode(value)

    def decode(data: bytes) -> T | None:
        if data == b"\x00":
            return None
        if data[:1] != b"\x01":
            raise _Unfit
        return inner.decode(data[1:])

    return ValueType(inner.name + "?", encode, decode)


def row_kind(row: object) -> str:
    """The name of a kind of row id, as it enters the key.

    :raises InvalidValue: this cannot name a row.
    """
    for kind, python_type in (("str", str), ("int", int), ("uuid", uuid.UUID), ("tuple", tuple)):
        if isinstance(row, python_type) and not isinstance(row, bool):
            return kind
    if row is None:
        return "none"
    raise InvalidValue(f"a row id is a str, int, UUID, tuple of these, or None, not {type(row).__name__}")


def row_bytes(row: object) -> bytes:
    """A row id as associated data. Kinds are told apart by the key, parts of a tuple by their length.

    :raises InvalidValue: this cannot name a row.
    :raises ValueError: a text with lone surrogates, or an int over 64 bits.
    """
    if row is None:
        return b""
    return ROW_ENCODERS[row_kind(row)](row)


def _int_row(row: Any) -> bytes:
    try:
        return _INT64.pack(row)
    except struct.error:
        raise _Unfit from None


def _uuid_row(row: Any) -> bytes:
    if not isinstance(row, uuid.UUID):
        raise _Unfit
    return row.bytes


def _tuple_row(row: Any) -> bytes:
    if not isinstance(row, tuple) or not row:
        raise _Unfit
    return b"".join(lp(_part_tag(part)) for part in row)


def _part_tag(part: object) -> bytes:
    if isinstance(part, bytes):
        return b"b" + part
    return row_kind(part)[:1].encode("ascii") + row_bytes(part)


def _no_row(row: Any) -> bytes:
    if row is not None:
        raise _Unfit
    return b""


ROW_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "str": str.encode,
    "int": _int_row,
    "uuid": _uuid_row,
    "tuple": _tuple_row,
    "none": _no_row,
}

ROW_TYPES: dict[str, type[Any]] = {
    "str": str,
    "int": int,
    "uuid": uuid.UUID,
    "tuple": tuple,
    "none": type(None),
}


def _exactly(python_type: type[T], encode: Callable[[T], bytes]) -> Callable[[T], bytes]:
    def checked(value: T) -> bytes:
        if type(value) is not python_type:
            raise _Unfit
        return encode(value)

    return checked


def _canonical(decode: Callable[[bytes], T], encode: Callable[[T], bytes]) -> Callable[[bytes], T]:
    def checked(data: bytes) -> T:
        try:
            value = decode(data)
            same = encode(value) == data
        except (TypeError, OverflowError, struct.error, InvalidOperation):
            raise _Unfit from None
        if not same:
            raise _Unfit
        return value

    return checked


def _int_out(value: int) -> bytes:
    if -(1 << 63) <= value < 1 << 63:
        return _INT64.pack(value)  # one width for nearly all numbers hides their size
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _int_in(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _decimal_out(value: Decimal) -> bytes:
    if not value.is_finite():
        raise _Unfit
    return str(value).encode("ascii")


def _date_out(value: dt.date) -> bytes:
    return value.toordinal().to_bytes(4, "big")


def _datetime_out(value: dt.datetime) -> bytes:
    return _DATETIME.pack((value - _EPOCH) // _MICROSECOND, _offset(value.utcoffset()))


def _datetime_in(data: bytes) -> dt.datetime:
    micros: int
    offset: int
    micros, offset = _DATETIME.unpack(data)
    return (_EPOCH + micros * _MICROSECOND).astimezone(dt.timezone(dt.timedelta(seconds=offset)))


def _time_out(value: dt.time) -> bytes:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    offset = _NAIVE if value.tzinfo is None else _offset(value.utcoffset())
    return _DATETIME.pack(seconds * 1_000_000 + value.microsecond, offset)


def _time_in(data: bytes) -> dt.time:
    micros, offset = _DATETIME.unpack(data)
    zone = None if offset == _NAIVE else dt.timezone(dt.timedelta(seconds=offset))
    seconds, micros = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return dt.time(hour, minute, second, micros, tzinfo=zone)


def _offset(offset: dt.timedelta | None) -> int:
    if offset is None or offset.microseconds:
        raise _Unfit
    return int(offset.total_seconds())


def _json_out(value: object) -> bytes:
    _refuse_lossy(value)
    return json.dumps(
        value, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def _refuse_lossy(value: object) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if type(key) is not str:
                raise _Unfit
            _refuse_lossy(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_lossy(inner)
    elif value is not None and type(value) not in (str, int, float, bool):
        raise _Unfit  # a tuple would come back as a list


def _json_type(python_type: type[Any]) -> ValueType[Any]:
    def encode(value: Any) -> bytes:
        if not isinstance(value, python_type):
            raise _Unfit
        return _json_out(value)

    def decode(data: bytes) -> Any:
        value = json.loads(data.decode("utf-8"))
        if not isinstance(value, python_type):
            raise _Unfit
        return value

    return ValueType("json", encode, decode)


def _bool_in(data: bytes) -> bool:
    return data == b"\x01"


def _float_in(data: bytes) -> float:
    try:
        (value,) = _FLOAT.unpack(data)
    except struct.error:
        raise _Unfit from None
    return float(value)


def _typed(
    name: str, python_type: type[T], encode: Callable[[T], bytes], decode: Callable[[bytes], T]
) -> ValueType[T]:
    exact = _exactly(python_type, encode)
    return ValueType(name, exact, _canonical(decode, exact))


_TYPES: dict[type[Any], ValueType[Any]] = {
    str: ValueType("str", str.encode, bytes.decode),
    bytes: ValueType("bytes", _exactly(bytes, bytes), bytes),
    int: _typed("int", int, _int_out, _int_in),
    bool: _typed("bool", bool, lambda value: b"\x01" if value else b"\x00", _bool_in),
    float: ValueType("float", _exactly(float, _FLOAT.pack), _float_in),
    Decimal: _typed("decimal", Decimal, _decimal_out, lambda data: Decimal(data.decode("ascii"))),
    dt.date: _typed(
        "date", dt.date, _date_out, lambda data: dt.date.fromordinal(int.from_bytes(data, "big"))
    ),
    dt.datetime: _typed("datetime", dt.datetime, _datetime_out, _datetime_in),
    dt.time: _typed("time", dt.time, _time_out, _time_in),
    uuid.UUID: _typed("uuid", uuid.UUID, lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    dict: _json_type(dict),
    list: _json_type(list),
    object: _json_type(object),
}
