"""Choices: about cookies for everybody, about data, mailings and partners for who is signed in."""

from __future__ import annotations

from typing import Any

from secureacct.commitments import choosing
from secureacct.commitments.choosing import Choosable
from secureacct.consent import CookieStanding, DeclaredCookie, says_gpc
from secureacct.consent import steps as consents
from secureacct.consent.cookie_choice import cookie_standing
from secureacct.errors import InvalidInput
from secureacct.redirects import safe_next
from secureacct.throttle import steps as throttle
from secureacct.web.answers import done, show
from secureacct.web.http import Answer
from secureacct.web.privacy_pages import OurMail, Privacy
from secureacct.web.site import Knock
from secureacct.web.views.common import notice, require_session

COOKIES = ("accept", "reject", "save")


class NothingChosen(InvalidInput):
    """A choice was posted that names nothing to choose."""

    code = "nothing_chosen"
    public_message = "Please choose something."


async def form(knock: Knock) -> Answer:
    """GET /privacy: everybody sees the cookies, and changes that choice here."""
    site = knock.site
    standing = site.cookie_standing(knock.request)
    chosen = await choosing.choosable(site.privacy, knock.session) if knock.session is not None else None
    if knock.json:
        body = {
            "csrf_token": knock.csrf_token(),
            "fields": ["cookies", *_names(standing, chosen)],
            "cookies": _cookies_json(standing),
            **(_account_json(chosen) if chosen is not None else {}),
        }
        return await show(knock, Privacy(), json=body)
    page = Privacy(
        notice=notice(knock),
        standing=standing.why,
        agreed=standing.agreed,
        cookie_purposes=[one for one in standing.declarations.purposes if one.cookies],
        necessary=standing.declarations.necessary,
        choosable=chosen,
        offers_leaving=site.privacy.erases_people,
        has_policy=bool(site.assembly.promises.policies),
    )
    return await show(knock, page)


async def choose(knock: Knock) -> Answer:
    """POST /privacy: ``cookies`` (accept, reject, or save with a tick ``cookie.<purpose>`` each), or
    ``purpose.<id>``, ``list.<id>``, ``partner.<partner>.<purpose>``."""
    site = knock.site
    cookies = knock.form.given("cookies")
    choices = {
        name: knock.form.ticked(name) for name in knock.form.values if name.startswith(choosing.PREFIXES)
    }
    if (cookies is not None and cookies not in COOKIES) or (cookies is None and not choices):
        raise NothingChosen
    if choices:
        session = require_session(knock)
        await choosing.choose(
            site.privacy, session, choices, visit=knock.visit, how="api" if knock.json else "form"
        )
    if cookies is not None:
        await _choose_cookies(knock, cookies)
    back = safe_next(knock.form.text("next"), site.settings.base_url) or site.url("/privacy?done=saved")
    return done(knock, "saved", to=back)


async def _choose_cookies(knock: Knock, answer: str) -> None:
    site = knock.site
    asked = [one.id for one in site.assembly.declarations.purposes if one.cookies]
    agree = {
        "accept": asked,
        "reject": [],
        "save": [one for one in asked if knock.form.ticked(f"cookie.{one}")],
    }[answer]
    gpc = knock.request.header("sec-gpc")
    if says_gpc(gpc):
        agree = []
    account_id = knock.session.account_id if knock.session is not None else None
    await throttle.admit(knock.parts.throttle, action="cookie_choice", network=knock.visit.network)
    choice = await consents.choose_cookies(
        site.privacy.consents,
        agree=agree,
        cookie=site.choice_cookie.read(knock.cookie_header),
        account_id=account_id,
        how="api" if knock.json else "banner",
    )
    value = choice.to_cookie()
    knock.set_cookies.append(site.choice_cookie.set(value))
    now = cookie_standing(site.assembly.declarations, cookie=value, gpc=gpc, now=knock.parts.now())
    knock.set_cookies += [cleared(one) for one in now.to_clear(present(knock.cookie_header))]


def present(header: str) -> list[str]:
    """The names of the cookies a browser sent."""
    return [part.partition("=")[0].strip() for part in header.split(";") if "=" in part]


def cleared(name: str) -> str:
    """The Set-Cookie value that removes an optional cookie of the app."""
    return f"{name}=; Path=/; Max-Age=0; Secure; SameSite=Lax"


def _names(standing: CookieStanding, chosen: Choosable | None) -> list[str]:
    names = [f"cookie.{one.id}" for one in standing.declarations.purposes if one.cookies]
    if chosen is not None:
        names += [f"purpose.{one.id}" for one in chosen.purposes]
        names += [f"list.{one.list_id}" for one in chosen.lists]
        names += [f"partner.{one.partner}.{one.purpose}" for one in chosen.partners]
    return names


def _cookie(one: DeclaredCookie) -> dict[str, Any]:
    lifetime = None if one.lifetime is None else int(one.lifetime.total_seconds())
    return {"name": one.name, "words": one.words, "lifetime": lifetime, "host": one.host}


def _cookies_json(standing: CookieStanding) -> dict[str, Any]:
    return {
        "standing": standing.why,
        "ask": standing.ask,
        "purposes": [
            {
                "id": one.id,
                "title": one.title,
                "words": one.words,
                "agreed": one.id in standing.agreed,
                "cookies": [_cookie(cookie) for cookie in one.cookies],
            }
            for one in standing.declarations.purposes
            if one.cookies
        ],
        "necessary": [_cookie(one) for one in standing.declarations.necessary],
    }


def _account_json(chosen: Choosable) -> dict[str, Any]:
    return {
        "purposes": [
            {"id": one.id, "title": one.title, "words": one.words, "agreed": one.agreed, "since": one.since}
            for one in chosen.purposes
        ],
        "lists": [
            {
                "id": one.list_id,
                "title": one.title,
                "words": one.words,
                "subscribed": one.subscribed,
                "since": one.since,
            }
            for one in chosen.lists
        ],
        "partners": [
            {
                "partner": one.partner,
                "name": one.partner_name,
                "purpose": one.purpose,
                "words": one.words,
                "fields": list(one.fields),
                "allowed": one.allowed,
                "chosen": one.chosen,
            }
            for one in chosen.partners
        ],
        "disclosures": [
            {"at": one.at, "partner": one.partner, "purpose": one.purpose, "fields": list(one.fields)}
            for one in chosen.disclosures
        ],
        "deletion": None if chosen.deletion is None else {"due_at": chosen.deletion.due_at},
    }


async def our_mail(knock: Knock) -> Answer:
    """GET /our-mail: how to know a mail of ours."""
    settings = knock.site.settings
    page = OurMail(host=settings.base_url, sender=settings.mail_from)
    body = {"site": settings.site_name, "host": settings.base_url, "from": settings.mail_from}
    return await show(knock, page, form=False, json=body)
