"""Letters, in SQL. A letter past its time is not read, even before it is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

from secureacct.records.correspondence import ForgetLetters, KeepLetter, Letter, SetTestimonial
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.held import holds
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of

letter = sa.Table(
    "sa_letter",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("thread", sa.Text, nullable=False, index=True),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("keep_until", sa.BigInteger, nullable=False, index=True),
    sa.Column("token", sa.LargeBinary, nullable=False, index=True),
    sa.Column("account_id", sa.Text, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("testimonial", sa.Boolean, nullable=False, server_default=sa.false()),
)
holds("letter", letter, person=letter.c.account_id, at=letter.c.keep_until)


@makes(KeepLetter)
def _keep(connection: sa.Connection, change: KeepLetter) -> int:
    values = {one.name: getattr(change.letter, one.name) for one in fields(change.letter)}
    return count_of(connection, sa.insert(letter).values(values))


@makes(SetTestimonial)
def _set_testimonial(connection: sa.Connection, change: SetTestimonial) -> int:
    return count_of(
        connection,
        sa.update(letter)
        .where(letter.c.id == change.letter_id, letter.c.keep_until > change.now)
        .values(testimonial=change.allowed),
    )


@makes(ForgetLetters)
def _forget(connection: sa.Connection, change: ForgetLetters) -> int:
    return count_of(connection, sa.delete(letter).where(_is_of(change.tokens, change.account_id)))


def _is_of(tokens: Sequence[bytes], account_id: str | None) -> sa.ColumnElement[bool]:
    of_address = letter.c.token.in_(tokens)
    return of_address if account_id is None else sa.or_(of_address, letter.c.account_id == account_id)


def _letter(connection: sa.Connection, letter_id: str, *, now: int) -> Letter | None:
    query = sa.select(letter).where(letter.c.id == letter_id, letter.c.keep_until > now)
    row = connection.execute(query).mappings().first()
    return None if row is None else Letter(**row)


def _thread(connection: sa.Connection, thread: str, *, now: int) -> Sequence[Letter]:
    query = sa.select(letter).where(letter.c.thread == thread, letter.c.keep_until > now)
    # Within a second, what came in before what went out.
    query = query.order_by(letter.c.at, letter.c.direction, letter.c.id)
    return [Letter(**row) for row in connection.execute(query).mappings()]


def _letters_of(
    connection: sa.Connection,
    *,
    tokens: Sequence[bytes] = (),
    account_id: str | None = None,
    now: int,
    limit: int = 500,
) -> Sequence[Letter]:
    query = sa.select(letter).where(_is_of(tokens, account_id), letter.c.keep_until > now)
    return [Letter(**row) for row in connection.execute(query.order_by(letter.c.id).limit(limit)).mappings()]


class BlockingCorrespondence(BlockingBase):
    """Letters, on a blocking engine."""

    letter = in_tx(_letter)
    thread = in_tx(_thread)
    letters_of = in_tx(_letters_of)


class AwaitingCorrespondence(AwaitingBase):
    """Letters, on an awaiting engine."""

    letter = in_async_tx(_letter)
    thread = in_async_tx(_thread)
    letters_of = in_async_tx(_letters_of)
