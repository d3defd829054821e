"""A passkey authenticator and browser in software, for tests: it answers well, or badly on purpose.

    device = SoftwareAuthenticator(origin="https://example.org")
    answer = device.create(options)                              # what the browser would post
    answer = device.get(options)
    answer = device.get(options, fault=Fault(cross_origin=True))  # and one thing wrong with it

Rules of this file: without a fault it follows the standard, and refuses what an authenticator refuses;
a fault changes one thing and signs the rest honestly, so that only the check under test can refuse.
Needs the ``passkeys`` extra.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from secureacct._bytes import b64url, b64url_strict
from secureacct.errors import MissingExtra, SecureAcctError

ES256, ES384, EDDSA, RS256 = -7, -35, -8, -257

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40  # authenticator data flags, WebAuthn L3 section 6.1

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


class AuthenticatorRefused(SecureAcctError):
    """A real authenticator or browser would not have answered."""

    code = "authenticator_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to do wrong. What stays None is done right."""

    type: str | None = None
    challenge: bytes | None = None
    origin: str | None = None
    cross_origin: object = None  # True, or anything a browser would never send
    top_origin: str | None = None
    rp_id: str | None = None
    user_present: bool | None = None
    user_verified: bool | None = None
    backup_eligible: bool | None = None
    backed_up: bool | None = None
    sign_count: int | None = None
    algorithm: int | None = None  # make a key of this kind, whatever was offered
    id: str | None = None  # beside a right rawId
    credential_id: bytes | None = None  # id and rawId, beside the one that was signed
    user_handle: bytes | None = None
    no_user_handle: bool = False
    signed_by: PrivateKey | None = field(default=None, repr=False)
    client_data: bytes | None = None  # instead of all of it; still signed
    authenticator_data: bytes | None = None  # instead of all of it; still signed
    attestation_object: bytes | None = None


NO_FAULT = Fault()


@dataclass(slots=True, kw_only=True)
class SoftCredential:
    """One key on the authenticator."""

    credential_id: bytes
    key: PrivateKey = field(repr=False)
    algorithm: int
    rp_id: str
    user_handle: bytes = field(repr=False)
    user_name: str
    backup_eligible: bool
    sign_count: int = 0


class SoftwareAuthenticator:
    """A browser on one page with one authenticator. ``credentials`` is what it holds, oldest first.

    :param origin: the page it is on.
    :param algorithms: the kinds of key it can make.
    :param can_verify: has a PIN or biometric, so UV is set (False: a plain security key).
    :param backup_eligible: synced (BE), with a counter that stays zero; False: bound to the device,
        with a counter that goes up.
    :param backed_up: has been synced (BS), where it is eligible.
    :param random: gives that many random bytes; a fixed one makes fixed answers.
    """

    def __init__(
        self,
        *,
        origin: str,
        algorithms: tuple[int, ...] = (EDDSA, ES256, RS256),
        can_verify: bool = True,
        backup_eligible: bool = True,
        backed_up: bool = True,
        aaguid: bytes = bytes(16),
        transports: tuple[str, ...] = ("internal",),
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.origin = origin
        self.algorithms = algorithms
        self.can_verify = can_verify
        self.backup_eligible = backup_eligible
        self.backed_up: Final = backed_up and backup_eligible
        self.aaguid = aaguid
        self.transports = transports
        self.random = random
        self.credentials: list[SoftCredential] = []

    def create(self, options: dict[str, Any], *, fault: Fault = NO_FAULT) -> dict[str, Any]:
        """Answer registration options as ``navigator.credentials.create()`` and ``toJSON()`` do.

        :raises AuthenticatorRefused: no kind of key in common, already registered, or no verification.
        """
        offered = [param["alg"] for param in options["pubKeyCredParams"]]
        algorithm = next((one for one in offered if one in self.algorithms), None)
        if fault.algorithm is not None:
            algorithm = fault.algorithm
        if algorithm is None:
            raise AuthenticatorRefused("none of the offered algorithms")
        excluded = {one["id"] for one in options.get("excludeCredentials", ())}
        if excluded & {b64url(one.credential_id) for one in self.credentials}:
            raise AuthenticatorRefused("this authenticator is registered already")
        self._refuse_without_verification(options["authenticatorSelection"]["userVerification"], fault)
        made = SoftCredential(
            credential_id=self.random(32),
            key=_new_key(algorithm, self.random),
            algorithm=algorithm,
            rp_id=options["rp"]["id"],
            user_handle=_bytes(options["user"]["id"]),
            user_name=options["user"]["name"],
            backup_eligible=self.backup_eligible if fault.backup_eligible is None else fault.backup_eligible,
        )
        self.credentials.append(made)
        client_data = self._client_data("webauthn.create", options, fault)
        key = _cbor(_cose(made.key, algorithm))
        attested = self.aaguid + len(made.credential_id).to_bytes(2, "big") + made.credential_id + key
        auth_data = self._auth_data(made, fault, flags=AT) + attested
        if fault.authenticator_data is not None:
            auth_data = fault.authenticator_data
        attestation = _cbor({"fmt": "none", "attStmt": {}, "authData": auth_data})
        if fault.attestation_object is not None:
            attestation = fault.attestation_object
        response = {
            "clientDataJSON": b64url(client_data),
            "attestationObject": b64url(attestation),
            "transports": list(self.transports),
        }
        return _credential(made, response, fault)

    def get(
        self, options: dict[str, Any], *, credential: SoftCredential | None = None, fault: Fault = NO_FAULT
    ) -> dict[str, Any]:
        """Answer sign-in options as ``navigator.credentials.get()`` and ``toJSON()`` do.

        :param credential: which key to use; by default the newest one that fits.
        :raises AuthenticatorRefused: no key fits, or no verification.
        """
        chosen = credential or self._newest(options)
        self._refuse_without_verification(options["userVerification"], fault)
        if not chosen.backup_eligible:
            chosen.sign_count += 1
        client_data = self._client_data("webauthn.get", options, fault)
        auth_data = self._auth_data(chosen, fault)
        if fault.authenticator_data is not None:
            auth_data = fault.authenticator_data
        signed = auth_data + hashlib.sha256(client_data).digest()
        response: dict[str, Any] = {
            "clientDataJSON": b64url(client_data),
            "authenticatorData": b64url(auth_data),
            "signature": b64url(_sign(fault.signed_by or chosen.key, signed)),
        }
        if not fault.no_user_handle:
            response["userHandle"] = b64url(fault.user_handle or chosen.user_handle)
        return _credential(chosen, response, fault)

    def _newest(self, options: dict[str, Any]) -> SoftCredential:
        allowed = {one["id"] for one in options.get("allowCredentials", ())}
        for one in reversed(self.credentials):
            if one.rp_id == options["rpId"] and (not allowed or b64url(one.credential_id) in allowed):
                return one
        raise AuthenticatorRefused("no passkey fits")

    def _refuse_without_verification(self, asked: str, fault: Fault) -> None:
        if asked == "required" and not self.can_verify and fault.user_verified is None:
            raise AuthenticatorRefused("verification is required and this authenticator cannot")

    def _client_data(self, kind: str, options: dict[str, Any], fault: Fault) -> bytes:
        if fault.client_data is not None:
            return fault.client_data
        said: dict[str, object] = {
            "type": fault.type or kind,
            "challenge": options["challenge"] if fault.challenge is None else b64url(fault.challenge),
            "origin": fault.origin or self.origin,
            "crossOrigin": False if fault.cross_origin is None else fault.cross_origin,
        }
        if fault.top_origin is not None:
            said["topOrigin"] = fault.top_origin
        return json.dumps(said, separators=(",", ":")).encode()

    def _auth_data(self, credential: SoftCredential, fault: Fault, *, flags: int = 0) -> bytes:
        says = {
            UP: (fault.user_present, True),
            UV: (fault.user_verified, self.can_verify),
            BE: (fault.backup_eligible, credential.backup_eligible),
            BS: (fault.backed_up, self.backed_up and credential.backup_eligible),
        }
        for bit, (wrong, right) in says.items():
            flags |= bit if (right if wrong is None else wrong) else 0
        count = credential.sign_count if fault.sign_count is None else fault.sign_count
        rp_id_hash = hashlib.sha256((fault.rp_id or credential.rp_id).encode()).digest()
        return rp_id_hash + bytes([flags]) + count.to_bytes(4, "big")


def _credential(made: SoftCredential, response: dict[str, Any], fault: Fault) -> dict[str, Any]:
    raw = b64url(made.credential_id if fault.credential_id is None else fault.credential_id)
    return {
        "id": raw if fault.id is None else fault.id,
        "rawId": raw,
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    }


def _bytes(text: str) -> bytes:
    value = b64url_strict(text)
    if value is None:
        raise AuthenticatorRefused("the options hold something that is not base64url")
    return value


def _cbor(value: object) -> bytes:
    try:
        from webauthn.helpers import encode_cbor
    except ImportError:
        raise MissingExtra("passkeys", needed_for="the software authenticator") from None
    return encode_cbor(value)


def _new_key(algorithm: int, random: Callable[[int], bytes]) -> PrivateKey:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.from_private_bytes(random(32))
    if algorithm == RS256:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.SECP384R1() if algorithm == ES384 else ec.SECP256R1()
    return ec.derive_private_key(int.from_bytes(random(24), "big") + 1, curve)


def _cose(key: PrivateKey, algorithm: int) -> dict[int, object]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {1: 1, 3: algorithm, -1: 6, -2: key.public_key().public_bytes_raw()}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {1: 3, 3: algorithm, -1: _unsigned(numbers.n), -2: _unsigned(numbers.e)}
    point = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    curve = 2 if isinstance(key.curve, ec.SECP384R1) else 1
    return {
        1: 2,
        3: algorithm,
        -1: curve,
        -2: point.x.to_bytes(size, "big"),
        -3: point.y.to_bytes(size, "big"),
    }


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
