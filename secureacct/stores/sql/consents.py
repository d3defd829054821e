"""Choices and their ledger, in SQL. The ledger is only ever inserted into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from secureacct.records.consents import AppendEntry, Choice, KeepWords, LedgerEntry, SetChoice
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

words = sa.Table(
    "sa_words",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

ledger = sa.Table(
    "sa_ledger",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("words_hash", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False, server_default=""),
    sa.Column("key_id", sa.BigInteger, nullable=False),
    sa.Column("mac", sa.LargeBinary, nullable=False),
)

choice = sa.Table(
    "sa_choice",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)


def _row(record: Any) -> dict[str, Any]:
    return {one.name: getattr(record, one.name) for one in fields(record)}


@makes(KeepWords)
def _keep_words(connection: sa.Connection, change: KeepWords) -> int:
    return count_of(connection, insert_into(connection, words).values(_row(change)).on_conflict_do_nothing())


@makes(AppendEntry)
def _append(connection: sa.Connection, change: AppendEntry) -> int:
    new = insert_into(connection, ledger).values(_row(change.entry)).on_conflict_do_nothing()
    return count_of(connection, new)


@makes(SetChoice)
def _set_choice(connection: sa.Connection, change: SetChoice) -> int:
    new = insert_into(connection, choice).values(_row(change.choice))
    newer = new.on_conflict_do_update(
        index_elements=[choice.c.subject, choice.c.topic, choice.c.key],
        set_={name: new.excluded[name] for name in ("choice", "position", "at")},
        where=choice.c.position < new.excluded.position,
    )
    return count_of(connection, newer)


def _ledger_of(
    connection: sa.Connection, subject: str, *, after: int = 0, limit: int = 500
) -> Sequence[LedgerEntry]:
    query = (
        sa.select(ledger)
        .where(ledger.c.subject == subject, ledger.c.position > after)
        .order_by(ledger.c.position)
        .limit(limit)
    )
    return [LedgerEntry(**row) for row in connection.execute(query).mappings()]


def _last_entry(connection: sa.Connection, subject: str) -> LedgerEntry | None:
    query = sa.select(ledger).where(ledger.c.subject == subject).order_by(ledger.c.position.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else LedgerEntry(**row)


def _choice_of(connection: sa.Connection, subject: str, topic: str, key: str) -> Choice | None:
    query = sa.select(choice).where(choice.c.subject == subject, choice.c.topic == topic, choice.c.key == key)
    row = connection.execute(query).mappings().first()
    return None if row is None else Choice(**row)


def _choices_of(connection: sa.Connection, subject: str) -> Sequence[Choice]:
    query = sa.select(choice).where(choice.c.subject == subject).order_by(choice.c.topic, choice.c.key)
    return [Choice(**row) for row in connection.execute(query).mappings()]


def _words(connection: sa.Connection, words_hash: bytes) -> str | None:
    text: str | None = connection.execute(sa.select(words.c.text).where(words.c.hash == words_hash)).scalar()
    return text


def _ledger_subjects(connection: sa.Connection, *, after: str = "", limit: int = 500) -> Sequence[str]:
    query = sa.select(ledger.c.subject).where(ledger.c.subject > after, ledger.c.position == 1)
    return list(connection.execute(query.order_by(ledger.c.subject).limit(limit)).scalars())


class BlockingConsents(BlockingBase):
    """Choices and their ledger, on a blocking engine."""

    ledger_of = in_tx(_ledger_of)
    last_entry = in_tx(_last_entry)
    choice_of = in_tx(_choice_of)
    choices_of = in_tx(_choices_of)
    words = in_tx(_words)
    ledger_subjects = in_tx(_ledger_subjects)


class AwaitingConsents(AwaitingBase):
    """Choices and their ledger, on an awaiting engine."""

    ledger_of = in_async_tx(_ledger_of)
    last_entry = in_async_tx(_last_entry)
    choice_of = in_async_tx(_choice_of)
    choices_of = in_async_tx(_choices_of)
    words = in_async_tx(_words)
    ledger_subjects = in_async_tx(_ledger_subjects)
