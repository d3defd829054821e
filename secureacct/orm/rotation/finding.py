"""SQL that finds what is left to do in a table, and reads it.

Rules of this file: it builds statements and runs none; a row needs work because of the bytes in front
of its value, its token's version or the column it stands in, never because of how a value looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from secureacct.fields import FieldCipher, to_text
from secureacct.fields.cipher import TEXT_MARK
from secureacct.fields.envelope import COBBLESTONE, XAES
from secureacct.fields.values import row_kind
from secureacct.orm.rotation.columns import RotatedColumn, Source


class Finder:
    """The statements for some columns of one table.

    :param primary: the id of the primary key of the fields root, if the columns have several ciphers.
    """

    def __init__(self, table: sa.Table, columns: Sequence[RotatedColumn], *, primary: int | None) -> None:
        self._table, self._columns, self._primary = table, columns, primary
        self._keys = list(table.primary_key)

    def targets(self, column: RotatedColumn) -> list[bytes]:
        """What the values of a column start with when they are where they should be."""
        if isinstance(column.cipher, FieldCipher):
            return list(column.cipher.current_prefixes(self.kind(column)))
        head = (self._primary or 0).to_bytes(4, "big")
        return [bytes([XAES]) + head, bytes([COBBLESTONE]) + head]

    def kind(self, column: RotatedColumn) -> str:
        """The kind of row id of a column."""
        if not column.bind_row:
            return "none"
        if len(self._keys) > 1 and column.row_from is None:
            return "tuple"
        if callable(column.row_from):
            return "str"
        named = self._keys[0] if column.row_from is None else self._table.c[column.row_from]
        python_type = named.type.python_type
        return {int: "int", str: "str"}.get(python_type) or row_kind(python_type(int=0))

    def needs_work(self) -> sa.ColumnElement[bool]:
        """True of rows that are not under the primary keys yet, or not in our form."""
        found: list[sa.ColumnElement[bool]] = []
        for column in self._columns:
            stored = self._table.c[column.column]
            ours = self._is_ours(column)
            old_key = sa.not_(self._starts_with(column, self.targets(column)))
            found.append(sa.and_(stored.is_not(None), old_key, ours))
            if column.source is not None:
                found.append(self._is_waiting(column, column.source))
            current = column.index_version()
            if column.index_column is not None and current is not None:
                token = self._table.c[column.index_column]
                stale = sa.or_(token.is_(None), sa.func.substr(token, 1, 1) != _typed(current))
                found.append(sa.and_(stored.is_not(None), ours, stale))
        return sa.or_(*found)

    def under(self, column: RotatedColumn, key_id: int) -> sa.ColumnElement[bool]:
        """True of rows whose value in this column is protected by one key of the fields root."""
        head = key_id.to_bytes(4, "big")
        return self._starts_with(column, [bytes([suite]) + head for suite in (XAES, COBBLESTONE)])

    def _is_ours(self, column: RotatedColumn) -> sa.ColumnElement[bool]:
        source = column.source
        if source is None or source.flag is None:
            return sa.true()
        return self._table.c[source.flag].is_(sa.true())

    def _is_waiting(self, column: RotatedColumn, source: Source) -> sa.ColumnElement[bool]:
        old = self._table.c[source.column]
        if source.flag is not None:
            return sa.and_(old.is_not(None), self._table.c[source.flag].is_not(sa.true()))
        return sa.and_(old.is_not(None), self._table.c[column.column].is_(None))

    def _starts_with(self, column: RotatedColumn, heads: Sequence[bytes]) -> sa.ColumnElement[bool]:
        stored = self._table.c[column.column]
        starts: Sequence[Any] = heads
        if column.text:
            starts = [text for head in heads for text in _text_heads(head)]
        cut = sa.func.substr(stored, 1, len(starts[0]))
        return sa.type_coerce(cut, sa.String() if column.text else sa.LargeBinary()).in_(starts)

    def select(self, conditions: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        """The primary key, and every column that a rotation reads."""
        names: dict[str, None] = {}
        for column in self._columns:
            names.update(dict.fromkeys([column.column, *column.needs]))
            if isinstance(column.row_from, str):
                names[column.row_from] = None
            if column.index_column is not None:
                names[column.index_column] = None
            if column.source is not None:
                names[column.source.column] = None
                if column.source.flag is not None:
                    names[column.source.flag] = None
        others = [self._raw(name) for name in names if name not in self._table.primary_key]
        return sa.select(*self._keys, *others).where(*conditions)

    def _raw(self, name: str) -> sa.ColumnElement[Any]:
        column = self._table.c[name]
        encrypted = any(name == each.column and not each.text for each in self._columns)
        return sa.type_coerce(column, sa.LargeBinary()).label(name) if encrypted else column


def _text_heads(head: bytes) -> list[str]:
    """How the text of a value that starts with these bytes can start: the last letter holds more bits."""
    letters = -(-len(head) * 8 // 6)
    spare = letters * 6 - len(head) * 8
    return [
        to_text(head + bytes([more << (8 - spare)]))[: len(TEXT_MARK) + letters] for more in range(1 << spare)
    ]


def _typed(value: bytes) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.LargeBinary())
