"""Finding accounts by the blind index of an address, many at a time, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from secureacct.stores.sql.account_tables import identifier
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx

_FIND = sa.select(identifier.c.token, identifier.c.account_id).where(
    identifier.c.token.in_(sa.bindparam("tokens", expanding=True)), identifier.c.reserved_until.is_(None)
)


def _accounts_of_tokens(connection: sa.Connection, tokens: Sequence[bytes]) -> Mapping[bytes, str]:
    # In the order of the primary key, so that one page of the index serves many look-ups.
    rows = connection.execute(_FIND, {"tokens": sorted(tokens)})
    return {bytes(token): account_id for token, account_id in rows}


class BlockingMatching(BlockingBase):
    """Many look-ups at once, on a blocking engine."""

    accounts_of_tokens = in_tx(_accounts_of_tokens)


class AwaitingMatching(AwaitingBase):
    """Many look-ups at once, on an awaiting engine."""

    accounts_of_tokens = in_async_tx(_accounts_of_tokens)
