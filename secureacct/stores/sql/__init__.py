"""Everything in SQL: SQLite and PostgreSQL, blocking and awaiting.

    engine = open_engine("sqlite:///app.db")      # or any SQLAlchemy engine of your own
    store = SqlStore(engine)
    store.create_schema()                         # or let Alembic see ``metadata``

Each topic is a class beside the others on one engine; a store is all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from secureacct.errors import MissingExtra

try:
    import sqlalchemy as sa
except ModuleNotFoundError:  # pragma: no cover - seen in an install without the extra
    raise MissingExtra("sql", needed_for="the SQL store") from None

from secureacct.stores.sql.accounts import AwaitingAccounts, BlockingAccounts
from secureacct.stores.sql.audit import AwaitingAudit, BlockingAudit
from secureacct.stores.sql.base import metadata, our_errors
from secureacct.stores.sql.engines import open_async_engine, open_engine
from secureacct.stores.sql.factors import AwaitingFactors, BlockingFactors
from secureacct.stores.sql.journal import AwaitingJournal, BlockingJournal
from secureacct.stores.sql.privacy import AwaitingPrivacy, BlockingPrivacy
from secureacct.stores.sql.sessions import AwaitingSessions, BlockingSessions
from secureacct.stores.sql.throttle import AwaitingThrottle, BlockingThrottle

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class SqlStore(
    BlockingSessions,
    BlockingAccounts,
    BlockingFactors,
    BlockingThrottle,
    BlockingAudit,
    BlockingPrivacy,
    BlockingJournal,
):
    """A store for blocking callers, on an engine of the app's or one of ours."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store on an engine that :func:`open_engine` sets up."""
        return cls(open_engine(url))

    def create_schema(self) -> None:
        """Make the tables that are missing.

        :raises StoreUnavailable: the database did not answer.
        """
        with our_errors():
            metadata.create_all(self.engine)

    def has_schema(self) -> bool:
        """Whether every table of ours is there.

        :raises StoreUnavailable: the database did not answer.
        """
        with our_errors():
            return set(metadata.tables) <= set(sa.inspect(self.engine).get_table_names())


class AsyncSqlStore(
    AwaitingSessions,
    AwaitingAccounts,
    AwaitingFactors,
    AwaitingThrottle,
    AwaitingAudit,
    AwaitingPrivacy,
    AwaitingJournal,
):
    """A store for awaiting callers, on an ``AsyncEngine`` of the app's or one of ours."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store on an engine that :func:`open_async_engine` sets up."""
        return cls(open_async_engine(url))

    async def create_schema(self) -> None:
        """Make the tables that are missing.

        :raises StoreUnavailable: the database did not answer.
        """
        with our_errors():
            async with self.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)


__all__ = ["AsyncSqlStore", "SqlStore", "metadata", "open_async_engine", "open_engine"]
