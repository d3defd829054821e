"""Fresh proof, and the interrupted request that goes on afterwards."""

from __future__ import annotations

from urllib.parse import quote

from secureacct.accounts import fresh_proof as steps
from secureacct.accounts import passkeys
from secureacct.accounts.codes import kinds_of
from secureacct.accounts.outcomes import FreshProofRequired, LinkExpired, SignInRejected
from secureacct.redirects import safe_next
from secureacct.sessions import steps as sessions
from secureacct.web import pages
from secureacct.web.answers import done, form_again, problem, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock, redirect
from secureacct.web.views.common import credential, moved, query, require_session


async def _page(knock: Knock, *, resume: str, next: str) -> pages.Confirm:
    session = require_session(knock)
    factors = await knock.parts.store.factors_of(session.account_id)
    accepts = ("password", *kinds_of(factors))
    return pages.Confirm(
        accepts=accepts,
        resume=resume,
        next=next,
        have=await steps.shown_already(knock.parts, session, resume) if resume else "",
        passkeys=knock.site.has_passkeys and "passkey" in accepts,
    )


def _next(knock: Knock, wanted: str) -> str:
    return safe_next(wanted, knock.site.settings.base_url) or ""


async def form(knock: Knock) -> Answer:
    """GET /confirm"""
    page = await _page(knock, resume=query(knock, "resume")[:64], next=_next(knock, query(knock, "next")))
    return await show(knock, page, fields=("password", "code"))


async def confirm(knock: Knock) -> Answer:
    """POST /confirm: the proof; then the interrupted request goes on, once."""
    session = require_session(knock)
    if "credential" in knock.form.raw or knock.form.given("passkey"):
        return await _with_passkey(knock)
    resume, wanted = knock.form.text("resume")[:64], _next(knock, knock.form.text("next"))
    shows_nothing = not knock.form.text("password") and not knock.form.text("code")
    if resume and shows_nothing and await steps.shown_already(knock.parts, session, resume) == "factor":
        return await go_on(knock, knock.token or "", resume=resume, wanted=wanted)
    try:
        outcome = await steps.confirm(
            knock.parts,
            session,
            password=knock.form.given("password"),
            code=knock.form.given("code"),
            visit=knock.visit,
        )
    except SignInRejected as error:
        return await form_again(knock, await _page(knock, resume=resume, next=wanted), error)
    moved(knock, outcome)
    return await go_on(knock, outcome.token, resume=resume, wanted=wanted)


async def _with_passkey(knock: Knock) -> Answer:
    """With a passkey, by the script: options, or the browser's answer."""
    session = require_session(knock)
    if "credential" not in knock.form.raw:
        return Answer(json={"options": await passkeys.begin_confirming(knock.parts, session)})
    outcome = await passkeys.finish_confirming(knock.parts, session, credential(knock), visit=knock.visit)
    moved(knock, outcome)
    resume = knock.form.text("resume")[:64]
    to = _next(knock, knock.form.text("next")) or knock.site.url("/?done=confirmed")
    if resume:  # its answer is a page, which no script can show: one more click brings it
        to = knock.site.url(f"/confirm?resume={quote(resume)}")
    return Answer(json={"status": "confirmed", "location": to}, mailed=True)


async def go_on(knock: Knock, token: str, *, resume: str, wanted: str) -> Answer:
    """After a proof: resume what was interrupted, or lead on."""
    knock.session = await sessions.load(knock.site.sessions, token)
    knock.token = token
    if knock.session is not None and resume:
        try:
            resumed = await steps.resume(knock.parts, knock.session, resume)
        except LinkExpired:
            return done(knock, "confirmed", to=knock.site.url("/?done=confirmed"))
        return Answer(resume=resumed)
    return done(knock, "confirmed", to=wanted or knock.site.url("/?done=confirmed"))


async def interrupted(knock: Knock, error: FreshProofRequired, *, path: str, keep: bool = True) -> Answer:
    """A POST that needs a fresher proof: kept, and the person led to /confirm; a program gets 401.

    :param keep: False where the form could not be repeated as it was: better not at all than in part.
    """
    if knock.json or knock.session is None:
        return problem(error)
    if knock.request.method != "POST":
        return redirect(knock.site.url(f"/confirm?next={quote(path, safe='/')}"))
    if not keep:
        return redirect(knock.site.url("/confirm"))
    token = await steps.interrupt(
        knock.parts,
        knock.session,
        path=path,
        form=knock.form.values,
        password_proved=error.password_proved,
    )
    return redirect(knock.site.url(f"/confirm?resume={token}" if token else "/confirm"))
