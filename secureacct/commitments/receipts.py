"""A receipt for an erasure: signed, checkable by anybody with our public key, naming nobody.

Format ``secureacct/erasure-receipt/1``: base64url of canonical JSON (sorted keys, no spaces), a dot,
base64url of its Ed25519 signature (RFC 8032). The person is a keyed hash of the account id, which the
person can have confirmed and nobody can invert. ``docs/specs/erasure-receipt.md`` has known answers.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from secureacct._bytes import b64url, b64url_strict
from secureacct.commitments.errors import BadReceipt
from secureacct.keys import Keyring

FORMAT = "secureacct/erasure-receipt/1"
LIMITS = (
    "Backups made before this moment still hold the data, encrypted, until they expire; the keys that "
    "opened it are gone from the live system. A restored backup is erased again from the list of receipts."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased, what was kept and why, and when."""

    person: str  # keyed hash of the account id, hexadecimal
    requested_at: int  # seconds since the epoch
    erased_at: int  # seconds since the epoch
    erased: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]  # name, why
    key_id: int
    limits: str = LIMITS


def _signer(keys: Keyring, key_id: int) -> Ed25519PrivateKey:
    seed = keys.derive("audit", b"erasure-receipt/ed25519/v1", key_id=key_id)
    return Ed25519PrivateKey.from_private_bytes(seed)


def public_key(keys: Keyring, *, key_id: int | None = None) -> bytes:
    """The 32 bytes to publish, so that people can check their receipts."""
    signer = _signer(keys, keys.primary("audit") if key_id is None else key_id)
    return signer.public_key().public_bytes_raw()


def person_hash(keys: Keyring, account_id: str, *, key_id: int | None = None) -> str:
    """What a receipt calls an account."""
    key = keys.derive("audit", b"erasure-receipt/person/v1", key_id=key_id)
    return hmac.digest(key, account_id.encode(), "sha256").hex()


def sign(keys: Keyring, receipt: Receipt) -> str:
    """The receipt as text."""
    facts: dict[str, Any] = {
        "erased": list(receipt.erased),
        "erased_at": receipt.erased_at,
        "format": FORMAT,
        "kept": [{"name": name, "why": why} for name, why in receipt.kept],
        "key_id": receipt.key_id,
        "limits": receipt.limits,
        "person": receipt.person,
        "requested_at": receipt.requested_at,
    }
    body = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return f"{b64url(body)}.{b64url(_signer(keys, receipt.key_id).sign(body))}"


def read(text: str, *, public: bytes) -> Receipt:
    """A receipt that was signed under this public key. Spaces and line ends from a mail do no harm.

    :raises BadReceipt: altered, or not made by the holder of that key.
    """
    first, _, second = "".join(text.split()).partition(".")
    body, signature = b64url_strict(first), b64url_strict(second)
    if body is None or signature is None:
        raise BadReceipt("not a receipt")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
        facts = json.loads(body)
        if facts["format"] != FORMAT:
            raise BadReceipt("a receipt of a format this program does not know")
        return Receipt(
            person=facts["person"],
            requested_at=facts["requested_at"],
            erased_at=facts["erased_at"],
            erased=tuple(facts["erased"]),
            kept=tuple((one["name"], one["why"]) for one in facts["kept"]),
            key_id=facts["key_id"],
            limits=facts["limits"],
        )
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise BadReceipt("altered, or signed by somebody else") from None
