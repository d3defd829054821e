"""Every factor lost; and "this was not me"."""

from __future__ import annotations

from secureacct.accounts import not_me as protect
from secureacct.accounts import recovery as steps
from secureacct.errors import InvalidInput
from secureacct.web import pages
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views.common import check_mail


async def form(knock: Knock) -> Answer:
    """GET /recover: without a link's cookie, the form; with one, where the recovery stands."""
    if knock.link_token:
        return await link_form(knock)
    return await show(knock, pages.Recover(), fields=("email", "password"))


async def ask(knock: Knock) -> Answer:
    """POST /recover: the same answer for every address and password."""
    if knock.link_token and knock.form.given("email") is None:
        return await go_on(knock)
    try:
        await steps.ask_for_recovery(
            knock.parts, knock.form.text("email"), knock.form.text("password"), visit=knock.visit
        )
    except InvalidInput as error:
        return await form_again(knock, pages.Recover(), error, keep=("email",))
    return await check_mail(knock, "recover")


async def link_form(knock: Knock) -> Answer:
    """GET of a recovery link. Consumes nothing."""
    recovery = await steps.recovery_state(knock.parts, knock.link_token)
    now = knock.parts.now()
    page = pages.LinkAction(
        action="recover",
        path=knock.site.url("/recover"),
        ripe_at=recovery.ripe_at if recovery else None,
        ripe=recovery is not None and recovery.ripe_at <= now,
    )
    return await show(knock, page)


async def go_on(knock: Knock) -> Answer:
    """POST of a recovery link: begins the wait, or ends it."""
    recovery = await steps.go_on_with_recovery(knock.parts, knock.link_token, visit=knock.visit)
    if recovery is None:
        knock.set_cookies.append(knock.site.cookies.link.clear())
        return done(knock, "confirmed", to=knock.site.url("/sign-in?done=recovered"))
    page = pages.LinkAction(action="recover", path=knock.site.url("/recover"), ripe_at=recovery.ripe_at)
    json = {"status": "confirmed", "ripe_at": recovery.ripe_at}
    return await show(knock, page, json=json, mailed=True)


async def cancel_form(knock: Knock) -> Answer:
    """GET of a cancel link. Consumes nothing."""
    await steps.cancel_link_works(knock.parts, knock.link_token)
    page = pages.LinkAction(action="recover_cancel", path=knock.site.url("/recover/cancel"))
    return await show(knock, page)


async def cancel(knock: Knock) -> Answer:
    """POST of a cancel link."""
    await steps.cancel_recovery(knock.parts, knock.link_token, visit=knock.visit)
    knock.set_cookies.append(knock.site.cookies.link.clear())
    return done(knock, "undone", to=knock.site.url("/sign-in?done=cancelled"))


async def not_me_form(knock: Knock) -> Answer:
    """GET of a "this was not me" link. Consumes nothing."""
    await protect.not_me_works(knock.parts, knock.link_token)
    page = pages.LinkAction(action="not_me", path=knock.site.url("/not-me"))
    return await show(knock, page)


async def not_me(knock: Knock) -> Answer:
    """POST of a "this was not me" link."""
    await protect.not_me(knock.parts, knock.link_token, visit=knock.visit)
    knock.set_cookies += [knock.site.cookies.link.clear(), knock.site.cookies.session.clear()]
    return done(knock, "confirmed", to=knock.site.url("/sign-in?done=protected"))
