"""Closing an account to everybody for a while, and opening it again: the operator's two steps.

Rules of this file: closing ends every session in the statement that closes, and opening brings none of
them back; nothing the account holds is touched; whoever tries to sign in meanwhile reads what everybody
reads who cannot.
"""

from __future__ import annotations

from secureacct.accounts import recording
from secureacct.accounts.outcomes import NotFound
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.records.changes import Lost
from secureacct.records.sessions import ACTIVE, DISABLED, SetAccountStatus
from secureacct.sessions.birth import first_epoch


async def disable(parts: AccountParts, account_id: str, *, visit: Visit = Visit()) -> None:
    """Nobody gets in, whatever they hold, and nobody stays in. Done already is no error.

    :raises NotFound: there is no such account, or it was deleted.
    """
    await _set(parts, account_id, DISABLED, name="account_disabled", visit=visit)


async def enable(parts: AccountParts, account_id: str, *, visit: Visit = Visit()) -> None:
    """Its owner may sign in again, with what they had. Done already is no error.

    :raises NotFound: there is no such account, or it was deleted.
    """
    await _set(parts, account_id, ACTIVE, name="account_enabled", visit=visit)


async def _set(parts: AccountParts, account_id: str, status: str, *, name: str, visit: Visit) -> None:
    known = await parts.people.by_id(account_id)
    if known is None:
        raise NotFound
    event = recording.happened(
        parts, name, outcome="ok", reason="operator", account=known.id, visit=visit, now=parts.now()
    )
    change = SetAccountStatus(account_id=known.id, status=status, first_epoch=first_epoch(parts.random))
    if isinstance(await parts.store.commit((change,), events=(event,)), Lost):
        raise NotFound
