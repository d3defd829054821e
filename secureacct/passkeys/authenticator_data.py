"""The part that the authenticator itself signs: flags, counter, and a key when registering.

Rules of this file: third-party parsers are called here and nowhere else, so their errors end here;
an attestation statement is not looked at, since we ask for none and trust none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from secureacct.errors import MissingExtra, SecureAcctError
from secureacct.passkeys.errors import (
    AlgorithmNotOffered,
    BackupFlagsChanged,
    MalformedResponse,
    PasskeyError,
    UserNotPresent,
    UserNotVerified,
    WrongRelyingParty,
)
from secureacct.passkeys.relying_party import EDDSA, ES256, RS256, RelyingParty

COSE_KEY_TYPE: dict[int, tuple[int, int | None]] = {
    ES256: (2, 1),
    EDDSA: (1, 6),
    RS256: (3, None),
}  # kty and crv, RFC 9053 section 7, RFC 8230
MIN_RSA_BITS = 2048  # NIST SP 800-57 part 1, 112 bits of security


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorFacts:
    """What an authenticator said about itself and its user."""

    user_verified: bool
    backup_eligible: bool
    backed_up: bool
    sign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """The key of a new passkey, as the authenticator presents it."""

    credential_id: bytes
    public_key: bytes = field(repr=False)  # COSE_Key
    algorithm: int
    aaguid: str


@contextmanager
def foreign_errors(error: type[PasskeyError], text: str) -> Iterator[None]:
    """Whatever a third-party parser or verifier throws becomes one of ours.

    :raises MissingExtra: the webauthn package is not installed.
    """
    try:
        yield
    except SecureAcctError:
        raise
    except ImportError:
        raise MissingExtra("passkeys", needed_for="passkeys") from None
    except Exception:  # noqa: BLE001 - parsers of hostile bytes throw what they like; none of it may pass
        raise error(text) from None


def check_facts(
    raw: bytes, *, expected_rp: RelyingParty, require_user_verification: bool
) -> AuthenticatorFacts:
    """Read flags and counter, and refuse what must never be.

    :raises MalformedResponse: no authenticator data.
    :raises WrongRelyingParty: signed for another RP id.
    :raises UserNotPresent: UP is not set.
    :raises UserNotVerified: UV is not set and was required.
    :raises BackupFlagsChanged: BS is set and BE is not.
    """
    with foreign_errors(MalformedResponse, "the authenticator data cannot be read"):
        from webauthn.helpers import parse_authenticator_data

        data = parse_authenticator_data(raw)
    if data.rp_id_hash != hashlib.sha256(expected_rp.id.encode("ascii")).digest():
        raise WrongRelyingParty("the authenticator signed for another RP id")
    if not data.flags.up:
        raise UserNotPresent("nobody touched the authenticator")
    if require_user_verification and not data.flags.uv:
        raise UserNotVerified("the authenticator did not verify its user")
    if data.flags.bs and not data.flags.be:
        raise BackupFlagsChanged("backed up, and not eligible for it")
    return AuthenticatorFacts(
        user_verified=data.flags.uv,
        backup_eligible=data.flags.be,
        backed_up=data.flags.bs,
        sign_count=data.sign_count,
    )


def without_statement(attestation_object: bytes) -> tuple[bytes, bytes]:
    """An attestation object as if no attestation had been made, and its authenticator data.

    Whoever can lie about where a passkey comes from could as well send no statement, so ignoring it
    gives nothing away, and no certificate of a stranger is ever parsed.

    :raises MalformedResponse: it is no attestation object.
    """
    with foreign_errors(MalformedResponse, "the attestation object cannot be read"):
        from webauthn.helpers import encode_cbor, parse_cbor

        whole = parse_cbor(attestation_object)
        auth_data = whole["authData"]
        if not isinstance(auth_data, bytes) or not isinstance(whole["fmt"], str) or "attStmt" not in whole:
            raise MalformedResponse("the attestation object lacks a part")
        return encode_cbor({"fmt": "none", "attStmt": {}, "authData": auth_data}), auth_data


def new_key(auth_data: bytes, *, expected_algorithms: tuple[int, ...]) -> NewKey:
    """The key in the authenticator data of a registration.

    :raises MalformedResponse: there is none, or it is no valid key.
    :raises AlgorithmNotOffered: of a kind that was not offered.
    """
    with foreign_errors(MalformedResponse, "the new key cannot be read"):
        from webauthn.helpers import parse_authenticator_data

        attested = parse_authenticator_data(auth_data).attested_credential_data
        if attested is None:
            raise MalformedResponse("the authenticator data holds no key")
        algorithm = check_key(attested.credential_public_key, expected_algorithms=expected_algorithms)
        return NewKey(
            credential_id=attested.credential_id,
            public_key=attested.credential_public_key,
            algorithm=algorithm,
            aaguid=str(UUID(bytes=attested.aaguid)),
        )


def check_key(public_key: bytes, *, expected_algorithms: tuple[int, ...]) -> int:
    """The algorithm of a COSE key whose type and curve fit it, and which is a point or modulus at all.

    :raises MalformedResponse: it is no such key.
    :raises AlgorithmNotOffered: it is a good key of another kind.
    """
    with foreign_errors(MalformedResponse, "the public key cannot be read"):
        from webauthn.helpers import (
            decode_credential_public_key,
            decoded_public_key_to_cryptography,
            parse_cbor,
        )

        cose = parse_cbor(public_key)
        algorithm = cose[3]
        if algorithm not in expected_algorithms:
            raise AlgorithmNotOffered("the key is of a kind that was not offered")
        key_type, curve = COSE_KEY_TYPE[algorithm]
        if cose[1] != key_type or (curve is not None and cose[-1] != curve):
            raise AlgorithmNotOffered("the key's type or curve does not fit its algorithm")
        key = decoded_public_key_to_cryptography(decode_credential_public_key(public_key))
        if getattr(key, "key_size", MIN_RSA_BITS) < MIN_RSA_BITS and key_type == 3:
            raise AlgorithmNotOffered(f"an RSA key has at least {MIN_RSA_BITS} bits")
        return int(algorithm)
