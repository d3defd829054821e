"""Addresses that programs know: RFC 8615."""

from __future__ import annotations

from secureacct.web.http import Answer
from secureacct.web.site import Knock


async def change_password(knock: Knock) -> Answer:
    """/.well-known/change-password: where password managers send people (W3C)."""
    return Answer(status=302, location=knock.site.url("/password"), kind="page")


async def passkey_endpoints(knock: Knock) -> Answer:
    """/.well-known/passkey-endpoints: where passkeys are added and managed (W3C)."""
    manage = knock.site.settings.base_url + knock.site.url("/passkeys")
    return Answer(json={"enroll": manage, "manage": manage}, kind="page")
