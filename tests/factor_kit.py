"""What the tests of second factors share: stores of every kind, and factors to put in them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.records.accounts import Interrupted, PendingSignIn
from secureacct.records.challenges import Challenge
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.factors import Factors, Passkey, SetUserHandle, TotpFactor
from secureacct.stores.memory import account_steps as _memory_steps
from secureacct.stores.memory import challenges as _memory_challenges
from secureacct.stores.memory.factors import MemoryFactors
from secureacct.stores.memory.journal import MemoryJournal
from secureacct.stores.sql import account_steps as _sql_steps
from secureacct.stores.sql import challenges as _sql_challenges
from secureacct.stores.sql.base import metadata
from secureacct.stores.sql.factors import AwaitingFactors, BlockingFactors
from secureacct.stores.sql.journal import AwaitingJournal, BlockingJournal

__all__ = ["Held", "challenge", "interrupted", "opened", "passkey", "pending", "totp"]

R = TypeVar("R")
NOW = 1_800_000_000
KINDS = ("memory", "sqlite", "sqlite-async", "pg", "pg-async")
_registered = (_memory_challenges, _memory_steps, _sql_challenges, _sql_steps)
TABLES = (
    "sa_factor_set",
    "sa_totp",
    "sa_passkey",
    "sa_recovery_code",
    "sa_challenge",
    "sa_pending_sign_in",
    "sa_interrupted",
    "sa_event",
    "sa_outbox",
)


class MemoryStore(MemoryJournal, MemoryFactors):
    """The journal and the factors in memory."""


class SqlStore(BlockingJournal, BlockingFactors):
    """The journal and the factors on a blocking engine."""


class AsyncSqlStore(AwaitingJournal, AwaitingFactors):
    """The journal and the factors on an awaiting engine."""


class _Run(Protocol):
    def __call__(self, step: Coroutine[Any, Any, R], /) -> R: ...


class Held:
    """A store, and how to run its promises to their end, whichever kind it is."""

    def __init__(self, store: Any, run: _Run) -> None:
        self.store = store
        self.run = run

    def commit(self, *changes: Change) -> Committed | Lost:
        """Make the changes in one commit."""
        done: Committed | Lost = self.run(self.store.commit(changes))
        return done

    def won(self, *changes: Change) -> bool:
        """Whether the commit went through."""
        return isinstance(self.commit(*changes), Committed)

    def of(self, account_id: str) -> Factors:
        """What the account has."""
        factors: Factors = self.run(self.store.factors_of(account_id))
        return factors

    def give_handle(self, account_id: str) -> None:
        """Give the account its user handle."""
        assert self.won(SetUserHandle(account_id=account_id, user_handle=handle_of(account_id)))


def create_tables(engine: sa.Engine) -> None:
    """Make the tables that these tests need."""
    metadata.create_all(engine, tables=[metadata.tables[name] for name in TABLES])


def sql_engine(url: str) -> sa.Engine:
    """A blocking engine; on SQLite a writer waits 30 s for another."""
    wait = {"timeout": 30} if url.startswith("sqlite") else {}
    return sa.create_engine(url, connect_args=wait)


@contextmanager
def opened(kind: str, folder: Path, pg_database: str | None) -> Iterator[Held]:
    """A store of that kind with its tables, closed afterwards."""
    if kind == "memory":
        yield Held(MemoryStore(), run_inline)
        return
    url = f"sqlite:///{folder}/factors.db" if kind.startswith("sqlite") else (pg_database or "")
    engine = sql_engine(url)
    create_tables(engine)
    if kind.endswith("-async"):
        from sqlalchemy.ext.asyncio import create_async_engine

        with asyncio.Runner() as runner:
            awaiting = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
            yield Held(AsyncSqlStore(awaiting), runner.run)
            runner.run(awaiting.dispose())
    else:
        yield Held(SqlStore(engine), run_inline)
    engine.dispose()


def handle_of(account_id: str) -> bytes:
    """The user handle of an account in these tests."""
    return account_id.encode().ljust(64, b"-")


def totp(id: str = "t1", account_id: str = "a", **other: Any) -> TotpFactor:
    """An authenticator app, confirmed unless told otherwise."""
    given = {"name": "Phone", "sealed_secret": b"sealed", "created_at": NOW, "confirmed_at": NOW, **other}
    return TotpFactor(id=id, account_id=account_id, **given)


def passkey(id: str = "p1", account_id: str = "a", **other: Any) -> Passkey:
    """A device-bound passkey."""
    given = {
        "credential_id": f"credential of {id}".encode(),
        "user_handle": handle_of(account_id),
        "public_key": b"key",
        "algorithm": -8,
        "sign_count": 0,
        "backup_eligible": False,
        "backed_up": False,
        "user_verified": True,
        "aaguid": "00000000-0000-0000-0000-000000000000",
        "transports": ("internal", "usb"),
        "name": "Key",
        "created_at": NOW,
        **other,
    }
    return Passkey(id=id, account_id=account_id, **given)


def challenge(digest: bytes = b"d" * 32, **other: Any) -> Challenge:
    """An open challenge of a session."""
    given = {
        "purpose": "confirm",
        "binding": "session:1",
        "account_id": "a",
        "expires_at": NOW + 300,
        **other,
    }
    return Challenge(digest=digest, **given)


def pending(name: str = "p1", **other: Any) -> PendingSignIn:
    """A sign-in between password and code."""
    given = {
        "account_id": "a",
        "security_version": 3,
        "proofs": (("password", NOW),),
        "remember": True,
        "shared_computer": False,
        "next": "/orders?x=1",
        "created_at": NOW,
        "expires_at": NOW + 600,
        **other,
    }
    return PendingSignIn(hash=name.encode(), **given)


def interrupted(name: str = "i1", **other: Any) -> Interrupted:
    """A POST of a session that waits for a fresh proof."""
    given = {"session_id": "s", "sealed": b"sealed", "expires_at": NOW + 300, **other}
    return Interrupted(hash=name.encode(), **given)
