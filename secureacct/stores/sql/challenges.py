"""Open WebAuthn challenges in SQL."""

from __future__ import annotations

import sqlalchemy as sa

from secureacct.records.challenges import (
    Challenge,
    ClaimChallenge,
    DropChallenges,
    PurgeChallenges,
    PutChallenge,
)
from secureacct.stores.sql.base import metadata
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

challenge = sa.Table(
    "sa_challenge",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("binding", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text, index=True),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)


@makes(PutChallenge)
def _put_challenge(connection: sa.Connection, change: PutChallenge) -> int:
    row = {name: getattr(change.challenge, name) for name in Challenge.__slots__}
    return count_of(connection, insert_into(connection, challenge).values(row).on_conflict_do_nothing())


@makes(ClaimChallenge)
def _claim_challenge(connection: sa.Connection, change: ClaimChallenge) -> int:
    claim = sa.delete(challenge).where(
        challenge.c.digest == change.digest,
        challenge.c.purpose == change.purpose,
        challenge.c.binding == change.binding,
        challenge.c.account_id.is_not_distinct_from(change.account_id),
        challenge.c.expires_at > change.now,
    )
    return count_of(connection, claim)


@makes(PurgeChallenges)
def _purge_challenges(connection: sa.Connection, change: PurgeChallenges) -> int:
    return count_of(connection, sa.delete(challenge).where(challenge.c.expires_at <= change.now))


@makes(DropChallenges)
def _drop_challenges(connection: sa.Connection, change: DropChallenges) -> int:
    return count_of(connection, sa.delete(challenge).where(challenge.c.account_id == change.account_id))
