"""Sessions and account states in memory. See ``ports.sessions`` for what is promised."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from secureacct.ports.sessions import Purged
from secureacct.records import sessions as r
from secureacct.records.sessions import ACTIVE, DELETED, AccountState, Moved, Session
from secureacct.stores.memory.journal import MemoryBase, State, makes

MAX_SESSIONS = 100_000  # sessions; the oldest go first, since this store is for tests and trying out


def state_of(state: State, account_id: str) -> AccountState | None:
    """The account's state, if it has one."""
    own: AccountState | None = state.topic("account_state").get(account_id)
    return own


def open_state(state: State, account_id: str, *, first_epoch: int | None = None) -> AccountState:
    """The account's state, made if there is none."""
    own = state_of(state, account_id)
    if own is None:
        own = AccountState(account_id=account_id, epoch=first_epoch or secrets.randbelow(1 << 30))
        state.put(state.topic("account_state"), account_id, own)
    return own


def _set_state(state: State, own: AccountState) -> None:
    state.put(state.topic("account_state"), own.account_id, own)


def _keys_of(state: State, account_id: str) -> frozenset[bytes]:
    keys: frozenset[bytes] = state.topic("session_keys").get(account_id, frozenset())
    return keys


def _add(state: State, session: Session) -> None:
    state.put(state.topic("session"), session.key, session)
    mine = _keys_of(state, session.account_id) | {session.key}
    state.put(state.topic("session_keys"), session.account_id, mine)


def _remove(state: State, session: Session, *, with_data: bool = True) -> None:
    state.drop(state.topic("session"), session.key)
    rest = _keys_of(state, session.account_id) - {session.key}
    if rest:
        state.put(state.topic("session_keys"), session.account_id, rest)
    else:
        state.drop(state.topic("session_keys"), session.account_id)
    if with_data and (session.account_id, session.id) in state.topic("session_data"):
        state.drop(state.topic("session_data"), (session.account_id, session.id))


def _of(state: State, account_id: str) -> list[Session]:
    """The account's rows in its epoch, oldest first; none unless it is active."""
    own = state_of(state, account_id)
    if own is None or own.status != ACTIVE:
        return []
    rows: list[Session] = [state.topic("session")[key] for key in _keys_of(state, account_id)]
    return sorted(
        (row for row in rows if row.epoch == own.epoch), key=lambda row: (row.started_at, row.nonce)
    )


def _in_epoch(state: State, key: bytes) -> Session | None:
    session: Session | None = state.topic("session").get(key)
    if session is None:
        return None
    own = state_of(state, session.account_id)
    return session if own is not None and own.status == ACTIVE and own.epoch == session.epoch else None


def _within_limits(session: Session, now: int) -> bool:
    return now < session.expires_at


@makes(r.StartSession)
def _start(state: State, change: r.StartSession) -> int:
    session = change.session
    own = open_state(state, session.account_id, first_epoch=session.epoch)
    if own.status != ACTIVE:
        return 0
    if change.at_most is not None:
        live = sum(_within_limits(one, change.now) for one in _of(state, session.account_id))
        if live >= change.at_most:
            return 0
    rows = state.topic("session")
    if len(rows) >= MAX_SESSIONS:
        _remove(state, rows[min(rows)])
    _add(state, session._replace(epoch=own.epoch))
    return 1


@makes(r.RotateSession)
def _rotate(state: State, change: r.RotateSession) -> int:
    session = _in_epoch(state, change.key)
    if session is None or not _within_limits(session, change.now):
        return 0
    _remove(state, session, with_data=False)
    _add(
        state,
        session._replace(
            key=change.new_key,
            seen_at=change.now,
            token_at=change.now if session.remember else None,
            proof_text=change.proof_text,
        ),
    )
    if change.leave_trace:
        trace = Moved(account_id=session.account_id, session_id=session.id, moved_at=change.now)
        state.put(state.topic("session_moved"), change.key, trace)
    return 1


@makes(r.TouchSession)
def _touch(state: State, change: r.TouchSession) -> int:
    session = state.topic("session").get(change.key)
    if session is None or session.seen_at != change.seen_at:
        return 0
    state.put(state.topic("session"), change.key, session._replace(seen_at=change.now))
    return 1


@makes(r.EndSession)
def _end(state: State, change: r.EndSession) -> int:
    session = state.topic("session").get(change.key)
    if session is None:
        return 0
    _remove(state, session)
    return 1


def _end_by_id(state: State, account_id: str, session_id: str) -> bytes | None:
    rows = state.topic("session")
    for key in _keys_of(state, account_id):
        if rows[key].id == session_id:
            _remove(state, rows[key])
            return key
    return None


@makes(r.EndSessionById)
def _end_one(state: State, change: r.EndSessionById) -> int:
    key = _end_by_id(state, change.account_id, change.session_id)
    if key is not None and change.trace_at is not None:
        trace = Moved(account_id=change.account_id, session_id=change.session_id, moved_at=change.trace_at)
        state.put(state.topic("session_moved"), key, trace)
    return int(key is not None)


@makes(r.EndReusedSession)
def _end_reused(state: State, change: r.EndReusedSession) -> int:
    return int(_end_by_id(state, change.account_id, change.session_id) is not None)


@makes(r.ForgetTrace)
def _forget_trace(state: State, change: r.ForgetTrace) -> int:
    traces = state.topic("session_moved")
    if change.key not in traces:
        return 0
    state.drop(traces, change.key)
    return 1


@makes(r.SetSessionData)
def _set_data(state: State, change: r.SetSessionData) -> int:
    session = _in_epoch(state, change.key)
    if session is None:
        return 0
    topic, name = state.topic("session_data"), (session.account_id, session.id)
    if change.body is not None:
        state.put(topic, name, change.body)
    elif name in topic:
        state.drop(topic, name)
    return 1


@makes(r.EndSessions)
def _end_all(state: State, change: r.EndSessions) -> int:
    own = state_of(state, change.account_id)
    if own is None:
        return 0
    rows = state.topic("session")
    ended = 0
    for key in _keys_of(state, change.account_id):
        row: Session = rows[key]
        alive = row.epoch == own.epoch and _within_limits(row, change.now)
        if alive and key == change.keep:
            state.put(rows, key, row._replace(epoch=own.epoch + 1))
            continue
        ended += alive and own.status == ACTIVE
        _remove(state, row)
    _set_state(state, replace(own, epoch=own.epoch + 1))
    return ended


@makes(r.EndEverySession)
def _end_every(state: State, _change: r.EndEverySession) -> int:
    ended = len(state.topic("session"))
    for name in ("session", "session_keys", "session_moved", "session_data"):
        topic = state.topic(name)
        for key in list(topic):
            state.drop(topic, key)
    return ended


@makes(r.SetAccountStatus)
def _set_status(state: State, change: r.SetAccountStatus) -> int:
    own = open_state(state, change.account_id, first_epoch=change.first_epoch)
    if own.status == DELETED:
        return int(change.status == DELETED)
    _set_state(state, replace(own, status=change.status, epoch=own.epoch + 1))
    return 1


@makes(r.BumpSecurityVersion)
def _bump(state: State, change: r.BumpSecurityVersion) -> int:
    own = state_of(state, change.account_id)
    if own is None or own.status != ACTIVE or own.security_version != change.expected:
        return 0
    _set_state(state, replace(own, security_version=own.security_version + 1))
    return 1


class MemorySessions(MemoryBase):
    """Sessions in memory."""

    async def session(self, key: bytes) -> Session | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            return _in_epoch(self.state, key)

    async def touch_session(self, key: bytes, *, seen_at: int, now: int) -> bool:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            done = _touch(self.state, r.TouchSession(key=key, seen_at=seen_at, now=now))
            self.state.keep()
            return bool(done)

    async def moved_session(self, key: bytes) -> Moved | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            trace: Moved | None = self.state.topic("session_moved").get(key)
            return trace

    async def sessions_of(self, account_id: str) -> Sequence[Session]:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            return _of(self.state, account_id)

    async def account_state(self, account_id: str) -> AccountState | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            return state_of(self.state, account_id)

    async def session_data(self, key: bytes) -> str | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            session = _in_epoch(self.state, key)
            if session is None:
                return None
            body: str | None = self.state.topic("session_data").get((session.account_id, session.id))
            return body

    async def purge_sessions(self, *, now: int, cursor: bytes, limit: int) -> Purged:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            rows: dict[bytes, Session] = self.state.topic("session")
            looked_at = sorted(key for key in rows if key > cursor)[:limit]
            dead = [
                rows[key]
                for key in looked_at
                if _in_epoch(self.state, key) is None or not _within_limits(rows[key], now)
            ]
            for row in dead:
                _remove(self.state, row)
            more = len(looked_at) == limit
            if not more:
                self._forget_traces()
            self.state.keep()
            return Purged(len(dead), more, looked_at[-1] if looked_at else cursor)

    def _forget_traces(self) -> None:
        """Those whose hour is before that of every session, as in SQL."""
        traces: dict[bytes, Moved] = self.state.topic("session_moved")
        oldest = min((key[: r.HOUR_BYTES] for key in self.state.topic("session")), default=None)
        for key in [key for key in traces if oldest is None or key[: r.HOUR_BYTES] < oldest]:
            self.state.drop(traces, key)

    async def count_sessions(self) -> int:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with self.state.lock:
            return len(self.state.topic("session"))
