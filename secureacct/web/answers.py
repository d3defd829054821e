"""From endings to answers: what a program gets as problem+json, a person gets as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from secureacct.accounts.outcomes import (
    CodeRejected,
    FieldInvalid,
    FreshProofRequired,
    LinkRefused,
    LinkUsed,
    NotFound,
    PasswordUnacceptable,
)
from secureacct.errors import SecureAcctError, TemporarilyUnavailable
from secureacct.throttle import TooManyAttempts
from secureacct.web import pages
from secureacct.web.http import Answer
from secureacct.web.site import Knock, redirect

PROBLEM = "application/problem+json"


def ready(knock: Knock, page: pages.Page, *, form: bool = True) -> pages.Page:
    """A page with what every page gets. ``form``: it holds one, so it needs a CSRF token."""
    return replace(page, csrf_token=knock.csrf_token() if form else "")


async def signed(knock: Knock) -> pages.Signed | None:
    """Who is signed in, for a page's head."""
    if knock.session is None:
        return None
    known = await knock.parts.people.by_id(knock.session.account_id)
    return pages.Signed(id=known.id, email=known.email) if known is not None else None


async def show(
    knock: Knock,
    page: pages.Page,
    *,
    status: int = 200,
    kind: str = "account",
    fields: Sequence[str] = (),
    form: bool = True,
    json: Any = None,
    mailed: bool = False,
) -> Answer:
    """A page for people; for programs ``json``, or the form's fields and a token."""
    if knock.json:
        body = json if json is not None else {"csrf_token": knock.csrf_token(), "fields": list(fields)}
        return Answer(status=status, json=body, kind=kind, mailed=mailed)
    page = ready(knock, replace(page, account=await signed(knock)), form=form or knock.session is not None)
    return Answer(status=status, page=page, kind=kind, mailed=mailed)


def done(knock: Knock, status: str, *, to: str, mailed: bool = True, code: int = 200, **more: Any) -> Answer:
    """Something is done: ``{"status": ...}`` for programs, 303 for people."""
    if knock.json:
        return Answer(status=code, json={"status": status, **more}, mailed=mailed)
    return redirect(to, mailed=mailed)


def field_errors(error: SecureAcctError, *, password_field: str = "password") -> list[pages.FieldError]:
    """What to show beside which field."""
    if isinstance(error, PasswordUnacceptable):
        return [pages.FieldError(password_field, problem.message) for problem in error.problems]
    if isinstance(error, FieldInvalid):
        return [pages.FieldError(error.field, error.message)]
    if isinstance(error, CodeRejected):
        return [pages.FieldError("code", error.public_message)]
    return [pages.FieldError("", error.public_message)]


def problem(error: SecureAcctError, **more: Any) -> Answer:
    """problem+json (RFC 9457) with our stable code."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.public_message,
        "status": error.http_status_hint,
        "code": error.code,
        **more,
    }
    if isinstance(error, PasswordUnacceptable):
        body["problems"] = [{"code": one.code, "message": one.message} for one in error.problems]
    elif isinstance(error, FieldInvalid):
        body["field"] = error.field
        body["detail"] = error.message
    elif isinstance(error, FreshProofRequired):
        body["accepts"] = list(error.accepts)
    elif isinstance(error, TooManyAttempts):
        body["detail"] = error.sentence
    return Answer(status=error.http_status_hint, json=body, content_type=PROBLEM, headers=_retry_after(error))


def _retry_after(error: SecureAcctError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, TemporarilyUnavailable):
        return (("Retry-After", str(max(int(error.retry_after), 1))),)
    return ()


async def form_again(
    knock: Knock,
    page: pages.Page,
    error: SecureAcctError,
    *,
    keep: Sequence[str] = (),
    password_field: str = "password",
    kind: str = "account",
    beside: SecureAcctError | None = None,
) -> Answer:
    """The form again: 422, or 401 for wrong credentials; what was typed stays, passwords never do.

    :param beside: what else is wrong with it, so that a person can mend everything at once.
    """
    if knock.json:
        return problem(error)
    values = {name: knock.form.text(name) for name in keep if knock.form.given(name) is not None}
    errors = [*field_errors(error, password_field=password_field)]
    if beside is not None:
        errors += field_errors(beside, password_field=password_field)
    page = replace(
        page,
        errors=tuple(errors),
        values={**page.values, **values},
        account=await signed(knock),
    )
    return Answer(status=error.http_status_hint, page=ready(knock, page), kind=kind)


NEXT_STEPS: dict[str, tuple[str, str]] = {
    "verify": ("/verify", "Send a new link"),
    "reset": ("/reset", "Ask for a new link"),
    "recover": ("/recover", "Begin again"),
    "email/confirm": ("/email", "Change your address again"),
    "privacy/export": ("/privacy/export", "Ask for a new copy"),
    "privacy/keep": ("/privacy", "Go to your privacy page"),
    "unsubscribe": ("/privacy", "Choose your mailings"),
}


async def refused(knock: Knock, error: SecureAcctError) -> Answer:
    """Any error that no view made a form of. A link that does not work is put away, so that the page that
    asks for a new one can be reached."""
    if isinstance(error, LinkRefused) and knock.link_token:
        knock.set_cookies.append(knock.site.cookies.link.clear())
    if knock.json:
        return problem(error)
    site = knock.site
    if isinstance(error, LinkRefused):
        path = next((step for step in NEXT_STEPS if knock.request.path.startswith(f"/{step}")), "")
        if isinstance(error, LinkUsed) and path != "reset":
            path = ""  # what the link was for is done
        to, label = NEXT_STEPS.get(path, ("/sign-in", "Go to sign in"))
        dead = pages.DeadLink(
            reason=error.code, message=error.public_message, next_path=site.url(to), next_label=label
        )
        return Answer(status=error.http_status_hint, page=ready(knock, dead, form=False), kind="link")
    wait = error.retry_after if isinstance(error, TemporarilyUnavailable) else None
    message = error.sentence if isinstance(error, TooManyAttempts) else error.public_message
    page = pages.Problem(
        status=error.http_status_hint,
        code=error.code,
        message=message,
        wait_s=wait,
        next_path=site.url("/" if knock.session is not None else "/sign-in"),
        next_label="Your account" if knock.session is not None else "Go to sign in",
    )
    if isinstance(error, NotFound):
        page = replace(page, next_path=site.settings.after_sign_in, next_label="Go to the start page")
    return Answer(
        status=error.http_status_hint, page=ready(knock, page, form=False), headers=_retry_after(error)
    )
