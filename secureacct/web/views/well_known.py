"""Addresses that programs know: RFC 8615."""

from __future__ import annotations

from secureacct.accounts.passkeys import relying_party
from secureacct.commitments.contact import MEDIA_TYPE
from secureacct.commitments.privacy import security_txt as contact_of
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


async def security_txt(knock: Knock) -> Answer:
    """/.well-known/security.txt: whom to tell about a hole (RFC 9116)."""
    assembly, settings = knock.site.assembly, knock.site.settings
    found = contact_of(
        assembly.promises,
        contact=settings.contact,
        base_url=settings.base_url,
        started=assembly.started,
        until=settings.contact_expires,
    )
    if found is None:
        return Answer(status=404, body=b"", content_type=MEDIA_TYPE, kind="page")
    return Answer(body=found.render().encode(), content_type=MEDIA_TYPE, kind="page")
