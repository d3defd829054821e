"""Checkpoints as signed notes: a few lines of text and an Ed25519 signature (RFC 8032).

Rule 1: the shape is the C2SP signed note, so that common tools can check one: text, an empty line,
        then ``— name base64(key hash, signature)``.
Rule 2: the signing key is derived from the audit root; whoever has the keyring can sign, so a note
        proves something only where it left this machine before the break-in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secureacct.audit.encoding import EventKeys
from secureacct.audit.errors import AuditError
from secureacct.records.audit import Segment

SIGN_PURPOSE = "audit checkpoint ed25519 v1"
_ALGORITHM = b"\x01"  # Ed25519 in signed notes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}\Z")
_BODY = re.compile(
    r"(?P<name>[^\n]{1,100})\n(?P<number>[1-9][0-9]{0,17})\n(?P<hash>[A-Za-z0-9+/]{43}=)\n"
    r"events (?P<count>[1-9][0-9]{0,8})\nsealed-at (?P<sealed_at>[0-9]{1,15})\n"
    r"last-at (?P<last_at>-?[0-9]{1,15})\n\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a note says, after its signature was checked."""

    name: str  # of the log
    number: int  # of the segment
    hash: bytes  # 32 bytes
    count: int  # events in the segment
    sealed_at: int  # seconds since the epoch
    last_at: int  # seconds since the epoch


def body(checkpoint: Checkpoint) -> str:
    """The text that is signed."""
    return (
        f"{checkpoint.name}\n{checkpoint.number}\n{base64.b64encode(checkpoint.hash).decode()}\n"
        f"events {checkpoint.count}\nsealed-at {checkpoint.sealed_at}\nlast-at {checkpoint.last_at}\n"
    )


def checked_name(name: str) -> str:
    """The name, if a note can carry it.

    :raises AuditError: letters, digits and ``._/-`` only, at most 100.
    """
    if not _NAME.match(name):
        raise AuditError("a log's name has letters, digits and ._/- only, at most 100")
    return name


def private_key(keys: EventKeys, key_id: int) -> Ed25519PrivateKey:
    """The signing key under one id of the audit root."""
    return Ed25519PrivateKey.from_private_bytes(keys.key(key_id, SIGN_PURPOSE))


def public_keys(keys: EventKeys) -> tuple[Ed25519PublicKey, ...]:
    """The keys that notes may be signed with, the current one first."""
    return tuple(private_key(keys, key_id).public_key() for key_id in keys.keys.readable("audit"))


def key_hash(name: str, key: Ed25519PublicKey) -> bytes:
    """The four bytes by which a note names its key."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(name.encode() + b"\n" + _ALGORITHM + raw).digest()[:4]


def verifier_key(name: str, key: Ed25519PublicKey) -> str:
    """A key as signed-note tools write it: ``name+hash+base64``. Safe to publish."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{name}+{key_hash(name, key).hex()}+{base64.b64encode(_ALGORITHM + raw).decode()}"


def read_verifier_key(text: str) -> tuple[str, Ed25519PublicKey]:
    """A published key and the name of the log it is for.

    :raises AuditError: it is not one, or its hash does not fit.
    """
    name, _, rest = text.strip().partition("+")
    hash_text, _, encoded = rest.partition("+")
    try:
        raw = _canonical(encoded)
        if len(raw) != 33 or raw[:1] != _ALGORITHM:
            raise ValueError
        key = Ed25519PublicKey.from_public_bytes(raw[1:])
        if bytes.fromhex(hash_text) != key_hash(checked_name(name), key):
            raise ValueError
    except ValueError:
        raise AuditError("this is no verifier key of an audit log") from None
    return name, key


def sign(keys: EventKeys, checkpoint: Checkpoint, *, key_id: int | None = None) -> str:
    """The note of a checkpoint."""
    key = private_key(keys, keys.primary() if key_id is None else key_id)
    text = body(checkpoint)
    signature = key_hash(checkpoint.name, key.public_key()) + key.sign(text.encode())
    return f"{text}\n— {checkpoint.name} {base64.b64encode(signature).decode()}\n"


def read_note(note: str, verifiers: tuple[Ed25519PublicKey, ...]) -> Checkpoint | None:
    """What a note says, if one of the keys signed it; None otherwise."""
    text, gap, signatures = note.partition("\n\n")
    match = _BODY.match(text + "\n")
    if not gap or match is None:
        return None
    name = match["name"]
    for line in signatures.splitlines():
        if not line.startswith(f"— {name} "):
            continue
        try:
            signed = _canonical(line.removeprefix(f"— {name} "))
        except ValueError:
            continue
        if any(_signed_by(key, name, text + "\n", signed) for key in verifiers):
            return Checkpoint(
                name=name,
                number=int(match["number"]),
                hash=base64.b64decode(match["hash"]),
                count=int(match["count"]),
                sealed_at=int(match["sealed_at"]),
                last_at=int(match["last_at"]),
            )
    return None


def _canonical(text: str) -> bytes:
    """base64 in its one spelling: no bit of a line may change without being seen."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError
    return raw


def _signed_by(key: Ed25519PublicKey, name: str, text: str, signed: bytes) -> bool:
    if signed[:4] != key_hash(name, key):
        return False
    try:
        key.verify(signed[4:], text.encode())
    except InvalidSignature:
        return False
    return True


def says_the_same(checkpoint: Checkpoint, segment: Segment) -> bool:
    """Whether a checkpoint is about exactly this segment."""
    return (
        checkpoint.number,
        checkpoint.hash,
        checkpoint.count,
        checkpoint.sealed_at,
        checkpoint.last_at,
    ) == (
        segment.number,
        segment.hash,
        segment.count,
        segment.sealed_at,
        segment.last_at,
    )
