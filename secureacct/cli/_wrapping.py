"""Wrapping a whole table: batches by key, hashed in parallel, each row changed only if it is still as read.

Rules of this file: one transaction for each batch; ``UPDATE ... WHERE key = ? AND column = <as read>``,
so a password change at the same moment wins; no state of its own, for a wrapped row says so itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from secureacct.errors import ConfigurationError, StoreUnavailable
from secureacct.passwords import PasswordHasher
from secureacct.passwords.wrapping import Rewritten, outlook, wrap


@dataclass(frozen=True, slots=True)
class Table:
    """The table and the two columns that matter."""

    engine: sa.Engine
    table: sa.Table
    key: sa.ColumnElement[Any]
    column: sa.ColumnElement[Any]

    @classmethod
    def reflect(cls, engine: sa.Engine, *, table: str, column: str, key: str, widest: int) -> Table:
        """Look at the database.

        :raises ConfigurationError: no such table or column, or the column is too narrow
        :raises StoreUnavailable: the database does not answer
        """
        schema, _, name = table.rpartition(".")
        try:
            found = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=engine)
        except NoSuchTableError:
            raise ConfigurationError(f"there is no table {table!r}") from None
        except DBAPIError as error:
            raise StoreUnavailable(f"the database did not answer ({type(error).__name__})") from None
        for wanted in (column, key):
            if wanted not in found.c:
                raise ConfigurationError(f"table {table!r} has no column {wanted!r}")
        length = getattr(found.c[column].type, "length", None)
        if length is not None and length < widest:
            raise ConfigurationError(
                f"column {column!r} holds {length} characters, and wrapped hashes need up to {widest}:"
                " widen it first"
            )
        return cls(engine, found, found.c[key], found.c[column])

    def rows(self) -> int:
        """How many rows have a hash."""
        with self.engine.connect() as connection:
            return connection.execute(
                sa.select(sa.func.count()).select_from(self.table).where(self.column.is_not(None))
            ).scalar_one()

    def after(self, last: Any, most: int) -> list[tuple[Any, str]]:
        """The next rows in the order of the key."""
        query = sa.select(self.key, self.column).where(self.column.is_not(None)).order_by(self.key)
        if last is not None:
            query = query.where(self.key > last)
        with self.engine.connect() as connection:
            return [(key, stored) for key, stored in connection.execute(query.limit(most))]

    def swap(self, changes: list[tuple[Any, str, str]]) -> set[Any]:
        """Change rows that still hold what was read; gives the keys of those that did not."""
        missed = set()
        with self.engine.begin() as connection:
            for key, read, new in changes:
                statement = (
                    sa.update(self.table)
                    .where(self.key == key, self.column == read)
                    .values({self.column.name: new})
                )
                if connection.execute(statement).rowcount != 1:
                    missed.add(key)
        return missed


def wrap_table(
    target: Table, hasher: PasswordHasher, *, batch: int, dry_run: bool = False
) -> Generator[Counter[str], None, None]:
    """Wrap all rows, and yield after each batch what became of it.

    Outcomes: ``wrapped``, ``peppered``, ``kept``, ``unreadable``, ``no password``, ``changed meanwhile``.

    :raises StoreUnavailable: the database does not answer; start again, what is done stays done
    """
    last: Any = None
    with ThreadPoolExecutor(hasher.admission.at_once) as pool:
        while True:
            try:
                rows = target.after(last, batch)
                if not rows:
                    return
                last = rows[-1][0]
                yield _one_batch(target, hasher, rows, pool, dry_run=dry_run)
            except DBAPIError as error:
                raise StoreUnavailable(f"the database did not answer ({type(error).__name__})") from None


def _one_batch(
    target: Table,
    hasher: PasswordHasher,
    rows: list[tuple[Any, str]],
    pool: ThreadPoolExecutor,
    *,
    dry_run: bool,
) -> Counter[str]:
    counts: Counter[str] = Counter()
    readable = []
    for key, stored in rows:
        # '!' starts Django's unusable passwords; '*' is what crypt(3) answers for "no".
        if not stored or stored[0] in "!*":
            counts["no password"] += 1
        else:
            readable.append((key, stored))

    if dry_run:
        counts.update(outlook(hasher, stored) for _, stored in readable)
        return counts

    def rewrite(row: tuple[Any, str]) -> tuple[Any, str, Rewritten]:
        key, stored = row
        return key, stored, wrap(hasher, stored, account_id=str(key))

    done = list(pool.map(rewrite, readable))
    missed = target.swap([(key, stored, new.stored) for key, stored, new in done if new.stored is not None])
    counts.update("changed meanwhile" if key in missed else new.outcome for key, _, new in done)
    return counts
