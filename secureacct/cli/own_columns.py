"""The library's own encrypted columns, for ``secureacct fields rotate --models secureacct``.

Left out on purpose: the security log, whose records are under a MAC and never rewritten, and rows that
are gone within hours by themselves (outbox, interrupted requests, session devices, export pieces).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from secureacct._bytes import b64url
from secureacct.commitments.correspondence import MAX_LETTER_BYTES
from secureacct.fields import FieldCipher
from secureacct.keys import Keyring
from secureacct.orm.rotation import RotatedColumn, Rotation
from secureacct.stores.sql import metadata


def rotations(engine: sa.Engine, keys: Keyring) -> list[Rotation]:
    """One rotation for each of our tables that this database has."""

    def field(table: str, column: str, **options: Any) -> FieldCipher[str]:
        return FieldCipher(keys, table=table, column=column, type=str, **options)

    profiles: dict[str, FieldCipher[str]] = {}

    def profile(row: Mapping[str, Any]) -> FieldCipher[str]:
        return profiles.setdefault(row["field"], field("profile", row["field"]))

    columns = {
        "sa_account": [RotatedColumn("sealed_email", field("account", "email", floor=64))],
        "sa_attempt": [RotatedColumn("sealed_email", field("attempt", "email", floor=64))],
        "sa_email_change": [
            RotatedColumn("sealed_old", field("email_change", "old", floor=64)),
            RotatedColumn("sealed_new", field("email_change", "new", floor=64)),
        ],
        "sa_profile": [RotatedColumn("sealed", profile, needs=["field"], row_from="account_id")],
        "sa_totp": [RotatedColumn("sealed_secret", field("totp", "secret"))],
        "sa_subscription": [
            RotatedColumn(
                "sealed",
                field("subscription", "address", floor=64),
                row_from=lambda row: f"{row['list_id']}:{b64url(bytes(row['token']))}",
            )
        ],
        "sa_letter": [RotatedColumn("sealed", field("letter", "body", max_value=MAX_LETTER_BYTES))],
    }
    present = set(sa.inspect(engine).get_table_names())
    primary = keys.primary("fields")
    return [
        Rotation(engine, metadata.tables[name], found, primary=primary)
        for name, found in columns.items()
        if name in present and name in metadata.tables
    ]
