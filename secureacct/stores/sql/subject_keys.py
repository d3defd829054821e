"""The data keys of persons in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from secureacct.records.subject_keys import ForgetSubject, PutSubjectKey, RewrapSubjectKey, SubjectKey
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

subject_key = sa.Table(
    "sa_subject_key",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Text, nullable=False, index=True),
    sa.Column("wrapped", sa.LargeBinary),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("destroyed_at", sa.BigInteger, index=True),
)


@makes(PutSubjectKey)
def _put(connection: sa.Connection, change: PutSubjectKey) -> int:
    key = change.key
    values = {
        "tenant": key.tenant,
        "subject": key.subject,
        "epoch": key.epoch,
        "wrapped": key.wrapped,
        "created_at": key.created_at,
        "destroyed_at": key.destroyed_at,
    }
    return count_of(connection, insert_into(connection, subject_key).values(values).on_conflict_do_nothing())


@makes(ForgetSubject)
def _forget(connection: sa.Connection, change: ForgetSubject) -> int:
    tombstone = insert_into(connection, subject_key).values(
        tenant=change.tenant,
        subject=change.subject,
        epoch="",
        wrapped=None,
        created_at=change.at,
        destroyed_at=change.at,
    )
    return count_of(
        connection,
        tombstone.on_conflict_do_update(
            index_elements=["tenant", "subject"],
            set_={"wrapped": None, "destroyed_at": change.at},
            where=subject_key.c.wrapped.is_not(None),
        ),
    )


@makes(RewrapSubjectKey)
def _rewrap(connection: sa.Connection, change: RewrapSubjectKey) -> int:
    return count_of(
        connection,
        sa.update(subject_key)
        .where(
            subject_key.c.tenant == change.tenant,
            subject_key.c.subject == change.subject,
            subject_key.c.wrapped == change.was,
        )
        .values(wrapped=change.wrapped, epoch=change.epoch),
    )


def _found(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> Sequence[SubjectKey]:
    rows = connection.execute(query).mappings()
    return [
        SubjectKey(**{**row, "wrapped": None if row["wrapped"] is None else bytes(row["wrapped"])})
        for row in rows
    ]


def _subject_keys(connection: sa.Connection, tenant: str, subjects: Sequence[str]) -> Sequence[SubjectKey]:
    query = sa.select(subject_key).where(
        subject_key.c.tenant == tenant, subject_key.c.subject.in_(list(subjects))
    )
    return _found(connection, query)


def _subject_keys_outside(connection: sa.Connection, epoch: str, *, limit: int) -> Sequence[SubjectKey]:
    query = (
        sa.select(subject_key)
        .where(subject_key.c.wrapped.is_not(None), subject_key.c.epoch != epoch)
        .order_by(subject_key.c.tenant, subject_key.c.subject)
        .limit(limit)
    )
    return _found(connection, query)


def _subjects_forgotten(connection: sa.Connection, *, since: int) -> Sequence[SubjectKey]:
    return _found(connection, sa.select(subject_key).where(subject_key.c.destroyed_at >= since))


class BlockingSubjectKeys(BlockingBase):
    """See :class:`secureacct.ports.subject_keys.SubjectKeyReads`."""

    subject_keys = in_tx(_subject_keys)
    subject_keys_outside = in_tx(_subject_keys_outside)
    subjects_forgotten = in_tx(_subjects_forgotten)


class AwaitingSubjectKeys(AwaitingBase):
    """See :class:`secureacct.ports.subject_keys.SubjectKeyReads`."""

    subject_keys = in_async_tx(_subject_keys)
    subject_keys_outside = in_async_tx(_subject_keys_outside)
    subjects_forgotten = in_async_tx(_subjects_forgotten)
