"""The person's own data, and the index of their pages."""

from __future__ import annotations

from secureacct.accounts import activity as log
from secureacct.accounts import profile as steps
from secureacct.accounts.outcomes import SignInRejected
from secureacct.errors import InvalidInput
from secureacct.web import pages
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views.common import notice, query, require_session, resumed

PER_PAGE = 50  # events; ours


async def index(knock: Knock) -> Answer:
    """GET /: where the person's pages are."""
    session = require_session(knock)
    factors = await knock.parts.store.factors_of(session.account_id)
    page = pages.Account(
        notice=notice(knock),
        has_second_factor=factors.any,
        recovery_codes_left=factors.recovery_codes_left,
        passkeys=knock.site.has_passkeys,
    )
    return await show(knock, page)


async def _page(knock: Knock) -> pages.Profile:
    values = await steps.read_profile(knock.parts, require_session(knock))
    whole = {name: value or "" for name, value in values.items() if not isinstance(value, dict)}
    ends = {name: next(iter(value.values())) for name, value in values.items() if isinstance(value, dict)}
    return pages.Profile(fields=tuple(knock.parts.vault.profile_fields.values()), values=whole, masked=ends)


async def form(knock: Knock) -> Answer:
    """GET /profile"""
    session = require_session(knock)
    if knock.json:
        return await show(
            knock, pages.Profile(), json={"profile": await steps.read_profile(knock.parts, session)}
        )
    from dataclasses import replace

    page = replace(await _page(knock), notice=notice(knock))
    return await show(knock, page, fields=("password", *knock.parts.vault.profile_fields))


async def save(knock: Knock) -> Answer:
    """POST /profile: an absent field stays, an empty one is cleared. In the page's form an empty field
    of which only the end is shown stays too: nobody types a card number to keep it; a tick clears it."""
    session = require_session(knock)
    declared = knock.parts.vault.profile_fields
    values = {
        name: value
        for name, value in knock.form.values.items()
        if name not in ("csrf_token", "password") and not name.startswith("clear_")
    }
    if not knock.json:
        for name, field in declared.items():
            if field.show_last and not values.get(name, "").strip():
                values.pop(name, None)
                if knock.form.ticked(f"clear_{name}"):
                    values[name] = ""
    try:
        await steps.save_profile(
            knock.parts,
            session,
            knock.form.given("password"),
            values,
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except (InvalidInput, SignInRejected) as error:
        keep = [name for name, field in declared.items() if not field.show_last]
        return await form_again(knock, await _page(knock), error, keep=keep)
    return done(knock, "saved", to=knock.site.url("/profile?done=saved"))


async def activity(knock: Knock) -> Answer:
    """GET /activity"""
    session = require_session(knock)
    events = await log.activity(
        knock.parts, session, limit=PER_PAGE, before=query(knock, "before")[:26] or None
    )
    json = {
        "events": [
            {
                "id": one.id,
                "at": one.at,
                "name": one.name,
                "outcome": one.outcome,
                "text": one.text,
                "device": one.device,
            }
            for one in events
        ]
    }
    older = f"?before={events[-1].id}" if len(events) == PER_PAGE else ""
    return await show(knock, pages.Activity(events=events, older=older), json=json)
