"""Stores that read and then write, as one would by hand: the control that each race must find out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from secureacct.records.accounts import ClaimInterrupted, ClaimPending
from secureacct.records.challenges import ClaimChallenge
from secureacct.records.changes import Change, Committed
from secureacct.records.factors import ClaimRecoveryCode, ClaimTotpStep, RemovePasskey, RemoveTotp
from secureacct.stores.sql import account_tables, challenges, factors
from tests.factor_kit import SqlStore

CONTROLLED = ("TotpStep", "RecoveryCode", "OneChallenge", "OnePending", "LastFactor")
"""The races in which they take part."""


class ReadThenWrite(SqlStore):
    """The control: what a store does that looks first and then acts. It must lose these races."""

    def __init__(self, engine: sa.Engine, between: Callable[[], Any]) -> None:
        super().__init__(engine)
        self.between = between

    async def commit(self, changes: Sequence[Change], **_: Any) -> Any:
        """Read; let the other one read too; then write without a condition."""
        with self.engine.connect() as connection:
            holds = [self._holds(connection, change) for change in changes]
        self.between()
        if not all(holds):
            return None
        with self.engine.begin() as connection:
            for change in changes:
                connection.execute(self._write(change))
        return Committed((1,) * len(changes))

    def _holds(self, connection: sa.Connection, change: Change) -> bool:
        if isinstance(change, ClaimTotpStep):
            last = sa.select(factors.totp.c.last_step).where(factors.totp.c.id == change.id)
            used = connection.execute(last).scalar_one()
            return used is None or used < change.step
        if isinstance(change, ClaimRecoveryCode):
            own = factors.recovery_code.c.account_id == change.account_id
            found = sa.select(sa.func.count()).where(own, factors.recovery_code.c.hash.in_(change.hashes))
            return bool(connection.execute(found).scalar_one())
        if isinstance(change, ClaimChallenge | ClaimPending | ClaimInterrupted):
            found = sa.select(sa.func.count()).where(_that(change))
            return bool(connection.execute(found).scalar_one())
        return isinstance(change, RemoveTotp | RemovePasskey)

    def _write(self, change: Change) -> Any:
        if isinstance(change, ClaimTotpStep):
            return sa.update(factors.totp).where(factors.totp.c.id == change.id).values(last_step=change.step)
        if isinstance(change, ClaimRecoveryCode):
            return sa.delete(factors.recovery_code).where(factors.recovery_code.c.hash.in_(change.hashes))
        if isinstance(change, ClaimChallenge | ClaimPending | ClaimInterrupted):
            that = _that(change)
            return sa.delete(that.left.table).where(that)
        table = factors.totp if isinstance(change, RemoveTotp) else factors.passkey
        if isinstance(change, RemoveTotp | RemovePasskey):
            return sa.delete(table).where(table.c.id == change.id)
        raise AssertionError(change)


def _that(change: ClaimChallenge | ClaimPending | ClaimInterrupted) -> Any:
    if isinstance(change, ClaimChallenge):
        return challenges.challenge.c.digest == change.digest
    table = account_tables.pending if isinstance(change, ClaimPending) else account_tables.interrupted
    return table.c.hash == change.hash
