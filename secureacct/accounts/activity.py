"""The account's own security log, in plain words."""

from __future__ import annotations

from secureacct.accounts.outcomes import Happening
from secureacct.accounts.parts import AccountParts
from secureacct.audit.catalogue import words
from secureacct.audit.errors import EventAltered
from secureacct.fields import FieldError
from secureacct.records.events import Event
from secureacct.records.sessions import Session

REASONS = {
    "password": "with the password",
    "totp": "with a code from the app",
    "recovery_code": "with a recovery code",
    "passkey": "with a passkey",
    "wrong_password": "wrong password",
    "wrong_code": "wrong code",
    "password_paused": "the password is paused",
    "device": "one device",
    "others": "all other devices",
    "everywhere": "everywhere",
    "second_factor": "",
    "failures_then_success": "a sign-in after many wrong attempts",
    "two_networks_at_once": "a sign-in from one network while another was in use",
    "new_device_on_new_network": "a new browser on a new network",
    "used_after_sign_out": "a sign-in was used after it had ended",
}


async def activity(
    parts: AccountParts, session: Session, *, limit: int = 50, before: str | None = None
) -> tuple[Happening, ...]:
    """The newest events of the session's account, newest first.

    :param limit: at most 200 rows.
    :param before: the id of the last row seen, for the next page.
    """
    events = await parts.store.events_of(session.account_id, limit=min(limit, 200), before=before)
    await parts.personal.load([session.account_id])
    return tuple(_in_words(parts, event) for event in events)


def _in_words(parts: AccountParts, event: Event) -> Happening:
    try:
        personal = parts.personal.read(event)
    except EventAltered:
        return Happening(
            id=event.id, at=event.at, name=event.name, outcome="altered", text="This entry was altered."
        )
    except FieldError:
        personal = {}
    if event.name == "anomaly" and event.outcome == "ok" and "detail" in personal:
        text, reason = personal["detail"].rstrip("."), ""
    else:
        text, reason = words(event.name, event.outcome).rstrip("."), REASONS.get(event.reason, "")
    return Happening(
        id=event.id,
        at=event.at,
        name=event.name,
        outcome=event.outcome,
        text=_sentence(text, reason),
        device=personal.get("device", ""),
    )


def _sentence(text: str, reason: str) -> str:
    if not reason:
        return f"{text}."
    return f"{text} {reason}." if reason.startswith("with ") else f"{text}: {reason}."
