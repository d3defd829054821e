"""Comparing a sign-in with what is on record of the account: one bounded read, one event a rule, one mail.

Rules of this file: it is asked only where no mark of a known device was shown, so whoever comes back costs no
read; it warns and never refuses; a record that cannot be read is missing from the comparison, and a log that
cannot be read leaves the sign-in as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from secureacct import logs
from secureacct.accounts import mails, recording
from secureacct.accounts.directory import Known
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.audit import anomalies
from secureacct.audit.anomalies import Anomaly, Sighting
from secureacct.client_address import coarse
from secureacct.errors import SecureAcctError
from secureacct.records.events import Event

LOOKED_AT: Final = 50  # events; one read of one index, about a millisecond with their decryption; ours

log: Final = logs.logger("accounts")


async def about_sign_in(
    parts: AccountParts, known: Known, visit: Visit, *, session_id: str, now: int
) -> tuple[Anomaly, ...]:
    """What is unusual about a sign-in that is about to be committed, the gravest first. Never raises for the
    log's sake."""
    try:
        events = await parts.store.events_of(known.id, limit=LOOKED_AT)
        await parts.personal.load([known.id])
    except SecureAcctError as error:
        logs.event(log, "sign_in.not_compared", level="warning", reason=error.code)
        return ()
    here = _seen(visit, session_id=session_id, now=now)
    before = [one for event in events if (one := _sighting(parts, event)) is not None]
    return anomalies.of_sign_in(here, before, since_ever=len(events) < LOOKED_AT)


def _seen(visit: Visit, *, session_id: str, now: int) -> Sighting:
    network = coarse(visit.network) if visit.network else ""
    return Sighting(at=now, device=visit.device, network=network, session_id=session_id)


def _sighting(parts: AccountParts, event: Event) -> Sighting | None:
    if event.name == "anomaly":
        return Sighting(at=event.at, device="", network="", outcome="told") if _of_failures(event) else None
    refused = event.name == "sign_in" and event.outcome == "refused"
    if not refused and (event.outcome != "ok" or event.session_id is None):
        return None
    try:
        personal = parts.personal.read(event)
    except SecureAcctError:  # altered, or of a person whose key is gone
        return None
    return Sighting(
        at=event.at,
        device=personal.get("device", ""),
        network=personal.get("network", ""),
        session_id=event.session_id,
        outcome="refused" if refused else "ok",
    )


def _of_failures(event: Event) -> bool:
    return event.reason == "failures_then_success"


def told(
    parts: AccountParts,
    known: Known,
    visit: Visit,
    found: Sequence[Anomaly],
    *,
    session_id: str,
    now: int,
) -> tuple[tuple[Event, ...], mails.Told]:
    """An event for each anomaly, and the one mail: of the gravest, or of the new device alone."""
    events = tuple(_event(parts, known, visit, one, session_id=session_id, now=now) for one in found)
    if found:
        return events, mails.unusual_sign_in(parts, known, visit, rule=found[0].rule, now=now)
    return events, mails.new_device(parts, known, visit, now=now)


def used_after_its_end(
    parts: AccountParts, known: Known, visit: Visit, *, session_id: str, now: int
) -> tuple[Event, mails.Told]:
    """What tells the owner that a session was used after they signed out."""
    found = anomalies.used_after_sign_out(_seen(visit, session_id=session_id, now=now))
    event = _event(parts, known, visit, found, session_id=session_id, now=now)
    return event, mails.ended_session_used(parts, known, visit, now=now)


def _event(
    parts: AccountParts, known: Known, visit: Visit, found: Anomaly, *, session_id: str, now: int
) -> Event:
    return recording.happened(
        parts,
        "anomaly",
        outcome="ok",
        reason=found.rule,
        account=known.id,
        session=session_id,
        visit=visit,
        now=now,
        detail=found.why,
    )
