"""Links, and the steps between the beginning of something and its end, in SQL.

One statement for each change; the claim is in its WHERE or in a unique index.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from secureacct.records import accounts as r
from secureacct.stores.sql.account_tables import (
    attempt,
    email_change,
    identifier,
    interrupted,
    link,
    pending,
    recovery,
)
from secureacct.stores.sql.journal import makes
from secureacct.stores.sql.sign_ups import drop_attempts_where
from secureacct.stores.sql.upsert import insert_into

LINKS_KEPT_S = 30 * 86_400  # seconds past expiry, so that an old link can say what became of it; ours


def link_by_hash(connection: sa.Connection, hash: bytes) -> r.Link | None:
    """A link, in whatever state."""
    row = connection.execute(sa.select(link).where(link.c.hash == hash)).mappings().first()
    return r.Link(**row) if row else None


def pending_by_hash(connection: sa.Connection, hash: bytes, *, now: int) -> r.PendingSignIn | None:
    """A pending sign-in that is not expired."""
    query = sa.select(pending).where(pending.c.hash == hash, pending.c.expires_at > now)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    proofs = tuple((kind, at) for kind, at in json.loads(row["proofs"]))
    return r.PendingSignIn(**{**row, "proofs": proofs})


def interrupted_by_hash(
    connection: sa.Connection, hash: bytes, *, session_id: str, now: int
) -> r.Interrupted | None:
    """An interrupted POST of this session."""
    query = sa.select(interrupted).where(
        interrupted.c.hash == hash, interrupted.c.session_id == session_id, interrupted.c.expires_at > now
    )
    row = connection.execute(query).mappings().first()
    return r.Interrupted(**row) if row else None


def email_change_by_id(connection: sa.Connection, change_id: str) -> r.EmailChange | None:
    """A change of address, in any state."""
    row = connection.execute(sa.select(email_change).where(email_change.c.id == change_id)).mappings().first()
    return r.EmailChange(**row) if row else None


def email_change_since(
    connection: sa.Connection, account_id: str, *, since: int, now: int
) -> r.EmailChange | None:
    """The earliest change that took effect since then and may still be undone."""
    found = sa.select(email_change).where(
        email_change.c.account_id == account_id,
        email_change.c.state == "done",
        email_change.c.done_at >= since,
        email_change.c.undo_until > now,
    )
    earliest = found.order_by(email_change.c.done_at, email_change.c.id).limit(1)
    row = connection.execute(earliest).mappings().first()
    return r.EmailChange(**row) if row else None


def recovery_by_id(connection: sa.Connection, recovery_id: str) -> r.Recovery | None:
    """A recovery, in any state."""
    row = connection.execute(sa.select(recovery).where(recovery.c.id == recovery_id)).mappings().first()
    return r.Recovery(**row) if row else None


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
    insert = insert_into(connection, interrupted).values(row)
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
    done = connection.execute(insert_into(connection, recovery).values(row).on_conflict_do_nothing())
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


@makes(r.VoidRecoveries)
def _void_recoveries(connection: sa.Connection, change: r.VoidRecoveries) -> int:
    return _end_recovery(connection, "cancelled", recovery.c.account_id == change.account_id)


@makes(r.PurgeAccounts)
def _purge_accounts(connection: sa.Connection, change: r.PurgeAccounts) -> int:
    gone = drop_attempts_where(connection, attempt.c.expires_at <= change.now)
    for table in (pending, interrupted):
        gone += connection.execute(sa.delete(table).where(table.c.expires_at <= change.now)).rowcount
    gone += connection.execute(sa.delete(link).where(link.c.expires_at <= change.now - LINKS_KEPT_S)).rowcount
    gone += connection.execute(
        sa.delete(identifier).where(identifier.c.reserved_until <= change.now)
    ).rowcount
    return gone
