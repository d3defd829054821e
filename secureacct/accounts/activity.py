"""The account's own security log, in plain words."""

from __future__ import annotations

from secureacct.accounts.outcomes import Happening
from secureacct.accounts.parts import AccountParts
from secureacct.audit.errors import EventAltered
from secureacct.audit.events import open_event
from secureacct.fields import FieldError
from secureacct.records.events import Event
from secureacct.records.sessions import Session

WORDS: dict[tuple[str, str], str] = {
    ("sign_in", "ok"): "Signed in",
    ("sign_in", "attempted"): "Password entered, waiting for the second step",
    ("sign_in", "refused"): "Failed sign-in",
    ("fresh_proof", "ok"): "Confirmed it is you",
    ("fresh_proof", "refused"): "Failed confirmation",
    ("account_opened", "ok"): "Account opened",
    ("sign_up", "ok"): "Somebody tried to sign up with your address",
    ("verification_mail", "ok"): "A confirmation mail was asked for",
    ("password_changed", "ok"): "Password changed",
    ("password_reset", "ok"): "Password set anew by mail link",
    ("password_paused", "ok"): "Password paused after many wrong ones",
    ("reset_asked", "ok"): "A link to reset the password was asked for",
    ("email_change_asked", "ok"): "A change of address was asked for",
    ("email_changed", "ok"): "E-mail address changed",
    ("email_change_undone", "ok"): "Change of address undone",
    ("factor_added", "ok"): "Second step added",
    ("factor_removed", "ok"): "Second step removed",
    ("factor_renamed", "ok"): "Second step renamed",
    ("recovery_codes_made", "ok"): "New recovery codes made",
    ("recovery_asked", "ok"): "Recovery asked for",
    ("recovery_asked", "refused"): "Recovery asked for with a wrong password",
    ("recovery_started", "ok"): "Recovery begun: second step will be removed after the wait",
    ("recovery_cancelled", "ok"): "Recovery cancelled",
    ("recovery_done", "ok"): "Recovery done: second step removed",
    ("profile_saved", "ok"): "Profile saved",
    ("sign_out", "ok"): "Signed out",
    ("not_me", "ok"): "Reported as not you: sessions ended, changes frozen",
    ("data_exported", "ok"): "Data exported",
    ("deletion_asked", "ok"): "Deletion asked for",
    ("deletion_cancelled", "ok"): "Deletion cancelled",
}

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
}


async def activity(
    parts: AccountParts, session: Session, *, limit: int = 50, before: str | None = None
) -> tuple[Happening, ...]:
    """The newest events of the session's account, newest first.

    :param limit: at most 200 rows.
    :param before: the id of the last row seen, for the next page.
    """
    events = await parts.store.events_of(session.account_id, limit=min(limit, 200), before=before)
    return tuple(_in_words(parts, event) for event in events)


def _in_words(parts: AccountParts, event: Event) -> Happening:
    try:
        personal = open_event(parts.vault.keys, parts.vault.event_cipher, event)
    except EventAltered:
        return Happening(
            id=event.id, at=event.at, name=event.name, outcome="altered", text="This entry was altered."
        )
    except FieldError:
        personal = {}
    text = WORDS.get((event.name, event.outcome), event.name.replace("_", " "))
    reason = REASONS.get(event.reason, "")
    return Happening(
        id=event.id,
        at=event.at,
        name=event.name,
        outcome=event.outcome,
        text=f"{text} ({reason})" if reason else text,
        device=personal.get("device", ""),
    )
