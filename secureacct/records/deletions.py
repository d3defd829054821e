"""Accounts on their way out: asked for, waiting, erased."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One request to be forgotten. ``state``: "waiting", "undone", "erased"."""

    account_id: str
    state: str
    requested_at: int  # seconds since the epoch
    due_at: int  # seconds since the epoch; until then it can be undone
    undo_hash: bytes = field(default=b"", repr=False)  # SHA-256 of the undo link's secret
    receipt: str = ""  # signed, names nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDeletion(Change):
    """Ask to be forgotten. Holds only while no request waits and the account is not erased."""

    must_hold: ClassVar[bool] = True
    deletion: Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoDeletion(Change):
    """Stay after all. Holds once, before it is due, with the link's secret or (empty hash) from
    the signed-in account."""

    must_hold: ClassVar[bool] = True
    account_id: str
    undo_hash: bytes = field(repr=False)
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishDeletion(Change):
    """The account is erased, and this is the receipt. Holds only while the request waits and is due."""

    must_hold: ClassVar[bool] = True
    account_id: str
    now: int
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseHeld(Change):
    """Delete every row a store holds about an account in one of its registered tables."""

    table: str
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeHeld(Change):
    """Delete up to ``limit`` rows of a registered table that are older than ``before``."""

    table: str
    before: int  # seconds since the epoch
    limit: int
