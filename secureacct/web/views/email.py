"""Change the address, prove it, undo it."""

from __future__ import annotations

from secureacct.accounts import email_change as steps
from secureacct.accounts.outcomes import SignInRejected
from secureacct.errors import InvalidInput
from secureacct.web import pages
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views.common import check_mail, notice, require_session, resumed


async def form(knock: Knock) -> Answer:
    """GET /email"""
    require_session(knock)
    return await show(knock, pages.Email(notice=notice(knock)), fields=("password", "new_email"))


async def change(knock: Knock) -> Answer:
    """POST /email"""
    session = require_session(knock)
    try:
        await steps.ask_for_email_change(
            knock.parts,
            session,
            knock.form.given("password"),
            knock.form.text("new_email"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except (InvalidInput, SignInRejected) as error:
        return await form_again(knock, pages.Email(), error, keep=("new_email",))
    return await check_mail(knock, "email")


async def confirm_form(knock: Knock) -> Answer:
    """GET of a confirmation link. Consumes nothing."""
    await steps.email_link_works(knock.parts, knock.link_token)
    page = pages.LinkAction(action="email_confirm", path=knock.site.url("/email/confirm"))
    return await show(knock, page)


async def confirm(knock: Knock) -> Answer:
    """POST of a confirmation link."""
    await steps.confirm_email_change(knock.parts, knock.link_token, visit=knock.visit)
    knock.set_cookies.append(knock.site.cookies.link.clear())
    to = "/email?done=email" if knock.session is not None else "/sign-in?done=email"
    return done(knock, "verified", to=knock.site.url(to))


async def undo_form(knock: Knock) -> Answer:
    """GET of an undo link. Consumes nothing."""
    await steps.undo_link_works(knock.parts, knock.link_token)
    page = pages.LinkAction(action="email_undo", path=knock.site.url("/email/undo"))
    return await show(knock, page)


async def undo(knock: Knock) -> Answer:
    """POST of an undo link: the old address is back, every session is over, nobody is signed in."""
    await steps.undo_email_change(knock.parts, knock.link_token, visit=knock.visit)
    knock.set_cookies += [knock.site.cookies.link.clear(), knock.site.cookies.session.clear()]
    return done(knock, "undone", to=knock.site.url("/sign-in?done=undone"))
