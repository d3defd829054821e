"""Sessions in Redis or Valkey. See ``ports.sessions`` for what is promised.

A check is one ``HMGET`` of one key: the account's state and the session, which lie in one hash, so it is
one round trip on a cluster too. A commit is one script on one account's hash.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from secureacct._bytes import b64url
from secureacct.errors import ConfigurationError, StoreUnavailable
from secureacct.ports.sessions import Purged
from secureacct.records import sessions as r
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.sessions import ACTIVE, HOUR_BYTES, AccountState, Moved, Session
from secureacct.sessions.token import account_tag
from secureacct.stores.redis import session_script as s
from secureacct.stores.redis.asking import FAILED, Asking, AwaitingAsking, BlockingAsking, our_errors
from secureacct.stores.redis.cluster import ready, scanned

_ACTIVE = ACTIVE.encode()
SCAN_COUNT = 500  # keys Redis looks at for one step of a scan; ours

Plan: TypeAlias = "list[tuple[bytes, list[int], list[Any]]]"
"""One call for each account: its tag, which of the changes it makes, the script's arguments."""


# --- arguments and replies ---------------------------------------------------------------------


def _operation(change: Change) -> tuple[bytes, list[Any]]:
    """The account's tag, and the operation of the script that makes this change."""
    match change:
        case r.StartSession(session=one):
            return one.key[s.TAG], [
                "start",
                one.account_id,
                one.epoch,
                change.at_most or 0,
                one.key[s.HASH],
                s.session_bytes(one),
                one.device,
                one.ends_at - change.now,
            ]
        case r.RotateSession():
            return change.key[s.TAG], [
                "rotate",
                change.key[s.HASH],
                change.new_key[s.HASH],
                s.time_bytes(change.now),
                change.proof_text,
                int(change.leave_trace),
            ]
        case r.TouchSession():
            seen, now = s.time_bytes(change.seen_at), s.time_bytes(change.now)
            return change.key[s.TAG], ["touch", change.key[s.HASH], seen, now]
        case r.EndSession():
            return change.key[s.TAG], ["finish", change.key[s.HASH]]
        case r.EndSessionById() | r.EndReusedSession():
            hour, nonce = r.place_of_id(change.session_id) or (0, b"")
            traced_at = change.trace_at if isinstance(change, r.EndSessionById) else None
            trace = s.time_bytes(traced_at) if traced_at is not None else b""
            return account_tag(change.account_id), ["finish_id", change.account_id, hour, nonce, trace]
        case r.ForgetTrace():
            return change.key[s.TAG], ["forget_trace", change.key[s.HASH]]
        case r.SetSessionData():
            return change.key[s.TAG], ["data", change.key[s.HASH], change.body or ""]
        case r.EndSessions():
            keep = change.keep or b""
            mine = keep[s.TAG] == account_tag(change.account_id)
            kept = keep[s.HASH] if mine else b""
            return account_tag(change.account_id), ["finish_all", change.account_id, kept]
        case r.SetAccountStatus():
            arguments = ["status", change.account_id, change.status, change.first_epoch]
            return account_tag(change.account_id), arguments
        case _:
            raise ConfigurationError(f"the Redis store keeps no {type(change).__name__}")


def _plan(changes: Sequence[Change]) -> Plan:
    """The call with claims comes first, so that nothing is done for a commit that is lost.

    :raises ConfigurationError: claims on two accounts, which no store of this kind can hold together.
    """
    calls: dict[bytes, tuple[list[int], list[Any]]] = {}
    claiming: set[bytes] = set()
    now = max((getattr(change, "now", 0) for change in changes), default=0)
    for place, change in enumerate(changes):
        tag, (name, *arguments) = _operation(change)
        places, flat = calls.setdefault(tag, ([], [now]))
        places.append(place)
        flat += (name, int(change.must_hold), len(arguments), *arguments)
        if change.must_hold:
            claiming.add(tag)
    if len(claiming) > 1:
        raise ConfigurationError("Redis cannot hold claims on two accounts in one commit")
    ordered = sorted(calls, key=lambda tag: tag not in claiming)
    return [(tag, *calls[tag]) for tag in ordered]


def _state_from(text: bytes) -> AccountState:
    status, epoch, account_id = text.decode().split(":", 2)
    return AccountState(account_id=account_id, status=status, epoch=int(epoch))


def _check(stem: bytes, key: bytes) -> tuple[str, bytes, bytes, bytes]:
    return "HMGET", stem + b2a_base64(key[s.TAG], newline=False), b"a", b"s" + key[s.HASH]


def _found(key: bytes, reply: Sequence[bytes | None]) -> Session | None:
    state, value = reply
    if state is None or value is None:
        return None
    status, epoch, account_id = state.split(b":", 2)
    if status != _ACTIVE:
        return None
    return s.session_from(key, value, account_id=account_id.decode(), epoch=int(epoch))


def _pairs(reply: Any) -> dict[bytes, bytes]:
    """A hash, as RESP2 (a flat list) or RESP3 (a map) hands it over."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _listed(account_id: str, reply: Any) -> list[Session]:
    fields = _pairs(reply)
    if b"a" not in fields:
        return []
    state = _state_from(fields[b"a"])
    if state.status != ACTIVE or state.account_id != account_id:
        return []
    tag = account_tag(account_id)
    rows = [
        s.session_from(
            s.key_from(value, tag, field[1:]),
            value,
            account_id=account_id,
            epoch=state.epoch,
            device=fields.get(b"d" + field[1:], b""),
        )
        for field, value in fields.items()
        if field[:1] == b"s"
    ]
    return sorted(rows, key=lambda one: (one.started_at, one.nonce))


def _moved_from(key: bytes, reply: Sequence[bytes | None]) -> Moved | None:
    state, trace = reply
    if state is None or trace is None:
        return None
    seen, nonce = trace[: s.TIME_BYTES], trace[s.TIME_BYTES :]
    return Moved(
        account_id=_state_from(state).account_id,
        session_id=b64url(key[:HOUR_BYTES] + nonce),
        moved_at=int.from_bytes(seen, "big"),
    )


class RedisSessions(Asking):
    """Sessions: what is the same with a client of either kind."""

    _stem: bytes  # of the names of accounts' hashes

    def _name(self, tag: bytes) -> bytes:
        return self._stem + b2a_base64(tag, newline=False)

    def _name_of(self, account_id: str) -> bytes:
        return self._name(account_tag(account_id))

    def planned(self, changes: Sequence[Change]) -> Plan:
        """What :meth:`commit_sessions` will ask for.

        :raises ConfigurationError: claims on two accounts, or a change that Redis does not keep.
        """
        if any(isinstance(change, r.EndEverySession) for change in changes):
            if len(changes) > 1:
                raise ConfigurationError("Redis ends every session in a commit of its own")
            return []
        return _plan(changes)

    async def commit_sessions(self, changes: Sequence[Change], plan: Plan) -> Committed | Lost:
        """Changes of sessions, those of one account in one script."""
        if isinstance(changes[0], r.EndEverySession):
            return Committed((await self._end_every(),))
        counts = [0] * len(changes)
        for tag, places, arguments in plan:
            reply = await self.script(s.SCRIPT, self._name(tag), *arguments)
            if reply and reply[0] == -1:
                return Lost(changes[places[reply[1]]])
            for place, count in zip(places, reply, strict=True):
                counts[place] = count
        return Committed(tuple(counts))

    async def _batches(self) -> AsyncIterator[list[bytes]]:
        """The names of our hashes, on every server. What is there throughout is met, as long as a
        cluster does not move slots meanwhile."""
        with our_errors():
            servers = await self.servers()
        for options in servers:
            cursor = 0
            while True:
                with our_errors():
                    reply = await self.ask(
                        "SCAN", cursor, "MATCH", self._stem + b"*", "COUNT", SCAN_COUNT, **options
                    )
                    cursor, names = scanned(reply)
                yield names
                if cursor == 0:
                    break

    async def _end_every(self) -> int:
        ended = 0
        async for names in self._batches():
            with our_errors():
                for name in names:
                    ended += int(await self.change("UNLINK", name))
        return ended

    async def session(self, key: bytes) -> Session | None:
        """See :class:`secureacct.ports.sessions.SessionReads`. One ``HMGET``."""
        raise NotImplementedError

    async def touch_session(self, key: bytes, *, seen_at: int, now: int) -> bool:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        touch = (r.TouchSession(key=key, seen_at=seen_at, now=now),)
        done = await self.commit_sessions(touch, self.planned(touch))
        return not isinstance(done, Lost) and done.counts[0] > 0

    async def moved_session(self, key: bytes) -> Moved | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with our_errors():
            reply = await self.ask("HMGET", self._name(key[s.TAG]), b"a", b"m" + key[s.HASH])
            return _moved_from(key, reply)

    async def sessions_of(self, account_id: str) -> Sequence[Session]:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with our_errors():
            return _listed(account_id, await self.ask("HGETALL", self._name_of(account_id)))

    async def account_state(self, account_id: str) -> AccountState | None:
        """See :class:`secureacct.ports.sessions.SessionReads`. The security version is in SQL."""
        with our_errors():
            text = await self.ask("HGET", self._name_of(account_id), b"a")
            return _state_from(text) if text is not None else None

    async def session_data(self, key: bytes) -> str | None:
        """See :class:`secureacct.ports.sessions.SessionReads`."""
        with our_errors():
            name, hash = self._name(key[s.TAG]), key[s.HASH]
            state, value, body = await self.ask("HMGET", name, b"a", b"s" + hash, b"x" + hash)
            if body is None or _found(key, (state, value)) is None:
                return None
            return str(body.decode())

    async def purge_sessions(self, *, now: int, cursor: bytes, limit: int) -> Purged:
        """See :class:`secureacct.ports.sessions.SessionReads`. Keys expire by themselves; this removes
        dead sessions of accounts that have others. One call goes through all, ``limit`` or not."""
        removed = 0
        async for names in self._batches():
            for name in names:
                gone, _alive = await self.script(s.TRIM, name, now)
                removed += int(gone)
        return Purged(removed, False, b"")

    async def count_sessions(self) -> int:
        """See :class:`secureacct.ports.sessions.SessionReads`. Walks every account."""
        count = 0
        async for names in self._batches():
            for name in names:
                with our_errors():
                    count += sum(field[:1] == b"s" for field in await self.ask("HKEYS", name))
        return count


class BlockingRedisSessions(BlockingAsking, RedisSessions):
    """With a ``redis.Redis`` or ``redis.RedisCluster``. Nothing here suspends."""

    async def session(self, key: bytes) -> Session | None:
        """See :class:`secureacct.ports.sessions.SessionReads`. One ``HMGET``."""
        try:
            return _found(key, self.client.execute_command(*_check(self._stem, key), NEVER_DECODE=()))
        except FAILED as error:
            raise StoreUnavailable(f"Redis did not answer ({type(error).__name__})") from None


class AwaitingRedisSessions(AwaitingAsking, RedisSessions):
    """With a ``redis.asyncio.Redis`` or ``redis.asyncio.RedisCluster``."""

    async def session(self, key: bytes) -> Session | None:
        """See :class:`secureacct.ports.sessions.SessionReads`. One ``HMGET``."""
        try:
            if self.on_cluster:
                await ready(self.client)
            reply = await self.client.execute_command(*_check(self._stem, key), NEVER_DECODE=())
            return _found(key, reply)
        except FAILED as error:
            raise StoreUnavailable(f"Redis did not answer ({type(error).__name__})") from None
