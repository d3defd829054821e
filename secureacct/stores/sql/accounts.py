"""Accounts, their identifiers and their profile, in SQL.

One statement for each change; the claim is in its WHERE or in a primary key. Sign-ups, links and the steps
in between have files of their own; the mixins are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from secureacct.records import accounts as r
from secureacct.stores.sql import account_steps as steps
from secureacct.stores.sql import sign_ups
from secureacct.stores.sql.account_tables import (
    account,
    email_change,
    identifier,
    link,
    pending,
    profile,
    recovery,
)
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx
from secureacct.stores.sql.journal import makes, outbox
from secureacct.stores.sql.sessions import account_state
from secureacct.stores.sql.upsert import insert_into

_ACCOUNT = sa.select(
    account,
    account_state.c.status,
    account_state.c.epoch,
    account_state.c.security_version,
).join(account_state, account_state.c.account_id == account.c.id)


def _account(connection: sa.Connection, query: sa.Select[Any]) -> r.Account | None:
    row = connection.execute(query).mappings().first()
    whose = "" if row is None else row["id"]  # asked in every case: nobody's answer takes as long
    values = connection.execute(
        sa.select(profile.c.field, profile.c.sealed).where(profile.c.account_id == whose)
    ).all()
    if row is None:
        return None
    return r.Account(**row, sealed_profile=tuple((name, sealed) for name, sealed in values))


def _account_by_identifier(connection: sa.Connection, tokens: Sequence[bytes]) -> r.Account | None:
    holder = (
        sa.select(identifier.c.account_id)
        .where(identifier.c.token.in_(tokens), identifier.c.reserved_until.is_(None))
        .limit(1)
        .scalar_subquery()
    )
    return _account(connection, _ACCOUNT.where(account.c.id == holder))


def _account_by_id(connection: sa.Connection, account_id: str) -> r.Account | None:
    return _account(connection, _ACCOUNT.where(account.c.id == account_id))


def _holds_accounts(connection: sa.Connection) -> bool:
    if not sa.inspect(connection).has_table(account.name):
        return False
    return connection.execute(sa.select(account.c.id).limit(1)).first() is not None


@makes(r.OpenAccount)
def _open_account(connection: sa.Connection, change: r.OpenAccount) -> int:
    done = connection.execute(
        insert_into(connection, account)
        .values(
            id=change.account_id,
            created_at=change.now,
            sealed_email=change.sealed_email,
            email_verified_at=change.now,
            password_hash=change.password_hash,
            password_changed_at=change.now if change.password_hash else None,
        )
        .on_conflict_do_nothing()
    )
    if done.rowcount == 1:
        state = {"account_id": change.account_id, "epoch": change.first_epoch}
        connection.execute(insert_into(connection, account_state).values(state).on_conflict_do_nothing())
    return int(done.rowcount)


@makes(r.ClaimIdentifier)
def _claim_identifier(connection: sa.Connection, change: r.ClaimIdentifier) -> int:
    claim = insert_into(connection, identifier).values(
        [{"token": token, "account_id": change.account_id, "reserved_until": None} for token in change.tokens]
    )
    taken_over = claim.on_conflict_do_update(
        index_elements=[identifier.c.token],
        set_={"account_id": change.account_id, "reserved_until": None},
        where=sa.or_(identifier.c.account_id == change.account_id, identifier.c.reserved_until <= change.now),
    )
    done = connection.execute(taken_over)
    return 1 if done.rowcount == len(change.tokens) else 0


@makes(r.ReserveIdentifier)
def _reserve_identifier(connection: sa.Connection, change: r.ReserveIdentifier) -> int:
    done = connection.execute(
        sa.update(identifier)
        .where(identifier.c.token.in_(change.tokens), identifier.c.account_id == change.account_id)
        .values(reserved_until=change.until)
    )
    return int(done.rowcount)


@makes(r.HoldSecurityVersion)
def _hold_security_version(connection: sa.Connection, change: r.HoldSecurityVersion) -> int:
    done = connection.execute(
        sa.update(account_state)
        .where(
            account_state.c.account_id == change.account_id,
            account_state.c.security_version == change.security_version,
            account_state.c.status == "active",
        )
        .values(security_version=account_state.c.security_version)
    )
    return int(done.rowcount)


def _update_account(connection: sa.Connection, *conditions: Any, **values: Any) -> int:
    done = connection.execute(sa.update(account).where(*conditions).values(**values))
    return int(done.rowcount)


@makes(r.SetPassword)
def _set_password(connection: sa.Connection, change: r.SetPassword) -> int:
    return _update_account(
        connection,
        account.c.id == change.account_id,
        password_hash=change.password_hash,
        password_changed_at=change.now,
        password_paused_at=None,
    )


@makes(r.ReplaceHash)
def _replace_hash(connection: sa.Connection, change: r.ReplaceHash) -> int:
    return _update_account(
        connection,
        account.c.id == change.account_id,
        account.c.password_hash == change.current,
        password_hash=change.replacement,
    )


@makes(r.PausePassword)
def _pause_password(connection: sa.Connection, change: r.PausePassword) -> int:
    return _update_account(
        connection,
        account.c.id == change.account_id,
        account.c.password_paused_at.is_(None),
        password_paused_at=change.now,
    )


@makes(r.Freeze)
def _freeze(connection: sa.Connection, change: r.Freeze) -> int:
    return _update_account(
        connection,
        account.c.id == change.account_id,
        account.c.frozen_until < change.until,
        frozen_until=change.until,
    )


@makes(r.BlockReset)
def _block_reset(connection: sa.Connection, change: r.BlockReset) -> int:
    return _update_account(
        connection,
        account.c.id == change.account_id,
        account.c.reset_blocked_until < change.until,
        reset_blocked_until=change.until,
    )


@makes(r.SetEmail)
def _set_email(connection: sa.Connection, change: r.SetEmail) -> int:
    conditions = [account.c.id == change.account_id]
    if change.expected is not None:
        conditions.append(account.c.sealed_email == change.expected)
    return _update_account(
        connection, *conditions, sealed_email=change.sealed_email, email_verified_at=change.now
    )


@makes(r.SetProfile)
def _set_profile(connection: sa.Connection, change: r.SetProfile) -> int:
    cleared = [name for name, sealed in change.values if sealed is None]
    rows = [
        {"account_id": change.account_id, "field": name, "sealed": sealed}
        for name, sealed in change.values
        if sealed is not None
    ]
    if cleared:
        connection.execute(
            sa.delete(profile).where(profile.c.account_id == change.account_id, profile.c.field.in_(cleared))
        )
    if rows:
        insert = insert_into(connection, profile).values(rows)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=[profile.c.account_id, profile.c.field],
                set_={"sealed": insert.excluded.sealed},
            )
        )
    return len(change.values)


@makes(r.EraseAccount)
def _erase_account(connection: sa.Connection, change: r.EraseAccount) -> int:
    for table in (identifier, profile, link, pending, email_change, recovery, outbox):
        connection.execute(sa.delete(table).where(table.c.account_id == change.account_id))
    done = connection.execute(sa.delete(account).where(account.c.id == change.account_id))
    return int(done.rowcount)


class BlockingAccounts(BlockingBase):
    """Reads of accounts on a blocking engine: :class:`secureacct.ports.accounts.AccountReads`."""

    account_by_identifier = in_tx(_account_by_identifier)
    account_by_id = in_tx(_account_by_id)
    holds_accounts = in_tx(_holds_accounts)
    attempts_for = in_tx(sign_ups.attempts_for)
    attempt = in_tx(sign_ups.attempt_by_id)
    link = in_tx(steps.link_by_hash)
    pending = in_tx(steps.pending_by_hash)
    interrupted = in_tx(steps.interrupted_by_hash)
    email_change = in_tx(steps.email_change_by_id)
    email_change_since = in_tx(steps.email_change_since)
    recovery = in_tx(steps.recovery_by_id)


class AwaitingAccounts(AwaitingBase):
    """Reads of accounts on an awaiting engine: :class:`secureacct.ports.accounts.AccountReads`."""

    account_by_identifier = in_async_tx(_account_by_identifier)
    account_by_id = in_async_tx(_account_by_id)
    holds_accounts = in_async_tx(_holds_accounts)
    attempts_for = in_async_tx(sign_ups.attempts_for)
    attempt = in_async_tx(sign_ups.attempt_by_id)
    link = in_async_tx(steps.link_by_hash)
    pending = in_async_tx(steps.pending_by_hash)
    interrupted = in_async_tx(steps.interrupted_by_hash)
    email_change = in_async_tx(steps.email_change_by_id)
    email_change_since = in_async_tx(steps.email_change_since)
    recovery = in_async_tx(steps.recovery_by_id)
