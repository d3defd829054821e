"""What waits a few minutes in Redis or Valkey and is claimed once.

    <prefix>c:<digest>        a challenge
    <prefix>p:<hash>          a sign-in between password and code
    <prefix>i:<session id>    a POST that waits for a fresh proof; a newer one replaces it
    <prefix>w:<account tag>   which challenges and pending sign-ins are an account's, to drop them by

The first three are strings: when it ends (4 bytes, seconds, until 2106), then, but for a pending sign-in, a
SHA-256 of what a claim must name as well, then what is kept. The last is a sorted set of names by their ends.

Rules of this file: a claim is one script on one key, so of two at the same moment one holds, on a cluster
too; every key expires by itself; a name is written down under its account before the thing is there, so that
dropping an account's things misses none.
"""

from __future__ import annotations

import hashlib
import json
from binascii import b2a_base64
from typing import Any, Final

from secureacct._bytes import b64url, lp_join
from secureacct.errors import ConfigurationError
from secureacct.records.accounts import (
    AddInterrupted,
    AddPending,
    ClaimInterrupted,
    ClaimPending,
    EraseAccount,
    Interrupted,
    PendingSignIn,
)
from secureacct.records.challenges import ClaimChallenge, DropChallenges, PurgeChallenges, PutChallenge
from secureacct.records.changes import Change
from secureacct.records.waiting import BEGUN, DROPPED
from secureacct.sessions.token import account_tag
from secureacct.stores.redis.asking import Asking, our_errors
from secureacct.stores.redis.session_script import TIME_BYTES, time_bytes

OTHERS: Final = (*BEGUN, *DROPPED, PurgeChallenges)
"""What begins, and what drops."""

CHECK_BYTES: Final = 32  # SHA-256

CLAIM = f"""
local value, check = redis.call('GET', KEYS[1]), ARGV[2]
if not value or struct.unpack('>I4', value) <= tonumber(ARGV[1]) then return 0 end
if string.sub(value, {TIME_BYTES + 1}, {TIME_BYTES} + #check) ~= check then return 0 end
return redis.call('DEL', KEYS[1])
"""

NOTE = """
local key, now, ends = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
redis.call('ZADD', key, ends, ARGV[3])
if redis.call('TTL', key) < ends - now then redis.call('EXPIRE', key, ends - now) end
return 1
"""


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a claim may name whatever a browser sent


def _check(*parts: bytes) -> bytes:
    return hashlib.sha256(lp_join(parts)).digest()


def _fits(purpose: str, binding: str, account_id: str | None) -> bytes:
    """What a claim on a challenge must name. No account is another list than any account."""
    return _check(*map(_text, (purpose, binding, *(() if account_id is None else (account_id,)))))


def _pending_body(one: PendingSignIn) -> bytes:
    kept = {
        name: getattr(one, name) for name in PendingSignIn.__slots__ if name not in ("hash", "expires_at")
    }
    return json.dumps(kept, separators=(",", ":")).encode("ascii")


def _pending_from(hash: bytes, value: bytes) -> PendingSignIn:
    kept = json.loads(value[TIME_BYTES:])
    kept["proofs"] = tuple((kind, at) for kind, at in kept["proofs"])
    return PendingSignIn(hash=hash, expires_at=_ends(value), **kept)


def _ends(value: bytes) -> int:
    return int.from_bytes(value[:TIME_BYTES], "big")


class RedisWaiting(Asking):
    """Challenges, pending sign-ins and interrupted POSTs: with a client of either kind."""

    def _key(self, name: str) -> bytes:
        return _text(self.prefix + name)

    async def claim_waiting(self, change: Change) -> int:
        """Use one thing up: 1 if it was there, fit and not expired, else 0 and nothing happened."""
        match change:
            case ClaimChallenge():
                name = f"c:{b64url(change.digest)}"
                check = _fits(change.purpose, change.binding, change.account_id)
            case ClaimPending():
                name, check = f"p:{b64url(change.hash)}", b""
            case ClaimInterrupted():
                name, check = f"i:{change.session_id}", _check(change.hash)
            case _:  # pragma: no cover - the caller picks from records.waiting.CLAIMS
                raise ConfigurationError(f"{type(change).__name__} uses nothing up")
        return int(await self.script(CLAIM, self._key(name), change.now, check))

    async def change_waiting(self, change: Change) -> int:
        """Keep or drop what waits; how much of it there was."""
        match change:
            case PutChallenge(challenge=one, now=now):
                name = f"c:{b64url(one.digest)}"
                if one.account_id is not None:
                    await self._note(one.account_id, name, ends=one.expires_at, now=now)
                fits = _fits(one.purpose, one.binding, one.account_id)
                return await self._keep(name, fits, ends=one.expires_at, now=now, only_new=True)
            case AddPending(pending=sign_in):
                name, ends, now = f"p:{b64url(sign_in.hash)}", sign_in.expires_at, sign_in.created_at
                await self._note(sign_in.account_id, name, ends=ends, now=now)
                return await self._keep(name, _pending_body(sign_in), ends=ends, now=now)
            case AddInterrupted(interrupted=post, now=now):
                kept = _check(post.hash) + post.sealed
                return await self._keep(f"i:{post.session_id}", kept, ends=post.expires_at, now=now)
            case DropChallenges():
                return await self._drop(change.account_id, kind=b"c")
            case EraseAccount():
                return await self._drop(change.account_id, kind=b"p")
            case _:
                return 0  # what has expired is gone by itself

    async def _keep(self, name: str, kept: bytes, *, ends: int, now: int, only_new: bool = False) -> int:
        options = ("NX",) if only_new else ()
        with our_errors():
            lasts = max(ends - now, 1)  # seconds; what is dead already is claimed by nobody
            value = time_bytes(ends) + kept
            return int(bool(await self.change("SET", self._key(name), value, "EX", lasts, *options)))

    def _of_account(self, account_id: str) -> bytes:
        return self._key("w:") + b2a_base64(account_tag(account_id), newline=False)

    async def _note(self, account_id: str, name: str, *, ends: int, now: int) -> None:
        await self.script(NOTE, self._of_account(account_id), now, max(ends, now + 1), name)

    async def _drop(self, account_id: str, *, kind: bytes) -> int:
        dropped = 0
        with our_errors():
            noted: list[bytes] = await self.ask("ZRANGE", self._of_account(account_id), 0, -1)
            names = [name for name in noted if name[:1] == kind]
            for name in names:
                dropped += int(await self.change("UNLINK", _text(self.prefix) + name))
            if names:
                await self.change("ZREM", self._of_account(account_id), *names)
        return dropped

    async def _value(self, name: str, *, now: int) -> bytes | None:
        value: Any = await self.ask("GET", self._key(name))
        return value if value is not None and _ends(value) > now else None

    async def pending(self, hash: bytes, *, now: int) -> PendingSignIn | None:
        """See :class:`secureacct.ports.accounts.AccountReads`."""
        with our_errors():
            value = await self._value(f"p:{b64url(hash)}", now=now)
            return _pending_from(hash, value) if value is not None else None

    async def interrupted(self, hash: bytes, *, session_id: str, now: int) -> Interrupted | None:
        """See :class:`secureacct.ports.accounts.AccountReads`."""
        with our_errors():
            value = await self._value(f"i:{session_id}", now=now)
        if value is None or value[TIME_BYTES : TIME_BYTES + CHECK_BYTES] != _check(hash):
            return None
        sealed = value[TIME_BYTES + CHECK_BYTES :]
        return Interrupted(hash=hash, session_id=session_id, sealed=sealed, expires_at=_ends(value))
