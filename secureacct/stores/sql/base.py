"""The floor of the SQL stores: tables' home, two transaction faces, errors folded into ours."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CoroutineType
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from secureacct.errors import ConfigurationError, InvalidInput, StoreUnavailable

P = ParamSpec("P")
R = TypeVar("R")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Our tables, all named ``sa_*``. Give it to Alembic as (part of) ``target_metadata``."""


@contextmanager
def our_errors() -> Iterator[None]:
    """Fold what a database throws when it cannot answer into :class:`StoreUnavailable`, and when it is
    given text that it cannot hold (NUL, lone surrogates) into :class:`InvalidInput`."""
    try:
        yield
    except (DataError, UnicodeEncodeError):
        raise InvalidInput("text that a database cannot hold") from None
    except (OperationalError, InterfaceError, PoolTimeout, ProgrammingError) as error:
        if _table_is_missing(error):
            raise StoreUnavailable(
                "a table is missing: call create_schema() of the store, or run 'flask secureacct init'"
            ) from None
        if isinstance(error, ProgrammingError):
            raise
        raise StoreUnavailable(f"the database did not answer ({type(error).__name__})") from None
    except DBAPIError as error:
        # A damaged file and a read-only standby are told by the two general classes.
        if error.connection_invalidated or type(error) in (DatabaseError, InternalError):
            raise StoreUnavailable(f"the database did not answer ({type(error).__name__})") from None
        raise


def _table_is_missing(error: SQLAlchemyError) -> bool:
    driver = getattr(error, "orig", None)  # SQLite says it in words, PostgreSQL by a code: undefined_table
    return getattr(driver, "sqlstate", None) == "42P01" or str(driver).startswith("no such table: sa_")


def _begin_sqlite(connection: sa.Connection) -> None:
    """Begin the app's transaction for real before a savepoint: sqlite3 begins one at the first statement
    that writes, and a savepoint outside a transaction would commit when it is released."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        if not getattr(driver, "in_transaction", True):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


class BlockingBase:
    """What every blocking part of the SQL store stands on."""

    def __init__(self, engine: sa.Engine) -> None:
        given: object = engine
        if not isinstance(given, sa.Engine) or given.dialect.is_async:
            raise ConfigurationError(
                "SqlStore takes a blocking SQLAlchemy engine, or a URL as SqlStore.from_url(url)"
            )
        self.engine = engine
        self._joined: sa.Connection | None = None

    @property
    def kind(self) -> Literal["blocking"]:
        """Its methods never suspend."""
        return "blocking"

    def using(self, connection: sa.Connection) -> Self:
        """This store inside the app's own transaction, which we never commit or roll back."""
        joined = copy.copy(self)  # with our own connections, which are opened once for all
        joined._joined = connection
        return joined

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One transaction: ours, or a savepoint inside the app's."""
        with our_errors():
            if self._joined is not None:
                _begin_sqlite(self._joined)
                with self._joined.begin_nested():
                    yield self._joined
            else:
                with self.engine.begin() as connection:
                    yield connection


class AwaitingBase:
    """What every awaiting part of the SQL store stands on (``AsyncEngine`` of SQLAlchemy)."""

    def __init__(self, engine: Any) -> None:
        if not hasattr(engine, "sync_engine"):
            raise ConfigurationError(
                "AsyncSqlStore takes an AsyncEngine of SQLAlchemy, or a URL as AsyncSqlStore.from_url(url)"
            )
        self.engine = engine
        self._joined: Any = None

    @property
    def kind(self) -> Literal["awaiting"]:
        """Its methods may suspend."""
        return "awaiting"

    def using(self, connection: Any) -> Self:
        """This store inside the app's own transaction, which we never commit or roll back."""
        joined = copy.copy(self)  # with our own connections, which are opened once for all
        joined._joined = connection
        return joined

    async def run(self, query: Callable[[sa.Connection], R]) -> R:
        """Run ``query`` in one transaction: ours, or a savepoint inside the app's."""
        with our_errors():
            if self._joined is not None:
                await self._joined.run_sync(_begin_sqlite)
                async with self._joined.begin_nested():
                    joined: R = await self._joined.run_sync(query)
                    return joined
            async with self.engine.begin() as connection:
                result: R = await connection.run_sync(query)
                return result


def in_tx(
    query: Callable[Concatenate[sa.Connection, P], R],
) -> Callable[Concatenate[BlockingBase, P], CoroutineType[Any, Any, R]]:
    """The blocking face of one promise: ``async def``, and never suspends."""

    @functools.wraps(query)
    async def call(self: BlockingBase, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.transaction() as connection:
            return query(connection, *args, **kwargs)

    return call  # type: ignore[return-value]  # mypy calls what ``async def`` gives by a wider name


def in_async_tx(
    query: Callable[Concatenate[sa.Connection, P], R],
) -> Callable[Concatenate[AwaitingBase, P], CoroutineType[Any, Any, R]]:
    """The awaiting face of the same promise."""

    @functools.wraps(query)
    async def call(self: AwaitingBase, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.run(lambda connection: query(connection, *args, **kwargs))

    return call  # type: ignore[return-value]  # mypy calls what ``async def`` gives by a wider name


__all__ = ["AwaitingBase", "BlockingBase", "in_async_tx", "in_tx", "metadata", "our_errors"]
