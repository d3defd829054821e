"""Addresses that programs know: RFC 8615."""

from __future__ import annotations

from secureacct.accounts.passkeys import relying_party
from secureacct.web.http import Answer
from secureacct.web.site import Knock


async def change_password(knock: Knock) -> Answer:
    """/.well-known/change-password: where password managers send people (W3C)."""
    return Answer(status=302, location=knock.site.url("/password"), kind="page")


async def passkey_endpoints(knock: Knock) -> Answer:
    """/.well-known/passkey-endpoints: where passkeys are added and managed (W3C)."""
    manage = knock.site.settings.base_url + knock.site.url("/passkeys")
    return Answer(json={"enroll": manage, "manage": manage}, kind="page")


async def webauthn(knock: Knock) -> Answer:
    """/.well-known/webauthn: which other sites may use our passkeys (WebAuthn Level 3 section 5.11).

    There is nothing here unless the site named some.
    """
    party = relying_party(knock.parts)
    if not party.related_origins:
        return Answer(status=404, body=b"", content_type="text/plain; charset=utf-8", kind="page")
    return Answer(json=party.related_origins_document(), kind="page")
