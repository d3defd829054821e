"""Account mails: what each journey says to whom, sealed for the outbox.

Rules of this file: the words live in ``secureacct.mail.letters``; a security notice carries its own "this
was not me" link; a mail goes to the spelling of the address that its owner gave, never to one that was
typed by somebody else; nothing is sent here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from secureacct.accounts.directory import Known
from secureacct.accounts.links import new_link
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.audit.events import RANDOM_BYTES, event_id
from secureacct.client_address import coarse
from secureacct.mail.compose import compose
from secureacct.records.changes import Change
from secureacct.records.mail import Message, OutboxMail

Told = tuple[tuple[OutboxMail, ...], tuple[Change, ...]]
"""The mails of a notice, and the changes that keep their links."""


def sealed(
    parts: AccountParts, kind: str, message: Message, *, now: int, account_id: str | None = None
) -> OutboxMail:
    """A message, encrypted for the outbox."""
    mail_id = event_id(now=parts.clock(), random=parts.random(RANDOM_BYTES))
    return OutboxMail(
        id=mail_id,
        created_at=now,
        kind=kind,
        account_id=account_id,
        sealed=parts.vault.seal_mail(message, mail_id=mail_id),
    )


def lasting(span: timedelta) -> str:
    """A span in words: "1 hour", "3 days"."""
    hours = int(span.total_seconds()) // 3600
    number, unit = (hours // 24, "day") if hours >= 48 else (max(hours, 1), "hour")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def at(when: int) -> str:
    """A moment in words, in UTC: a mail knows no time zone."""
    return datetime.fromtimestamp(when, UTC).strftime("%d %B %Y at %H:%M UTC").lstrip("0")


def _letter(
    parts: AccountParts,
    kind: str,
    to: str,
    *,
    now: int,
    account_id: str | None = None,
    links: dict[str, str] | None = None,
    facts: dict[str, str] | None = None,
) -> OutboxMail:
    prefix = parts.site.prefix
    message = compose(
        kind,
        to=to,
        site=parts.site.name,
        base_url=parts.site.base_url,
        links={name: prefix + path for name, path in (links or {}).items()},
        facts=facts,
    )
    return sealed(parts, kind, message, now=now, account_id=account_id)


def _notice(
    parts: AccountParts,
    kind: str,
    known: Known,
    visit: Visit,
    *,
    now: int,
    facts: dict[str, str] | None = None,
    links: dict[str, str] | None = None,
) -> Told:
    token, link = new_link(parts, "not_me", lifetime=parts.lifetimes.not_me, now=now, account_id=known.id)
    mail = _letter(
        parts,
        kind,
        known.email,
        now=now,
        account_id=known.id,
        links={"not_me": f"/not-me/{token}", **(links or {})},
        facts={"when": at(now), "device": visit.device, **(facts or {})},
    )
    return (mail,), (link,)


DECOY = "decoy"
"""The kind of a mail that nobody gets: it is written so that an answer takes as long as any other."""

_NOBODY = "nobody@nobody.invalid"  # RFC 2606 section 2: no such domain will ever be


def decoy(mail: OutboxMail) -> OutboxMail:
    """A mail as ``mail`` that is never sent: ``deliver`` drops it unread. It must be made to nobody."""
    return replace(mail, kind=DECOY, account_id=None)


def no_reset(parts: AccountParts, *, token: str, now: int) -> OutboxMail:
    """What is written where :func:`reset` has nobody to go to."""
    return decoy(reset(parts, _NOBODY, token=token, now=now))


def no_verify(parts: AccountParts, *, token: str, now: int) -> OutboxMail:
    """What is written where :func:`verify` has nobody to go to."""
    return decoy(verify(parts, _NOBODY, token=token, now=now))


def no_password_paused(parts: AccountParts, *, token: str, now: int) -> OutboxMail:
    """What is written where :func:`password_paused` has nobody to go to."""
    lifetime = lasting(parts.lifetimes.verify)
    links = {"reset": f"/reset/{token}"}
    return decoy(
        _letter(parts, "password_paused", _NOBODY, now=now, links=links, facts={"lifetime": lifetime}),
    )


def verify(parts: AccountParts, address: str, *, token: str, now: int) -> OutboxMail:
    """The confirmation of a sign-up."""
    return _letter(
        parts,
        "verify",
        address,
        now=now,
        links={"confirm": f"/verify/{token}"},
        facts={"lifetime": lasting(parts.lifetimes.verify)},
    )


def already_registered(parts: AccountParts, known: Known, *, now: int) -> OutboxMail:
    """Somebody signed up with, or wants to change to, an address that has an account."""
    links = {"sign_in": "/sign-in", "reset": "/reset"}
    return _letter(parts, "already_registered", known.email, now=now, account_id=known.id, links=links)


def reset(
    parts: AccountParts, address: str, *, token: str, now: int, account_id: str | None = None
) -> OutboxMail:
    """A reset link."""
    return _letter(
        parts,
        "reset",
        address,
        now=now,
        account_id=account_id,
        links={"reset": f"/reset/{token}"},
        facts={"lifetime": lasting(parts.lifetimes.reset)},
    )


def password_changed(parts: AccountParts, known: Known, visit: Visit, *, now: int) -> Told:
    """The password is another one."""
    return _notice(parts, "password_changed", known, visit, now=now)


def password_paused(parts: AccountParts, known: Known, *, token: str, now: int) -> OutboxMail:
    """Too many wrong passwords: the way back in."""
    return _letter(
        parts,
        "password_paused",
        known.email,
        now=now,
        account_id=known.id,
        links={"reset": f"/reset/{token}"},
        facts={"lifetime": lasting(parts.lifetimes.verify)},
    )


def new_device(parts: AccountParts, known: Known, visit: Visit, *, now: int) -> Told:
    """A sign-in from a browser that was not known."""
    return _notice(parts, "new_device", known, visit, now=now)


_UNUSUAL = {
    "failures_then_success": "sign_in_after_failures",
    "two_networks_at_once": "sign_in_from_elsewhere",
    "new_device_on_new_network": "sign_in_from_new_place",
}
"""Which letter tells of a rule of ``audit.anomalies``."""


def unusual_sign_in(parts: AccountParts, known: Known, visit: Visit, *, rule: str, now: int) -> Told:
    """A sign-in that looked unusual, in place of the one of a new device."""
    facts = {"network": coarse(visit.network or "").partition("/")[0]}  # a fact holds no slash
    return _notice(parts, _UNUSUAL[rule], known, visit, now=now, facts=facts)


def ended_session_used(parts: AccountParts, known: Known, visit: Visit, *, now: int) -> Told:
    """A session that its owner had signed out was used again: somebody has a copy."""
    return _notice(parts, "ended_session_used", known, visit, now=now)


def session_stolen(parts: AccountParts, known: Known, *, now: int) -> OutboxMail:
    """A remembered session's old token was used again: somebody has a copy, and the session is over."""
    links = {"reset": "/reset", "sign_in": "/sign-in"}
    return _letter(parts, "session_stolen", known.email, now=now, account_id=known.id, links=links)


def factor_changed(
    parts: AccountParts, known: Known, visit: Visit, *, name: str, detail: str, now: int
) -> Told:
    """A second step was added, removed or renewed; ``name`` is the event's."""
    if name == "recovery_codes_made":
        return _notice(parts, "recovery_codes_made", known, visit, now=now)
    if name == "recovered":
        return _notice(parts, "recovery_done", known, visit, now=now, links={"sign_in": "/sign-in"})
    kind = "factor_removed" if name.endswith("removed") else "factor_added"
    words = {"totp": "an authenticator app", "passkey": "a passkey"}.get(detail, detail)
    return _notice(parts, kind, known, visit, now=now, facts={"factor": words})


def passkey_suspect(parts: AccountParts, known: Known, visit: Visit, *, passkey: str, now: int) -> Told:
    """A passkey's counter went back: a copy of it may exist."""
    return _notice(parts, "passkey_suspect", known, visit, now=now, facts={"factor": passkey})


def recovery_code_used(parts: AccountParts, known: Known, visit: Visit, *, left: int, now: int) -> Told:
    """A recovery code opened the account."""
    return _notice(
        parts,
        "recovery_code_used",
        known,
        visit,
        now=now,
        facts={"left": str(left)},
        links={"codes": "/recovery-codes"},
    )


def email_change_asked(parts: AccountParts, known: Known, visit: Visit, *, new: str, now: int) -> Told:
    """To the old address: somebody asked for a change."""
    return _notice(parts, "email_change_asked", known, visit, now=now, facts={"address": new})


def confirm_new_email(parts: AccountParts, address: str, *, token: str, now: int) -> OutboxMail:
    """To the new address: is it yours?"""
    return _letter(
        parts,
        "email_change_confirm",
        address,
        now=now,
        links={"confirm": f"/email/confirm/{token}"},
        facts={"lifetime": lasting(parts.lifetimes.verify)},
    )


def email_changed(
    parts: AccountParts, old: str, *, new: str, undo_token: str, now: int, account_id: str
) -> OutboxMail:
    """To the old address: it is done, and may be undone."""
    return _letter(
        parts,
        "email_change_notice",
        old,
        now=now,
        account_id=account_id,
        links={"undo": f"/email/undo/{undo_token}"},
        facts={"address": new, "lifetime": lasting(parts.lifetimes.undo)},
    )


def email_is_yours(parts: AccountParts, address: str, *, now: int, account_id: str) -> OutboxMail:
    """To the new address: it is the account's now."""
    links = {"sign_in": "/sign-in"}
    return _letter(parts, "email_is_yours", address, now=now, account_id=account_id, links=links)


def email_change_undone(parts: AccountParts, address: str, *, now: int, account_id: str) -> OutboxMail:
    """To the old address: it is the account's again."""
    links = {"reset": "/reset"}
    return _letter(parts, "email_change_undone", address, now=now, account_id=account_id, links=links)


def recover(parts: AccountParts, known: Known, *, token: str, now: int) -> Told:
    """The password was right and every factor is said to be lost."""
    not_me, link = new_link(parts, "not_me", lifetime=parts.lifetimes.not_me, now=now, account_id=known.id)
    mail = _letter(
        parts,
        "recover",
        known.email,
        now=now,
        account_id=known.id,
        links={"recover": f"/recover/{token}", "not_me": f"/not-me/{not_me}"},
        facts={
            "wait": lasting(parts.lifetimes.recovery_wait),
            "lifetime": lasting(parts.lifetimes.recovery_link),
        },
    )
    return (mail,), (link,)


def recovery_started(
    parts: AccountParts, known: Known, *, cancel_token: str, ripe_at: int, now: int
) -> OutboxMail:
    """The wait has begun, and can be cancelled."""
    return _letter(
        parts,
        "recovery_started",
        known.email,
        now=now,
        account_id=known.id,
        links={"cancel": f"/recover/cancel/{cancel_token}"},
        facts={"when": at(ripe_at)},
    )


def recovery_cancelled(parts: AccountParts, known: Known, visit: Visit, *, now: int) -> Told:
    """Somebody said no to a recovery: whoever began it knew the password."""
    return _notice(parts, "recovery_cancelled", known, visit, now=now)


def protected(
    parts: AccountParts, known: Known, *, reset_token: str, frozen_until: int, now: int
) -> OutboxMail:
    """After "this was not me": the way back in."""
    return _letter(
        parts,
        "protected",
        known.email,
        now=now,
        account_id=known.id,
        links={"reset": f"/reset/{reset_token}"},
        facts={"when": at(frozen_until), "lifetime": lasting(parts.lifetimes.verify)},
    )
