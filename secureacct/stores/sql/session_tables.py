"""The tables of sessions and account states.

Rules of this file: the hour of a session's start stands in front of its row's key, so rows that begin
together lie together and die together; no table here has a second index.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from secureacct.records.sessions import ACTIVE
from secureacct.stores.sql.base import metadata

account_state = sa.Table(
    "sa_account_state",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False, default=lambda: secrets.randbelow(1 << 30)),
    sa.Column("security_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("status", sa.Text, nullable=False, server_default=ACTIVE),
    sqlite_with_rowid=False,
)

session = sa.Table(
    "sa_session",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("lookup", sa.LargeBinary, primary_key=True),
    sa.Column("began", sa.SmallInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("token_at", sa.BigInteger),
    sa.Column("idle_s", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("proofs", sa.Text, nullable=False),
    sa.Column("device", sa.LargeBinary),
    sqlite_with_rowid=False,
)

session_moved = sa.Table(
    "sa_session_moved",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("lookup", sa.LargeBinary, primary_key=True),
    sa.Column("moved_at", sa.BigInteger, nullable=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

session_data = sa.Table(
    "sa_session_data",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("lookup", sa.LargeBinary, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
