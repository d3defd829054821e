"""Passkeys: JSON ceremonies for the script, a list and removal for everybody."""

from __future__ import annotations

from typing import Any

from secureacct.accounts import passkeys as steps
from secureacct.accounts.links import hash_of
from secureacct.accounts.outcomes import NotFound, SignInRejected
from secureacct.errors import InvalidInput
from secureacct.passkeys import model_name
from secureacct.records.accounts import PendingSignIn
from secureacct.records.factors import Passkey
from secureacct.redirects import safe_next
from secureacct.web import pages
from secureacct.web.answers import done, form_again, problem, show
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views import sign_in as signing_in
from secureacct.web.views.common import credential, moved, notice, pending_sign_in, require_session, resumed


def _as_json(passkey: Passkey) -> dict[str, Any]:
    return {
        "id": passkey.id,
        "name": passkey.name,
        "model": model_name(passkey.aaguid),
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
        "device_bound": not passkey.backup_eligible,
        "backed_up": passkey.backed_up,
    }


async def _page(knock: Knock) -> pages.Passkeys:
    account_id = require_session(knock).account_id
    factors = await knock.parts.store.factors_of(account_id)
    return pages.Passkeys(
        recovery_codes_left=factors.recovery_codes_left,
        accepted_credentials=await steps.accepted_by(knock.parts, account_id),
        passkeys=tuple(
            pages.Factor(
                id=one.id,
                name=one.name,
                created_at=one.created_at,
                last_used_at=one.last_used_at,
                detail="stays on its device" if not one.backup_eligible else "synced between devices",
            )
            for one in factors.passkeys
        ),
        notice=notice(knock),
    )


async def listing(knock: Knock) -> Answer:
    """GET /passkeys"""
    session = require_session(knock)
    factors = await knock.parts.store.factors_of(session.account_id)
    json = {
        "csrf_token": knock.csrf_token() if knock.json else "",
        "fields": ["password", "name"],
        "passkeys": [_as_json(one) for one in factors.passkeys],
    }
    return await show(knock, await _page(knock), json=json)


async def add(knock: Knock) -> Answer:
    """POST /passkeys: options after fresh proof, then the browser's answer."""
    session = require_session(knock)
    if "credential" not in knock.form.raw:
        options = await steps.begin_adding(
            knock.parts,
            session,
            knock.form.given("password"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
        return Answer(json={"options": options})
    outcome = await steps.finish_adding(
        knock.parts, session, credential(knock), name=knock.form.text("name"), visit=knock.visit
    )
    moved(knock, outcome.moved)
    body = {
        "status": "enabled",
        "passkey": _as_json(outcome.passkey),
        "accepted_credentials": outcome.accepted,
        "location": knock.site.url("/passkeys"),
    }
    return Answer(json=body, mailed=True)


async def remove(knock: Knock) -> Answer:
    """POST /passkeys/<id>/remove"""
    session = require_session(knock)
    try:
        outcome = await steps.remove_passkey(
            knock.parts,
            session,
            knock.arguments[0] if knock.arguments else "",
            knock.form.given("password"),
            visit=knock.visit,
            resumed=resumed(knock),
        )
    except SignInRejected as error:
        return await form_again(knock, await _page(knock), error)
    moved(knock, outcome.moved)
    return done(
        knock,
        "removed",
        to=knock.site.url("/passkeys?done=removed"),
        accepted_credentials=outcome.accepted,
    )


async def rename(knock: Knock) -> Answer:
    """POST /passkeys/<id>/rename"""
    session = require_session(knock)
    try:
        await steps.rename_passkey(
            knock.parts, session, knock.arguments[0] if knock.arguments else "", knock.form.text("name")
        )
    except InvalidInput as error:
        return await form_again(knock, await _page(knock), error)
    return done(knock, "saved", to=knock.site.url("/passkeys?done=renamed"))


def _binding(knock: Knock, pending: PendingSignIn | None) -> str:
    if pending is not None:
        return pending.hash.hex()
    if knock.session is not None:
        return knock.session.id
    digest = hash_of(knock.presession) if knock.presession is not None else None
    if digest is None:
        raise NotFound
    return digest.hex()


async def sign_in_options(knock: Knock) -> Answer:
    """POST /sign-in/passkey/options"""
    pending = await pending_sign_in(knock)
    options = await steps.begin_sign_in(
        knock.parts, binding=_binding(knock, pending), pending=pending, visit=knock.visit
    )
    return Answer(json={"options": options})


async def sign_in(knock: Knock) -> Answer:
    """POST /sign-in/passkey"""
    pending = await pending_sign_in(knock)
    wanted = safe_next(knock.form.text("next"), knock.site.settings.base_url) or ""
    try:
        outcome = await steps.finish_sign_in(
            knock.parts,
            credential(knock),
            binding=_binding(knock, pending),
            pending=pending,
            visit=knock.visit,
            remember=knock.form.ticked("remember"),
            shared_computer=knock.form.ticked("shared_computer"),
            next=wanted,
        )
    except steps.PasskeyRejected as error:
        more = {"unknown_credential": error.unknown} if error.unknown else {}
        return problem(error, **more)
    if pending is not None:
        knock.set_cookies.append(knock.site.cookies.pending.clear())
    await signing_in.let_in(knock, outcome)
    location = outcome.next or knock.site.settings.after_sign_in
    return Answer(json={"status": "signed_in", "location": location}, mailed=True)
