"""Copies on their way to people, in SQL: the jobs, and the encrypted pieces of their archives.

One export at a time for an account is a partial unique index, not a read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

from secureacct.records.exports import (
    AddExportPiece,
    DropExports,
    ExportJob,
    FinishExport,
    LeaseExport,
    ReturnExport,
    StartExport,
    TakeExport,
)
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.held import holds
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

UNDER_WAY = ("waiting", "working")

export = sa.Table(
    "sa_export",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("requested_at", sa.BigInteger, nullable=False),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("tables_done", sa.Integer, nullable=False),
    sa.Column("tables", sa.Integer, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("link_hash", sa.LargeBinary, nullable=False),
)
sa.Index(
    "uq_sa_export_under_way",
    export.c.account_id,
    unique=True,
    sqlite_where=export.c.state.in_(UNDER_WAY),
    postgresql_where=export.c.state.in_(UNDER_WAY),
)
# Dropped with its pieces by ``DropExports``, never row by row.
holds("export", export, person=export.c.account_id, erased=False)

piece = sa.Table(
    "sa_export_piece",
    metadata,
    sa.Column("job_id", sa.Text, sa.ForeignKey("sa_export.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)


@makes(StartExport)
def _start(connection: sa.Connection, change: StartExport) -> int:
    values = {one.name: getattr(change.job, one.name) for one in fields(change.job)}
    return count_of(connection, insert_into(connection, export).values(values).on_conflict_do_nothing())


@makes(LeaseExport)
def _lease(connection: sa.Connection, change: LeaseExport) -> int:
    taken = count_of(
        connection,
        sa.update(export)
        .where(
            export.c.id == change.job_id,
            export.c.state.in_(UNDER_WAY),
            export.c.lease_until <= change.now,
        )
        .values(
            state="working",
            lease_until=change.lease_until,
            attempts=export.c.attempts + 1,
            tables_done=0,
            rows=0,
            size=0,
        ),
    )
    if taken:
        connection.execute(sa.delete(piece).where(piece.c.job_id == change.job_id))
    return taken


def _held_by(job_id: str, attempt: int) -> tuple[sa.ColumnElement[bool], ...]:
    return export.c.id == job_id, export.c.state == "working", export.c.attempts == attempt


@makes(AddExportPiece)
def _add_piece(connection: sa.Connection, change: AddExportPiece) -> int:
    mine = count_of(
        connection,
        sa.update(export)
        .where(*_held_by(change.job_id, change.attempt))
        .values(
            tables_done=change.tables_done,
            rows=change.rows,
            size=change.size,
            lease_until=change.lease_until,
        ),
    )
    if mine:
        row = {"job_id": change.job_id, "number": change.number, "sealed": change.sealed}
        connection.execute(sa.insert(piece).values(row))
    return mine


@makes(FinishExport)
def _finish(connection: sa.Connection, change: FinishExport) -> int:
    mine = count_of(
        connection,
        sa.update(export)
        .where(*_held_by(change.job_id, change.attempt))
        .values(
            state=change.state,
            expires_at=change.expires_at,
            link_hash=change.link_hash,
            lease_until=0,
            attempts=0,
        ),
    )
    if mine and change.state != "ready":
        connection.execute(sa.delete(piece).where(piece.c.job_id == change.job_id))
    return mine


@makes(TakeExport)
def _take(connection: sa.Connection, change: TakeExport) -> int:
    return count_of(
        connection,
        sa.update(export)
        .where(
            export.c.account_id == change.account_id,
            export.c.link_hash == change.link_hash,
            sa.or_(
                export.c.state == "ready",
                sa.and_(
                    export.c.state == "taken",
                    export.c.lease_until > 0,
                    export.c.lease_until <= change.now,
                ),
            ),
            export.c.expires_at > change.now,
            export.c.attempts < change.most,
        )
        .values(state="taken", lease_until=change.lease_until, attempts=export.c.attempts + 1),
    )


@makes(ReturnExport)
def _return(connection: sa.Connection, change: ReturnExport) -> int:
    return count_of(
        connection,
        sa.update(export)
        .where(
            export.c.id == change.job_id,
            export.c.state == "taken",
            export.c.lease_until == change.lease_until,
        )
        .values(state="ready", lease_until=0),
    )


@makes(DropExports)
def _drop(connection: sa.Connection, change: DropExports) -> int:
    doomed = sa.or_(
        export.c.id == change.job_id,
        export.c.account_id == change.account_id,
        sa.and_(export.c.expires_at > 0, export.c.expires_at <= (change.now or 0)),
    )
    jobs = sa.select(export.c.id).where(doomed)
    connection.execute(sa.delete(piece).where(piece.c.job_id.in_(jobs)))
    return count_of(connection, sa.delete(export).where(doomed))


def _export_job(connection: sa.Connection, job_id: str) -> ExportJob | None:
    row = connection.execute(sa.select(export).where(export.c.id == job_id)).mappings().first()
    return None if row is None else ExportJob(**row)


def _exports_of(connection: sa.Connection, account_id: str) -> Sequence[ExportJob]:
    query = sa.select(export).where(export.c.account_id == account_id).order_by(export.c.id.desc())
    return [ExportJob(**row) for row in connection.execute(query).mappings()]


def _waiting_exports(connection: sa.Connection, *, now: int, limit: int = 10) -> Sequence[ExportJob]:
    query = sa.select(export).where(export.c.state.in_(UNDER_WAY), export.c.lease_until <= now)
    return [
        ExportJob(**row) for row in connection.execute(query.order_by(export.c.id).limit(limit)).mappings()
    ]


def _export_piece(connection: sa.Connection, job_id: str, number: int) -> bytes | None:
    query = sa.select(piece.c.sealed).where(piece.c.job_id == job_id, piece.c.number == number)
    sealed: bytes | None = connection.execute(query).scalar()
    return sealed


class BlockingExports(BlockingBase):
    """Copies on their way to people, on a blocking engine."""

    export_job = in_tx(_export_job)
    exports_of = in_tx(_exports_of)
    waiting_exports = in_tx(_waiting_exports)
    export_piece = in_tx(_export_piece)


class AwaitingExports(AwaitingBase):
    """Copies on their way to people, on an awaiting engine."""

    export_job = in_async_tx(_export_job)
    exports_of = in_async_tx(_exports_of)
    waiting_exports = in_async_tx(_waiting_exports)
    export_piece = in_async_tx(_export_piece)
