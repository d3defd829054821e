"""Passkeys: WebAuthn registration and sign-in as pure ceremonies, on the ``webauthn`` package.

    options = registration_options(rp, challenge=..., user_handle=..., ...)   # to the browser
    response = read_registration(body)                                        # strict, unverified
    facts = verify_registration(response, expected_challenge=..., expected_rp=rp, ...)
    passkey = facts.record(id=..., account_id=..., ...)                       # to keep

    options = authentication_options(rp, challenge=..., ...)
    response = read_authentication(body)
    proof = verify_authentication(response, passkey=..., expected_account_id=..., ...)
    change = proof.used(now=...)                                              # to commit

No clock, no randomness and no store in here. Exact origins and RP id, frames refused, ES256 and EdDSA
(RS256 behind a flag), attestation never asked for nor read.
"""

from __future__ import annotations

from secureacct.passkeys.authentication import PasskeyProof, authentication_options, verify_authentication
from secureacct.passkeys.errors import (
    AlgorithmNotOffered,
    BackupFlagsChanged,
    BadSignature,
    CrossOriginRefused,
    MalformedResponse,
    PasskeyError,
    SignCountRegression,
    UserNotPresent,
    UserNotVerified,
    WrongCeremony,
    WrongChallenge,
    WrongCredential,
    WrongOrigin,
    WrongRelyingParty,
    WrongUserHandle,
)
from secureacct.passkeys.models import model_name
from secureacct.passkeys.registration import (
    CHALLENGE_BYTES,
    CHALLENGE_LIFE_S,
    USER_HANDLE_BYTES,
    Registration,
    registration_options,
    verify_registration,
)
from secureacct.passkeys.relying_party import RelyingParty, passkey_endpoints
from secureacct.passkeys.responses import (
    AuthenticationResponse,
    RegistrationResponse,
    read_authentication,
    read_registration,
)
from secureacct.passkeys.signals import all_accepted_credentials, current_user_details, unknown_credential

__all__ = [
    "CHALLENGE_BYTES",
    "CHALLENGE_LIFE_S",
    "USER_HANDLE_BYTES",
    "AlgorithmNotOffered",
    "AuthenticationResponse",
    "BackupFlagsChanged",
    "BadSignature",
    "CrossOriginRefused",
    "MalformedResponse",
    "PasskeyError",
    "PasskeyProof",
    "Registration",
    "RegistrationResponse",
    "RelyingParty",
    "SignCountRegression",
    "UserNotPresent",
    "UserNotVerified",
    "WrongCeremony",
    "WrongChallenge",
    "WrongCredential",
    "WrongOrigin",
    "WrongRelyingParty",
    "WrongUserHandle",
    "all_accepted_credentials",
    "authentication_options",
    "current_user_details",
    "model_name",
    "passkey_endpoints",
    "read_authentication",
    "read_registration",
    "registration_options",
    "unknown_credential",
    "verify_authentication",
    "verify_registration",
]
