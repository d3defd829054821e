"""Two-step sign-in: the authenticator app and the recovery codes."""

from __future__ import annotations

from secureacct.accounts import enrolment as steps
from secureacct.accounts.outcomes import CodeRejected, CodesShownOnce, SignInRejected
from secureacct.errors import InvalidInput
from secureacct.records.factors import Factors
from secureacct.web import pages
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock, redirect
from secureacct.web.views.common import moved, notice, query, require_session, resumed


async def _two_step(knock: Knock) -> pages.TwoStep:
    factors: Factors = await steps.factors(knock.parts, require_session(knock))
    return pages.TwoStep(
        totp=tuple(
            pages.Factor(id=one.id, name=one.name, created_at=one.created_at, last_used_at=one.last_used_at)
            for one in factors.usable_totp
        ),
        passkeys=tuple(
            pages.Factor(id=one.id, name=one.name, created_at=one.created_at, last_used_at=one.last_used_at)
            for one in factors.passkeys
        ),
        recovery_codes_left=factors.recovery_codes_left,
        notice=notice(knock),
    )


async def form(knock: Knock) -> Answer:
    """GET /two-step"""
    return await show(knock, await _two_step(knock), fields=("password", "name"))


async def begin(knock: Knock) -> Answer:
    """POST /two-step: make a secret; a code must confirm it."""
    session = require_session(knock)
    try:
        enrolment = await steps.begin_totp(
            knock.parts,
            session,
            knock.form.given("password"),
            name=knock.form.text("name"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except (InvalidInput, SignInRejected) as error:
        return await form_again(knock, await _two_step(knock), error, keep=("name",))
    if enrolment.moved is not None:
        moved(knock, enrolment.moved)
    if knock.json:
        return Answer(json={"secret": enrolment.secret, "uri": enrolment.uri})
    return redirect(knock.site.url("/two-step/confirm"))


async def _confirm_page(knock: Knock) -> pages.TwoStepConfirm | None:
    enrolment = await steps.pending_totp(knock.parts, require_session(knock))
    if enrolment is None:
        return None
    secret = enrolment.secret
    return pages.TwoStepConfirm(
        secret_groups=tuple(secret[at : at + 4] for at in range(0, len(secret), 4)),
        uri=enrolment.uri,
        qr_svg=enrolment.qr_svg,
    )


async def confirm_form(knock: Knock) -> Answer:
    """GET /two-step/confirm"""
    page = await _confirm_page(knock)
    if page is None:
        return redirect(knock.site.url("/two-step"))
    return await show(knock, page, fields=("code",))


async def confirm(knock: Knock) -> Answer:
    """POST /two-step/confirm: the first right code switches it on."""
    session = require_session(knock)
    try:
        outcome = await steps.confirm_totp(knock.parts, session, knock.form.text("code"), visit=knock.visit)
    except CodeRejected as error:
        page = await _confirm_page(knock)
        if page is None:
            return await form_again(knock, await _two_step(knock), error)
        return await form_again(knock, page, error)
    moved(knock, outcome.moved)
    return await _codes(knock, outcome, enrolled=True)


async def _codes(knock: Knock, outcome: CodesShownOnce, *, enrolled: bool) -> Answer:
    if knock.json:
        body: dict[str, object] = {"codes": list(outcome.codes)}
        if enrolled:
            body = {"status": "enabled", **body}
        return Answer(json=body, mailed=True)
    if not outcome.codes:
        return redirect(knock.site.url("/two-step"), mailed=True)
    page = pages.RecoveryCodes(codes=outcome.codes, left=len(outcome.codes), enrolled=enrolled)
    return await show(knock, page, mailed=True)


async def off_form(knock: Knock) -> Answer:
    """GET /two-step/off leads to the page that has the form."""
    return redirect(knock.site.url("/two-step"))


async def off(knock: Knock) -> Answer:
    """POST /two-step/off: one authenticator (``id``) or all of them."""
    session = require_session(knock)
    one = knock.form.given("id")
    try:
        if one:
            outcome = await steps.remove_totp(
                knock.parts,
                session,
                one[:64],
                knock.form.given("password"),
                visit=knock.visit,
                resumed=resumed(knock),
            )
        else:
            outcome = await steps.turn_off(
                knock.parts,
                session,
                knock.form.given("password"),
                visit=knock.visit,
                resumed=resumed(knock),
            )
    except SignInRejected as error:
        return await form_again(knock, await _two_step(knock), error)
    moved(knock, outcome)
    return done(knock, "disabled", to=knock.site.url("/two-step?done=two_step_off"))


async def codes_form(knock: Knock) -> Answer:
    """GET /recovery-codes: how many are left, and the form that makes new ones."""
    factors = await steps.factors(knock.parts, require_session(knock))
    words = (
        "You used a recovery code. Make a fresh set now, so that the used one cannot be missing later."
        if query(knock, "done") == "used"
        else ""
    )
    page = pages.RecoveryCodes(left=factors.recovery_codes_left, notice=words)
    return await show(
        knock, page, json={"left": factors.recovery_codes_left, "csrf_token": knock.csrf_token()}
    )


async def codes(knock: Knock) -> Answer:
    """POST /recovery-codes: ten new ones, shown once."""
    session = require_session(knock)
    try:
        outcome = await steps.new_recovery_codes(
            knock.parts,
            session,
            knock.form.given("password"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except SignInRejected as error:
        factors = await steps.factors(knock.parts, session)
        page = pages.RecoveryCodes(left=factors.recovery_codes_left)
        return await form_again(knock, page, error)
    moved(knock, outcome.moved)
    return await _codes(knock, outcome, enrolled=False)
