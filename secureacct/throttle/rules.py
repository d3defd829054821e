"""How a bucket counts and what it answers: pure rules.

Rule 1: an attempt is charged before it is judged, so a burst in parallel cannot slip past.
Rule 2: a refused attempt changes nothing, so hammering at a shut door keeps nobody out longer.
Rule 3: what a wait has grown to survives its end; only a success, a new authenticator or a long
        quiet makes it short again.
The SQL and Lua forms of :func:`count` are held to this one by the contract tests.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from typing import Final, Literal

from secureacct._bytes import lp_join
from secureacct.records.throttle import FOREVER_MS, Bucket, Charge

KEY_BYTES = 16  # 128 bits of a keyed hash: two buckets never meet by chance
MOST_DOUBLINGS = 20  # 30 s doubled twenty times is a year; beyond it only the cap matters
FORGET_GRAIN_MS = 3_600_000  # 1 h: forgetting is rounded up to it, so an index on it rarely moves


def wait_ms(charge: Charge, count: int) -> int:
    """How long a ladder stays shut after its attempt number ``count`` (milliseconds)."""
    if charge.pause_at and count >= charge.pause_at:
        return FOREVER_MS
    if count < charge.free:
        return 0
    return min(charge.cap_ms, charge.step_ms << min(count - charge.free, MOST_DOUBLINGS))


def first(charge: Charge, *, now_ms: int) -> Bucket:
    """The bucket after its first attempt, which always has room."""
    return _charged(charge, number=1, filled_to=now_ms, now_ms=now_ms)


def opening(charge: Charge, *, now_ms: int) -> tuple[int, int]:
    """Until when and how long the first attempt fills a bucket: ``(until, forget at)``."""
    wait = charge.step_ms if not charge.cap_ms else wait_ms(charge, 1)
    return now_ms + wait, forget_at(charge, now_ms=now_ms)


def count(bucket: Bucket | None, charge: Charge, *, now_ms: int) -> Bucket | None:
    """The bucket after one more attempt, or None: there is no room and nothing changes."""
    if bucket is None or bucket.forget_at_ms <= now_ms:
        return first(charge, now_ms=now_ms)
    if bucket.until_ms > now_ms + charge.room_ms:
        return None
    return _charged(charge, number=bucket.count + 1, filled_to=max(bucket.until_ms, now_ms), now_ms=now_ms)


def _charged(charge: Charge, *, number: int, filled_to: int, now_ms: int) -> Bucket:
    paused = bool(charge.pause_at) and number >= charge.pause_at
    if not charge.cap_ms:
        until = filled_to + charge.step_ms
    else:
        until = FOREVER_MS if paused else now_ms + wait_ms(charge, number)
    return Bucket(
        count=number,
        until_ms=until,
        forget_at_ms=FOREVER_MS if paused else forget_at(charge, now_ms=now_ms),
        seen_ms=now_ms,
        free=charge.free,
        step_ms=charge.step_ms,
        cap_ms=charge.cap_ms,
    )


def forget_at(charge: Charge, *, now_ms: int) -> int:
    """When the bucket may be forgotten if nothing more is charged to it."""
    return -(-(now_ms + charge.forget_ms) // FORGET_GRAIN_MS) * FORGET_GRAIN_MS


def after_success(bucket: Bucket) -> Bucket:
    """A ladder is empty again; a budget gets back the one attempt."""
    if bucket.cap_ms:
        emptied = _with(bucket, count=0, until_ms=0)
        return replace(emptied, forget_at_ms=bucket.seen_ms) if bucket.until_ms >= FOREVER_MS else emptied
    return _with(bucket, count=max(bucket.count - 1, 0), until_ms=bucket.until_ms - bucket.step_ms)


def after_withdrawal(bucket: Bucket) -> Bucket:
    """One attempt less. A ladder opens again if it is back within its free attempts, and a pause
    that this attempt began becomes the longest wait."""
    number = max(bucket.count - 1, 0)
    if not bucket.cap_ms:
        return _with(bucket, count=number, until_ms=bucket.until_ms - bucket.step_ms)
    if number < bucket.free:
        return _with(bucket, count=number, until_ms=0)
    if bucket.until_ms >= FOREVER_MS:
        return _with(bucket, count=number, until_ms=bucket.seen_ms + bucket.cap_ms)
    return _with(bucket, count=number, until_ms=bucket.until_ms)


def _with(bucket: Bucket, *, count: int, until_ms: int) -> Bucket:
    return replace(bucket, count=count, until_ms=until_ms)


def retry_after_s(until_ms: int, *, room_ms: int, cap_s: int, now_ms: int) -> int:
    """Whole seconds until the next attempt is looked at, at least 1 and at most ``cap_s``."""
    return max(1, min(cap_s, -(-(until_ms - room_ms - now_ms) // 1000)))


MAX_DOMAIN: Final = 253  # characters; RFC 1035 section 2.3.4


def bucket_key(secret: bytes, action: str, kind: str, *parts: str) -> bytes:
    """The name of a bucket: keyed BLAKE2b (RFC 7693) over length-prefixed parts, 128 bits."""
    message = lp_join([part.encode("utf-8", "surrogatepass") for part in (action, kind, *parts)])
    return hashlib.blake2b(message, key=secret, digest_size=KEY_BYTES).digest()


def subject(account: str) -> str:
    """One spelling for a name however it was typed. Merging too much only counts more strictly."""
    folded = unicodedata.normalize("NFKC", account).strip().casefold()
    local, at, domain = folded.rpartition("@")
    if domain.isascii() or len(domain) > MAX_DOMAIN:
        return folded
    try:
        return local + at + domain.encode("idna").decode("ascii")
    except UnicodeError:  # no domain: whatever it is, it has one spelling already
        return folded


def waiting_sentence(seconds: int, *, what: Literal["attempts", "paused"] = "attempts") -> str:
    """What a person is told."""
    wait = _in_words(seconds)
    if what == "paused":
        return (
            "There were too many wrong attempts, so this way of signing in is paused for your safety. "
            "Use the link in the mail we send to the owner, a passkey, or a device you signed in on before."
        )
    return f"Too many attempts. Please wait {wait} before you try again."


def _in_words(seconds: int) -> str:
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    if minutes < 60:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours = -(-minutes // 60)
    return "1 hour" if hours == 1 else f"{hours} hours"
