"""Writing rows that still hold what was read (compare and swap)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from secureacct.orm.rotation.rows import Change


def swap(connection: sa.Connection, table: sa.Table, changes: Sequence[Change]) -> int:
    """Write the rows that nobody changed meanwhile.

    :returns: how many those were.
    """
    shapes: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        shapes.setdefault(tuple(change.new), []).append(change)
    at_once = connection.dialect.name == "postgresql" and len(table.primary_key) == 1
    written = 0
    for names, group in shapes.items():
        if at_once:
            written += _swap_at_once(connection, table, names, group)
        else:
            written += sum(_swap(connection, table, names, change) for change in group)
    return written


def _swap(connection: sa.Connection, table: sa.Table, names: Sequence[str], change: Change) -> int:
    conditions = [column == value for column, value in zip(table.primary_key, change.key, strict=True)]
    for name in names:
        old = change.old[name]
        stored = table.c[name]
        conditions.append(stored.is_(None) if old is None else _raw_value(stored) == _literal(old, stored))
    values = {table.c[name]: _literal(change.new[name], table.c[name]) for name in names}
    return connection.execute(sa.update(table).where(*conditions).values(values)).rowcount


def _swap_at_once(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], group: Sequence[Change]
) -> int:
    (key,) = table.primary_key
    quote = connection.dialect.identifier_preparer
    types = [key.type, *(table.c[name].type for name in names for _ in range(2))]
    declared = [_array_type(one, connection.dialect) for one in types]
    columns: list[list[Any]] = [[change.key[0] for change in group]]
    for name in names:
        columns += [[change.old[name] for change in group], [change.new[name] for change in group]]
    raw = connection.dialect.driver == "psycopg"  # which can send arrays in binary, if told so
    mark = "%b" if raw else ":p{}"
    arrays = ", ".join(f"cast({mark.format(n)} as {kind})" for n, kind in enumerate(declared))
    aliases = ", ".join(["k", *(f"o{n}, n{n}" for n in range(len(names)))])
    quoted = [quote.quote(name) for name in names]
    sets = ", ".join(f"{name} = v.n{n}" for n, name in enumerate(quoted))
    same = " and ".join(f"t.{name} is not distinct from v.o{n}" for n, name in enumerate(quoted))
    statement = (
        f"update {quote.format_table(table)} t set {sets} from unnest({arrays}) as v({aliases})"  # noqa: S608 - quoted names
        f" where t.{quote.quote(key.name)} = v.k and {same}"
    )
    if raw:
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(statement, columns)
            return int(cursor.rowcount)
    bound = {f"p{n}": values for n, values in enumerate(columns)}
    return connection.execute(sa.text(statement), bound).rowcount


def _raw_value(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return (
        sa.type_coerce(column, sa.LargeBinary())
        if isinstance(column.type, sa.types.TypeDecorator)
        else column
    )


def _literal(value: Any, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    plain = sa.LargeBinary() if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return sa.literal(value, plain)


def _array_type(one: Any, dialect: sa.Dialect) -> str:
    plain = sa.LargeBinary() if isinstance(one, sa.types.TypeDecorator) else one
    return f"{plain.compile(dialect)}[]"
