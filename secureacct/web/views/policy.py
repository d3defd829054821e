"""The policy in force, what changed, and the answer to it."""

from __future__ import annotations

import re
from typing import Any

from secureacct.accounts import sign_out
from secureacct.accounts.outcomes import NotFound
from secureacct.commitments import policy_versions as steps
from secureacct.commitments.policy_gate import PolicyPlace
from secureacct.commitments.policy_versions import PolicyRefused, UpToDate
from secureacct.redirects import safe_next
from secureacct.web.answers import done, ready, show
from secureacct.web.http import Answer
from secureacct.web.pages import SignedOut
from secureacct.web.privacy_pages import Policy
from secureacct.web.site import Knock
from secureacct.web.views.common import notice, query, require_session
from secureacct.web.views.privacy import NothingChosen


async def _page(knock: Knock, wanted: str) -> Policy:
    site = knock.site
    names = site.privacy.policy_names
    open_ones = await site.gate.places(knock.session.account_id) if knock.session is not None else ()
    waiting = [one.policy for one in sorted(open_ones, key=lambda one: not one.blocks)]
    policy = wanted if wanted in names else next(iter((*waiting, *names)), "")
    versions = [
        one
        for one in await site.privacy.policies.store.policy_versions(policy)
        if one.in_force_at <= knock.parts.now()
    ]
    if not policy or not versions:
        raise NotFound
    current = versions[0]
    place = next((one for one in open_ones if one.policy == policy), None)
    before = getattr(place.standing, "accepted", None) if place is not None else None
    if before is None and len(versions) > 1:
        before = versions[1]
    return Policy(
        policy=policy,
        version=current,
        before=before,
        changes=steps.what_changed(before, current) if before is not None else (),
        standing=_standing(knock, place),
        until=getattr(place.standing, "until", None) if place is not None else None,
        shown=current.hash.hex(),
        next=safe_next(query(knock, "next"), site.settings.base_url) or "",
        others=[one for one in names if one != policy],
        notice=notice(knock),
    )


def _standing(knock: Knock, place: PolicyPlace | None) -> str:
    if knock.session is None:
        return "anonymous"
    if place is None or isinstance(place.standing, UpToDate):
        return "accepted"
    if isinstance(place.standing, PolicyRefused):
        return "refused"
    return "overdue" if place.blocks else "due"


async def form(knock: Knock) -> Answer:
    """GET /policy: for everybody; with the question for who has not answered it."""
    page = await _page(knock, query(knock, "policy"))
    version, before = page.version, page.before
    if not knock.json or version is None:
        return await show(knock, page)
    body: dict[str, Any] = {
        "csrf_token": knock.csrf_token(),
        "fields": ["accept", "shown", "policy"],
        "policy": page.policy,
        "version": version.version,
        "hash": page.shown,
        "in_force_at": version.in_force_at,
        "summary": version.summary,
        "text": version.text,
        "before": before.version if before is not None else None,
        "changes": [{"line": line, "change": sign} for sign, line in page.changes if sign != "same"],
        "standing": page.standing,
        "until": page.until,
        "contact": knock.site.settings.contact,
    }
    return await show(knock, page, json=body)


async def answer(knock: Knock) -> Answer:
    """POST /policy: ``accept``, with ``shown`` (the hash of the text that was read) from the page's form."""
    session = require_session(knock)
    site = knock.site
    if knock.form.given("accept") is None:
        raise NothingChosen
    page = await _page(knock, knock.form.text("policy"))
    given = knock.form.text("shown") or page.shown
    shown = bytes.fromhex(given) if re.fullmatch(r"[0-9a-f]{64}", given) else b""
    privacy = site.privacy.noted(knock.visit, session.id)
    accept = knock.form.ticked("accept")
    how = "api" if knock.json else "form"
    await steps.answer(privacy.policies, session.account_id, page.policy, shown=shown, accept=accept, how=how)
    site.gate.forget(session.account_id)
    if not accept and privacy.declared.policy_rules.on_refusal == "sign_out":
        await sign_out.sign_out(knock.parts, session, visit=knock.visit)
        knock.set_cookies.append(site.cookies.session.clear())
        knock.session = knock.token = None
        if knock.json:
            return Answer(json={"status": "signed_out"}, kind="signed_out")
        return Answer(page=ready(knock, SignedOut(), form=False), kind="signed_out")
    back = safe_next(knock.form.text("next"), site.settings.base_url) if accept else None
    return done(knock, "saved", to=back or site.url("/policy?done=saved"))
