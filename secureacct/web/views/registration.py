"""Sign up, confirm, send the link again."""

from __future__ import annotations

from secureacct.accounts import registration as steps
from secureacct.accounts.outcomes import FieldInvalid, PasswordUnacceptable, SignInRejected
from secureacct.commitments.policy_gate import accepted_by_sign_up
from secureacct.errors import InvalidInput
from secureacct.web import pages
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views.common import check_mail, password_facts


async def sign_up_form(knock: Knock) -> Answer:
    """GET /sign-up"""
    return await show(knock, pages.SignUp(**password_facts(knock)), fields=("email", "password"))


async def sign_up(knock: Knock) -> Answer:
    """POST /sign-up: the same answer, cookie and words for every address."""
    cookie = knock.site.cookies.attempt
    try:
        outcome = await steps.sign_up(
            knock.parts,
            knock.form.text("email"),
            knock.form.text("password"),
            visit=knock.visit,
            browser_token=cookie.read(knock.cookie_header),
        )
    except InvalidInput as error:
        page = pages.SignUp(**password_facts(knock))
        beside = _password_too(knock) if isinstance(error, FieldInvalid) else None
        return await form_again(knock, page, error, keep=("email",), beside=beside)
    if outcome.browser_token is not None:
        knock.set_cookies.append(cookie.set(outcome.browser_token))
    return await check_mail(knock, "sign_up")


def _password_too(knock: Knock) -> PasswordUnacceptable | None:
    try:
        steps.password_or_refuse(knock.parts, knock.form.text("password"), context=())
    except PasswordUnacceptable as error:
        return error
    return None


async def again_form(knock: Knock) -> Answer:
    """GET /verify: without a link's cookie, the form that sends the mail again."""
    if knock.link_token:
        return await verify_form(knock)
    return await show(knock, pages.VerifyAgain(), fields=("email",))


async def again(knock: Knock) -> Answer:
    """POST /verify: confirm if this browser holds a link, else send the mail again."""
    if knock.link_token and knock.form.given("email") is None:
        return await verify(knock)
    try:
        await steps.send_link_again(
            knock.parts,
            knock.form.text("email"),
            visit=knock.visit,
            browser_token=knock.site.cookies.attempt.read(knock.cookie_header),
        )
    except InvalidInput as error:
        return await form_again(knock, pages.VerifyAgain(), error, keep=("email",))
    return await check_mail(knock, "sign_up")


async def verify_form(knock: Knock) -> Answer:
    """GET of a confirmation link, after it left the address bar. Consumes nothing."""
    needs = await steps.verification_needs_password(
        knock.parts,
        knock.link_token,
        browser_token=knock.site.cookies.attempt.read(knock.cookie_header),
    )
    fields = ("password",) if needs else ()
    return await show(knock, pages.Verify(needs_password=needs), fields=fields)


async def verify(knock: Knock) -> Answer:
    """POST: confirm the address."""
    cookie = knock.site.cookies.attempt
    try:
        verified = await steps.verify(
            knock.parts,
            knock.link_token,
            password=knock.form.given("password"),
            visit=knock.visit,
            browser_token=cookie.read(knock.cookie_header),
        )
    except SignInRejected as error:
        return await form_again(knock, pages.Verify(needs_password=True), error)
    await accepted_by_sign_up(knock.site.privacy, verified.account_id)
    knock.set_cookies += [cookie.clear(), knock.site.cookies.link.clear()]
    return done(knock, "verified", to=knock.site.url("/sign-in?done=verified"))
