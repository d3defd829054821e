"""Second factors and passkeys in SQL.

Rules of this file: a change of an account's *set* of factors first takes the set's row (one
conditional update of its version, which on PostgreSQL also waits for whoever holds it), and only then
touches a factor, so what it counts or deletes afterwards is what is really there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from secureacct.records.factors import (
    AddPasskey,
    AddTotp,
    ClaimRecoveryCode,
    ClaimTotpStep,
    ConfirmTotp,
    DisableTotp,
    EraseFactors,
    Factors,
    HoldFactors,
    Passkey,
    RemoveEveryFactor,
    RemovePasskey,
    RemoveTotp,
    RenamePasskey,
    RenameTotp,
    ReplaceRecoveryCodes,
    SetUserHandle,
    TotpFactor,
    UpdatePasskeyUse,
)
from secureacct.stores.sql import challenges as _challenges  # noqa: F401 - registers its changes
from secureacct.stores.sql.base import (
    AwaitingBase,
    BlockingBase,
    in_async_tx,
    in_tx,
    metadata,
)
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.upsert import count_of, insert_into

factor_set = sa.Table(
    "sa_factor_set",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("user_handle", sa.LargeBinary, unique=True),
)

totp = sa.Table(
    "sa_totp",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("confirmed_at", sa.BigInteger),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("digits", sa.Integer, nullable=False),
    sa.Column("period_s", sa.Integer, nullable=False),
)

passkey = sa.Table(
    "sa_passkey",
    metadata,
    sa.Column("credential_id", sa.LargeBinary, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("account_id", sa.Text, nullable=False, index=True),
    sa.Column("user_handle", sa.LargeBinary, nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("algorithm", sa.Integer, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("backup_eligible", sa.Boolean, nullable=False),
    sa.Column("backed_up", sa.Boolean, nullable=False),
    sa.Column("user_verified", sa.Boolean, nullable=False),
    sa.Column("aaguid", sa.Text, nullable=False),
    sa.Column("transports", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_used_at", sa.BigInteger),
)

recovery_code = sa.Table(
    "sa_recovery_code",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)


def _bump(connection: sa.Connection, account_id: str) -> None:
    begin = insert_into(connection, factor_set).values(account_id=account_id, version=1)
    raised = {"version": factor_set.c.version + 1}
    connection.execute(begin.on_conflict_do_update(index_elements=["account_id"], set_=raised))


def _bump_where(connection: sa.Connection, account_id: str, condition: sa.ColumnElement[bool]) -> int:
    raised = sa.update(factor_set).values(version=factor_set.c.version + 1)
    return count_of(connection, raised.where(factor_set.c.account_id == account_id, condition))


def _own_totp(
    change: ConfirmTotp | ClaimTotpStep | RenameTotp | DisableTotp,
) -> sa.Update:
    return sa.update(totp).where(totp.c.id == change.id, totp.c.account_id == change.account_id)


def _below(connection: sa.Connection, table: sa.Table, row: dict[str, Any], at_most: int) -> int:
    """Insert ``row`` if its account has fewer than ``at_most`` rows and no unique value is taken."""
    held = sa.select(sa.func.count()).select_from(table).where(table.c.account_id == row["account_id"])
    values = sa.select(*(sa.literal(value, table.c[name].type) for name, value in row.items()))
    insert = insert_into(connection, table).from_select(
        list(row),
        values.where(held.scalar_subquery() < at_most),
        include_defaults=False,
    )
    return count_of(connection, insert.on_conflict_do_nothing())


@makes(HoldFactors)
def _hold(connection: sa.Connection, change: HoldFactors) -> int:
    own = sa.select(factor_set.c.version).where(factor_set.c.account_id == change.account_id)
    now = sa.select(sa.func.coalesce(own.scalar_subquery(), 0).label("version")).subquery()
    held = sa.select(sa.func.count()).select_from(now).where(now.c.version == change.version)
    return int(connection.execute(held).scalar_one())


@makes(AddTotp)
def _add_totp(connection: sa.Connection, change: AddTotp) -> int:
    factor = change.factor
    _bump(connection, factor.account_id)
    return _below(
        connection,
        totp,
        {name: getattr(factor, name) for name in TotpFactor.__slots__},
        change.at_most,
    )


@makes(ConfirmTotp)
def _confirm_totp(connection: sa.Connection, change: ConfirmTotp) -> int:
    _bump(connection, change.account_id)
    confirm = (
        _own_totp(change)
        .where(totp.c.confirmed_at.is_(None), totp.c.created_at >= change.begun_since)
        .values(confirmed_at=change.at, last_step=change.step, last_used_at=change.at)
    )
    return count_of(connection, confirm)


@makes(ClaimTotpStep)
def _claim_totp_step(connection: sa.Connection, change: ClaimTotpStep) -> int:
    claim = (
        _own_totp(change)
        .where(
            totp.c.confirmed_at.is_not(None),
            totp.c.disabled_at.is_(None),
            sa.or_(totp.c.last_step.is_(None), totp.c.last_step < change.step),
        )
        .values(last_step=change.step, last_used_at=change.at)
    )
    return count_of(connection, claim)


@makes(RenameTotp)
def _rename_totp(connection: sa.Connection, change: RenameTotp) -> int:
    return count_of(connection, _own_totp(change).values(name=change.name))


@makes(DisableTotp)
def _disable_totp(connection: sa.Connection, change: DisableTotp) -> int:
    _bump(connection, change.account_id)
    usable = sa.and_(totp.c.confirmed_at.is_not(None), totp.c.disabled_at.is_(None))
    return count_of(connection, _own_totp(change).where(usable).values(disabled_at=change.at))


@makes(RemoveTotp)
def _remove_totp(connection: sa.Connection, change: RemoveTotp) -> int:
    if not _bump_where(connection, change.account_id, factor_set.c.version == change.expected_version):
        return 0
    own = sa.and_(totp.c.id == change.id, totp.c.account_id == change.account_id)
    return count_of(connection, sa.delete(totp).where(own))


@makes(SetUserHandle)
def _set_user_handle(connection: sa.Connection, change: SetUserHandle) -> int:
    row = {
        "account_id": change.account_id,
        "version": 0,
        "user_handle": change.user_handle,
    }
    claim = (
        insert_into(connection, factor_set)
        .values(row)
        .on_conflict_do_update(
            index_elements=["account_id"],
            set_={"user_handle": change.user_handle},
            where=factor_set.c.user_handle.is_(None),
        )
    )
    return count_of(connection, claim)


@makes(AddPasskey)
def _add_passkey(connection: sa.Connection, change: AddPasskey) -> int:
    added = change.passkey
    if not _bump_where(connection, added.account_id, factor_set.c.user_handle == added.user_handle):
        return 0
    row = {name: getattr(added, name) for name in Passkey.__slots__}
    row["transports"] = " ".join(added.transports)
    return _below(connection, passkey, row, change.at_most)


@makes(UpdatePasskeyUse)
def _update_passkey_use(connection: sa.Connection, change: UpdatePasskeyUse) -> int:
    counts = passkey.c.sign_count < change.sign_count
    if change.sign_count == 0:
        counts = passkey.c.sign_count == 0
    use = sa.update(passkey).where(
        passkey.c.credential_id == change.credential_id,
        passkey.c.account_id == change.account_id,
    )
    if not change.allow_regression:
        use = use.where(counts)
    return count_of(
        connection,
        use.values(
            sign_count=change.sign_count,
            backed_up=change.backed_up,
            last_used_at=change.at,
        ),
    )


@makes(RenamePasskey)
def _rename_passkey(connection: sa.Connection, change: RenamePasskey) -> int:
    own = sa.and_(passkey.c.id == change.id, passkey.c.account_id == change.account_id)
    return count_of(connection, sa.update(passkey).where(own).values(name=change.name))


@makes(RemovePasskey)
def _remove_passkey(connection: sa.Connection, change: RemovePasskey) -> int:
    if not _bump_where(connection, change.account_id, factor_set.c.version == change.expected_version):
        return 0
    own = sa.and_(passkey.c.id == change.id, passkey.c.account_id == change.account_id)
    return count_of(connection, sa.delete(passkey).where(own))


def _delete_since(connection: sa.Connection, table: sa.Table, account_id: str, since: int) -> int:
    own = sa.and_(table.c.account_id == account_id, table.c.created_at >= since)
    return count_of(connection, sa.delete(table).where(own))


@makes(ReplaceRecoveryCodes)
def _replace_recovery_codes(connection: sa.Connection, change: ReplaceRecoveryCodes) -> int:
    _bump(connection, change.account_id)
    _delete_since(connection, recovery_code, change.account_id, 0)
    rows = [
        {"account_id": change.account_id, "hash": code, "created_at": change.at} for code in change.hashes
    ]
    if rows:
        connection.execute(sa.insert(recovery_code), rows)
    return len(rows)


@makes(ClaimRecoveryCode)
def _claim_recovery_code(connection: sa.Connection, change: ClaimRecoveryCode) -> int:
    own = recovery_code.c.account_id == change.account_id
    return count_of(
        connection,
        sa.delete(recovery_code).where(own, recovery_code.c.hash.in_(change.hashes)),
    )


def _delete_all(connection: sa.Connection, account_id: str, since: int) -> int:
    tables = (totp, passkey, recovery_code)
    late = sa.and_(
        totp.c.account_id == account_id, totp.c.confirmed_at >= since
    )  # begun before, counts since
    confirmed = count_of(connection, sa.delete(totp).where(late))
    return confirmed + sum(_delete_since(connection, table, account_id, since) for table in tables)


@makes(RemoveEveryFactor)
def _remove_every_factor(connection: sa.Connection, change: RemoveEveryFactor) -> int:
    _bump(connection, change.account_id)
    return _delete_all(connection, change.account_id, change.added_since)


@makes(EraseFactors)
def _erase_factors(connection: sa.Connection, change: EraseFactors) -> int:
    _bump(connection, change.account_id)
    count = _delete_all(connection, change.account_id, 0)
    connection.execute(sa.delete(factor_set).where(factor_set.c.account_id == change.account_id))
    return count


def _passkey(row: sa.RowMapping) -> Passkey:
    return Passkey(**{**row, "transports": tuple(row["transports"].split())})


def _factors_of(connection: sa.Connection, account_id: str) -> Factors:
    # The version is read first: whatever changes between these statements makes it stale, never fresh.
    own = connection.execute(sa.select(factor_set).where(factor_set.c.account_id == account_id)).first()
    apps = sa.select(totp).where(totp.c.account_id == account_id).order_by(totp.c.created_at, totp.c.id)
    keys = sa.select(passkey).where(passkey.c.account_id == account_id)
    codes = sa.select(sa.func.count()).where(recovery_code.c.account_id == account_id)
    return Factors(
        account_id=account_id,
        version=own.version if own else 0,
        user_handle=own.user_handle if own else None,
        totp=tuple(TotpFactor(**row) for row in connection.execute(apps).mappings()),
        passkeys=tuple(
            _passkey(row)
            for row in connection.execute(keys.order_by(passkey.c.created_at, passkey.c.id)).mappings()
        ),
        recovery_codes_left=connection.execute(codes).scalar_one(),
    )


def _passkey_of_credential(connection: sa.Connection, credential_id: bytes) -> Passkey | None:
    query = sa.select(passkey).where(passkey.c.credential_id == credential_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else _passkey(row)


class BlockingFactors(BlockingBase):
    """See :class:`secureacct.ports.factors.FactorReads`."""

    factors_of = in_tx(_factors_of)
    passkey_of_credential = in_tx(_passkey_of_credential)


class AwaitingFactors(AwaitingBase):
    """See :class:`secureacct.ports.factors.FactorReads`."""

    factors_of = in_async_tx(_factors_of)
    passkey_of_credential = in_async_tx(_passkey_of_credential)
