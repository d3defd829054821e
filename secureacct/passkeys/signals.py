"""What the browser may tell the password manager, so that dead passkeys disappear from its list.

Rules of this file: only about a credential that the browser just presented, or to somebody who is
signed in to the account (WebAuthn L3 section 5.1.10).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from secureacct._bytes import b64url
from secureacct.passkeys.relying_party import RelyingParty
from secureacct.records.factors import Passkey


def unknown_credential(rp: RelyingParty, *, credential_id: bytes) -> dict[str, Any]:
    """For ``signalUnknownCredential``: we do not know the credential that was just presented."""
    return {"rpId": rp.id, "credentialId": b64url(credential_id)}


def all_accepted_credentials(
    rp: RelyingParty, *, user_handle: bytes, passkeys: Iterable[Passkey]
) -> dict[str, Any]:
    """For ``signalAllAcceptedCredentials``: these are all, what else there is can go."""
    return {
        "rpId": rp.id,
        "userId": b64url(user_handle),
        "allAcceptedCredentialIds": [b64url(one.credential_id) for one in passkeys],
    }


def current_user_details(
    rp: RelyingParty, *, user_handle: bytes, user_name: str, display_name: str
) -> dict[str, Any]:
    """For ``signalCurrentUserDetails``: after the address or name has changed."""
    return {
        "rpId": rp.id,
        "userId": b64url(user_handle),
        "name": user_name,
        "displayName": display_name or user_name,
    }
