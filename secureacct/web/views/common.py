"""What several views need."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from secureacct.accounts.fresh_proof import Resumed
from secureacct.accounts.links import hash_of
from secureacct.accounts.outcomes import SessionMoved, SignInRequired
from secureacct.records.accounts import PendingSignIn
from secureacct.records.sessions import Session
from secureacct.web import pages
from secureacct.web.answers import show
from secureacct.web.http import Answer
from secureacct.web.negotiation import BodyUnreadable
from secureacct.web.site import Knock

NOTICES = {
    "verified": "Your address is confirmed. You can sign in now.",
    "password": "Your password is changed. Other devices were signed out.",
    "reset": "Your new password is set. Please sign in with it.",
    "email": "Your address is changed.",
    "undone": "Your old address is back. All devices were signed out.",
    "saved": "Saved.",
    "needed": "That page asks for a second step. Please set one up here, then open it again.",
    "two_step_off": "Two-step sign-in is off.",
    "ended": "Signed out there.",
    "removed": "Removed.",
    "renamed": "Renamed.",
    "confirmed": "Thank you, confirmed.",
    "cancelled": "The recovery is cancelled. Nothing was changed.",
    "protected": "Your account is protected. We sent you a mail with the way back in.",
    "copy": "Your copy is being made. We send you a mail when it is ready.",
    "leaving": "Your account will be deleted. We sent you a mail with the way back.",
    "kept": "Your account stays. Nothing was deleted.",
    "recovered": "The second step is removed. Please sign in with your password.",
}
"""Words after a redirect, by the code in the query: nobody can make the page say anything else."""


def notice(knock: Knock) -> str:
    """The words for ``?done=...``."""
    return NOTICES.get(query(knock, "done"), "")


def query(knock: Knock, name: str) -> str:
    """One value of the query."""
    try:
        return parse_qs(knock.request.query, max_num_fields=10).get(name, [""])[-1]
    except ValueError:
        return ""


async def pending_sign_in(knock: Knock) -> PendingSignIn | None:
    """What waits for a code in this browser, if it still does."""
    token = knock.site.cookies.pending.read(knock.cookie_header)
    digest = hash_of(token) if token else None
    return await knock.parts.store.pending(digest, now=knock.parts.now()) if digest is not None else None


def require_session(knock: Knock) -> Session:
    """The session.

    :raises SignInRequired: nobody is signed in.
    """
    if knock.session is None:
        raise SignInRequired
    return knock.session


def resumed(knock: Knock) -> Resumed | None:
    """The interrupted POST that goes on now."""
    return knock.resumed if isinstance(knock.resumed, Resumed) else None


def password_facts(knock: Knock) -> dict[str, Any]:
    """What pages with a new password say about it, made from the policy."""
    rules = knock.parts.rules
    return {"password_rules": rules.passwordrules, "min_password": rules.min_length}


def moved(knock: Knock, outcome: SessionMoved) -> None:
    """The session has a new token: the answer sets it."""
    knock.signed_in_as(outcome.token, max_age_s=outcome.max_age_s)


async def check_mail(knock: Knock, purpose: str) -> Answer:
    """The same answer for every address: look into your mail."""
    return await show(
        knock,
        pages.CheckMail(purpose=purpose),
        status=202 if knock.json else 200,
        json={"status": "check_mail"},
        mailed=True,
    )


def credential(knock: Knock) -> dict[str, Any]:
    """What the browser's authenticator answered.

    :raises BodyUnreadable: there is none.
    """
    found = knock.form.raw.get("credential")
    if not isinstance(found, dict):
        raise BodyUnreadable
    return found
