"""Many sessions: list them, end them all, remove dead rows; and what an app keeps in one.

Rule 1: ending all is one write to the account's epoch, whatever the number of sessions; rows are
        removed after.
Rule 2: an account id and a public id together name a session; neither alone ends one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import cast

from secureacct.errors import InvalidInput
from secureacct.records.changes import Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.records.sessions import (
    STATUSES,
    AccountState,
    EndEverySession,
    EndSessions,
    Session,
    SetAccountStatus,
    SetSessionData,
)
from secureacct.sessions import birth, rules
from secureacct.sessions.devices import DeviceSession, opened
from secureacct.sessions.errors import AccountNotActive, SessionEnded
from secureacct.sessions.parts import SessionParts
from secureacct.sessions.steps import _live, load
from secureacct.sessions.token import key_of

PURGE_BATCH = 1000  # rows looked at in the first transaction of a purge; ours
PURGE_MOST = 10_000  # rows looked at in one transaction at most; ours
PURGE_AIM_S = 0.012  # seconds a transaction should take: nobody waits longer for its lock; ours


async def live_sessions(parts: SessionParts, account_id: str) -> tuple[Session, ...]:
    """The live sessions of an account, oldest first."""
    return tuple(await _live(parts, account_id, now=parts.now()))


async def devices(
    parts: SessionParts, account_id: str, *, current: str | None = None
) -> tuple[DeviceSession, ...]:
    """The devices page: live sessions, the one of the token ``current`` marked, last seen first."""
    mine = key_of(current)
    lines = []
    for one in await _live(parts, account_id, now=parts.now()):
        device = opened(one, keys=parts.keys)
        lines.append(
            DeviceSession(
                id=one.id,
                name=device.name,
                network=device.network,
                current=one.key == mine,
                remember=one.remember,
                created_at=one.started_at,
                last_seen_at=one.seen_at,
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.current, line.last_seen_at), reverse=True))


async def end_all(
    parts: SessionParts,
    account_id: str,
    *,
    keep: str | None = None,
    events: Sequence[Event] = (),
    mails: Sequence[OutboxMail] = (),
) -> int:
    """Sign out everywhere: how many live sessions ended.

    :param keep: the token of one session of this account that stays, in the same transaction.
    :raises StoreUnavailable: the store did not answer; nothing ended.
    """
    change = EndSessions(account_id=account_id, keep=key_of(keep), now=parts.now())
    done = await parts.store.commit((change,), events=events, mails=mails)
    if isinstance(done, Lost):  # pragma: no cover - this change claims nothing
        return 0
    return done.counts[0]


async def end_everyone(parts: SessionParts, *, events: Sequence[Event] = ()) -> None:
    """The bad day: end every session of every account."""
    await parts.store.commit((EndEverySession(),), events=events)


async def set_status(
    parts: SessionParts, account_id: str, status: str, *, events: Sequence[Event] = ()
) -> None:
    """Make an account "active", "disabled" or "deleted". All its sessions end in the same statement.

    :raises AccountNotActive: it is deleted, which is for ever.
    """
    if status not in STATUSES:
        raise InvalidInput(f"no such status; choose from {', '.join(STATUSES)}")
    change = SetAccountStatus(
        account_id=account_id, status=status, first_epoch=birth.first_epoch(parts.random)
    )
    if isinstance(await parts.store.commit((change,), events=events), Lost):
        raise AccountNotActive


async def account_state(parts: SessionParts, account_id: str) -> AccountState | None:
    """The account's status and epoch; None: it never had a session."""
    return await parts.store.account_state(account_id)


async def purge(parts: SessionParts, *, batch: int = PURGE_BATCH) -> int:
    """Remove dead rows; how many. In short transactions, so nobody waits long for a lock.

    No check depends on it: what is past its limits is dead without.

    :param batch: rows looked at in the first transaction; the next ones adapt to take about 12 ms.
    """
    removed, cursor, more = 0, b"", True
    while more:
        began = time.perf_counter()
        done = await parts.store.purge_sessions(now=parts.now(), cursor=cursor, limit=batch)
        batch = next_batch(batch, took_s=time.perf_counter() - began)
        removed, cursor, more = removed + done.removed, done.cursor, done.more
    return removed


def next_batch(batch: int, *, took_s: float) -> int:
    """The size of the next batch: twice as much at the most, and down to what fits at once."""
    fits = int(batch * PURGE_AIM_S / max(took_s, 1e-6))
    return max(1, min(fits, batch * 2, PURGE_MOST))


async def data(parts: SessionParts, token: str | None) -> dict[str, rules.Json]:
    """What the app keeps in the session; empty for nothing and for nobody."""
    session = await load(parts, token)
    text = await parts.store.session_data(session.key) if session is not None else None
    return cast("dict[str, rules.Json]", json.loads(text)) if text else {}


async def set_data(parts: SessionParts, token: str | None, values: Mapping[str, rules.Json]) -> None:
    """Replace what the app keeps in the session. It lives and dies with it, and no check reads it.

    :raises SessionDataRefused: not a JSON object, or over 4096 bytes.
    :raises SessionEnded: there is no session: what is anonymous is not written.
    """
    body = rules.data_text(values)
    session = await load(parts, token)
    if session is None:
        raise SessionEnded
    if isinstance(await parts.store.commit((SetSessionData(key=session.key, body=body),)), Lost):
        raise SessionEnded


async def count(parts: SessionParts) -> int:
    """How many rows the store holds, dead ones that no purge has met included."""
    return await parts.store.count_sessions()
