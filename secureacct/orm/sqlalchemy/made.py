"""What an attribute makes for a class, a tenant and a person: its field, its blind index, its guard.

Rules of this file: what was made is kept, up to a bound, and dropped when the keyring is another one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from secureacct.errors import ConfigurationError
from secureacct.fields import BlindIndex, FieldCipher
from secureacct.fields.purposes import PurposeBound, Reading
from secureacct.fields.state import DataKeys
from secureacct.keys import Keyring

T = TypeVar("T")

KEPT_CIPHERS = 1024  # tenants and persons whose field keys stay derived


@dataclass(frozen=True, slots=True)
class Index:
    """A blind index beside an encrypted column; the arguments are those of :class:`BlindIndex`."""

    normalise: str = "exact"
    unique: bool = False
    transform: str = "whole"
    bits: int | None = None
    rows: int | None = None
    distinct: int | None = None
    accept_leakage: str = ""


@dataclass(slots=True)
class Given:
    """What ``EncryptedFields.use`` was given."""

    keyring: Keyring | None = None
    data_keys: DataKeys | None = None
    on_read: Callable[[Reading], None] | None = None

    @property
    def keys(self) -> Keyring:
        """The keyring.

        :raises ConfigurationError: none was given yet.
        """
        if self.keyring is None:
            raise ConfigurationError("encrypted attributes have no keys yet: call use(keyring) at start")
        return self.keyring


class Kept(Generic[T]):
    """A bounded map; threads may share it."""

    __slots__ = ("_found", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Any, T] = {}

    def get(self, place: Any) -> T | None:
        """What is kept there, if anything."""
        return self._found.get(place)

    def put(self, place: Any, made: T) -> T:
        """Keep it, and let the oldest go."""
        with self._lock:
            while len(self._found) >= KEPT_CIPHERS:
                self._found.pop(next(iter(self._found)))
            self._found[place] = made
        return made


class Maker:
    """Makes and keeps what one attribute needs.

    :param given: the keys, when they are there.
    :param column: label of the column.
    :param type: the type of the values.
    :param index: the options of the blind index, if there is one.
    :param purposes: what values may be read for, where that is declared.
    :param mask: what everybody may see of a value, where purposes are declared.
    :param cipher_options: as of :class:`FieldCipher`.
    """

    def __init__(
        self,
        given: Given,
        *,
        column: str,
        type: type[Any],
        index: Index | None,
        purposes: Collection[str],
        mask: Callable[[Any], str],
        cipher_options: Mapping[str, Any],
    ) -> None:
        self._given, self._column, self._type = given, column, type
        self._index, self._purposes, self._mask = index, purposes, mask
        self._cipher_options = cipher_options
        self.forget()

    def forget(self) -> None:
        """Drop what was made: the keyring is another one."""
        self._ciphers: Kept[FieldCipher[Any]] = Kept()
        self._indexes: Kept[BlindIndex] = Kept()
        self._bounds: Kept[PurposeBound[Any]] = Kept()

    def cipher(self, table: str, tenant: Any, subject: Any) -> FieldCipher[Any]:
        """The field of one tenant and one person."""
        place = (table, tenant, subject)
        return self._ciphers.get(place) or self._ciphers.put(
            place,
            FieldCipher(
                self._given.keys,
                table=table,
                column=self._column,
                type=self._type,
                tenant=str(tenant or ""),
                subject=str(subject) if subject else None,
                data_keys=self._given.data_keys if subject else None,
                **self._cipher_options,
            ),
        )

    def index(self, table: str, tenant: Any) -> BlindIndex | None:
        """The blind index of one tenant; None where the attribute has none."""
        options = self._index
        if options is None:
            return None
        place = (table, tenant or "")
        return self._indexes.get(place) or self._indexes.put(
            place,
            BlindIndex(
                self._given.keys,
                table=table,
                column=self._column,
                type=self._type,
                tenant=str(tenant or ""),
                **{name: getattr(options, name) for name in options.__slots__},
            ),
        )

    def bound(self, cipher: FieldCipher[Any]) -> PurposeBound[Any]:
        """A field that is read for a purpose."""
        return self._bounds.get(cipher) or self._bounds.put(
            cipher,
            PurposeBound(cipher, purposes=self._purposes, mask=self._mask, on_read=self._given.on_read),
        )
