"""Reading for a purpose: a value that is masked until somebody says what it is needed for.

Rules of this file: only a purpose that was declared with the field opens it; a read is put on record
before the value is given, so a recorder that fails stops the read; the mask is all that anybody else
sees, and what stands behind it stays encrypted until then.

The purpose limitation of GDPR article 5(1)(b), as code.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Generic, NoReturn, TypeVar

from secureacct.fields.cipher import FieldCipher
from secureacct.fields.errors import InvalidValue, PurposeRequired
from secureacct.fields.values import Row

T = TypeVar("T")

HIDDEN = "****"


@dataclass(frozen=True, slots=True)
class Reading:
    """One read in clear: which field, which row, what for. Never the value."""

    table: str
    column: str
    row: Row
    purpose: str


def hidden(_value: object) -> str:
    """A mask that shows nothing."""
    return HIDDEN


def last_four(value: object) -> str:
    """A mask that shows the last four digits or letters of a value of at least eight."""
    bare = "".join(character for character in str(value) if character.isalnum())
    return f"{HIDDEN} {bare[-4:]}" if len(bare) >= 8 else HIDDEN


class PurposeBound(Generic[T]):
    """A field that is read in clear for declared purposes only.

    :param cipher: the field.
    :param purposes: what it may be read for, as stable short names (``"shipping"``).
    :param mask: what everybody may see of a value.
    :param on_read: called with each :class:`Reading` before the value is given. What it raises stops
        the read.
    :raises InvalidValue: no purpose was declared.
    """

    def __init__(
        self,
        cipher: FieldCipher[T],
        *,
        purposes: Collection[str],
        mask: Callable[[T], str] = hidden,
        on_read: Callable[[Reading], None] | None = None,
    ) -> None:
        if not purposes or isinstance(purposes, str):
            raise InvalidValue("declare the purposes this field is read for, as a list of names")
        self.purposes: Final = frozenset(purposes)
        self._cipher = cipher
        self._mask = mask
        self._on_read = on_read
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def encrypt(self, value: T, *, row: Row) -> bytes:
        """As ``FieldCipher.encrypt``: writing needs no purpose."""
        return self._cipher.encrypt(value, row=row)

    def masked(self, blob: bytes, *, row: Row) -> str:
        """The mask of the value; never on record, since nothing was read.

        :raises FieldError: as ``FieldCipher.decrypt``.
        """
        return self._mask(self._cipher.decrypt(blob, row=row))

    def reveal(self, blob: bytes, *, row: Row, purpose: str) -> T:
        """The value, for one declared purpose, on record.

        :raises PurposeRequired: the purpose was not declared for this field.
        :raises FieldError: as ``FieldCipher.decrypt``.
        """
        if purpose not in self.purposes:
            allowed = ", ".join(sorted(self.purposes))
            raise PurposeRequired(f"{self._cipher.table}.{self._cipher.column} is read for {allowed} only")
        value = self._cipher.decrypt(blob, row=row)
        if self._on_read is not None:
            self._on_read(Reading(self._cipher.table, self._cipher.column, row, purpose))
        with self._lock:
            self._counts[purpose] += 1
        return value

    def guard(self, blob: bytes, *, row: Row) -> Guarded[T]:
        """The value as an object that shows its mask and opens for a purpose."""
        return Guarded(self, blob, row)

    @property
    def counts(self) -> Mapping[str, int]:
        """Reads in clear per purpose, in this process."""
        with self._lock:
            return dict(self._counts)


class Guarded(Generic[T]):
    """Shows the mask; :meth:`reveal` opens it for a purpose. Holds the ciphertext, never the value."""

    __slots__ = ("_blob", "_bound", "_row")

    def __init__(self, bound: PurposeBound[T], blob: bytes, row: Row) -> None:
        self._bound, self._blob, self._row = bound, blob, row

    def reveal(self, purpose: str) -> T:
        """See :meth:`PurposeBound.reveal`."""
        return self._bound.reveal(self._blob, row=self._row, purpose=purpose)

    def __str__(self) -> str:
        return self._bound.masked(self._blob, row=self._row)

    def __repr__(self) -> str:
        return f"Guarded({HIDDEN})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a guarded value cannot be pickled or copied; reveal it for a purpose")
