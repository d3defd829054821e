"""The tables of accounts, their identifiers, sign-ups, links and steps in between."""

from __future__ import annotations

import sqlalchemy as sa

from secureacct.stores.sql.base import metadata

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
