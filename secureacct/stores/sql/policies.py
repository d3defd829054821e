"""Policy versions, in SQL. Only ever inserted into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

from secureacct.records.policies import PolicyVersion, RegisterPolicy
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

policies = sa.Table(
    "sa_policy",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("in_force_at", sa.BigInteger, nullable=False),
    sa.Column("summary", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("policy", "version"),
    sa.UniqueConstraint("policy", "in_force_at"),
)


@makes(RegisterPolicy)
def _register(connection: sa.Connection, change: RegisterPolicy) -> int:
    values = {one.name: getattr(change.policy, one.name) for one in fields(change.policy)}
    return count_of(connection, insert_into(connection, policies).values(values).on_conflict_do_nothing())


def _policy_versions(connection: sa.Connection, policy: str) -> Sequence[PolicyVersion]:
    query = sa.select(policies).where(policies.c.policy == policy).order_by(policies.c.in_force_at.desc())
    return [PolicyVersion(**row) for row in connection.execute(query).mappings()]


def _policy_of(connection: sa.Connection, policy_hash: bytes) -> PolicyVersion | None:
    row = connection.execute(sa.select(policies).where(policies.c.hash == policy_hash)).mappings().first()
    return None if row is None else PolicyVersion(**row)


class BlockingPolicies(BlockingBase):
    """Policy versions, on a blocking engine."""

    policy_versions = in_tx(_policy_versions)
    policy_of = in_tx(_policy_of)


class AwaitingPolicies(AwaitingBase):
    """Policy versions, on an awaiting engine."""

    policy_versions = in_async_tx(_policy_versions)
    policy_of = in_async_tx(_policy_of)
