"""Sign out, and the devices."""

from __future__ import annotations

from secureacct.accounts import sign_out as steps
from secureacct.errors import StoreUnavailable
from secureacct.sessions import rules
from secureacct.web import pages
from secureacct.web.answers import done, problem, ready, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views.common import notice, require_session


async def sign_out(knock: Knock) -> Answer:
    """POST /sign-out. Signed out already is fine. With the store down the cookie goes all the same, and the
    answer says truly when the session ends by itself."""
    cookies = knock.site.cookies
    knock.set_cookies.append(cookies.session.clear())
    if knock.form.ticked("forget_device"):
        knock.set_cookies.append(cookies.device.clear())
    if knock.session is not None:
        session = knock.session
        try:
            await steps.sign_out(knock.parts, session, visit=knock.visit)
        except StoreUnavailable as error:
            ends_at = rules.ends_by_itself(session, knock.site.sessions.limits_of(session))
            return _not_ended(knock, error, ends_at)
        knock.session = knock.token = None
    if knock.json:
        return Answer(json={"status": "signed_out"}, kind="signed_out")
    return Answer(page=ready(knock, pages.SignedOut(), form=False), kind="signed_out")


def _not_ended(knock: Knock, error: StoreUnavailable, ends_at: int) -> Answer:
    if knock.json:
        answer = problem(error, session_ends_at=ends_at)
        return Answer(
            status=503,
            json=answer.json,
            content_type=answer.content_type,
            headers=answer.headers,
            kind="signed_out",
        )
    page = pages.SignedOut(ended=False, ends_at=ends_at)
    return Answer(
        status=503,
        page=page,
        kind="signed_out",
        headers=(("Retry-After", str(error.retry_after)),),
    )


async def devices_page(knock: Knock) -> Answer:
    """GET /devices"""
    session = require_session(knock)
    found = await steps.devices(knock.parts, session)
    json = {
        "devices": [
            {
                "id": one.id,
                "name": one.name,
                "current": one.current,
                "created_at": one.created_at,
                "last_seen_at": one.last_seen_at,
            }
            for one in found
        ]
    }
    return await show(knock, pages.Devices(devices=found, notice=notice(knock)), json=json)


async def end_devices(knock: Knock) -> Answer:
    """POST /devices: ``id``, ``others`` or ``all``."""
    session = require_session(knock)
    if knock.form.ticked("all"):
        ended = await steps.end_everywhere(knock.parts, session, visit=knock.visit)
        knock.set_cookies.append(knock.site.cookies.session.clear())
        knock.session = knock.token = None
        if knock.json:
            return Answer(json={"ended": ended}, kind="signed_out", mailed=True)
        return Answer(page=ready(knock, pages.SignedOut(), form=False), kind="signed_out", mailed=True)
    if knock.form.ticked("others"):
        ended = await steps.end_others(knock.parts, session, visit=knock.visit)
    else:
        ended = await steps.end_device(knock.parts, session, knock.form.text("id")[:64], visit=knock.visit)
    if knock.json:
        return Answer(json={"ended": ended}, mailed=True)
    return done(knock, "ended", to=knock.site.url("/devices?done=ended"))
