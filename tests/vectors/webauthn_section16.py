"""The test vectors of WebAuthn Level 3 section 16, worked out from their recipe.

    python -m tests.vectors.webauthn_section16 > tests/vectors/webauthn_l3.json

Every random value in that section is HKDF-SHA-256 of one input with a counter as salt and the vector's
name as info, and every signature is deterministic, so the whole answer of browser and authenticator
follows from the name. What the standard prints is in ``PRINTED`` and has to come out.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from webauthn.helpers import encode_cbor

from secureacct._bytes import b64url

RP_ID, ORIGIN = "example.org", "https://example.org"
SECRET = b"WebAuthn test vectors"
EXTRA = "clientDataJSON may be extended with additional fields in the future, such as this: "

PRINTED = {
    "none.ES256": (
        "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174"
        "f575bf11a1dd5d78c6e486013f937295ea13653e331e87"
    ),
    "packed-self.ES256": (
        "304402203310b9431903c401f1be2bdc8d23a4007682dbbddcf846994947b7f465daf84002204e94dd00047b316061b3b9"
        "9772b7efd95994a83ef584b3b6b825ea3550251b66"
    ),
    "none.ES256.topOrigin": (
        "3045022100b5a70c81780d5fcc9a4f2ae9caae99058f8accaf58b91fb59329646c28ac6ffc022012e101c165db3c8e9957"
        "f0c54dd6ca9b56bc3bd2f280bd2faa6c1d02c6e5c171"
    ),
    "packed.EdDSA": (
        "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393bc0d40b011f0d6fecb097d6"
        "607525713223a0dc0d453993dae00b"
    ),
    "packed.RS256": (
        "01063d52d7c39b4d432fc7063c5d93e582bdcb16889cd71f888d67d880ea730a428498d3bc8e1ee11f2b1ecbe6c292b118"
        "c55ffaaddefa8cad0a54dd137c51f1eec673f1bb6c4d1789d6826a222b22d0f585fc901fdc933212e579d199b89d672aa4"
        "4891333e6a1355536025e82b25590256c3538229b55737083b2f6b9377e49e2472f11952f79fdd0da180b5ffd901b4049a"
        "8f081bb40711bef76c62aed943571f2d0575304cb549d68d8892f95086a30f93716aee818f8dc06e96c0d5e0ed4cfa9fd8"
        "773d90464b68cf140f7986666ff9c9e3302acd0535d60d769f465e2ab57ef8aabc89fccfef7ba32a64154a8b3d26be2298"
        "f470b8cc5377dbe3dfd4b0b45f8f01e63bde6cfc76b62771f9b70aa27cf40152cad93aa5acd784fd4b90f676e2ea828d0b"
        "f2400aebbaae4153e5838f537f88b6228346782a93a899be66ec77de45b3efcf311da6321c92e6b0cd11bfe653bf3e98ce"
        "e8e341f02d67dbb6f9c98d9e8178090cfb5b70fbc6d541599ac794ae2f1d4de1286ec8de8c2daf7b1d15c8438e90d924df"
        "5c19045220a4c8438c1b979bbe016cf3d0eeec23c3999d4882cc645b776de930756612cdc6dd398160ff02a6"
    ),
}
"""The signatures of the sign-in examples as the standard prints them, in hexadecimal."""


class Draw:
    """The next pseudo-random value of one vector."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def __call__(self, length: int) -> bytes:
        salt = bytes([self.count])
        self.count += 1
        return HKDF(hashes.SHA256(), length, salt, self.name.encode()).derive(SECRET)


def _client_data(draw: Draw, kind: str, challenge: bytes, flags: int) -> bytes:
    said: dict[str, object] = {"type": kind, "challenge": b64url(challenge), "origin": ORIGIN}
    said["crossOrigin"] = draw.name.endswith((".crossOrigin", ".topOrigin"))
    if draw.name.endswith(".topOrigin"):
        said["topOrigin"] = "https://example.com"
    if flags & 1:
        said["extraData"] = EXTRA + b64url(draw(16))
    return json.dumps(said, separators=(",", ":")).encode()


def _key(name: str, draw: Draw) -> Any:
    if name.endswith(".EdDSA"):
        return ed25519.Ed25519PrivateKey.from_private_bytes(draw(32))
    if name.endswith(".RS256"):
        p, q, e = 2**1279 - 1, 2**2203 - 1, 65537
        d = pow(e, -1, (p - 1) * (q - 1))
        public = rsa.RSAPublicNumbers(e, p * q)
        crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
        return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()
    return ec.derive_private_key(int.from_bytes(draw(32), "big"), ec.SECP256R1())


def _cose(key: Any) -> dict[int, object]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()}
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {
            1: 3,
            3: -257,
            -1: numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"),
            -2: b"\1\0\1",
        }
    return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}


def _sign(key: Any, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    signature: bytes = key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return signature


def work_out(name: str) -> dict[str, Any]:
    """Registration and sign-in of one vector, every byte string in hexadecimal."""
    draw, rp_hash = Draw(name), hashlib.sha256(RP_ID.encode()).digest()
    challenge = draw(32)
    key = _key(name, draw)
    flags = draw(1)[0]
    register = _client_data(draw, "webauthn.create", challenge, flags)
    aaguid = draw(16)
    credential_id = draw(1023 if name.endswith(".long-credential-id") else 32)
    bits = draw(1)[0] & 0x1C
    bits &= 0x1C if bits & 0x08 else 0x04  # BS only with BE
    cose = encode_cbor(_cose(key))
    attested = aaguid + len(credential_id).to_bytes(2, "big") + credential_id + cose
    auth_data = rp_hash + bytes([bits | 0x41]) + bytes(4) + attested
    statement: dict[str, object] = {}
    if name.startswith("packed-self."):
        statement = {"alg": -7, "sig": _sign(key, auth_data + hashlib.sha256(register).digest())}
    elif name.startswith("packed."):
        draw(32)
        draw(16)  # an attestation key and certificate, which we do not look at
        statement = {"alg": -7, "sig": b"not looked at", "x5c": [b"not looked at"]}
    form = name.partition(".")[0].partition("-")[0]
    attestation = encode_cbor({"fmt": form, "attStmt": statement, "authData": auth_data})
    second = draw(32)
    flags = draw(1)[0]
    sign_in = _client_data(draw, "webauthn.get", second, flags)
    used = draw(1)[0] & (0x14 if bits & 0x08 else 0x04)
    data = rp_hash + bytes([used | (bits & 0x08) | 0x01]) + bytes(4)
    signature = _sign(key, data + hashlib.sha256(sign_in).digest())
    return {
        "name": name,
        "user_verified": [bool(bits & 0x04), bool(used & 0x04)],
        "backup_eligible": bool(bits & 0x08),
        "backed_up": [bool(bits & 0x10), bool(used & 0x10)],
        "aaguid": aaguid.hex(),
        "credential_id": credential_id.hex(),
        "public_key": cose.hex(),
        "registration": {
            "challenge": challenge.hex(),
            "clientDataJSON": register.hex(),
            "attestationObject": attestation.hex(),
        },
        "authentication": {
            "challenge": second.hex(),
            "clientDataJSON": sign_in.hex(),
            "authenticatorData": data.hex(),
            "signature": signature.hex(),
        },
    }


NAMES = (
    "none.ES256",
    "packed-self.ES256",
    "none.ES256.crossOrigin",
    "none.ES256.topOrigin",
    "none.ES256.long-credential-id",
    "packed.ES256",
    "packed.RS256",
    "packed.EdDSA",
)

if __name__ == "__main__":
    document = {"rp_id": RP_ID, "origin": ORIGIN, "vectors": [work_out(name) for name in NAMES]}
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
