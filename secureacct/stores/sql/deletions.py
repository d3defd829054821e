"""Accounts on their way out, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

from secureacct.records.deletions import Deletion, FinishDeletion, RequestDeletion, UndoDeletion
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.held import holds
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

deletion = sa.Table(
    "sa_deletion",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("undo_hash", sa.LargeBinary, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False, server_default=""),
)
holds("deletion", deletion, person=deletion.c.account_id, at=deletion.c.due_at, erased=False)


@makes(RequestDeletion)
def _request(connection: sa.Connection, change: RequestDeletion) -> int:
    values = {one.name: getattr(change.deletion, one.name) for one in fields(change.deletion)}
    new = insert_into(connection, deletion).values(values)
    again = new.on_conflict_do_update(
        index_elements=[deletion.c.account_id],
        set_={name: new.excluded[name] for name in values if name != "account_id"},
        where=deletion.c.state == "undone",
    )
    return count_of(connection, again)


@makes(UndoDeletion)
def _undo(connection: sa.Connection, change: UndoDeletion) -> int:
    undo = (
        sa.update(deletion)
        .where(
            deletion.c.account_id == change.account_id,
            deletion.c.state == "waiting",
            deletion.c.due_at > change.now,
        )
        .values(state="undone", undo_hash=b"")
    )
    if change.undo_hash:
        undo = undo.where(deletion.c.undo_hash == change.undo_hash)
    return count_of(connection, undo)


@makes(FinishDeletion)
def _finish(connection: sa.Connection, change: FinishDeletion) -> int:
    return count_of(
        connection,
        sa.update(deletion)
        .where(
            deletion.c.account_id == change.account_id,
            deletion.c.state == "waiting",
            deletion.c.due_at <= change.now,
        )
        .values(state="erased", undo_hash=b"", receipt=change.receipt),
    )


def _deletion_of(connection: sa.Connection, account_id: str) -> Deletion | None:
    row = (
        connection.execute(sa.select(deletion).where(deletion.c.account_id == account_id)).mappings().first()
    )
    return None if row is None else Deletion(**row)


def _due_deletions(connection: sa.Connection, *, now: int, limit: int = 50) -> Sequence[Deletion]:
    query = (
        sa.select(deletion)
        .where(deletion.c.state == "waiting", deletion.c.due_at <= now)
        .order_by(deletion.c.due_at, deletion.c.account_id)
        .limit(limit)
    )
    return [Deletion(**row) for row in connection.execute(query).mappings()]


class BlockingDeletions(BlockingBase):
    """Accounts on their way out, on a blocking engine."""

    deletion_of = in_tx(_deletion_of)
    due_deletions = in_tx(_due_deletions)


class AwaitingDeletions(AwaitingBase):
    """Accounts on their way out, on an awaiting engine."""

    deletion_of = in_async_tx(_deletion_of)
    due_deletions = in_async_tx(_due_deletions)
