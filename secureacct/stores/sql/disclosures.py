"""What went to partners, in SQL. The record is written only where the person's choice allows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from secureacct.records.disclosures import Disclosure, RecordDisclosure
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.consents import choice
from secureacct.stores.sql.held import holds
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of

disclosure = sa.Table(
    "sa_disclosure",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),  # JSON: names, never values
    sa.Column("terms_hash", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "at"),
)
holds("disclosure", disclosure, person=disclosure.c.account_id, at=disclosure.c.at)


@makes(RecordDisclosure)
def _record(connection: sa.Connection, change: RecordDisclosure) -> int:
    one = change.disclosure
    stands = sa.select(choice.c.choice).where(
        choice.c.subject == change.subject, choice.c.topic == "partner", choice.c.key == change.choice_key
    )
    default = "given" if change.without_choice else "refused"
    allowed = sa.func.coalesce(stands.scalar_subquery(), default) == "given"
    values: dict[str, sa.ColumnElement[Any]] = {
        "id": sa.literal(one.id),
        "account_id": sa.literal(one.account_id),
        "partner": sa.literal(one.partner),
        "purpose": sa.literal(one.purpose),
        "fields": sa.literal(json.dumps(list(one.fields))),
        "terms_hash": sa.literal(one.terms_hash, sa.LargeBinary),
        "at": sa.literal(one.at, sa.BigInteger),
    }
    row = sa.select(*values.values()).where(allowed)
    return count_of(connection, sa.insert(disclosure).from_select(list(values), row))


def _read(row: Mapping[str, Any]) -> Disclosure:
    return Disclosure(**{**row, "fields": tuple(json.loads(row["fields"]))})


def _disclosures_of(
    connection: sa.Connection, account_id: str, *, before: str | None = None, limit: int = 100
) -> Sequence[Disclosure]:
    query = sa.select(disclosure).where(disclosure.c.account_id == account_id)
    if before is not None:
        query = query.where(disclosure.c.id < before)
    rows = connection.execute(query.order_by(disclosure.c.id.desc()).limit(limit)).mappings()
    return [_read(dict(row)) for row in rows]


class BlockingDisclosures(BlockingBase):
    """What went to partners, on a blocking engine."""

    disclosures_of = in_tx(_disclosures_of)


class AwaitingDisclosures(AwaitingBase):
    """What went to partners, on an awaiting engine."""

    disclosures_of = in_async_tx(_disclosures_of)
