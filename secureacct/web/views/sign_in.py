"""Sign in: the password, the code; and who is signed in."""

from __future__ import annotations

from secureacct.accounts import second_factor as second_step
from secureacct.accounts import sign_in as steps
from secureacct.accounts.codes import kinds_of
from secureacct.accounts.outcomes import NeedsSecondFactor, SecondFactorRejected, SignedIn, SignInRejected
from secureacct.errors import InvalidInput
from secureacct.redirects import safe_next
from secureacct.web import pages
from secureacct.web.answers import form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock, redirect
from secureacct.web.views.common import notice, pending_sign_in, query


def _page(knock: Knock, next: str) -> pages.SignIn:
    return pages.SignIn(
        next=next,
        notice=notice(knock),
        offers_remember=knock.parts.sessions.remember is not None,
        passkeys=knock.site.has_passkeys,
    )


def _next(knock: Knock, wanted: str) -> str:
    return safe_next(wanted, knock.site.settings.base_url) or ""


async def form(knock: Knock) -> Answer:
    """GET /sign-in. Who is signed in already goes on."""
    wanted = _next(knock, query(knock, "next"))
    if knock.session is not None and not knock.json:
        return redirect(wanted or knock.site.settings.after_sign_in)
    return await show(
        knock,
        _page(knock, wanted),
        fields=("email", "password", "next", "remember", "shared_computer"),
    )


async def sign_in(knock: Knock) -> Answer:
    """POST /sign-in"""
    wanted = _next(knock, knock.form.text("next"))
    try:
        outcome = await steps.sign_in(
            knock.parts,
            knock.form.text("email"),
            knock.form.text("password"),
            visit=knock.visit,
            remember=knock.form.ticked("remember"),
            shared_computer=knock.form.ticked("shared_computer"),
            next=wanted,
            browser_token=knock.site.cookies.attempt.read(knock.cookie_header),
        )
    except (InvalidInput, SignInRejected) as error:
        return await form_again(knock, _page(knock, wanted), error, keep=("email", "remember"))
    if isinstance(outcome, NeedsSecondFactor):
        knock.set_cookies.append(knock.site.cookies.pending.set(outcome.pending_token))
        if knock.json:
            body = {"status": "second_factor", "factors": list(outcome.factors)}
            return Answer(json=body, mailed=True)
        return redirect(knock.site.url("/sign-in/code"), mailed=True)
    return await let_in(knock, outcome)


async def code_form(knock: Knock) -> Answer:
    """GET /sign-in/code: 401 without a pending sign-in."""
    factors = await _pending_factors(knock)
    if factors is None:
        raise SecondFactorRejected
    page = pages.SignInCode(factors=factors, passkeys=knock.site.has_passkeys and "passkey" in factors)
    return await show(knock, page, fields=("code",))


async def code(knock: Knock) -> Answer:
    """POST /sign-in/code"""
    pending = knock.site.cookies.pending.read(knock.cookie_header)
    factors = await _pending_factors(knock)
    if pending is None or factors is None:
        raise SecondFactorRejected
    try:
        outcome = await second_step.second_factor(
            knock.parts, pending, knock.form.text("code"), visit=knock.visit
        )
    except SecondFactorRejected as error:
        page = pages.SignInCode(factors=factors, passkeys=knock.site.has_passkeys and "passkey" in factors)
        return await form_again(knock, page, error)
    knock.set_cookies.append(knock.site.cookies.pending.clear())
    return await let_in(knock, outcome)


async def _pending_factors(knock: Knock) -> tuple[str, ...] | None:
    pending = await pending_sign_in(knock)
    if pending is None:
        return None
    return kinds_of(await knock.parts.store.factors_of(pending.account_id))


async def let_in(knock: Knock, outcome: SignedIn) -> Answer:
    """The end of every sign-in: the cookies, and on to where the person wanted to go.

    The session this browser came with, if any, ends: nothing of it goes on under the new one.
    """
    if knock.session is not None:
        await end_previous(knock)
    knock.signed_in_as(outcome.token, max_age_s=outcome.max_age_s)
    cookies = knock.site.cookies
    knock.set_cookies.append(cookies.presession.clear())
    if outcome.device_mark is not None:
        knock.set_cookies.append(cookies.device.set(outcome.device_mark))
    elif cookies.device.read(knock.cookie_header) is not None:
        knock.set_cookies.append(cookies.device.clear())
    if knock.json:
        return Answer(json={"status": "signed_in"}, mailed=True)
    if outcome.recovery_codes_left is not None:
        return redirect(knock.site.url("/recovery-codes?done=used"), mailed=True)
    return redirect(outcome.next or knock.site.settings.after_sign_in, mailed=True)


async def end_previous(knock: Knock) -> None:
    """End the session that this browser held before."""
    from secureacct.sessions import steps as sessions

    await sessions.end(knock.site.sessions, knock.token)


async def who(knock: Knock) -> Answer:
    """GET /session, JSON only: a CSRF token, and who is signed in."""
    account = None
    if knock.session is not None:
        known = await knock.parts.people.by_id(knock.session.account_id)
        if known is not None:
            account = {"id": known.id, "email": known.email, "email_verified": known.email_verified}
    return Answer(json={"csrf_token": knock.csrf_token(), "account": account})
