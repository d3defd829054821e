"""Registering a passkey: the options for the browser, and the check of its answer.

Rules of this file: pure. The challenge and the user handle come from the caller, who has made them
at random and remembers them; what is returned are facts, and the caller decides what they allow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from secureacct._bytes import b64url
from secureacct.errors import ConfigurationError
from secureacct.passkeys.authenticator_data import check_facts, foreign_errors, new_key, without_statement
from secureacct.passkeys.errors import MalformedResponse, WrongChallenge, WrongCredential
from secureacct.passkeys.models import model_name
from secureacct.passkeys.relying_party import RelyingParty
from secureacct.passkeys.responses import MAX_USER_HANDLE_BYTES, RegistrationResponse, check_client_data
from secureacct.records.factors import Passkey

CHALLENGE_BYTES = 32  # WebAuthn L3 section 13.4.3 asks for 16, NIST SP 800-63B-4 section 3.1.6.2 for 8
CHALLENGE_LIFE_S = 300  # seconds; WebAuthn L3 section 15.1 recommends 300 to 600
USER_HANDLE_BYTES = 64  # WebAuthn L3 section 14.6.1: random, says nothing about the person
MIN_USER_HANDLE_BYTES = 16  # of handles that were made elsewhere; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A verified registration: facts to decide on and to keep."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    algorithm: int
    sign_count: int
    user_verified: bool
    backup_eligible: bool
    backed_up: bool
    aaguid: str
    transports: tuple[str, ...]

    @property
    def model_name(self) -> str:
        """A name to suggest, like "iCloud Keychain"; "Passkey" where the model is not known."""
        return model_name(self.aaguid)

    def record(self, *, id: str, account_id: str, user_handle: bytes, name: str, now: int) -> Passkey:
        """The passkey to keep. ``id`` is random and public; ``now`` is seconds since the epoch."""
        return Passkey(
            id=id,
            account_id=account_id,
            credential_id=self.credential_id,
            user_handle=user_handle,
            public_key=self.public_key,
            algorithm=self.algorithm,
            sign_count=self.sign_count,
            backup_eligible=self.backup_eligible,
            backed_up=self.backed_up,
            user_verified=self.user_verified,
            aaguid=self.aaguid,
            transports=self.transports,
            name=name,
            created_at=now,
        )


def registration_options(
    rp: RelyingParty,
    *,
    challenge: bytes,
    user_handle: bytes,
    user_name: str,
    display_name: str,
    require_user_verification: bool,
    discoverable: bool = True,
    exclude: Iterable[Passkey] = (),
) -> dict[str, Any]:
    """Options for ``navigator.credentials.create()``, as JSON for ``parseCreationOptionsFromJSON``.

    :param challenge: 32 random bytes, kept for 300 seconds and used once.
    :param user_handle: the account's own random bytes (64 when we make them).
    :param user_name: what the person knows the account by; it is shown by the authenticator.
    :param discoverable: True for passkeys that can sign in without a name; False also takes security
        keys that only serve as second factor.
    :param exclude: the account's passkeys, so that one authenticator is not registered twice.
    :raises ConfigurationError: a challenge or user handle of the wrong size, an empty name.
    """
    check_challenge(challenge)
    if not MIN_USER_HANDLE_BYTES <= len(user_handle) <= MAX_USER_HANDLE_BYTES:
        raise ConfigurationError(f"a user handle has {USER_HANDLE_BYTES} random bytes")
    if not user_name:
        raise ConfigurationError("a passkey needs the name that the person knows the account by")
    verification = "required" if require_user_verification else "preferred"
    return {
        "rp": {"id": rp.id, "name": rp.name},
        "user": {"id": b64url(user_handle), "name": user_name, "displayName": display_name or user_name},
        "challenge": b64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in rp.algorithms],
        "timeout": CHALLENGE_LIFE_S * 1000,  # milliseconds
        "excludeCredentials": [descriptor(one) for one in exclude],
        "authenticatorSelection": {
            "residentKey": "required" if discoverable else "preferred",
            "requireResidentKey": discoverable,
            "userVerification": verification,
        },
        "attestation": "none",
    }


def verify_registration(
    response: RegistrationResponse,
    *,
    expected_challenge: bytes,
    expected_rp: RelyingParty,
    require_user_verification: bool,
) -> Registration:
    """Check the answer to :func:`registration_options` (WebAuthn L3 section 7.1).

    What this cannot know is for the caller: that the challenge is claimed, and that no account holds
    the credential id (the claim of ``AddPasskey``).

    :raises PasskeyError: one of its leaves for each cause; see ``secureacct.passkeys.errors``.
    :raises MissingExtra: the webauthn package is not installed.
    """
    refuse_other_length(expected_challenge)
    check_client_data(
        response.client_data,
        expected_type="webauthn.create",
        expected_challenge=expected_challenge,
        expected_rp=expected_rp,
    )
    bare, auth_data = without_statement(response.attestation_object)
    facts = check_facts(
        auth_data, expected_rp=expected_rp, require_user_verification=require_user_verification
    )
    key = new_key(auth_data, expected_algorithms=expected_rp.algorithms)
    if key.credential_id != response.claimed_credential_id:
        raise WrongCredential("the credential id in the response is not the one that was made")
    with foreign_errors(MalformedResponse, "the registration cannot be verified"):
        from webauthn import verify_registration_response
        from webauthn.helpers.cose import COSEAlgorithmIdentifier

        verify_registration_response(
            credential=_as_json(response, bare),
            expected_challenge=expected_challenge,
            expected_rp_id=expected_rp.id,
            expected_origin=list(expected_rp.accepted_origins),
            require_user_verification=require_user_verification,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(one) for one in expected_rp.algorithms],
        )
    return Registration(
        credential_id=key.credential_id,
        public_key=key.public_key,
        algorithm=key.algorithm,
        sign_count=facts.sign_count,
        user_verified=facts.user_verified,
        backup_eligible=facts.backup_eligible,
        backed_up=facts.backed_up,
        aaguid=key.aaguid,
        transports=response.transports,
    )


def check_challenge(challenge: bytes) -> None:
    """:raises ConfigurationError: it is not 32 bytes long."""
    if len(challenge) != CHALLENGE_BYTES:
        raise ConfigurationError(f"a challenge has {CHALLENGE_BYTES} random bytes")


def refuse_other_length(challenge: bytes) -> None:
    """An answer may be looked up by the challenge it claims, so its length is the sender's choice.

    :raises WrongChallenge: no challenge of ours has another length than 32 bytes.
    """
    if len(challenge) != CHALLENGE_BYTES:
        raise WrongChallenge("no challenge of ours has this length")


def descriptor(passkey: Passkey) -> dict[str, Any]:
    """A passkey as options name it (``PublicKeyCredentialDescriptorJSON``)."""
    named: dict[str, Any] = {"type": "public-key", "id": b64url(passkey.credential_id)}
    if passkey.transports:
        named["transports"] = list(passkey.transports)
    return named


def _as_json(response: RegistrationResponse, attestation_object: bytes) -> dict[str, Any]:
    credential_id = b64url(response.claimed_credential_id)
    return {
        "id": credential_id,
        "rawId": credential_id,
        "type": "public-key",
        "response": {
            "clientDataJSON": b64url(response.client_data_json),
            "attestationObject": b64url(attestation_object),
        },
    }
