"""Change the password, and set a forgotten one anew."""

from __future__ import annotations

from secureacct.accounts import passwords as steps
from secureacct.accounts.outcomes import PasswordUnacceptable, SignInRejected
from secureacct.errors import InvalidInput
from secureacct.web import pages
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views.common import check_mail, moved, notice, password_facts, require_session, resumed


async def form(knock: Knock) -> Answer:
    """GET /password"""
    require_session(knock)
    page = pages.Password(notice=notice(knock), **password_facts(knock))
    return await show(knock, page, fields=("current_password", "new_password", "keep_others"))


async def change(knock: Knock) -> Answer:
    """POST /password: other sessions end unless the person ticked that they stay."""
    session = require_session(knock)
    try:
        outcome = await steps.change_password(
            knock.parts,
            session,
            knock.form.given("current_password"),
            knock.form.text("new_password"),
            end_others=not knock.form.ticked("keep_others"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except (InvalidInput, SignInRejected) as error:
        where = "new_password" if isinstance(error, InvalidInput) else "current_password"
        page = pages.Password(**password_facts(knock))
        return await form_again(knock, page, error, password_field=where)
    moved(knock, outcome)
    return done(knock, "password_changed", to=knock.site.url("/password?done=password"))


async def reset_form(knock: Knock) -> Answer:
    """GET /reset: without a link's cookie, the form that asks for one."""
    if knock.link_token:
        return await new_password_form(knock)
    return await show(knock, pages.Reset(), fields=("email",))


async def reset(knock: Knock) -> Answer:
    """POST /reset: the new password if this browser holds a link, else a mail to the address."""
    if knock.link_token and knock.form.given("email") is None:
        return await new_password(knock)
    try:
        await steps.ask_for_reset(knock.parts, knock.form.text("email"), visit=knock.visit)
    except InvalidInput as error:
        return await form_again(knock, pages.Reset(), error, keep=("email",))
    return await check_mail(knock, "reset")


async def new_password_form(knock: Knock) -> Answer:
    """GET of a reset link, after it left the address bar. Consumes nothing."""
    await steps.reset_link_works(knock.parts, knock.link_token)
    page = pages.ResetPassword(**password_facts(knock))
    return await show(knock, page, fields=("new_password",))


async def new_password(knock: Knock) -> Answer:
    """POST of a reset link: changes the password and signs nobody in."""
    try:
        await steps.reset_password(
            knock.parts, knock.link_token, knock.form.text("new_password"), visit=knock.visit
        )
    except PasswordUnacceptable as error:
        page = pages.ResetPassword(**password_facts(knock))
        return await form_again(knock, page, error, password_field="new_password")
    knock.set_cookies += [knock.site.cookies.link.clear(), knock.site.cookies.session.clear()]
    return done(knock, "password_changed", to=knock.site.url("/sign-in?done=reset"))
