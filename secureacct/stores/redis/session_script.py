"""The one script that changes sessions in Redis or Valkey, and the records it reads and writes.

An account is one hash, ``<prefix>s:<the account's tag in base64, 16 characters>``, so everything about it has
one slot, one expiry and one fate: losing the key signs the account out and can bring nothing back.

    a             status:epoch:account id
    s<20 bytes>   a session, named by the hash of its token
    d<20 bytes>   what is kept about its device
    x<20 bytes>   the app's data
    m<20 bytes>   a dead token: the clock rotated it out, or its owner signed out

A session is 26 bytes and its proofs: started, seen, ends, idle limit, token made (4 bytes each, seconds,
until 2106; the last is 0 for one that is not remembered), nonce (6). With its proofs it stays under the
64 bytes up to which Redis keeps an account's sessions in one compact piece of memory.

Rules of this file: changes are made on a view laid over the hash and written at the end, so a claim
that is lost has written nothing; the script gets the time from its caller.
"""

from __future__ import annotations

import struct

from secureacct.records.sessions import HASH_BYTES, HOUR_BYTES, HOUR_S, TAG_BYTES, Session

TRIM_OVER = 64  # fields of a hash from which a start also removes what has expired; ours
TRACED_S = 30 * 86_400  # seconds a dead token is remembered where fields are many; ours
KEPT_S = 400 * 86_400  # seconds an active account's hash outlives its last change at most; RFC 6265bis

SCRIPT = f"""
local key, now = KEYS[1], tonumber(ARGV[1])
local over, counts, needs, keep_for_ever = {{}}, {{}}, 0, nil

local function get(field)
    if over[field] ~= nil then return over[field] end
    return redis.call('HGET', key, field)
end
local function put(field, value) over[field] = value end
local function drop(field) over[field] = false end
local function view()
    local flat, all = redis.call('HGETALL', key), {{}}
    for i = 1, #flat, 2 do all[flat[i]] = flat[i + 1] end
    for field, value in pairs(over) do all[field] = value or nil end
    return all
end
local function state()
    local text = get('a')
    if not text then return nil end
    local status, epoch, id = string.match(text, '^(%a+):(%d+):(.*)$')
    return {{status = status, epoch = tonumber(epoch), id = id}}
end
local function put_state(own)
    put('a', own.status .. ':' .. string.format('%.0f', own.epoch) .. ':' .. own.id)
end
local function is_live(value)
    local _, seen, ends, idle = struct.unpack('>I4I4I4I4', value)
    return ends > now and (idle == 0 or seen + idle > now)
end
local function forget(hash)
    drop('s' .. hash) drop('d' .. hash) drop('x' .. hash)
end
local function active(id)
    local own = state()
    return own and own.status == 'active' and (id == nil or own.id == id) and own or nil
end

local function clear(keep)
    local ended = 0
    for field, value in pairs(view()) do
        local kind, hash = string.sub(field, 1, 1), string.sub(field, 2)
        if kind == 's' then
            local live = is_live(value)
            if not (live and hash == keep) then
                if live then ended = ended + 1 end
                forget(hash)
            end
        elseif kind == 'm' then
            drop(field)
        end
    end
    return ended
end

local ops = {{}}
function ops.start(id, first_epoch, at_most, hash, value, device, ends_in)
    local own = state()
    if not own then
        clear('')  -- a state that was lost takes its sessions along
        own = {{status = 'active', epoch = tonumber(first_epoch), id = id}}
        put_state(own)
    end
    if own.status ~= 'active' or own.id ~= id then return 0 end
    at_most = tonumber(at_most)
    if at_most > 0 or redis.call('HLEN', key) > {TRIM_OVER} then
        local live = 0
        for field, old in pairs(view()) do
            local kind = string.sub(field, 1, 1)
            if kind == 's' then
                if is_live(old) then live = live + 1 else forget(string.sub(field, 2)) end
            elseif kind == 'm' and struct.unpack('>I4', old) + {TRACED_S} < now then
                drop(field)
            end
        end
        if at_most > 0 and live >= at_most then return 0 end
    end
    put('s' .. hash, value)
    if device ~= '' then put('d' .. hash, device) end
    needs = math.max(needs, tonumber(ends_in))
    return 1
end
function ops.rotate(hash, new_hash, seen, proofs, trace)
    local value = get('s' .. hash)
    if not value or not active() or not is_live(value) then return 0 end
    local made = string.sub(value, 17, 20)
    if made ~= string.rep('\\0', 4) then made = seen end
    put('s' .. new_hash, string.sub(value, 1, 4) .. seen .. string.sub(value, 9, 16) .. made
        .. string.sub(value, 21, 26) .. proofs)
    for _, kind in ipairs({{'d', 'x'}}) do
        local kept = get(kind .. hash)
        if kept then put(kind .. new_hash, kept) end
    end
    forget(hash)
    if trace == '1' then put('m' .. hash, seen .. string.sub(value, 21, 26)) end
    return 1
end
function ops.touch(hash, seen, new)
    local value = get('s' .. hash)
    if not value or string.sub(value, 5, 8) ~= seen then return 0 end
    put('s' .. hash, string.sub(value, 1, 4) .. new .. string.sub(value, 9))
    return 1
end
function ops.finish(hash)
    if not get('s' .. hash) then return 0 end
    forget(hash)
    return 1
end
function ops.finish_id(id, hour, nonce, trace)
    local own = state()
    if not own or own.id ~= id then return 0 end
    for field, value in pairs(view()) do
        if string.sub(field, 1, 1) == 's' and string.sub(value, 21, 26) == nonce then
            local started = struct.unpack('>I4', value)
            if math.floor(started / {HOUR_S}) == tonumber(hour) then
                forget(string.sub(field, 2))
                if trace ~= '' then put('m' .. string.sub(field, 2), trace .. nonce) end
                return 1
            end
        end
    end
    return 0
end
function ops.forget_trace(hash)
    if not get('m' .. hash) then return 0 end
    drop('m' .. hash)
    return 1
end
function ops.data(hash, body)
    if not get('s' .. hash) or not active() then return 0 end
    if body == '' then drop('x' .. hash) else put('x' .. hash, body) end
    return 1
end
function ops.finish_all(id, keep)
    local own = state()
    if not own or own.id ~= id then return 0 end
    local ended = clear(keep)
    own.epoch = own.epoch + 1
    put_state(own)
    return own.status == 'active' and ended or 0
end
function ops.status(id, status, first_epoch)
    local own = state()
    if own and (own.id ~= id or (own.status == 'deleted' and status ~= 'deleted')) then return 0 end
    if own and own.status == 'deleted' then return 1 end
    clear('')
    put_state({{status = status, epoch = own and own.epoch + 1 or tonumber(first_epoch), id = id}})
    keep_for_ever = status ~= 'active'
    return 1
end

local at = 2
while at <= #ARGV do
    local arguments = {{}}
    local count = tonumber(ARGV[at + 2])
    for i = 1, count do arguments[i] = ARGV[at + 2 + i] end
    local touched = ops[ARGV[at]](unpack(arguments))
    if touched == 0 and ARGV[at + 1] == '1' then return {{-1, #counts}} end
    counts[#counts + 1] = touched
    at = at + 3 + count
end

for field, value in pairs(over) do
    if value == false then redis.call('HDEL', key, field) end
end
for field, value in pairs(over) do
    if value then redis.call('HSET', key, field, value) end
end
if keep_for_ever then
    redis.call('PERSIST', key)
elseif keep_for_ever == false then
    redis.call('EXPIRE', key, {KEPT_S})
elseif needs > 0 then
    local left = redis.call('TTL', key)
    if left < needs then redis.call('EXPIRE', key, needs) end
end
return counts
"""

TRIM = """
local now, gone, alive = tonumber(ARGV[1]), 0, 0
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
    local field, value = flat[i], flat[i + 1]
    if string.sub(field, 1, 1) == 's' then
        local _, seen, ends, idle = struct.unpack('>I4I4I4I4', value)
        if ends > now and (idle == 0 or seen + idle > now) then
            alive = alive + 1
        else
            local hash = string.sub(field, 2)
            gone = gone + redis.call('HDEL', KEYS[1], field)
            redis.call('HDEL', KEYS[1], 'd' .. hash, 'x' .. hash)
        end
    end
end
if alive == 0 then
    for i = 1, #flat, 2 do
        if string.sub(flat[i], 1, 1) == 'm' then redis.call('HDEL', KEYS[1], flat[i]) end
    end
end
return {gone, alive}
"""


HASH = slice(HOUR_BYTES + TAG_BYTES, None)
TAG = slice(HOUR_BYTES, HOUR_BYTES + TAG_BYTES)
TIME_BYTES = 4
_HEAD = struct.Struct(">IIIII6s")


def time_bytes(at: int) -> bytes:
    """A time as the records hold it."""
    return at.to_bytes(TIME_BYTES, "big")


def session_bytes(session: Session) -> bytes:
    """A session as its field holds it."""
    head = _HEAD.pack(
        session.started_at,
        session.seen_at,
        session.ends_at,
        session.idle_s,
        session.token_at or 0,
        session.nonce,
    )
    return head + session.proof_text.encode("ascii")


def session_from(key: bytes, value: bytes, *, account_id: str, epoch: int, device: bytes = b"") -> Session:
    """The session that a field holds.

    :raises ValueError, struct.error: it holds something else.
    """
    started_at, seen_at, ends_at, idle_s, token_at, nonce = _HEAD.unpack_from(value)
    return Session(
        key,
        account_id,
        nonce,
        started_at % HOUR_S,
        seen_at,
        ends_at,
        idle_s,
        token_at or None,
        epoch,
        value[_HEAD.size :].decode("ascii"),
        device,
    )


def key_from(value: bytes, tag: bytes, hash: bytes) -> bytes:
    """The key of the session that a field holds."""
    hour: int = _HEAD.unpack_from(value)[0] // HOUR_S
    return hour.to_bytes(HOUR_BYTES, "big") + tag + hash[:HASH_BYTES]
