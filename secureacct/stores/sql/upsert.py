"""Two small things that conditional statements need."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def count_of(connection: sa.Connection, statement: sa.UpdateBase) -> int:
    """Run a statement; how many rows it touched."""
    return connection.execute(statement).rowcount
