"""The work list of a rotation: ranges of primary keys, kept in the database that is rotated.

Rules of this file: a job is named by what it is to reach (table, columns, target keys), so asking again
finds the same job; ranges are split once and cover every row there will ever be; a range is done in the
transaction that changed its rows, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from secureacct._bytes import lp_join

metadata: Final = sa.MetaData()

jobs: Final = sa.Table(
    "sa_rotation_job",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("table_name", sa.String(255), nullable=False),
    sa.Column("column_names", sa.Text, nullable=False),
    sa.Column("passes", sa.Integer, nullable=False),
)
chunks: Final = sa.Table(
    "sa_rotation_chunk",
    metadata,
    sa.Column("job", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("after_key", sa.Text, nullable=True),
    sa.Column("up_to_key", sa.Text, nullable=True),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Column("rotated", sa.BigInteger, nullable=False),
    sa.Column("moved", sa.BigInteger, nullable=False),
)
failures: Final = sa.Table(
    "sa_rotation_failure",
    metadata,
    sa.Column("job", sa.String(32), primary_key=True),
    sa.Column("row_key", sa.String(255), primary_key=True),
    sa.Column("column_name", sa.String(255), primary_key=True),
    sa.Column("code", sa.String(64), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows whose key is after ``after`` (None: from the start) and up to ``up_to`` (None: to the end)."""

    number: int
    after: tuple[Any, ...] | None
    up_to: tuple[Any, ...] | None


def job_id(table: str, columns: Sequence[str], targets: Sequence[bytes]) -> str:
    """The name of a job: the same for the same goal."""
    parts = [table.encode(), *(column.encode() for column in columns), *targets]
    return hashlib.sha256(lp_join(parts)).hexdigest()[:32]


def plan(connection: sa.Connection, job: str, *, table: sa.Table, columns: Sequence[str], size: int) -> bool:
    """Split the table into ranges of ``size`` rows. False: this job was planned before."""
    known = connection.execute(sa.select(jobs.c.passes).where(jobs.c.id == job)).scalar()
    if known is not None:
        return False
    connection.execute(
        jobs.insert(),
        {"id": job, "table_name": table.name, "column_names": ", ".join(columns), "passes": 1},
    )
    after: tuple[Any, ...] | None = None
    number = 0
    waiting: list[dict[str, Any]] = []
    while True:
        up_to = _key_at(connection, table, after=after, steps=size)
        waiting.append(
            {
                "job": job,
                "number": number,
                "after_key": _written(after),
                "up_to_key": _written(up_to),
                "done": False,
                "rotated": 0,
                "moved": 0,
            }
        )
        if up_to is None or len(waiting) == 1000:
            connection.execute(chunks.insert(), waiting)
            waiting = []
        if up_to is None:
            return True
        after = up_to
        number += 1


def next_chunk(connection: sa.Connection, job: str, *, table: sa.Table) -> Chunk | None:
    """A range that nobody works on, locked where the database can; None: all are done or taken."""
    query = (
        sa.select(chunks.c.number, chunks.c.after_key, chunks.c.up_to_key)
        .where(chunks.c.job == job, ~chunks.c.done)
        .order_by(chunks.c.number)
        .limit(1)
    )
    if connection.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    return Chunk(found.number, _read(found.after_key, table), _read(found.up_to_key, table))


def finish(connection: sa.Connection, job: str, chunk: Chunk, *, rotated: int, moved: int) -> None:
    """Mark a range as done."""
    connection.execute(
        sa.update(chunks)
        .where(chunks.c.job == job, chunks.c.number == chunk.number)
        .values(done=True, rotated=chunks.c.rotated + rotated, moved=moved)
    )


def start_next_pass(connection: sa.Connection, job: str) -> None:
    """Every range is to be looked at again, for what was written with the old key meanwhile."""
    connection.execute(sa.update(chunks).where(chunks.c.job == job).values(done=False, moved=0))
    connection.execute(sa.update(jobs).where(jobs.c.id == job).values(passes=jobs.c.passes + 1))


def record_failures(connection: sa.Connection, job: str, found: Sequence[tuple[str, str, str]]) -> None:
    """Rows that cannot be read: (row, column, error code). They stay as they are."""
    for row, column, code in found:
        connection.execute(
            sa.delete(failures).where(
                failures.c.job == job, failures.c.row_key == row, failures.c.column_name == column
            )
        )
        connection.execute(
            failures.insert(), {"job": job, "row_key": row, "column_name": column, "code": code}
        )


def in_range(table: sa.Table, chunk: Chunk) -> list[sa.ColumnElement[bool]]:
    """The conditions of a range."""
    keys = list(table.primary_key)
    found: list[sa.ColumnElement[bool]] = []
    if chunk.after is not None:
        found.append(_compared(keys, chunk.after, after=True))
    if chunk.up_to is not None:
        found.append(_compared(keys, chunk.up_to, after=False))
    return found


def key_text(key: Sequence[Any]) -> str:
    """A primary key for people and for the list of failures."""
    return ", ".join(_as_text(part) for part in key)[:255]


def _compared(keys: Sequence[sa.Column[Any]], key: tuple[Any, ...], *, after: bool) -> sa.ColumnElement[bool]:
    row: Any = keys[0]
    value: Any = key[0]
    if len(keys) > 1:
        row = sa.tuple_(*keys)
        value = sa.tuple_(*(sa.literal(part, column.type) for part, column in zip(key, keys, strict=True)))
    found: sa.ColumnElement[bool] = row > value if after else row <= value
    return found


def _key_at(
    connection: sa.Connection, table: sa.Table, *, after: tuple[Any, ...] | None, steps: int
) -> tuple[Any, ...] | None:
    keys = list(table.primary_key)
    query = sa.select(*keys).order_by(*keys).limit(1).offset(steps - 1)
    if after is not None:
        query = query.where(_compared(keys, after, after=True))
    found = connection.execute(query).one_or_none()
    return None if found is None else tuple(found)


def _written(key: tuple[Any, ...] | None) -> str | None:
    return None if key is None else json.dumps([_as_text(part) for part in key])


def _read(text: str | None, table: sa.Table) -> tuple[Any, ...] | None:
    if text is None:
        return None
    return tuple(
        _as(column.type.python_type, part)
        for column, part in zip(table.primary_key, json.loads(text), strict=True)
    )


def _as_text(part: Any) -> str:
    return bytes(part).hex() if isinstance(part, bytes | memoryview) else str(part)


def _as(python_type: type[Any], text: str) -> Any:
    if python_type is int:
        return int(text)
    if python_type is bytes:
        return bytes.fromhex(text)
    return uuid.UUID(text) if python_type is uuid.UUID else text
