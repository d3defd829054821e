"""Re-encrypting columns while the application runs, and taking over values that are not ours yet.

Rules of this file: no row is locked while cryptography runs; a row is written only if it still holds what
was read (compare and swap), so no write of the application is lost; a range of rows and its mark are
one transaction, so a killed worker costs that range; what cannot be read is listed and left alone;
a value is taken for plain text or for another library's only because of the column or flag it stands in,
never because of how it looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from secureacct.errors import ConfigurationError, StoreUnavailable
from secureacct.fields import BlindIndex, FieldCipher, FieldError, from_text, to_text
from secureacct.fields.blind_index import version_of
from secureacct.fields.cipher import TEXT_MARK
from secureacct.fields.envelope import COBBLESTONE, XAES, key_id_of
from secureacct.fields.values import Row, row_kind
from secureacct.keys import Keyring
from secureacct.orm import rotation_jobs as jobs

CHUNK_ROWS = 2000  # rows per range: what a killed worker costs, and what is in memory at once

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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is. ``moved`` rows were changed by the application meanwhile."""

    chunks: int
    done: int
    rotated: int
    moved: int
    failed: int
    passes: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found: rows per (column, key id), and what could not be read."""

    per_key: Mapping[tuple[str, int], int]
    failed: Sequence[tuple[str, str, str]]
    waiting: int


@dataclass(slots=True)
class _Change:
    key: tuple[Any, ...]
    old: dict[str, Any] = field(repr=False)
    new: dict[str, Any] = field(repr=False)


class Rotation:
    """Brings the columns of one table to the keyring's primary keys.

    ``plan()`` once, ``work()`` in as many processes as you like (one on SQLite), ``remaining()`` until it
    is 0, ``verify()``, and only then ``Keyring.destroy(..., remaining=rotation.remaining_under)``.

    :param engine: the database.
    :param table: the table, with its primary key.
    :param columns: what to bring along, in one pass.
    :param primary: the id of the primary key of the fields root, if the columns have several ciphers.
    :param chunk_rows: rows per range.
    :param sleep: waits so many seconds, for the rate limit.
    :param clock: monotonic seconds, for the rate limit.
    :raises ConfigurationError: no primary key, or columns the table does not have.
    """

    def __init__(
        self,
        engine: sa.Engine,
        table: sa.Table,
        columns: Sequence[RotatedColumn],
        *,
        primary: int | None = None,
        chunk_rows: int = CHUNK_ROWS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._table, self._columns = engine, table, tuple(columns)
        self._primary, self._chunk_rows = primary, chunk_rows
        self._sleep, self._clock = sleep, clock
        self._keys = list(table.primary_key)
        self._key_names = [key.name for key in self._keys]
        if not self._keys or not columns or chunk_rows < 1:
            raise ConfigurationError(f"{table.name} needs a primary key, and columns to rotate")
        for column in columns:
            self._check(column)

    @property
    def table_name(self) -> str:
        """The SQL name of the table."""
        return self._table.name

    def plan(self) -> str:
        """Split the table into ranges, or find the job again that was split before.

        :returns: the name of the job.
        :raises StoreUnavailable: the database did not answer.
        """
        job = self._job()
        with _our_errors():
            jobs.metadata.create_all(self._engine, checkfirst=True)
            try:
                with self._engine.begin() as connection:
                    names = [column.column for column in self._columns]
                    jobs.plan(connection, job, table=self._table, columns=names, size=self._chunk_rows)
            except IntegrityError:  # somebody else planned the same job at this moment
                pass
        return job

    def work(
        self,
        *,
        rows_per_second: float | None = None,
        on_chunk: Callable[[Progress], None] | None = None,
        most_chunks: int | None = None,
    ) -> int:
        """Take ranges until there are none; each is one transaction.

        :param rows_per_second: do not rotate faster than this.
        :param on_chunk: told after each range.
        :param most_chunks: stop after so many.
        :returns: rows that this call rotated.
        :raises StoreUnavailable: the database did not answer; call again to go on.
        """
        job = self.plan()
        total = taken = 0
        started = self._clock()
        while most_chunks is None or taken < most_chunks:
            with _our_errors():
                rotated = self._one_chunk(job)
            if rotated is None:
                break
            total += rotated
            taken += 1
            if on_chunk is not None:
                on_chunk(self.status())
            if rows_per_second is not None:
                ahead = total / rows_per_second - (self._clock() - started)
                if ahead > 0:
                    self._sleep(ahead)
        return total

    def run(self, *, most_passes: int = 5, rows_per_second: float | None = None) -> Progress:
        """Work, and look again for what was written with the old key meanwhile, until nothing is left.

        :param most_passes: stop after so many passes, whatever is left.
        """
        self.work(rows_per_second=rows_per_second)
        for _ in range(most_passes - 1):
            if self.remaining() <= self.status().failed:
                break
            self.next_pass()
            self.work(rows_per_second=rows_per_second)
        return self.status()

    def next_pass(self) -> None:
        """Let every range be looked at again."""
        with _our_errors(), self._engine.begin() as connection:
            jobs.start_next_pass(connection, self._job())

    def status(self) -> Progress:
        """How far the rotation is."""
        job = self._job()
        done = sa.func.sum(sa.case((jobs.chunks.c.done, 1), else_=0))
        query = sa.select(
            sa.func.count(), done, sa.func.sum(jobs.chunks.c.rotated), sa.func.sum(jobs.chunks.c.moved)
        ).where(jobs.chunks.c.job == job)
        with _our_errors(), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(jobs.jobs.name):
                return Progress(0, 0, 0, 0, 0, 0)
            count, finished, rotated, moved = connection.execute(query).one()
            failed = connection.execute(
                sa.select(sa.func.count()).select_from(jobs.failures).where(jobs.failures.c.job == job)
            ).scalar_one()
            passes = connection.execute(sa.select(jobs.jobs.c.passes).where(jobs.jobs.c.id == job)).scalar()
        return Progress(count, finished or 0, rotated or 0, moved or 0, failed, passes or 0)

    def failed_rows(self) -> Sequence[tuple[str, str, str]]:
        """Rows that could not be read: (primary key, column, error code). They are untouched."""
        table = jobs.failures
        query = sa.select(table.c.row_key, table.c.column_name, table.c.code).where(
            table.c.job == self._job()
        )
        with _our_errors(), self._engine.connect() as connection:
            return [(row, column, code) for row, column, code in connection.execute(query)]

    def remaining(self) -> int:
        """Rows that are not under the primary keys yet, or not in our form; unreadable ones included."""
        query = sa.select(sa.func.count()).select_from(self._table).where(self._needs_work())
        with _our_errors(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def remaining_under(self, key_id: int) -> int:
        """Values that a key of the fields root still protects here: what ``Keyring.destroy`` asks for."""
        total = 0
        with _our_errors(), self._engine.connect() as connection:
            for column in self._columns:
                heads = [bytes([suite]) + key_id.to_bytes(4, "big") for suite in (XAES, COBBLESTONE)]
                query = (
                    sa.select(sa.func.count())
                    .select_from(self._table)
                    .where(self._starts_with(column, heads))
                )
                total += int(connection.execute(query).scalar_one())
        return total

    def verify(self, *, on_rows: Callable[[int], None] | None = None) -> Report:
        """Read and decrypt every value. Changes nothing.

        :param on_rows: told how many rows were read so far.
        """
        per_key: dict[tuple[str, int], int] = {}
        failed: list[tuple[str, str, str]] = []
        seen = 0
        after: tuple[Any, ...] | None = None
        while True:
            chunk = jobs.Chunk(0, after, None)
            query = self._select(jobs.in_range(self._table, chunk)).limit(self._chunk_rows)
            with _our_errors(), self._engine.connect() as connection:
                rows = _rows(connection, query.order_by(*self._keys))
            for column in self._columns:
                ours = [
                    row for row in rows if row[column.column] is not None and not _is_foreign(column, row)
                ]
                for row, value in self._opened(column, ours):
                    if isinstance(value, FieldError):
                        failed.append((jobs.key_text(self._key(row)), column.column, value.code))
                    else:
                        place = (column.column, key_id_of(_blob(column, row[column.column])))
                        per_key[place] = per_key.get(place, 0) + 1
            seen += len(rows)
            if on_rows is not None:
                on_rows(seen)
            if len(rows) < self._chunk_rows:
                return Report(per_key, failed, self.remaining())
            after = self._key(rows[-1])

    # -- what follows is private --

    def _check(self, column: RotatedColumn) -> None:
        wanted = [column.column, *column.needs]
        wanted += [name for name in (column.index_column, column.row_from) if isinstance(name, str)]
        if column.source is not None:
            wanted += [name for name in (column.source.column, column.source.flag) if name]
            if column.source.column == column.column and column.source.flag is None:
                raise ConfigurationError(
                    f"{self._table.name}.{column.column}: old and new values in one column need a flag column"
                )
        missing = [name for name in wanted if name not in self._table.c]
        if missing:
            raise ConfigurationError(f"{self._table.name} has no column {', '.join(missing)}")
        if (column.index is None) != (column.index_column is None):
            raise ConfigurationError(
                f"{self._table.name}.{column.column}: index and index_column go together"
            )
        if not isinstance(column.cipher, FieldCipher) and self._primary is None:
            raise ConfigurationError(f"{self._table.name}.{column.column} has many ciphers: say primary=")

    def _job(self) -> str:
        targets = [target for column in self._columns for target in self._targets(column)]
        return jobs.job_id(self._table.name, [column.column for column in self._columns], targets)

    def _targets(self, column: RotatedColumn) -> list[bytes]:
        if isinstance(column.cipher, FieldCipher):
            return list(column.cipher.current_prefixes(self._kind(column)))
        head = (self._primary or 0).to_bytes(4, "big")
        return [bytes([XAES]) + head, bytes([COBBLESTONE]) + head]

    def _kind(self, column: RotatedColumn) -> str:
        if not column.bind_row:
            return "none"
        if len(self._keys) > 1 and column.row_from is None:
            return "tuple"
        if callable(column.row_from):
            return "str"
        named = self._keys[0] if column.row_from is None else self._table.c[column.row_from]
        python_type = named.type.python_type
        return {int: "int", str: "str"}.get(python_type) or row_kind(python_type(int=0))

    def _needs_work(self) -> sa.ColumnElement[bool]:
        found: list[sa.ColumnElement[bool]] = []
        for column in self._columns:
            stored = self._table.c[column.column]
            ours = self._is_ours(column)
            old_key = sa.not_(self._starts_with(column, self._targets(column)))
            found.append(sa.and_(stored.is_not(None), old_key, ours))
            if column.source is not None:
                found.append(self._is_waiting(column, column.source))
            current = column.index_version()
            if column.index_column is not None and current is not None:
                token = self._table.c[column.index_column]
                stale = sa.or_(token.is_(None), sa.func.substr(token, 1, 1) != _typed(current))
                found.append(sa.and_(stored.is_not(None), ours, stale))
        return sa.or_(*found)

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

    def _select(self, conditions: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
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

    def _one_chunk(self, job: str) -> int | None:
        if self._engine.dialect.name == "sqlite":
            return self._one_chunk_apart(job)
        with self._engine.begin() as connection:
            chunk = jobs.next_chunk(connection, job, table=self._table)
            if chunk is None:
                return None
            changes, failed = self._changes(connection, chunk)
            return self._write(connection, job, chunk, changes, failed)

    def _one_chunk_apart(self, job: str) -> int | None:
        # SQLite has one writer: read first, then write in a transaction that starts with a write
        with self._engine.connect() as connection:
            chunk = jobs.next_chunk(connection, job, table=self._table)
            if chunk is None:
                return None
            changes, failed = self._changes(connection, chunk)
        with self._engine.begin() as connection:
            jobs.finish(connection, job, chunk, rotated=0, moved=0)
            return self._write(connection, job, chunk, changes, failed)

    def _changes(
        self, connection: sa.Connection, chunk: jobs.Chunk
    ) -> tuple[list[_Change], list[tuple[str, str, str]]]:
        query = self._select([*jobs.in_range(self._table, chunk), self._needs_work()])
        rows = _rows(connection, query)
        changes = {id(row): _Change(self._key(row), {}, {}) for row in rows}
        failed: list[tuple[str, str, str]] = []
        for column in self._columns:
            waiting = [] if column.source is None else [row for row in rows if _is_foreign(column, row)]
            foreign = {id(row) for row in waiting}
            ours = [row for row in rows if row[column.column] is not None and id(row) not in foreign]
            opened = [*self._opened(column, ours), *_foreign_values(column, waiting)]
            good = []
            for row, value in opened:
                if isinstance(value, FieldError):
                    failed.append((jobs.key_text(self._key(row)), column.column, value.code))
                else:
                    good.append((row, value))
            for row, new in self._sealed(column, good):
                if isinstance(new, FieldError):
                    failed.append((jobs.key_text(self._key(row)), column.column, new.code))
                    continue
                change = changes[id(row)]
                for name, value in new.items():
                    change.old[name], change.new[name] = row[name], value
        return [change for change in changes.values() if change.new], failed

    def _opened(
        self, column: RotatedColumn, rows: Sequence[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], Any]]:
        found: list[tuple[dict[str, Any], Any]] = []
        for cipher, group in self._by_cipher(column, rows, found):
            try:
                blobs = [_blob(column, row[column.column]) for row in group]
                values: list[Any] = cipher.decrypt_many(blobs, rows=[self._row(column, row) for row in group])
            except FieldError:
                values = [self._opened_alone(column, cipher, row) for row in group]
            found += zip(group, values, strict=True)
        return found

    def _opened_alone(self, column: RotatedColumn, cipher: FieldCipher[Any], row: dict[str, Any]) -> Any:
        try:
            return cipher.decrypt(_blob(column, row[column.column]), row=self._row(column, row))
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
            targets = tuple(cipher.current_prefixes(self._kind(column)))
            for row, blob in zip(group, blobs, strict=True):
                if isinstance(blob, FieldError):
                    yield row, blob
                    continue
                yield row, self._new_values(column, row, blob, values[id(row)], targets)

    def _new_values(
        self, column: RotatedColumn, row: dict[str, Any], blob: bytes, value: Any, targets: tuple[bytes, ...]
    ) -> Any:
        foreign = _is_foreign(column, row)
        old = row[column.column]
        if not foreign and _blob(column, old).startswith(targets):
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

    def _write(
        self,
        connection: sa.Connection,
        job: str,
        chunk: jobs.Chunk,
        changes: list[_Change],
        failed: list[tuple[str, str, str]],
    ) -> int:
        written = 0
        shapes: dict[tuple[str, ...], list[_Change]] = {}
        for change in changes:
            shapes.setdefault(tuple(change.new), []).append(change)
        for names, group in shapes.items():
            if connection.dialect.name == "postgresql" and len(self._keys) == 1:
                written += self._swap_at_once(connection, names, group)
            else:
                written += sum(self._swap(connection, names, change) for change in group)
        jobs.record_failures(connection, job, failed)
        jobs.finish(connection, job, chunk, rotated=written, moved=len(changes) - written)
        return written

    def _swap(self, connection: sa.Connection, names: Sequence[str], change: _Change) -> int:
        conditions = [key == value for key, value in zip(self._keys, change.key, strict=True)]
        for name in names:
            old = change.old[name]
            stored = self._table.c[name]
            conditions.append(
                stored.is_(None) if old is None else _raw_value(stored) == _literal(old, stored)
            )
        values = {self._table.c[name]: _literal(change.new[name], self._table.c[name]) for name in names}
        return connection.execute(sa.update(self._table).where(*conditions).values(values)).rowcount

    def _swap_at_once(self, connection: sa.Connection, names: Sequence[str], group: Sequence[_Change]) -> int:
        quote = connection.dialect.identifier_preparer
        types = [self._keys[0].type, *(self._table.c[name].type for name in names for _ in range(2))]
        declared = [_array_type(one, connection.dialect) for one in types]
        columns: list[list[Any]] = [[change.key[0] for change in group]]
        for name in names:
            columns += [[change.old[name] for change in group], [change.new[name] for change in group]]
        raw = connection.dialect.driver == "psycopg"  # which can send arrays in binary, if told so
        mark = "%b" if raw else ":p{}"
        arrays = ", ".join(f"cast({mark.format(n)} as {kind})" for n, kind in enumerate(declared))
        aliases = ", ".join(["k", *(f"o{n}, n{n}" for n in range(len(names)))])
        quoted = [quote.quote(name) for name in names]
        sets = ", ".join(f"{name} = v.n{n}" for n, name in enumerate(quoted))
        same = " and ".join(f"t.{name} is not distinct from v.o{n}" for n, name in enumerate(quoted))
        statement = (
            f"update {quote.format_table(self._table)} t set {sets} from unnest({arrays}) as v({aliases})"  # noqa: S608 - quoted names
            f" where t.{quote.quote(self._keys[0].name)} = v.k and {same}"
        )
        if raw:
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(statement, columns)
                return int(cursor.rowcount)
        bound = {f"p{n}": values for n, values in enumerate(columns)}
        return connection.execute(sa.text(statement), bound).rowcount

    def _key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
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
        return self._key(row)


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = list(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def _sealed_alone(cipher: FieldCipher[Any], value: Any, row: Row) -> Any:
    try:
        return cipher.encrypt(value, row=row)
    except FieldError as error:
        return error.with_traceback(None)


def _is_foreign(column: RotatedColumn, row: Mapping[str, Any]) -> bool:
    source = column.source
    if source is None or row[source.column] is None:
        return False
    return not row[source.flag] if source.flag is not None else row[column.column] is None


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


def _blob(column: RotatedColumn, stored: Any) -> bytes:
    return from_text(stored) if column.text else bytes(stored)


def _text_heads(head: bytes) -> list[str]:
    """How the text of a value that starts with these bytes can start: the last letter holds more bits."""
    letters = -(-len(head) * 8 // 6)
    spare = letters * 6 - len(head) * 8
    return [
        to_text(head + bytes([more << (8 - spare)]))[: len(TEXT_MARK) + letters] for more in range(1 << spare)
    ]


def _typed(value: bytes) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.LargeBinary())


def _raw_value(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return (
        sa.type_coerce(column, sa.LargeBinary())
        if isinstance(column.type, sa.types.TypeDecorator)
        else column
    )


def _literal(value: Any, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    plain = sa.LargeBinary() if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return sa.literal(value, plain)


def _array_type(one: Any, dialect: sa.Dialect) -> str:
    plain = sa.LargeBinary() if isinstance(one, sa.types.TypeDecorator) else one
    return f"{plain.compile(dialect)}[]"


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailable(f"the database did not answer ({type(error.orig).__name__})") from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable("the database connection was lost") from None
        raise


__all__ = ["Progress", "Report", "RotatedColumn", "Rotation", "Source"]
