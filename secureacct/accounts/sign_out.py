"""Signing out: this session, one other, the others, or everywhere; and the list of devices."""

from __future__ import annotations

from secureacct.accounts import recording
from secureacct.accounts.outcomes import Device, NotFound, SignInRequired
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.records.changes import Lost
from secureacct.records.sessions import EndSessionById, EndSessions, Session
from secureacct.sessions.devices import opened


async def sign_out(parts: AccountParts, session: Session, *, visit: Visit = Visit()) -> None:
    """End this session. Ended already is no error. Its token is remembered for a while, so that the owner
    hears of a copy; only here, where the browser lets go of its own.

    :raises StoreUnavailable: the store did not answer: the session may still live.
    """
    now = parts.now()
    event = recording.happened(
        parts, "sign_out", outcome="ok", account=session.account_id, session=session.id, visit=visit, now=now
    )
    # By its id: the key may be one that the clock rotated out a moment ago, which ends nothing.
    trace_at = now if parts.sessions.remember is not None else None  # other policies look for none
    end = EndSessionById(account_id=session.account_id, session_id=session.id, trace_at=trace_at)
    await parts.store.commit((end,), events=(event,))


async def devices(parts: AccountParts, session: Session) -> tuple[Device, ...]:
    """The account's living sessions, this one first, then the latest seen. Ids are public."""
    now = parts.now()
    living = [one for one in await parts.store.sessions_of(session.account_id) if one.expires_at > now]
    listed = [
        Device(
            id=one.id,
            name=opened(one, keys=parts.vault.keys).name,
            current=one.id == session.id,
            created_at=one.started_at,
            last_seen_at=one.seen_at,
        )
        for one in living
    ]
    return tuple(sorted(listed, key=lambda one: (not one.current, -one.last_seen_at, one.id)))


async def end_device(parts: AccountParts, session: Session, device_id: str, *, visit: Visit = Visit()) -> int:
    """End one of the account's own sessions by its public id.

    :raises NotFound: another account's, unknown, or ended already.
    """
    now = parts.now()
    own = await parts.store.sessions_of(session.account_id)
    found = next((one for one in own if one.id == device_id and one.expires_at > now), None)
    if found is None:
        raise NotFound
    event = recording.happened(
        parts,
        "sign_out",
        outcome="ok",
        reason="device",
        account=session.account_id,
        session=found.id,
        visit=visit,
        now=now,
        detail=opened(found, keys=parts.vault.keys).name,
    )
    end = EndSessionById(account_id=session.account_id, session_id=found.id)
    await parts.store.commit((end,), events=(event,))
    return 1


async def end_others(parts: AccountParts, session: Session, *, visit: Visit = Visit()) -> int:
    """End every session of the account but this one; how many ended.

    :raises SignInRequired: this session ended meanwhile.
    """
    return await _end(parts, session, keep=session.key, reason="others", visit=visit)


async def end_everywhere(parts: AccountParts, session: Session, *, visit: Visit = Visit()) -> int:
    """End every session of the account, this one too; how many ended."""
    return await _end(parts, session, keep=None, reason="everywhere", visit=visit)


async def _end(
    parts: AccountParts, session: Session, *, keep: bytes | None, reason: str, visit: Visit
) -> int:
    now = parts.now()
    event = recording.happened(
        parts,
        "sign_out",
        outcome="ok",
        reason=reason,
        account=session.account_id,
        session=session.id,
        visit=visit,
        now=now,
    )
    change = EndSessions(account_id=session.account_id, keep=keep, now=now)
    done = await parts.store.commit((change,), events=(event,))
    if isinstance(done, Lost):
        raise SignInRequired
    return done.counts[0]
