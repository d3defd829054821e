"""Signing in with a passkey: the options for the browser, and the check of its answer.

Rules of this file: pure. What is returned are facts: that a user was verified is one of them and is
never assumed. Counter and backup flags follow one rule each, written at :func:`_check_counter` and
in :func:`verify_authentication`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from secureacct._bytes import b64url
from secureacct.passkeys.authenticator_data import check_facts, check_key, foreign_errors
from secureacct.passkeys.errors import (
    BackupFlagsChanged,
    BadSignature,
    MalformedResponse,
    SignCountRegression,
    WrongCredential,
    WrongUserHandle,
)
from secureacct.passkeys.registration import (
    CHALLENGE_LIFE_S,
    check_challenge,
    descriptor,
    refuse_other_length,
)
from secureacct.passkeys.relying_party import RelyingParty
from secureacct.passkeys.responses import AuthenticationResponse, check_client_data
from secureacct.records.factors import Passkey, UpdatePasskeyUse


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyProof:
    """A verified use of a passkey: facts to decide on."""

    passkey_id: str
    account_id: str
    credential_id: bytes
    user_verified: bool  # UV: a PIN or biometric, so two factors in one
    backup_eligible: bool  # BE: could be copied to another device, so never AAL3
    backed_up: bool  # BS
    sign_count: int
    counter_went_back: bool  # only ever True for a synced passkey: record it, and warn

    @property
    def device_bound(self) -> bool:
        """Whether the key cannot leave its authenticator, as far as the authenticator says."""
        return not self.backup_eligible

    def used(self, *, now: int) -> UpdatePasskeyUse:
        """The change that keeps this use; commit it with whatever the proof is for."""
        return UpdatePasskeyUse(
            credential_id=self.credential_id,
            account_id=self.account_id,
            sign_count=self.sign_count,
            backed_up=self.backed_up,
            allow_regression=self.backup_eligible,
            at=now,
        )


def authentication_options(
    rp: RelyingParty,
    *,
    challenge: bytes,
    require_user_verification: bool,
    allow: Iterable[Passkey] = (),
) -> dict[str, Any]:
    """Options for ``navigator.credentials.get()``, as JSON for ``parseRequestOptionsFromJSON``.

    :param challenge: 32 random bytes, kept for 300 seconds and used once.
    :param allow: the account's passkeys where it is known who signs in. Empty for autofill and for the
        button on the sign-in page, so that the options say nothing about any account.
    :raises ConfigurationError: a challenge of the wrong size.
    """
    check_challenge(challenge)
    return {
        "challenge": b64url(challenge),
        "timeout": CHALLENGE_LIFE_S * 1000,  # milliseconds
        "rpId": rp.id,
        "allowCredentials": [descriptor(one) for one in allow],
        "userVerification": "required" if require_user_verification else "preferred",
    }


def verify_authentication(
    response: AuthenticationResponse,
    *,
    passkey: Passkey,
    expected_account_id: str | None,
    expected_challenge: bytes,
    expected_rp: RelyingParty,
    require_user_verification: bool,
) -> PasskeyProof:
    """Check the answer to :func:`authentication_options` (WebAuthn L3 section 7.2).

    :param passkey: what is kept for the credential id that the response claims.
    :param expected_account_id: who is signing in; None only where nobody is known yet, and then the
        response must carry the user handle itself.
    :param require_user_verification: True wherever this passkey is the only proof.
    :raises PasskeyError: one of its leaves for each cause; see ``secureacct.passkeys.errors``.
    :raises MissingExtra: the webauthn package is not installed.
    """
    refuse_other_length(expected_challenge)
    _check_owner(response, passkey, expected_account_id)
    check_client_data(
        response.client_data,
        expected_type="webauthn.get",
        expected_challenge=expected_challenge,
        expected_rp=expected_rp,
    )
    facts = check_facts(
        response.authenticator_data,
        expected_rp=expected_rp,
        require_user_verification=require_user_verification,
    )
    if facts.backup_eligible != passkey.backup_eligible:
        raise BackupFlagsChanged("whether the passkey can be backed up is not as registered")
    check_key(passkey.public_key, expected_algorithms=expected_rp.algorithms)
    _check_signature(response, passkey, expected_challenge, expected_rp)
    return PasskeyProof(
        passkey_id=passkey.id,
        account_id=passkey.account_id,
        credential_id=passkey.credential_id,
        user_verified=facts.user_verified,
        backup_eligible=facts.backup_eligible,
        backed_up=facts.backed_up,
        sign_count=facts.sign_count,
        counter_went_back=_check_counter(facts.sign_count, passkey),
    )


def _check_owner(response: AuthenticationResponse, passkey: Passkey, expected_account_id: str | None) -> None:
    if response.claimed_credential_id != passkey.credential_id:
        raise WrongCredential("the response is about another passkey")
    handle = response.claimed_user_handle
    if handle is None and expected_account_id is None:
        raise WrongUserHandle("nobody is known and the response does not say whose it is")
    if handle is not None and handle != passkey.user_handle:
        raise WrongUserHandle("the user handle is not that of the passkey's account")
    if expected_account_id is not None and expected_account_id != passkey.account_id:
        raise WrongUserHandle("the passkey belongs to another account")


def _check_signature(
    response: AuthenticationResponse, passkey: Passkey, expected_challenge: bytes, expected_rp: RelyingParty
) -> None:
    credential_id = b64url(response.claimed_credential_id)
    with foreign_errors(MalformedResponse, "the response cannot be verified"):
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import InvalidAuthenticationResponse

        sent = {
            "id": credential_id,
            "rawId": credential_id,
            "type": "public-key",
            "response": {
                "clientDataJSON": b64url(response.client_data_json),
                "authenticatorData": b64url(response.authenticator_data),
                "signature": b64url(response.signature),
            },
        }
        try:
            verify_authentication_response(
                credential=sent,
                expected_challenge=expected_challenge,
                expected_rp_id=expected_rp.id,
                expected_origin=list(expected_rp.accepted_origins),
                credential_public_key=passkey.public_key,
                credential_current_sign_count=0,  # the counter rule is ours, see _check_counter
            )
        except InvalidAuthenticationResponse:
            # Everything else that raises this was checked before.
            raise BadSignature("the signature is not this passkey's") from None


def _check_counter(sign_count: int, passkey: Passkey) -> bool:
    """Whether the counter went back. Device-bound: refused, since a copy may exist. Synced: only told,
    since copies are the point, and most report zero always (WebAuthn L3 section 6.1.1)."""
    went_back = sign_count <= passkey.sign_count and (sign_count, passkey.sign_count) != (0, 0)
    if went_back and not passkey.backup_eligible:
        raise SignCountRegression("the counter of a device-bound passkey did not go up")
    return went_back
