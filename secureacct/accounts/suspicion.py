"""Something that was let through and is told all the same: its event, its mails and their links."""

from __future__ import annotations

from dataclasses import dataclass

from secureacct.records.changes import Change
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Committed together with what it is about."""

    event: Event
    mails: tuple[OutboxMail, ...]
    links: tuple[Change, ...]


def beside(
    event: Event, suspect: Suspect | None
) -> tuple[tuple[Event, ...], tuple[OutboxMail, ...], tuple[Change, ...]]:
    """The events, mails and changes of one commit: its own event, and what looked suspicious, if anything."""
    if suspect is None:
        return (event,), (), ()
    return (event, suspect.event), suspect.mails, suspect.links
