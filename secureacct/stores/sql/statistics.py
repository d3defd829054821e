"""Counts that are about nobody, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from secureacct.records.statistics import AddCount, AddCountOnce, Cell, ForgetDays, KeepDaySecret
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

cell = sa.Table(
    "sa_cell",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("group", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

mark = sa.Table(
    "sa_cell_mark",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("mark", sa.LargeBinary, primary_key=True),
)

day_secret = sa.Table(
    "sa_day_secret",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
)


def _add(connection: sa.Connection, one: Cell) -> int:
    new = insert_into(connection, cell).values(name=one.name, day=one.day, group=one.group, count=one.count)
    added = new.on_conflict_do_update(
        index_elements=[cell.c.name, cell.c.day, cell.c.group],
        set_={"count": cell.c.count + new.excluded["count"]},
    )
    return count_of(connection, added)


@makes(AddCount)
def _add_count(connection: sa.Connection, change: AddCount) -> int:
    return _add(connection, change.cell)


@makes(AddCountOnce)
def _add_once(connection: sa.Connection, change: AddCountOnce) -> int:
    first = insert_into(connection, mark).values(day=change.cell.day, mark=change.mark)
    return count_of(connection, first.on_conflict_do_nothing()) and _add(connection, change.cell)


@makes(KeepDaySecret)
def _keep_secret(connection: sa.Connection, change: KeepDaySecret) -> int:
    new = insert_into(connection, day_secret).values(day=change.day, secret=change.secret)
    return count_of(connection, new.on_conflict_do_nothing())


@makes(ForgetDays)
def _forget(connection: sa.Connection, change: ForgetDays) -> int:
    connection.execute(sa.delete(day_secret).where(day_secret.c.day < change.day))
    return count_of(connection, sa.delete(mark).where(mark.c.day < change.day))


def _day_secret(connection: sa.Connection, day: int) -> bytes | None:
    secret: bytes | None = connection.execute(
        sa.select(day_secret.c.secret).where(day_secret.c.day == day)
    ).scalar()
    return secret


def _cells(connection: sa.Connection, name: str, *, first_day: int, last_day: int) -> Sequence[Cell]:
    query = (
        sa.select(cell)
        .where(cell.c.name == name, cell.c.day.between(first_day, last_day))
        .order_by(cell.c.day, cell.c.group)
    )
    return [Cell(**row) for row in connection.execute(query).mappings()]


class BlockingStatistics(BlockingBase):
    """Counts, on a blocking engine."""

    day_secret = in_tx(_day_secret)
    cells = in_tx(_cells)


class AwaitingStatistics(AwaitingBase):
    """Counts, on an awaiting engine."""

    day_secret = in_async_tx(_day_secret)
    cells = in_async_tx(_cells)
