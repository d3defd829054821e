"""Opening and sealing rows again: what each row is to hold.

Rules of this file: no SQL; a value that cannot be read or sealed is a failure with its error's code
and leaves its row as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secureacct.fields import BlindIndex, FieldCipher, FieldError, to_text
from secureacct.fields.values import Row
from secureacct.orm.rotation import jobs
from secureacct.orm.rotation.columns import RotatedColumn

Failure = tuple[str, str, str]
"""Primary key, column, and error code of a value that cannot be read or sealed."""


@dataclass(slots=True)
class Change:
    """One row: its primary key, what was read, and what it is to hold, by SQL name."""

    key: tuple[Any, ...]
    old: dict[str, Any] = field(repr=False)
    new: dict[str, Any] = field(repr=False)


class Rows:
    """The rows of one table.

    :param keys: SQL names of the primary key.
    :param columns: what is rotated.
    :param kind_of: the kind of row id of a column.
    """

    def __init__(
        self, keys: Sequence[str], columns: Sequence[RotatedColumn], kind_of: Callable[[RotatedColumn], str]
    ) -> None:
        self._key_names, self._columns, self._kind_of = keys, columns, kind_of

    def changes(self, rows: Sequence[dict[str, Any]]) -> tuple[list[Change], list[Failure]]:
        """What these rows are to hold, and what could not be read or sealed."""
        changes = {id(row): Change(self.key(row), {}, {}) for row in rows}
        failed: list[Failure] = []
        for column in self._columns:
            waiting = [] if column.source is None else [row for row in rows if column.is_foreign(row)]
            foreign = {id(row) for row in waiting}
            ours = [row for row in rows if row[column.column] is not None and id(row) not in foreign]
            opened = [*self.opened(column, ours), *_foreign_values(column, waiting)]
            good = []
            for row, value in opened:
                if isinstance(value, FieldError):
                    failed.append((jobs.key_text(self.key(row)), column.column, value.code))
                else:
                    good.append((row, value))
            for row, new in self._sealed(column, good):
                if isinstance(new, FieldError):
                    failed.append((jobs.key_text(self.key(row)), column.column, new.code))
                    continue
                change = changes[id(row)]
                for name, value in new.items():
                    change.old[name], change.new[name] = row[name], value
        return [change for change in changes.values() if change.new], failed

    def opened(
        self, column: RotatedColumn, rows: Sequence[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], Any]]:
        """Each of these rows with its value of one column, or with the error of who tries to read it."""
        found: list[tuple[dict[str, Any], Any]] = []
        for cipher, group in self._by_cipher(column, rows, found):
            try:
                blobs = [column.blob(row[column.column]) for row in group]
                values: list[Any] = cipher.decrypt_many(blobs, rows=[self._row(column, row) for row in group])
            except FieldError:
                values = [self._opened_alone(column, cipher, row) for row in group]
            found += zip(group, values, strict=True)
        return found

    def _opened_alone(self, column: RotatedColumn, cipher: FieldCipher[Any], row: dict[str, Any]) -> Any:
        try:
            return cipher.decrypt(column.blob(row[column.column]), row=self._row(column, row))
        except FieldError as error:
            return error.with_traceback(None)

    def _sealed(
        self, column: RotatedColumn, opened: Sequence[tuple[dict[str, Any], Any]]
    ) -> Iterator[tuple[dict[str, Any], Any]]:
        values = {id(row): value for row, value in opened}
        lost: list[tuple[dict[str, Any], Any]] = []
        for cipher, group in self._by_cipher(column, [row for row, _ in opened], lost):
            ids = [self._row(column, row) for row in group]
            try:
                blobs: list[Any] = list(cipher.encrypt_many([values[id(row)] for row in group], rows=ids))
            except FieldError:
                blobs = [
                    _sealed_alone(cipher, values[id(row)], at) for row, at in zip(group, ids, strict=True)
                ]
            targets = tuple(cipher.current_prefixes(self._kind_of(column)))
            for row, blob in zip(group, blobs, strict=True):
                if isinstance(blob, FieldError):
                    yield row, blob
                    continue
                yield row, self._new_values(column, row, blob, values[id(row)], targets)

    def _new_values(
        self, column: RotatedColumn, row: dict[str, Any], blob: bytes, value: Any, targets: tuple[bytes, ...]
    ) -> Any:
        foreign = column.is_foreign(row)
        old = row[column.column]
        if not foreign and column.blob(old).startswith(targets):
            new: dict[str, Any] = {column.column: old}  # only the index is behind
        else:
            new = {column.column: to_text(blob) if column.text else blob}
        if column.index_column is not None and column.index is not None:
            index = column.index if isinstance(column.index, BlindIndex) else column.index(row)
            try:
                new[column.index_column] = index.of(value)
            except FieldError as error:
                return error.with_traceback(None)
        if foreign and column.source is not None:
            if column.source.flag is not None:
                new[column.source.flag] = True
            if column.source.clear and column.source.column != column.column:
                new[column.source.column] = None
            elif column.source.column != column.column:
                new[column.source.column] = row[column.source.column]
        return new

    def _by_cipher(
        self, column: RotatedColumn, rows: Sequence[dict[str, Any]], lost: list[tuple[dict[str, Any], Any]]
    ) -> list[tuple[FieldCipher[Any], list[dict[str, Any]]]]:
        if isinstance(column.cipher, FieldCipher):
            return [(column.cipher, list(rows))] if rows else []
        groups: dict[int, tuple[FieldCipher[Any], list[dict[str, Any]]]] = {}
        for row in rows:
            try:
                cipher = column.cipher(row)
            except FieldError as error:
                lost.append((row, error.with_traceback(None)))
                continue
            groups.setdefault(id(cipher), (cipher, []))[1].append(row)
        return list(groups.values())

    def key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The primary key of a row."""
        names = self._key_names
        return (row[names[0]],) if len(names) == 1 else tuple([row[name] for name in names])

    def _row(self, column: RotatedColumn, row: Mapping[str, Any]) -> Row:
        if not column.bind_row:
            return None
        if callable(column.row_from):
            return column.row_from(row)
        if column.row_from is None and len(self._key_names) == 1:
            alone: Row = row[self._key_names[0]]
            return alone
        if column.row_from is not None:
            named: Row = row[column.row_from]
            return named
        return self.key(row)


def _sealed_alone(cipher: FieldCipher[Any], value: Any, row: Row) -> Any:
    try:
        return cipher.encrypt(value, row=row)
    except FieldError as error:
        return error.with_traceback(None)


def _foreign_values(
    column: RotatedColumn, rows: Sequence[dict[str, Any]]
) -> list[tuple[dict[str, Any], Any]]:
    found: list[tuple[dict[str, Any], Any]] = []
    for row in rows:
        value: Any
        try:
            value = column.source.read(row[column.source.column]) if column.source is not None else None
        except FieldError as error:
            value = error.with_traceback(None)
        found.append((row, value))
    return found
