"""What each SQL table holds about a person, so that it can be shown, aged and erased.

A topic's file registers its own tables with :func:`holds`; nothing else needs to know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from secureacct.errors import ConfigurationError
from secureacct.records.deletions import EraseHeld, PurgeHeld
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of


@dataclass(frozen=True, slots=True)
class _Held:
    table: sa.Table
    person: sa.Column[Any] | None
    at: sa.Column[Any] | None
    erased: bool

    @property
    def key(self) -> list[sa.Column[Any]]:
        return list(self.table.primary_key.columns)


_held: dict[str, _Held] = {}


def holds(
    name: str,
    table: sa.Table,
    *,
    person: sa.Column[Any] | None,
    at: sa.Column[Any] | None = None,
    erased: bool = True,
) -> None:
    """Register a table: the column that says whose a row is, and the one that ages it.
    ``erased=False``: its rows are kept when the person leaves (they name nobody)."""
    _held[name] = _Held(table=table, person=person, at=at, erased=erased)


def _of(name: str) -> _Held:
    try:
        return _held[name]
    except KeyError:
        raise ConfigurationError(f"the SQL store has no registered table {name!r}") from None


def held_tables() -> Sequence[str]:
    """The registered tables whose rows go when the person leaves, by name."""
    return sorted(name for name, held in _held.items() if held.person is not None and held.erased)


@makes(EraseHeld)
def _erase(connection: sa.Connection, change: EraseHeld) -> int:
    held = _of(change.table)
    if held.person is None:
        return 0
    return count_of(connection, sa.delete(held.table).where(held.person == change.account_id))


@makes(PurgeHeld)
def _purge(connection: sa.Connection, change: PurgeHeld) -> int:
    held = _of(change.table)
    if held.at is None:
        return 0
    key = sa.tuple_(*held.key)
    old = sa.select(*held.key).where(held.at < change.before).order_by(held.at).limit(change.limit)
    return count_of(connection, sa.delete(held.table).where(key.in_(old)))


def _held_rows(
    connection: sa.Connection, table: str, account_id: str, *, after: Any = None, limit: int = 500
) -> Sequence[Mapping[str, Any]]:
    held = _of(table)
    if held.person is None:
        return []
    query = sa.select(held.table).where(held.person == account_id).order_by(*held.key).limit(limit)
    if after is not None:
        query = query.where(sa.tuple_(*held.key) > sa.tuple_(*after))
    rows = connection.execute(query).mappings()
    return [{"_key": tuple(row[column.name] for column in held.key), **row} for row in rows]


def _held_older(connection: sa.Connection, table: str, *, before: int) -> int:
    held = _of(table)
    if held.at is None:
        return 0
    query = sa.select(sa.func.count()).select_from(held.table).where(held.at < before)
    return int(connection.execute(query).scalar_one())


class BlockingHeld(BlockingBase):
    """Walking what is held, on a blocking engine."""

    def held_tables(self) -> Sequence[str]:
        """See :class:`secureacct.ports.exports.HeldReads`."""
        return held_tables()

    held_rows = in_tx(_held_rows)
    held_older = in_tx(_held_older)


class AwaitingHeld(AwaitingBase):
    """Walking what is held, on an awaiting engine."""

    def held_tables(self) -> Sequence[str]:
        """See :class:`secureacct.ports.exports.HeldReads`."""
        return held_tables()

    held_rows = in_async_tx(_held_rows)
    held_older = in_async_tx(_held_older)
