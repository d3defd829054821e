"""Buckets of attempts in Redis or Valkey: one script per attempt, all buckets or none.

The arithmetic is that of ``throttle.rules.count``, in Lua. A bucket is one string of seven numbers
that expires by itself when its quiet time is over; a paused one has no expiry. All buckets share a
hash tag, so that a cluster keeps them in one slot and the script may touch them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError

from secureacct.records.throttle import FOREVER_MS, Charge, Counted, Refused
from secureacct.stores.redis.asking import Asking, our_errors, sha_of
from secureacct.throttle import rules

_NUMBERS = 7  # count, until, forget at, seen, free, step, cap
_PATTERN = ":".join([r"(-?%d+)"] * _NUMBERS)

COUNT = f"""
local now = tonumber(ARGV[1])
local found = redis.call('MGET', unpack(KEYS))
local shut, made = {{0}}, {{1}}
local writes = {{}}
for i = 1, #KEYS do
    local a = 2 + (i - 1) * 6
    local free, step, cap = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
    local pause, room, forget = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
    local count, before, gone = 0, 0, 0
    if found[i] then
        local c, u, g = string.match(found[i], '^{_PATTERN}$')
        count, before, gone = tonumber(c), tonumber(u), tonumber(g)
        if gone <= now then count, before = 0, 0 end
    end
    if before > now + room then
        shut[#shut + 1] = i - 1
        shut[#shut + 1] = count
        shut[#shut + 1] = before
    end
    count = count + 1
    local paused = pause > 0 and count >= pause
    local opens
    if cap == 0 then
        opens = math.max(before, now) + step
    elseif paused then
        opens = {FOREVER_MS}
    elseif count < free then
        opens = now
    else
        opens = now + math.min(cap, step * 2 ^ math.min(count - free, {rules.MOST_DOUBLINGS}))
    end
    if paused then forget = {FOREVER_MS} end
    local text = string.format(
        '%.0f:%.0f:%.0f:%.0f:%.0f:%.0f:%.0f', count, opens, forget, now, free, step, cap
    )
    writes[i] = {{text, forget, paused}}
    made[#made + 1] = count
    made[#made + 1] = opens
end
if #shut > 1 then return shut end
for i = 1, #KEYS do
    if writes[i][3] then
        redis.call('SET', KEYS[i], writes[i][1])
    else
        redis.call('SET', KEYS[i], writes[i][1], 'PX', string.format('%.0f', writes[i][2] - now))
    end
end
return made
"""

SETTLE = f"""
local success = ARGV[1] == '1'
for i = 1, #KEYS do
    local found = redis.call('GET', KEYS[i])
    if found then
        local c, u, g, n, f, s, p = string.match(found, '^{_PATTERN}$')
        local count, opens, free, step, cap = tonumber(c), tonumber(u), tonumber(f), tonumber(s), tonumber(p)
        if cap > 0 and success then
            redis.call('DEL', KEYS[i])
        else
            count = math.max(count - 1, 0)
            if cap == 0 then
                opens = opens - step
            elseif count < free then
                opens = 0
            elseif opens >= {FOREVER_MS} then
                opens = tonumber(n) + cap
            end
            local text = string.format('%.0f:%.0f', count, opens)
            redis.call('SET', KEYS[i], text .. ':' .. table.concat({{g, n, f, s, p}}, ':'), 'KEEPTTL')
        end
    end
end
return 1
"""


def _names(prefix: str, keys: Sequence[bytes]) -> list[str]:
    return [f"{prefix}{{throttle}}:{key.hex()}" for key in keys]


def _count_arguments(charges: Sequence[Charge], *, now_ms: int) -> list[int]:
    arguments = [now_ms]
    for one in charges:
        forget = rules.forget_at(one, now_ms=now_ms)
        arguments += (one.free, one.step_ms, one.cap_ms, one.pause_at, one.room_ms, forget)
    return arguments


def _read_count(reply: Sequence[int]) -> Counted | Refused:
    numbers = [int(one) for one in reply[1:]]
    if reply[0] == 1:
        return Counted(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    return Refused(tuple(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)))


class RedisThrottle(Asking):
    """See :class:`secureacct.ports.throttle.ThrottleStore`. No attempt waits for replicas: a count that is
    lost gives a guesser one guess more."""

    async def _throttled(self, script: str, names: Sequence[str], arguments: Sequence[object]) -> Any:
        with our_errors():
            try:
                return await self.ask("EVALSHA", sha_of(script), len(names), *names, *arguments)
            except NoScriptError:
                return await self.ask("EVAL", script, len(names), *names, *arguments)

    async def count_attempt(self, charges: Sequence[Charge], *, now_ms: int) -> Counted | Refused:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        names = _names(self.prefix, [one.key for one in charges])
        return _read_count(await self._throttled(COUNT, names, _count_arguments(charges, now_ms=now_ms)))

    async def settle_success(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        await self._throttled(SETTLE, _names(self.prefix, keys), ("1",))

    async def settle_withdrawn(self, keys: Sequence[bytes]) -> None:
        """See :class:`secureacct.ports.throttle.ThrottleStore`."""
        await self._throttled(SETTLE, _names(self.prefix, keys), ("0",))

    async def forget_buckets(self, *, now_ms: int, limit: int) -> int:
        """Nothing to do: buckets expire by themselves."""
        return 0
