"""The bytes of an event and of a segment: canonical, versioned, keyed. Pure rules.

Rule 1: every field enters with its length in front, and absent is not the same as empty.
Rule 2: an event's MAC is made when it is written and covers everything else in it.
Rule 3: a segment's hash covers each of its events with its MAC, and the segment before it.
The format is written down in ``docs/specs/audit-log.md`` with vectors.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from secureacct.keys import Keyring
from secureacct.keys.errors import KeyringError
from secureacct.records.events import Event

VERSION = 1
MAC_BYTES = 1 + 4 + 32  # version, key id, HMAC-SHA256 (RFC 2104; ASVS 5 appendix C)
GENESIS = hashlib.sha256(b"secureacct audit log, version 1").digest()  # what the first segment follows
MAC_PURPOSE = "audit event mac v1"
PRUNE_PURPOSE = "audit prune mac v1"

_HEAD = b"secureacct.event.1"
_SEGMENT = b"secureacct.segment.1"
_PRUNED = b"secureacct.pruned.1"


class EventKeys:
    """The MAC keys of a keyring's audit root, derived once per key id."""

    __slots__ = ("_derived", "keys")

    def __init__(self, keys: Keyring) -> None:
        self.keys: Final = keys
        self._derived: dict[tuple[int, str], bytes] = {}

    def key(self, key_id: int, purpose: str = MAC_PURPOSE) -> bytes:
        """The key of this id.

        :raises KeyringError: unknown, disabled or destroyed.
        """
        found = self._derived.get((key_id, purpose))
        if found is None:
            found = self.keys.derive("audit", purpose, key_id=key_id)
            self._derived[(key_id, purpose)] = found
        return found

    def primary(self) -> int:
        """The id of the key that writes."""
        return self.keys.primary("audit")

    def __repr__(self) -> str:
        return "<EventKeys>"


def canonical(event: Event) -> bytes:
    """Everything in an event except its MAC, as bytes that no other event has."""
    out = [_HEAD, event.at.to_bytes(8, "big", signed=True)]
    for text in (event.id, event.name, event.outcome, event.reason, event.correlation_id):
        data = text.encode("utf-8", "surrogatepass")
        out += (len(data).to_bytes(4, "big"), data)
    for optional in (event.account_id, event.session_id):
        if optional is None:
            out.append(b"\x00")
        else:
            data = optional.encode("utf-8", "surrogatepass")
            out += (b"\x01", len(data).to_bytes(4, "big"), data)
    out += (len(event.sealed).to_bytes(4, "big"), event.sealed)
    return b"".join(out)


def mac_of(keys: EventKeys, event: Event, *, key_id: int | None = None) -> bytes:
    """Version, key id and HMAC-SHA256 over :func:`canonical`."""
    if key_id is None:
        key_id = keys.primary()
    tag = hmac.digest(keys.key(key_id), canonical(event), "sha256")
    return bytes((VERSION,)) + key_id.to_bytes(4, "big") + tag


def mac_problem(keys: EventKeys, event: Event, *, data: bytes | None = None) -> str | None:
    """Why the MAC is not the event's own: ``"altered"``, ``"unreadable"``, ``"unknown_key"``; or None.

    :param data: the event's :func:`canonical` bytes, if they are at hand.
    """
    mac = event.mac
    if len(mac) != MAC_BYTES or mac[0] != VERSION:
        return "unreadable"
    try:
        key = keys.key(int.from_bytes(mac[1:5], "big"))
    except KeyringError:
        return "unknown_key"
    tag = hmac.digest(key, canonical(event) if data is None else data, "sha256")
    return None if hmac.compare_digest(tag, mac[5:]) else "altered"


def events_hash(events: Iterable[Event], *, encoded: Iterable[bytes]) -> bytes:
    """SHA-256 over every event's canonical bytes and its MAC, in their order."""
    total = hashlib.sha256()
    for event, data in zip(events, encoded, strict=True):
        total.update(len(data).to_bytes(4, "big") + data + event.mac)
    return total.digest()


def segment_hash(
    *,
    previous: bytes,
    number: int,
    events: Sequence[Event],
    sealed_at: int,
    encoded: Sequence[bytes] | None = None,
) -> bytes:
    """The hash of a segment, which ties it to the one before.

    :param encoded: the events' :func:`canonical` bytes, if they are at hand.
    """
    if encoded is None:
        encoded = [canonical(event) for event in events]
    return segment_hash_of(
        previous=previous,
        number=number,
        count=len(events),
        sealed_at=sealed_at,
        events_digest=events_hash(events, encoded=encoded),
    )


def segment_hash_of(
    *, previous: bytes, number: int, count: int, sealed_at: int, events_digest: bytes
) -> bytes:
    """The same from the events' digest: all integers are u64, big endian."""
    numbers = b"".join(value.to_bytes(8, "big") for value in (number, count, sealed_at))
    return hashlib.sha256(_SEGMENT + previous + numbers + events_digest).digest()


def pruned_mac(keys: EventKeys, *, number: int, at: int, hash: bytes, key_id: int | None = None) -> bytes:
    """Says that a holder of the keys removed a segment's events at ``at`` (seconds)."""
    if key_id is None:
        key_id = keys.primary()
    message = _PRUNED + number.to_bytes(8, "big") + at.to_bytes(8, "big") + hash
    tag = hmac.digest(keys.key(key_id, PRUNE_PURPOSE), message, "sha256")
    return bytes((VERSION,)) + key_id.to_bytes(4, "big") + tag


def pruned_rightly(keys: EventKeys, mac: bytes, *, number: int, at: int, hash: bytes) -> bool:
    """Whether such a MAC is right."""
    if len(mac) != MAC_BYTES or mac[0] != VERSION:
        return False
    key_id = int.from_bytes(mac[1:5], "big")
    try:
        return hmac.compare_digest(mac, pruned_mac(keys, number=number, at=at, hash=hash, key_id=key_id))
    except KeyringError:
        return False
