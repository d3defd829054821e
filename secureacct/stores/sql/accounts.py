"""Accounts, identifiers, sign-ups, links and the steps in between, in SQL.

One statement for each change; the claim is in its WHERE or in a primary key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from secureacct.records import accounts as r
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.journal import makes, outbox
from secureacct.stores.sql.sessions import account_state

LINKS_KEPT_S = 30 * 86_400  # seconds past expiry, so that an old link can say what became of it; ours

account = sa.Table(
    "sa_account",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("sealed_email", sa.LargeBinary, nullable=False),
    sa.Column("email_verified_at", sa.BigInteger),
    sa.Column("password_hash", sa.Text),
    sa.Column("password_changed_at", sa.BigInteger),
    sa.Column("password_paused_at", sa.BigInteger),
    sa.Column("frozen_until", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("reset_blocked_until", sa.BigInteger, nullable=False, server_default="0"),
)

identifier = sa.Table(
    "sa_account_identifier",
    metadata,
    sa.Column("token", sa.LargeBinary, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False, index=True),
    sa.Column("reserved_until", sa.BigInteger),  # NULL: finds the account; else nobody's before that
)

profile = sa.Table(
    "sa_profile",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

attempt = sa.Table(
    "sa_attempt",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("sealed_email", sa.LargeBinary, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("browser_hash", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

attempt_token = sa.Table(
    "sa_attempt_token",
    metadata,
    sa.Column("token", sa.LargeBinary, primary_key=True),
    sa.Column("attempt_id", sa.Text, primary_key=True, index=True),
)

link = sa.Table(
    "sa_link",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text, index=True),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("security_version", sa.BigInteger),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("used_at", sa.BigInteger),
)

pending = sa.Table(
    "sa_pending_sign_in",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False, index=True),
    sa.Column("security_version", sa.BigInteger, nullable=False),
    sa.Column("proofs", sa.Text, nullable=False),
    sa.Column("remember", sa.Boolean, nullable=False),
    sa.Column("shared_computer", sa.Boolean, nullable=False),
    sa.Column("next", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

interrupted = sa.Table(
    "sa_interrupted",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

email_change = sa.Table(
    "sa_email_change",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sealed_old", sa.LargeBinary, nullable=False),
    sa.Column("sealed_new", sa.LargeBinary, nullable=False),
    sa.Column("session_key", sa.LargeBinary, nullable=False),
    sa.Column("requested_at", sa.BigInteger, nullable=False),
    sa.Column("done_at", sa.BigInteger),
    sa.Column("undo_until", sa.BigInteger, nullable=False, server_default="0"),
)

recovery = sa.Table(
    "sa_recovery",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("ripe_at", sa.BigInteger, nullable=False),
    sa.Index(
        "uq_sa_recovery_waiting",
        "account_id",
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    ),
)


def upsert(connection: sa.Connection, table: sa.Table) -> Any:
    """INSERT of the connection's dialect, for ON CONFLICT."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


# --- reads -------------------------------------------------------------------------------------

_ACCOUNT = sa.select(
    account,
    account_state.c.status,
    account_state.c.epoch,
    account_state.c.security_version,
).join(account_state, account_state.c.account_id == account.c.id)


def _account(connection: sa.Connection, query: sa.Select[Any]) -> r.Account | None:
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    values = connection.execute(
        sa.select(profile.c.field, profile.c.sealed).where(profile.c.account_id == row["id"])
    ).all()
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


def _attempts_for(connection: sa.Connection, tokens: Sequence[bytes], *, now: int) -> Sequence[r.Attempt]:
    ours = sa.select(attempt_token.c.attempt_id).where(attempt_token.c.token.in_(tokens))
    query = (
        sa.select(attempt)
        .where(attempt.c.id.in_(ours), attempt.c.expires_at > now)
        .order_by(attempt.c.created_at.desc(), attempt.c.id.desc())
    )
    return [r.Attempt(**row) for row in connection.execute(query).mappings()]


def _attempt(connection: sa.Connection, attempt_id: str, *, now: int) -> r.Attempt | None:
    query = sa.select(attempt).where(attempt.c.id == attempt_id, attempt.c.expires_at > now)
    row = connection.execute(query).mappings().first()
    return r.Attempt(**row) if row else None


def _link(connection: sa.Connection, hash: bytes) -> r.Link | None:
    row = connection.execute(sa.select(link).where(link.c.hash == hash)).mappings().first()
    return r.Link(**row) if row else None


def _pending(connection: sa.Connection, hash: bytes, *, now: int) -> r.PendingSignIn | None:
    query = sa.select(pending).where(pending.c.hash == hash, pending.c.expires_at > now)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    proofs = tuple((kind, at) for kind, at in json.loads(row["proofs"]))
    return r.PendingSignIn(**{**row, "proofs": proofs})


def _interrupted(
    connection: sa.Connection, hash: bytes, *, session_id: str, now: int
) -> r.Interrupted | None:
    query = sa.select(interrupted).where(
        interrupted.c.hash == hash, interrupted.c.session_id == session_id, interrupted.c.expires_at > now
    )
    row = connection.execute(query).mappings().first()
    return r.Interrupted(**row) if row else None


def _email_change(connection: sa.Connection, change_id: str) -> r.EmailChange | None:
    row = connection.execute(sa.select(email_change).where(email_change.c.id == change_id)).mappings().first()
    return r.EmailChange(**row) if row else None


def _recovery(connection: sa.Connection, recovery_id: str) -> r.Recovery | None:
    row = connection.execute(sa.select(recovery).where(recovery.c.id == recovery_id)).mappings().first()
    return r.Recovery(**row) if row else None


# --- changes: sign-up --------------------------------------------------------------------------


@makes(r.AddAttempt)
def _add_attempt(connection: sa.Connection, change: r.AddAttempt) -> int:
    one = change.attempt
    connection.execute(sa.insert(attempt).values({name: getattr(one, name) for name in r.Attempt.__slots__}))
    connection.execute(
        sa.insert(attempt_token), [{"token": token, "attempt_id": one.id} for token in change.tokens]
    )
    ours = sa.select(attempt_token.c.attempt_id).where(attempt_token.c.token.in_(change.tokens))
    newest = (
        sa.select(attempt.c.id)
        .where(attempt.c.id.in_(ours))
        .order_by(attempt.c.created_at.desc(), attempt.c.id.desc())
        .limit(change.at_most)
    )
    _drop_attempts_where(
        connection, sa.and_(attempt.c.id.in_(ours), attempt.c.id.not_in(newest.scalar_subquery()))
    )
    return 1


def _drop_attempts_where(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    gone = list(connection.execute(sa.delete(attempt).where(condition).returning(attempt.c.id)).scalars())
    if gone:
        connection.execute(sa.delete(attempt_token).where(attempt_token.c.attempt_id.in_(gone)))
    return len(gone)


@makes(r.ConfirmAttempt)
def _confirm_attempt(connection: sa.Connection, change: r.ConfirmAttempt) -> int:
    return _drop_attempts_where(
        connection, sa.and_(attempt.c.id == change.attempt_id, attempt.c.expires_at > change.now)
    )


@makes(r.DropAttempts)
def _drop_attempts(connection: sa.Connection, change: r.DropAttempts) -> int:
    ours = sa.select(attempt_token.c.attempt_id).where(attempt_token.c.token.in_(change.tokens))
    return _drop_attempts_where(connection, attempt.c.id.in_(ours))


@makes(r.OpenAccount)
def _open_account(connection: sa.Connection, change: r.OpenAccount) -> int:
    done = connection.execute(
        upsert(connection, account)
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
        connection.execute(
            upsert(connection, account_state).values(account_id=change.account_id, epoch=change.first_epoch).on_conflict_do_nothing()
        )
    return int(done.rowcount)


@makes(r.ClaimIdentifier)
def _claim_identifier(connection: sa.Connection, change: r.ClaimIdentifier) -> int:
    claim = upsert(connection, identifier).values(
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


# --- changes: links ----------------------------------------------------------------------------


@makes(r.AddLink)
def _add_link(connection: sa.Connection, change: r.AddLink) -> int:
    row = {name: getattr(change.link, name) for name in r.Link.__slots__}
    return int(connection.execute(sa.insert(link).values(row)).rowcount)


@makes(r.UseLink)
def _use_link(connection: sa.Connection, change: r.UseLink) -> int:
    done = connection.execute(
        sa.update(link)
        .where(
            link.c.hash == change.hash,
            link.c.purpose == change.purpose,
            link.c.used_at.is_(None),
            link.c.expires_at > change.now,
        )
        .values(used_at=change.now)
    )
    return int(done.rowcount)


@makes(r.VoidLinks)
def _void_links(connection: sa.Connection, change: r.VoidLinks) -> int:
    done = connection.execute(
        sa.update(link)
        .where(
            link.c.account_id == change.account_id,
            link.c.purpose.in_(change.purposes),
            link.c.used_at.is_(None),
        )
        .values(used_at=change.now)
    )
    return int(done.rowcount)


# --- changes: the account itself ---------------------------------------------------------------


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
        insert = upsert(connection, profile).values(rows)
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


# --- changes: steps in between -----------------------------------------------------------------


@makes(r.AddPending)
def _add_pending(connection: sa.Connection, change: r.AddPending) -> int:
    row = {name: getattr(change.pending, name) for name in r.PendingSignIn.__slots__}
    row["proofs"] = json.dumps(row["proofs"])
    return int(connection.execute(sa.insert(pending).values(row)).rowcount)


@makes(r.ClaimPending)
def _claim_pending(connection: sa.Connection, change: r.ClaimPending) -> int:
    done = connection.execute(
        sa.delete(pending).where(pending.c.hash == change.hash, pending.c.expires_at > change.now)
    )
    return int(done.rowcount)


@makes(r.AddInterrupted)
def _add_interrupted(connection: sa.Connection, change: r.AddInterrupted) -> int:
    row = {name: getattr(change.interrupted, name) for name in r.Interrupted.__slots__}
    insert = upsert(connection, interrupted).values(row)
    newer = {name: insert.excluded[name] for name in ("hash", "sealed", "expires_at")}
    done = connection.execute(
        insert.on_conflict_do_update(index_elements=[interrupted.c.session_id], set_=newer)
    )
    return int(done.rowcount)


@makes(r.ClaimInterrupted)
def _claim_interrupted(connection: sa.Connection, change: r.ClaimInterrupted) -> int:
    done = connection.execute(
        sa.delete(interrupted).where(
            interrupted.c.hash == change.hash,
            interrupted.c.session_id == change.session_id,
            interrupted.c.expires_at > change.now,
        )
    )
    return int(done.rowcount)


@makes(r.AddEmailChange)
def _add_email_change(connection: sa.Connection, change: r.AddEmailChange) -> int:
    row = {name: getattr(change.change, name) for name in r.EmailChange.__slots__}
    return int(connection.execute(sa.insert(email_change).values(row)).rowcount)


@makes(r.FinishEmailChange)
def _finish_email_change(connection: sa.Connection, change: r.FinishEmailChange) -> int:
    done = connection.execute(
        sa.update(email_change)
        .where(
            email_change.c.id == change.id,
            email_change.c.account_id == change.account_id,
            email_change.c.state == "pending",
        )
        .values(state="done", done_at=change.now, undo_until=change.undo_until)
    )
    return int(done.rowcount)


@makes(r.UndoEmailChange)
def _undo_email_change(connection: sa.Connection, change: r.UndoEmailChange) -> int:
    done = connection.execute(
        sa.update(email_change)
        .where(
            email_change.c.id == change.id,
            email_change.c.account_id == change.account_id,
            email_change.c.state == "done",
            email_change.c.undo_until > change.now,
        )
        .values(state="undone")
        .returning(email_change.c.requested_at)
    ).first()
    if done is None:
        return 0
    connection.execute(
        sa.update(email_change)
        .where(
            email_change.c.account_id == change.account_id,
            email_change.c.id != change.id,
            email_change.c.requested_at >= done.requested_at,
            email_change.c.state.in_(("pending", "done")),
        )
        .values(state="void")
    )
    return 1


@makes(r.VoidEmailChanges)
def _void_email_changes(connection: sa.Connection, change: r.VoidEmailChanges) -> int:
    done = connection.execute(
        sa.update(email_change)
        .where(email_change.c.account_id == change.account_id, email_change.c.state == "pending")
        .values(state="void")
    )
    return int(done.rowcount)


@makes(r.StartRecovery)
def _start_recovery(connection: sa.Connection, change: r.StartRecovery) -> int:
    row = {name: getattr(change.recovery, name) for name in r.Recovery.__slots__}
    done = connection.execute(upsert(connection, recovery).values(row).on_conflict_do_nothing())
    return int(done.rowcount)


def _end_recovery(connection: sa.Connection, state: str, *conditions: Any) -> int:
    done = connection.execute(
        sa.update(recovery).where(recovery.c.state == "waiting", *conditions).values(state=state)
    )
    return int(done.rowcount)


@makes(r.FinishRecovery)
def _finish_recovery(connection: sa.Connection, change: r.FinishRecovery) -> int:
    return _end_recovery(
        connection,
        "done",
        recovery.c.id == change.id,
        recovery.c.account_id == change.account_id,
        recovery.c.ripe_at <= change.now,
    )


@makes(r.CancelRecovery)
def _cancel_recovery(connection: sa.Connection, change: r.CancelRecovery) -> int:
    return _end_recovery(
        connection, "cancelled", recovery.c.id == change.id, recovery.c.account_id == change.account_id
    )


@makes(r.PurgeAccounts)
def _purge_accounts(connection: sa.Connection, change: r.PurgeAccounts) -> int:
    gone = _drop_attempts_where(connection, attempt.c.expires_at <= change.now)
    for table in (pending, interrupted):
        gone += connection.execute(sa.delete(table).where(table.c.expires_at <= change.now)).rowcount
    gone += connection.execute(sa.delete(link).where(link.c.expires_at <= change.now - LINKS_KEPT_S)).rowcount
    gone += connection.execute(
        sa.delete(identifier).where(identifier.c.reserved_until <= change.now)
    ).rowcount
    return gone


class BlockingAccounts(BlockingBase):
    """Reads of accounts on a blocking engine: :class:`secureacct.ports.accounts.AccountReads`."""

    account_by_identifier = in_tx(_account_by_identifier)
    account_by_id = in_tx(_account_by_id)
    attempts_for = in_tx(_attempts_for)
    attempt = in_tx(_attempt)
    link = in_tx(_link)
    pending = in_tx(_pending)
    interrupted = in_tx(_interrupted)
    email_change = in_tx(_email_change)
    recovery = in_tx(_recovery)


class AwaitingAccounts(AwaitingBase):
    """Reads of accounts on an awaiting engine: :class:`secureacct.ports.accounts.AccountReads`."""

    account_by_identifier = in_async_tx(_account_by_identifier)
    account_by_id = in_async_tx(_account_by_id)
    attempts_for = in_async_tx(_attempts_for)
    attempt = in_async_tx(_attempt)
    link = in_async_tx(_link)
    pending = in_async_tx(_pending)
    interrupted = in_async_tx(_interrupted)
    email_change = in_async_tx(_email_change)
    recovery = in_async_tx(_recovery)
