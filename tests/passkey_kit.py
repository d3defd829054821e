"""What the passkey tests share: one relying party, one person, one device, two ceremonies."""

from __future__ import annotations

import json
from typing import Any

from secureacct import passkeys as pk
from secureacct.records.factors import Passkey
from secureacct.testing.authenticator import NO_FAULT, Fault, SoftwareAuthenticator

ORIGIN = "https://example.org"
RP = pk.RelyingParty.at(ORIGIN, name="Example")
RP_RS256 = pk.RelyingParty.at(ORIGIN, name="Example", compat_rs256=True)
CHALLENGE = bytes(range(32))
OTHER_CHALLENGE = bytes(range(1, 33))
HANDLE = b"\x07" * 64
NOW = 1_800_000_000


def device(**options: Any) -> SoftwareAuthenticator:
    """A software authenticator on our page."""
    return SoftwareAuthenticator(origin=ORIGIN, **options)


def create_options(rp: pk.RelyingParty = RP, *, verified: bool = True, **more: Any) -> dict[str, Any]:
    """Options for registering Ada's passkey."""
    return pk.registration_options(
        rp,
        challenge=CHALLENGE,
        user_handle=HANDLE,
        user_name="ada@example.org",
        display_name="Ada",
        require_user_verification=verified,
        **more,
    )


def get_options(*, verified: bool = True, allow: tuple[Passkey, ...] = ()) -> dict[str, Any]:
    """Options for signing in."""
    return pk.authentication_options(RP, challenge=CHALLENGE, require_user_verification=verified, allow=allow)


def register(
    on: SoftwareAuthenticator,
    *,
    rp: pk.RelyingParty = RP,
    verified: bool = True,
    challenge: bytes = CHALLENGE,
    fault: Fault = NO_FAULT,
) -> pk.Registration:
    """Register on a device, with at most one thing wrong."""
    answer = on.create(create_options(rp, verified=verified), fault=fault)
    return pk.verify_registration(
        pk.read_registration(answer),
        expected_challenge=challenge,
        expected_rp=rp,
        require_user_verification=verified,
    )


def kept(on: SoftwareAuthenticator, **options: Any) -> Passkey:
    """A passkey as it is kept after registering."""
    facts = register(on, **options)
    return facts.record(id="p1", account_id="42", user_handle=HANDLE, name="Laptop", now=NOW)


def sign_in(
    on: SoftwareAuthenticator,
    passkey: Passkey,
    *,
    rp: pk.RelyingParty = RP,
    verified: bool = True,
    account_id: str | None = None,
    challenge: bytes = CHALLENGE,
    fault: Fault = NO_FAULT,
) -> pk.PasskeyProof:
    """Sign in with a device, with at most one thing wrong."""
    answer = on.get(get_options(verified=verified), fault=fault)
    return pk.verify_authentication(
        pk.read_authentication(json.dumps(answer)),
        passkey=passkey,
        expected_account_id=account_id,
        expected_challenge=challenge,
        expected_rp=rp,
        require_user_verification=verified,
    )
