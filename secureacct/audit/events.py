"""Making and opening one event. Pure: the time and the random bytes come in as arguments.

Rule 1: what could name a person (device, network, detail) goes into the sealed part, encrypted with
        the event's id as its row; destroying the person's key makes it unreadable and leaves the MAC,
        and so the chain, whole.
Rule 2: an event's name stands in the catalogue, so that the list of what is logged is the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal, Protocol

from secureacct.audit.catalogue import known
from secureacct.audit.encoding import EventKeys, mac_of, mac_problem
from secureacct.audit.errors import AuditError, EventAltered
from secureacct.records.events import Event

Outcome = Literal["ok", "refused", "attempted", "failed"]

RANDOM_BYTES = 10  # 68 of 80 bits are used: two events of one moment never share an id
FRACTION_BITS = 12  # of a millisecond
_CORRELATION = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}\Z")  # anything else came from a stranger's header
MOST_CHARACTERS = 500  # of one personal value; the rest is cut, since strangers choose some of them
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, which sorts like its numbers


class PersonalCipher(Protocol):
    """What encrypts the personal part: a ``FieldCipher`` of texts, or one under a person's own key."""

    def encrypt(self, value: str, *, row: str) -> bytes:
        """The text, encrypted for this row."""
        ...

    def decrypt(self, blob: bytes, *, row: str) -> str:
        """The text again.

        :raises SecureAcctError: it was altered, belongs elsewhere, or the key is gone.
        """
        ...


def event_id(*, now: float, random: bytes) -> str:
    """26 characters: the time in milliseconds (48 bits), its fraction (12 bits), then 68 random bits.

    The fraction, a quarter of a microsecond, keeps the events of one step in their order (as RFC 9562
    section 6.2, method 3, does for UUIDs).

    :param now: seconds since the epoch.
    :param random: 10 bytes; the first 12 bits are not used.
    """
    if len(random) != RANDOM_BYTES:
        raise AuditError("an event id needs 10 random bytes")
    ticks = int(now * 1000 * (1 << FRACTION_BITS)) & ((1 << 48 + FRACTION_BITS) - 1)
    chance = int.from_bytes(random, "big") & ((1 << 80 - FRACTION_BITS) - 1)
    number = ticks << 80 - FRACTION_BITS | chance
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def seal_event(
    keys: EventKeys,
    cipher: PersonalCipher,
    *,
    id: str,
    at: int,
    name: str,
    outcome: Outcome,
    reason: str = "",
    account_id: str | None = None,
    session_id: str | None = None,
    correlation_id: str = "",
    personal: Mapping[str, str] | None = None,
) -> Event:
    """One event, ready to be committed with the effect it tells of.

    :param id: from :func:`event_id`.
    :param at: seconds since the epoch.
    :param name: a name of the catalogue.
    :param reason: a stable code, never free text.
    :param correlation_id: of the request; dropped unless it is a plain short word.
    :param personal: device, network (a coarse one, ``client_address.coarse``), detail.
    :raises AuditError: the name is not in the catalogue.
    """
    if not known(name):
        raise AuditError(f"no event is called {name!r}; the catalogue names them all")
    sealed = b""
    if personal:
        short = {key: value[:MOST_CHARACTERS] for key, value in sorted(personal.items())}
        text = json.dumps(short, separators=(",", ":"))
        sealed = cipher.encrypt(text, row=id)
    bare = Event(
        id=id,
        at=at,
        name=name,
        outcome=outcome,
        reason=reason,
        account_id=account_id,
        session_id=session_id,
        correlation_id=correlation_id if _CORRELATION.match(correlation_id) else "",
        sealed=sealed,
    )
    return with_mac(keys, bare)


def with_mac(keys: EventKeys, event: Event) -> Event:
    """The event with the MAC of its other fields."""
    return Event(
        id=event.id,
        at=event.at,
        name=event.name,
        outcome=event.outcome,
        reason=event.reason,
        account_id=event.account_id,
        session_id=event.session_id,
        correlation_id=event.correlation_id,
        sealed=event.sealed,
        mac=mac_of(keys, event),
    )


def open_event(keys: EventKeys, cipher: PersonalCipher, event: Event) -> dict[str, str]:
    """The personal part of an event, after its MAC was checked.

    :raises EventAltered: the MAC is not the event's own.
    :raises SecureAcctError: the cipher's own errors, for instance that the person's key is destroyed.
    """
    problem = mac_problem(keys, event)
    if problem is not None:
        raise EventAltered(f"event {event.id} does not carry its own MAC ({problem})")
    if not event.sealed:
        return {}
    found = json.loads(cipher.decrypt(event.sealed, row=event.id))
    return {str(key): str(value) for key, value in found.items()}
