"""Taking one's data along, leaving, and staying after all."""

from __future__ import annotations

import hashlib
from typing import Any

from secureacct._bytes import b64url_strict
from secureacct.accounts.outcomes import LinkUnknown, NotFound, SignInRejected
from secureacct.commitments import own_data as steps
from secureacct.commitments.privacy_mails import read_keep_token
from secureacct.commitments.retention import DAY_S
from secureacct.records.exports import ExportJob
from secureacct.web.answers import done, form_again, show
from secureacct.web.http import Answer
from secureacct.web.privacy_pages import PrivacyDelete, PrivacyDownload, PrivacyExport, PrivacyKeep
from secureacct.web.site import Knock
from secureacct.web.views.common import notice, require_session, resumed


def _job(one: ExportJob) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state,
        "requested_at": one.requested_at,
        "tables_done": one.tables_done,
        "tables": one.tables,
        "rows": one.rows,
        "size": one.size,
        "expires_at": one.expires_at or None,
    }


async def _export_page(knock: Knock) -> PrivacyExport:
    privacy = knock.site.privacy
    if not privacy.erases_people:
        raise NotFound
    jobs = await steps.copies(privacy, require_session(knock))
    days = max(int(privacy.declared.keep_copies.total_seconds()) // DAY_S, 1)
    return PrivacyExport(jobs=jobs, keep_days=days, notice=notice(knock))


async def export_form(knock: Knock) -> Answer:
    """GET /privacy/export: how far the copies are."""
    page = await _export_page(knock)
    body = {"fields": ["password"], "exports": [_job(one) for one in page.jobs]}
    if knock.json:
        body["csrf_token"] = knock.csrf_token()
    return await show(knock, page, json=body)


async def export(knock: Knock) -> Answer:
    """POST /privacy/export: made after the answer; a mail says when it is ready."""
    session = require_session(knock)
    try:
        await steps.ask_copy(
            knock.site.privacy,
            session,
            knock.form.given("password"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except SignInRejected as error:
        return await form_again(knock, await _export_page(knock), error)
    if knock.json:
        return Answer(status=202, json={"status": "check_mail"}, works=True, mailed=True)
    return Answer(status=303, location=knock.site.url("/privacy/export?done=copy"), works=True, mailed=True)


async def download_form(knock: Knock) -> Answer:
    """GET of the mailed link: a button. Fetches nothing: mail scanners follow links."""
    session = require_session(knock)
    secret = b64url_strict(knock.link_token) if len(knock.link_token) <= 64 else None
    digest = hashlib.sha256(secret or b"").digest()
    now = knock.parts.now()
    jobs = await steps.copies(knock.site.privacy, session)
    if not any(one.link_hash == digest and one.state == "ready" and one.expires_at > now for one in jobs):
        raise LinkUnknown
    return await show(knock, PrivacyDownload(path=knock.site.url("/privacy/export/download")))


async def download(knock: Knock) -> Answer:
    """POST of the mailed link: the archive, once."""
    session = require_session(knock)
    pieces = await steps.take_copy(knock.site.privacy, session, knock.link_token, visit=knock.visit)
    knock.set_cookies.append(knock.site.cookies.link.clear())
    return Answer(
        stream=pieces,
        content_type="application/zip",
        headers=(("Content-Disposition", 'attachment; filename="my-data.zip"'),),
    )


async def _delete_page(knock: Knock) -> PrivacyDelete:
    privacy = knock.site.privacy
    if not privacy.erases_people:
        raise NotFound
    waits = await steps.deletion_of(privacy, require_session(knock).account_id)
    return PrivacyDelete(
        grace_days=int(privacy.declared.grace.total_seconds()) // DAY_S,
        due_at=waits.due_at if waits is not None else None,
        erased=[one for one in privacy.erasure.holdings if not one.kept],
        kept=[one for one in privacy.erasure.holdings if one.kept],
        notice=notice(knock),
    )


async def delete_form(knock: Knock) -> Answer:
    """GET /privacy/delete: what goes, what stays and why, and when."""
    page = await _delete_page(knock)
    body: dict[str, Any] = {"fields": ["password"], "due_at": page.due_at, "grace_days": page.grace_days}
    body["erased"] = [one.name for one in page.erased]
    body["kept"] = [{"name": one.name, "why": one.kept} for one in page.kept]
    if knock.json:
        body["csrf_token"] = knock.csrf_token()
    return await show(knock, page, json=body)


async def delete(knock: Knock) -> Answer:
    """POST /privacy/delete: begins the time to think; a mail has the way back."""
    session = require_session(knock)
    try:
        waits = await steps.ask_deletion(
            knock.site.privacy,
            session,
            knock.form.given("password"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except SignInRejected as error:
        return await form_again(knock, await _delete_page(knock), error)
    to = knock.site.url("/privacy/delete?done=leaving")
    return done(knock, "check_mail", to=to, code=202, due_at=waits.due_at)


async def keep_form(knock: Knock) -> Answer:
    """GET of the mailed link, or signed in: a button."""
    if not knock.link_token:
        require_session(knock)
    elif read_keep_token(knock.link_token) is None:
        raise LinkUnknown
    return await show(knock, PrivacyKeep(path=knock.site.url("/privacy/keep")))


async def keep(knock: Knock) -> Answer:
    """POST /privacy/keep: the account stays. By link nobody is signed in."""
    privacy = knock.site.privacy
    if knock.link_token:
        await steps.keep_by_link(privacy, knock.link_token, visit=knock.visit)
        knock.set_cookies.append(knock.site.cookies.link.clear())
    else:
        await steps.keep(privacy, require_session(knock), visit=knock.visit)
    to = "/?done=kept" if knock.session is not None else "/sign-in?done=kept"
    return done(knock, "undone", to=knock.site.url(to))
