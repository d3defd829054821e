"""Sign-ups that wait for their confirmation, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from secureacct.records import accounts as r
from secureacct.stores.sql.account_tables import attempt, attempt_token
from secureacct.stores.sql.journal import makes


def attempts_for(connection: sa.Connection, tokens: Sequence[bytes], *, now: int) -> Sequence[r.Attempt]:
    """The unexpired sign-ups for an identifier, newest first."""
    ours = sa.select(attempt_token.c.attempt_id).where(attempt_token.c.token.in_(tokens))
    query = (
        sa.select(attempt)
        .where(attempt.c.id.in_(ours), attempt.c.expires_at > now)
        .order_by(attempt.c.created_at.desc(), attempt.c.id.desc())
    )
    return [r.Attempt(**row) for row in connection.execute(query).mappings()]


def attempt_by_id(connection: sa.Connection, attempt_id: str, *, now: int) -> r.Attempt | None:
    """One unexpired sign-up."""
    query = sa.select(attempt).where(attempt.c.id == attempt_id, attempt.c.expires_at > now)
    row = connection.execute(query).mappings().first()
    return r.Attempt(**row) if row else None


@makes(r.AddAttempt)
def _add_attempt(connection: sa.Connection, change: r.AddAttempt) -> int:
    one = change.attempt
    connection.execute(sa.insert(attempt).values({name: getattr(one, name) for name in r.Attempt.__slots__}))
    connection.execute(
        sa.insert(attempt_token), [{"token": token, "attempt_id": one.id} for token in change.tokens]
    )
    ours = sa.select(attempt_token.c.attempt_id).where(attempt_token.c.token.in_(change.tokens))
    newest = (
        sa.select(attempt.c.id)
        .where(attempt.c.id.in_(ours))
        .order_by(attempt.c.created_at.desc(), attempt.c.id.desc())
        .limit(change.at_most)
    )
    drop_attempts_where(
        connection, sa.and_(attempt.c.id.in_(ours), attempt.c.id.not_in(newest.scalar_subquery()))
    )
    return 1


def drop_attempts_where(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    """Delete sign-ups with their tokens; how many."""
    gone = list(connection.execute(sa.delete(attempt).where(condition).returning(attempt.c.id)).scalars())
    if gone:
        connection.execute(sa.delete(attempt_token).where(attempt_token.c.attempt_id.in_(gone)))
    return len(gone)


@makes(r.ConfirmAttempt)
def _confirm_attempt(connection: sa.Connection, change: r.ConfirmAttempt) -> int:
    return drop_attempts_where(
        connection, sa.and_(attempt.c.id == change.attempt_id, attempt.c.expires_at > change.now)
    )


@makes(r.DropAttempts)
def _drop_attempts(connection: sa.Connection, change: r.DropAttempts) -> int:
    ours = sa.select(attempt_token.c.attempt_id).where(attempt_token.c.token.in_(change.tokens))
    return drop_attempts_where(connection, attempt.c.id.in_(ours))
