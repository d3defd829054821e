"""One session: check it, begin it, move it, end it.

Rule 1: ``load`` asks the store once. Everything else it does is rare: a touch once a minute, a second
        look when nothing was found.
Rule 2: nothing here reads and then writes. What must still be true when it happens is in the change.
Rule 3: a token that cannot be right is nobody, never an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from secureacct import logs
from secureacct.errors import StoreUnavailable
from secureacct.records.changes import Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.records.sessions import (
    ACTIVE,
    HOUR_BYTES,
    HOUR_S,
    EndReusedSession,
    EndSession,
    EndSessionById,
    ForgetTrace,
    Moved,
    Session,
)
from secureacct.sessions import birth, rules
from secureacct.sessions.devices import Device
from secureacct.sessions.errors import AccountNotActive, SessionEnded, TooManySessions
from secureacct.sessions.parts import Meter, Notices, SessionParts
from secureacct.sessions.policy import CLOCK_SLACK_S, GRACE_S, SessionPolicy
from secureacct.sessions.token import key_of

log: Final = logs.logger("sessions")


Seen = Callable[[], Device]
"""Names the device behind a request, asked only when there is something to tell."""


async def load(parts: SessionParts, token: str | None, *, seen: Seen | None = None) -> Session | None:
    """The session a token stands for; None for every token that stands for none.

    :param seen: names the device that sent the token, for the owner's notice if it is a copy of a dead one.
    :raises StoreUnavailable: the store did not answer, so nobody is signed in for now.
    """
    if parts.meter is not None:
        return await _measured(parts, parts.meter, token, seen)
    key = key_of(token)
    if key is None:
        return None
    now = int(parts.clock())
    age_s = now - int.from_bytes(key[:HOUR_BYTES], "big") * HOUR_S
    if age_s >= parts.longest_s + HOUR_S or age_s < -CLOCK_SLACK_S:
        return None  # the token itself says that it is over
    session = await parts.store.session(key)
    if session is None:
        return await _after_its_end(parts, key, seen, now=now) if parts.remembered.rotate_s else None
    limits = parts.limits if session.token_at is None else parts.remembered
    if rules.why_ended(session, limits, now=now) is not None:
        return None
    if abs(now - session.seen_at) >= limits.touch_s:
        await _touch(parts, session, now=now)
    return session


async def _measured(
    parts: SessionParts, meter: Meter, token: str | None, seen: Seen | None
) -> Session | None:
    began = time.perf_counter()
    outcome = "unavailable"
    try:
        session = await load(replace(parts, meter=None), token, seen=seen)
        outcome = "live" if session is not None else "none"
    finally:
        meter("sessions.load", outcome, time.perf_counter() - began)
    return session


async def _touch(parts: SessionParts, session: Session, *, now: int) -> None:
    try:
        await parts.store.touch_session(session.key, seen_at=session.seen_at, now=now)
    except StoreUnavailable:  # it is signed in all the same; only its idle limit was not put off
        logs.event(log, "sessions.touch_failed", level="warning", session=session.id)


async def _after_its_end(parts: SessionParts, key: bytes, seen: Seen | None, *, now: int) -> Session | None:
    """A key that finds nothing may be one the clock rotated out, or one whose owner signed out.

    Within the grace a rotated one still reads: the session comes back under the old key, on which every claim
    is lost. Later it is a copy in somebody else's hands, or the owner's after the thief's turn: the session
    ends if it lives, and the owner is told once. Requests that were under way at a sign-out tell nothing.
    """
    trace = await parts.store.moved_session(key)
    if trace is None:
        return None
    if abs(now - trace.moved_at) < GRACE_S:
        for session in await _live(parts, trace.account_id, now=now):
            if session.id == trace.session_id:
                return session._replace(key=key)
        return None
    end = EndReusedSession(account_id=trace.account_id, session_id=trace.session_id)
    forget = ForgetTrace(key=key)
    for ended, claims in ((False, (end, forget)), (True, (forget,))):
        told = _told(parts, trace, seen, ended=ended, now=now)
        done = await parts.store.commit((*claims, *told.links), events=told.events, mails=told.mails)
        if not isinstance(done, Lost):
            logs.event(
                log,
                "sessions.token_reused",
                level="warning",
                account=trace.account_id,
                session=trace.session_id,
            )
            break
    return None


def _told(parts: SessionParts, trace: Moved, seen: Seen | None, *, ended: bool, now: int) -> Notices:
    if parts.tell_reuse is None:
        return Notices()
    device = seen() if seen is not None else None
    return parts.tell_reuse(trace.account_id, trace.session_id, now, ended=ended, device=device)


async def _live(parts: SessionParts, account_id: str, *, now: int) -> list[Session]:
    return [
        one
        for one in await parts.store.sessions_of(account_id)
        if rules.why_ended(one, parts.limits_of(one), now=now) is None
    ]


async def start(
    parts: SessionParts,
    account_id: str,
    *,
    factors: Iterable[rules.Proof] = (),
    device: Device | str | None = None,
    remember: bool = False,
    policy: SessionPolicy | None = None,
    replaces: str | None = None,
    events: Sequence[Event] = (),
    mails: Sequence[OutboxMail] = (),
) -> str:
    """Begin a session; the token for the cookie.

    :param factors: what was proved: names ("password", proved now) or ``(name, seconds)`` pairs.
    :param device: what the devices page shows; see :func:`secureacct.sessions.device_from`.
    :param remember: outlive the browser window, if the policy allows it.
    :param policy: this account's own; where it is laxer than the policy in force, that one holds.
    :param replaces: a token the browser came with: its session ends in the same transaction.
    :raises AccountNotActive: the account is disabled or deleted.
    :raises TooManySessions: the policy's ``at_most`` is reached and nothing may make room.
    :raises StoreUnavailable: the store did not answer; no session began.
    """
    now = parts.now()
    chosen = policy or parts.policy
    token, change = birth.begin(
        chosen,
        account_id=account_id,
        now=now,
        random=parts.random,
        keys=parts.keys,
        proofs=rules.as_proofs(factors, now=now),
        device=device,
        remember=remember,
    )
    old = key_of(replaces)
    before = () if old is None else (EndSession(key=old),)
    done = await parts.store.commit((*before, change), events=events, mails=mails)
    if not isinstance(done, Lost):
        return token
    state = await parts.store.account_state(account_id)
    if state is not None and state.status != ACTIVE:
        raise AccountNotActive
    if chosen.make_room_after is not None:
        room = rules.room_for(
            change.session,
            await _live(parts, account_id, now=now),
            unseen_s=int(chosen.make_room_after.total_seconds()),
            now=now,
        )
        if room is not None:
            leave = EndSessionById(account_id=account_id, session_id=room.id)
            done = await parts.store.commit((*before, leave, change), events=events, mails=mails)
            if not isinstance(done, Lost):
                return token
    raise TooManySessions


async def rotate(
    parts: SessionParts,
    token: str,
    *,
    factors: Iterable[rules.Proof] = (),
    events: Sequence[Event] = (),
    mails: Sequence[OutboxMail] = (),
) -> str:
    """Give the session another token, at a step-up or a change of privilege. The old one is dead from here.

    :param factors: what was proved just now; it joins what was proved before.
    :raises SessionEnded: the token stands for no live session.
    """
    session = await load(parts, token)
    if session is None:
        raise SessionEnded
    now = parts.now()
    new_token, _, change = birth.moved(
        session, now=now, random=parts.random, proofs=rules.as_proofs(factors, now=now)
    )
    if isinstance(await parts.store.commit((change,), events=events, mails=mails), Lost):
        raise SessionEnded
    return new_token


async def renew(parts: SessionParts, token: str) -> str | None:
    """A new token for a remembered session whose token is old enough; None: keep the one there is.

    Of parallel requests one gets the new token; the others read with the old one for ten seconds. A
    use of the old token after that ends the session.
    """
    session = await load(parts, token)
    now = parts.now()
    if session is None or not rules.renewal_is_due(session, parts.remembered, now=now):
        return None
    new_token, _, change = birth.moved(session, now=now, random=parts.random, leave_trace=True)
    done = await parts.store.commit((change,))
    return None if isinstance(done, Lost) else new_token


async def end(
    parts: SessionParts,
    token: str | None,
    *,
    events: Sequence[Event] = (),
    mails: Sequence[OutboxMail] = (),
) -> bool:
    """End the session of a token. False: it stood for none (any more), which is fine too.

    :raises StoreUnavailable: it may be alive still; tell the person when it ends by itself.
    """
    key = key_of(token)
    if key is None:
        return False
    done = await parts.store.commit((EndSession(key=key),), events=events, mails=mails)
    if not isinstance(done, Lost) and done.counts[0]:
        return True
    trace = await parts.store.moved_session(key)  # signing out in the seconds after a rotation
    if trace is None:
        return False
    return await end_by_id(parts, trace.account_id, trace.session_id)


async def end_by_id(
    parts: SessionParts,
    account_id: str,
    session_id: str,
    *,
    events: Sequence[Event] = (),
    mails: Sequence[OutboxMail] = (),
) -> bool:
    """End one session of this account by its public id. False: this account has none of this id."""
    change = EndSessionById(account_id=account_id, session_id=session_id)
    done = await parts.store.commit((change,), events=events, mails=mails)
    return not isinstance(done, Lost) and done.counts[0] > 0
