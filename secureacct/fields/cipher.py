"""One encrypted column: bound to its tenant, table, column and type by its key, to its row as well."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from secureacct._bytes import b64url, b64url_strict
from secureacct.fields import envelope, large, padding
from secureacct.fields.codec import Codec, Options, build
from secureacct.fields.errors import FieldError, InvalidValue, MalformedCiphertext
from secureacct.fields.sensitive import Sensitive
from secureacct.fields.state import DataKeys, FieldState
from secureacct.fields.values import ROW_ENCODERS, Row, ValueType, nullable, value_type
from secureacct.keys import Keyring

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)

Blob = bytes | bytearray | memoryview

MAX_VALUE_BYTES = 1 << 20  # 1 MiB, default ceiling of one value; also what 2^16 messages were counted with
TEXT_MARK = "sa1."  # in front of base64url where a column can hold text only


class Encrypt(Protocol[T_contra]):
    """``cipher.encrypt(value, row=...)``: different every time, 73 bytes more than the padded payload.

    :param value: of the field's type; ``None`` is ``None`` again unless ``encrypt_null``.
    :param row: the primary key of the row it is for.
    :raises InvalidValue: not of this type, or not a row id.
    :raises ValueTooLarge: longer than ``max_value``.
    :raises SubjectForgotten, SubjectNotLoaded: the subject's data key is not there.
    """

    @overload
    def __call__(self, value: None, *, row: Row) -> bytes | None: ...
    @overload
    def __call__(self, value: T_contra, *, row: Row) -> bytes: ...


class Decrypt(Protocol[T_co]):
    """``cipher.decrypt(blob, row=...)``: the value, if it was made for exactly this place.

    :param blob: what ``encrypt`` gave; ``None`` is ``None``.
    :param row: the primary key of the row it was read from.
    :raises MalformedCiphertext: cut, plain text, not bytes, or authentic and not of this type.
    :raises UnknownSuite: an algorithm this field does not allow.
    :raises UnknownKey: a key id the keyring has never held.
    :raises KeyDisabled, KeyDestroyed: as the keyring says.
    :raises WrongContext: made for another place.
    :raises TamperedCiphertext: altered, or made for another row.
    :raises ValueTooLarge: longer than this field allows.
    :raises SubjectForgotten, SubjectNotLoaded: the subject's data key is not there.
    """

    @overload
    def __call__(self, blob: Blob, *, row: Row) -> T_co: ...
    @overload
    def __call__(self, blob: None, *, row: Row) -> T_co | None: ...


class EncryptMany(Protocol[T_contra]):
    """``cipher.encrypt_many(values, rows=...)``: faster than one by one. At most 65,536 values.

    :raises InvalidValue: as ``encrypt``, or not as many rows as values.
    """

    def __call__(self, values: Iterable[T_contra | None], *, rows: Iterable[Row]) -> list[bytes | None]:
        """See the class."""
        ...


class DecryptMany(Protocol[T]):
    """``cipher.decrypt_many(blobs, rows=..., on_error="raise")``.

    :param on_error: ``"raise"`` the first error, or ``"collect"``: each error where its value would be.
    :raises SystemicDecryptError: while collecting, more than half failed (and at least eight).
    :raises FieldError: as ``decrypt``.
    """

    @overload
    def __call__(
        self, blobs: Iterable[Blob | None], *, rows: Iterable[Row], on_error: Literal["raise"] = "raise"
    ) -> list[T | None]: ...
    @overload
    def __call__(
        self, blobs: Iterable[Blob | None], *, rows: Iterable[Row], on_error: Literal["collect"]
    ) -> list[T | FieldError | None]: ...


class FieldCipher(Generic[T]):
    """Encrypts the values of one column.

    ``encrypt`` and ``decrypt`` take ``row=``, the row's primary key; a value that was moved to another
    row, column, table, tenant, type or person is refused. ``row=None`` gives up the binding to
    the row, and must be written. Threads share one object; so do forked processes.

    :param keys: the keyring; its ``fields`` root is used.
    :param table: label of the table. It enters the key: keep it when the SQL name changes.
    :param column: label of the column, likewise.
    :param type: ``str``, ``bytes``, ``int``, ``bool``, ``float``, ``Decimal``, ``date``, ``datetime``
        (aware), ``time``, ``UUID``; ``dict``, ``list`` or ``object`` for JSON.
    :param tenant: label of the tenant, ``""`` where there is one only.
    :param subject: whose data it is. With ``data_keys``, forgetting them makes it unreadable.
    :param data_keys: the loaded data keys of subjects.
    :param row_kind: ``"str"``, ``"int"``, ``"uuid"``, ``"tuple"`` or ``"none"``: refuse every other
        kind of row id. ``None``: take each kind, which are told apart (``"7"`` is not ``7``).
    :param floor: shortest padded payload in bytes; short values cannot be told apart by length.
    :param fixed: one padded length in bytes for every value, such as for an enumeration.
    :param max_value: longest encoded value in bytes.
    :param encrypt_null: store an encrypted value for ``None`` too, so nobody can tell who has none.
    :param large: write values over 64 KiB in chunks (suite 0xA4), and read both suites.
    :raises FieldError: the options contradict each other, or the type cannot be stored.
    :raises ConfigurationError: ``large`` and this installation cannot.

    ASVS 5.0 V11.3.2 (approved authenticated encryption), V14.2 (data protection).
    """

    # functions made for this field rather than methods: one attribute lookup, no call in between
    encrypt: Encrypt[T]
    decrypt: Decrypt[T]
    encrypt_many: EncryptMany[T]
    decrypt_many: DecryptMany[T]

    def __init__(
        self,
        keys: Keyring,
        *,
        table: str,
        column: str,
        type: type[T],
        tenant: str = "",
        subject: str | bytes | None = None,
        data_keys: DataKeys | None = None,
        row_kind: Literal["str", "int", "uuid", "tuple", "none"] | None = None,
        floor: int = padding.FLOOR_BYTES,
        fixed: int | None = None,
        max_value: int = MAX_VALUE_BYTES,
        encrypt_null: bool = False,
        large: bool = False,
    ) -> None:
        if not table or not column:
            raise InvalidValue("a field needs a table and a column to be bound to")
        if data_keys is not None and not subject:
            raise InvalidValue("data keys belong to a subject: give subject= too")
        if row_kind is not None and row_kind not in ROW_ENCODERS:
            raise InvalidValue(f"row_kind is one of {', '.join(ROW_ENCODERS)}")
        longest = padding.check_options(floor=floor, fixed=fixed, max_value=max_value)
        plain: ValueType[Any] = value_type(type)
        self._keys = keys
        self._values = nullable(plain) if encrypt_null else plain
        self._place = envelope.Place(tenant, table, column, self._values.name, _subject_bytes(subject))
        self._data_keys = data_keys
        self._only_kind = row_kind
        self._options = Options(floor, fixed, longest, encrypt_null, large)
        self._suites = (envelope.XAES, envelope.COBBLESTONE) if large else (envelope.XAES,)
        if large:
            _check_large(longest)
        self._lock = threading.Lock()
        self._states: dict[str, FieldState] = {}
        self._codecs: dict[str, Codec] = {}
        self._take(self._codec(row_kind or "str"))

    def decrypt_sensitive(self, blob: bytes | None, *, row: Row) -> Sensitive[T] | None:
        """As :meth:`decrypt`, in a wrapper that no log or page shows."""
        value: T | None = self.decrypt(blob, row=row) if blob is not None else None
        return None if value is None else Sensitive(value)

    def encrypt_text(self, value: T, *, row: Row) -> str:
        """As :meth:`encrypt`, for a column that can hold text only: ``sa1.`` and base64url."""
        return to_text(self.encrypt(value, row=row))

    def decrypt_text(self, text: str, *, row: Row) -> T:
        """As :meth:`decrypt`, of text. Only the one canonical spelling is taken."""
        return self.decrypt(from_text(text), row=row)

    def for_subject(self, subject: str | bytes, *, data_keys: DataKeys | None = None) -> FieldCipher[T]:
        """The same field for one person."""
        other: FieldCipher[T] = object.__new__(FieldCipher)
        other._keys, other._values, other._only_kind = self._keys, self._values, self._only_kind
        other._options, other._suites = self._options, self._suites
        other._place = envelope.Place(
            self._place.tenant,
            self._place.table,
            self._place.column,
            self._place.type_name,
            _subject_bytes(subject),
        )
        other._data_keys = data_keys or self._data_keys
        other._lock = threading.Lock()
        other._states, other._codecs = {}, {}
        other._take(other._codec(self._only_kind or "str"))
        return other

    def current_prefixes(self, kind: str = "str") -> Sequence[bytes]:
        """The 33 bytes in front of values written now, per suite: rows with another prefix need rotation.

        :param kind: the kind of row id of the column.
        """
        self._codec(kind)
        return self._states[kind].prefixes()

    def prefixes_under(self, key_id: int, kind: str = "str") -> Sequence[bytes]:
        """The same for another key, to count what is left under it.

        :raises UnknownKey, KeyDisabled, KeyDestroyed: as the keyring says.
        """
        self._codec(kind)
        return tuple(self._states[kind].prefix_under(key_id, suite) for suite in self._suites)

    @property
    def table(self) -> str:
        """The table label in the key."""
        return self._place.table

    @property
    def column(self) -> str:
        """The column label in the key."""
        return self._place.column

    @property
    def type_name(self) -> str:
        """The value type's name as it enters the key."""
        return self._values.name

    def __repr__(self) -> str:
        place = self._place
        return f"<FieldCipher {place.table}.{place.column} of {place.type_name}>"

    def _codec(self, kind: str) -> Codec:
        known = self._codecs.get(kind)
        if known is not None:
            return known
        with self._lock:
            if kind not in self._codecs:
                state = FieldState(
                    self._keys, self._place, kind, suites=self._suites, data_keys=self._data_keys
                )
                self._states[kind] = state
                self._codecs[kind] = build(state, self._values, kind, self._options, self._other_kind)
            return self._codecs[kind]

    def _take(self, codec: Codec) -> None:
        self.encrypt = codec.encrypt
        self.decrypt = codec.decrypt
        self.encrypt_many = codec.encrypt_many
        self.decrypt_many = codec.decrypt_many

    def _other_kind(self, kind: str) -> Codec | None:
        return None if self._only_kind is not None else self._codec(kind)


def to_text(blob: bytes) -> str:
    """An encrypted value as text: ``sa1.`` and base64url without padding."""
    return TEXT_MARK + b64url(blob)


def from_text(text: str) -> bytes:
    """The encrypted value in a text, if it is spelled in the one canonical way.

    :raises MalformedCiphertext: anything else, plain text included.
    """
    blob = b64url_strict(text[len(TEXT_MARK) :]) if text.startswith(TEXT_MARK) else None
    if blob is None:
        raise MalformedCiphertext("not an encrypted value in text form")
    return blob


def _subject_bytes(subject: str | bytes | None) -> bytes:
    if subject is None:
        return b""
    return subject.encode("utf-8") if isinstance(subject, str) else bytes(subject)


def _check_large(longest: int) -> None:
    large.check_available()
    if longest > large.MOST_PAYLOAD_BYTES:
        raise InvalidValue(f"max_value is at most {large.MOST_PAYLOAD_BYTES} bytes for large fields")
