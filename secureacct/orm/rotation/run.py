"""The run of a rotation: plan, work, look again, status, verification.

Rules of this file: no row is locked while cryptography runs; a range of rows and its mark are one
transaction; a database that fails is ``StoreUnavailable``, and calling again goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from secureacct.errors import ConfigurationError, StoreUnavailable
from secureacct.fields import FieldCipher, FieldError
from secureacct.fields.envelope import key_id_of
from secureacct.orm.rotation import jobs
from secureacct.orm.rotation.columns import RotatedColumn
from secureacct.orm.rotation.finding import Finder
from secureacct.orm.rotation.rows import Change, Failure, Rows
from secureacct.orm.rotation.swapping import swap

CHUNK_ROWS = 2000  # rows per range: what a killed worker costs, and what is in memory at once


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
        keys = list(table.primary_key)
        if not keys or not columns or chunk_rows < 1:
            raise ConfigurationError(f"{table.name} needs a primary key, and columns to rotate")
        for column in columns:
            self._check(column)
        self._finder = Finder(table, self._columns, primary=primary)
        self._rows = Rows([key.name for key in keys], self._columns, self._finder.kind)

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
        query = sa.select(sa.func.count()).select_from(self._table).where(self._finder.needs_work())
        with _our_errors(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def remaining_under(self, key_id: int) -> int:
        """Values that a key of the fields root still protects here: what ``Keyring.destroy`` asks for."""
        total = 0
        with _our_errors(), self._engine.connect() as connection:
            for column in self._columns:
                under = self._finder.under(column, key_id)
                query = sa.select(sa.func.count()).select_from(self._table).where(under)
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
            query = self._finder.select(jobs.in_range(self._table, chunk)).limit(self._chunk_rows)
            with _our_errors(), self._engine.connect() as connection:
                rows = _read(connection, query.order_by(*self._table.primary_key))
            for column in self._columns:
                ours = [row for row in rows if row[column.column] is not None and not column.is_foreign(row)]
                for row, value in self._rows.opened(column, ours):
                    if isinstance(value, FieldError):
                        failed.append((jobs.key_text(self._rows.key(row)), column.column, value.code))
                    else:
                        place = (column.column, key_id_of(column.blob(row[column.column])))
                        per_key[place] = per_key.get(place, 0) + 1
            seen += len(rows)
            if on_rows is not None:
                on_rows(seen)
            if len(rows) < self._chunk_rows:
                return Report(per_key, failed, self.remaining())
            after = self._rows.key(rows[-1])

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
        targets = [target for column in self._columns for target in self._finder.targets(column)]
        return jobs.job_id(self._table.name, [column.column for column in self._columns], targets)

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

    def _changes(self, connection: sa.Connection, chunk: jobs.Chunk) -> tuple[list[Change], list[Failure]]:
        wanted = [*jobs.in_range(self._table, chunk), self._finder.needs_work()]
        return self._rows.changes(_read(connection, self._finder.select(wanted)))

    def _write(
        self,
        connection: sa.Connection,
        job: str,
        chunk: jobs.Chunk,
        changes: Sequence[Change],
        failed: Sequence[Failure],
    ) -> int:
        written = swap(connection, self._table, changes)
        jobs.record_failures(connection, job, failed)
        jobs.finish(connection, job, chunk, rotated=written, moved=len(changes) - written)
        return written


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = list(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


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
