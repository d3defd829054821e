"""What is rotated: the columns of a table, and where their values come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secureacct.fields import BlindIndex, FieldCipher, from_text
from secureacct.fields.tokens import version_of
from secureacct.keys import Keyring

CipherOf = Callable[[Mapping[str, Any]], FieldCipher[Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where values come from that are not in our form yet.

    :param read: turns what is stored there into the value; ``secureacct.fields.takeover`` has readers
        for Fernet and sqlalchemy-utils; for plain text it is the identity.
    :param column: the column with the old values; the encrypted column itself only with ``flag``.
    :param flag: a boolean column: false means the old form. Set to true in the same statement.
    :param clear: set the old column to NULL in the same statement.
    """

    read: Callable[[Any], Any]
    column: str
    flag: str | None = None
    clear: bool = True


@dataclass(frozen=True, slots=True)
class RotatedColumn:
    """One encrypted column.

    :param column: its SQL name.
    :param cipher: its field, or a function from the row (by SQL name) to it, for tenants and persons.
    :param needs: SQL names the function reads.
    :param index_column: SQL name of its blind index's column.
    :param index: the blind index, or a function from the row to it.
    :param bind_row: False where values are not bound to their row.
    :param row_from: where the primary key is not what names the row: SQL name of the column that does,
        or a function from the row (its columns in ``needs``) to a text.
    :param text: the column holds the text form.
    :param source: where values come from that are not in our form yet.
    :param keys: the keyring, where ``index`` is a function: tells which tokens are behind.
    """

    column: str
    cipher: FieldCipher[Any] | CipherOf
    needs: Sequence[str] = ()
    index_column: str | None = None
    index: BlindIndex | Callable[[Mapping[str, Any]], BlindIndex] | None = None
    bind_row: bool = True
    row_from: str | Callable[[Mapping[str, Any]], str] | None = None
    text: bool = False
    source: Source | None = None
    keys: Keyring | None = None

    def index_version(self) -> bytes | None:
        """The version byte of tokens made now; None without an index."""
        if isinstance(self.index, BlindIndex):
            return self.index.version
        if self.index is None or self.keys is None:
            return None
        return version_of(self.keys.primary("index"))

    def is_foreign(self, row: Mapping[str, Any]) -> bool:
        """Whether this row's value is not in our form yet."""
        source = self.source
        if source is None or row[source.column] is None:
            return False
        return not row[source.flag] if source.flag is not None else row[self.column] is None

    def blob(self, stored: Any) -> bytes:
        """The encrypted value in what is stored."""
        return from_text(stored) if self.text else bytes(stored)
