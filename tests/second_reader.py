"""A second implementation of field envelope and keyring file, written from ``docs/specs`` alone.

Rules of this file: nothing of secureacct is imported; plain, slow and obvious, so that the vectors
and the product are each checked against something that shares no line with them.

``python -m tests.second_reader`` writes ``field_envelope*.json`` and ``keyring.json`` of ``tests/vectors``
anew, with the same bytes each time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

FOLDER = Path(__file__).parent / "vectors"


def hkdf_extract(salt: bytes, material: bytes) -> bytes:
    """RFC 5869 section 2.2."""
    return hmac.new(salt, material, hashlib.sha256).digest()


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3."""
    out = block = b""
    counter = 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
        counter += 1
    return out[:length]


def aes_block(key: bytes, block: bytes) -> bytes:
    """One block of AES."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xaes_subkey(key: bytes, nonce: bytes) -> bytes:
    """c2sp.org/XAES-256-GCM, with CMAC of one block written out."""
    left = int.from_bytes(aes_block(key, bytes(16)), "big")
    k1 = ((left << 1) & ((1 << 128) - 1)) ^ (0x87 if left >> 127 else 0)
    parts = []
    for counter in (1, 2):
        message = b"\x00" + bytes([counter]) + b"X\x00" + nonce[:12]
        parts.append(aes_block(key, (int.from_bytes(message, "big") ^ k1).to_bytes(16, "big")))
    return b"".join(parts)


def lp(part: bytes) -> bytes:
    """u32 length, then the bytes."""
    return struct.pack(">I", len(part)) + part


def okm_of(vector: dict[str, Any], suite: int) -> bytes:
    """The 60 bytes a root key gives one place."""
    prk = hkdf_extract(b"secureacct/fields/v1", bytes.fromhex(vector["root"]))
    info = (
        lp(b"field")
        + struct.pack(">I", vector["key_id"])
        + bytes([suite])
        + b"".join(lp(vector[name].encode()) for name in ("type", "row_kind", "tenant", "table", "column"))
        + lp(bytes.fromhex(vector["subject"]))
    )
    okm = hkdf_expand(prk, info, 60)
    if vector.get("data_key"):
        mixed = hmac.new(bytes.fromhex(vector["data_key"]), okm, hashlib.sha256).digest()
        okm = hkdf_expand(mixed, b"secureacct/fields/subject/v1", 60)
    return okm


def padme(length: int) -> int:
    """The Padme length."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    last = exponent - exponent.bit_length()
    mask = (1 << last) - 1 if last > 0 else 0
    return (length + mask) & ~mask


def seal(vector: dict[str, Any], nonce: bytes, floor: int = 32) -> bytes:
    """The blob of a vector under a given nonce."""
    okm = okm_of(vector, 0xA1)
    payload = bytes.fromhex(vector["payload"])
    padded = payload + b"\x80"
    padded += bytes(max(floor, padme(len(padded))) - len(padded))
    body = AESGCM(xaes_subkey(okm[:32], nonce)).encrypt(nonce[12:], padded, bytes.fromhex(vector["row"]))
    return b"\xa1" + struct.pack(">I", vector["key_id"]) + okm[32:] + nonce + body


def unseal(vector: dict[str, Any], blob: bytes) -> bytes:
    """The payload in a blob; raises if it was not made for the vector's place and row."""
    okm = okm_of(vector, 0xA1)
    head = b"\xa1" + struct.pack(">I", vector["key_id"]) + okm[32:]
    if blob[:33] != head:
        raise ValueError("another place")
    opener = AESGCM(xaes_subkey(okm[:32], blob[33:57]))
    padded = opener.decrypt(blob[45:57], blob[57:], bytes.fromhex(vector["row"]))
    payload, mark, rest = padded.rpartition(b"\x80")
    if not mark or rest.strip(b"\x00"):
        raise ValueError("bad padding")
    return payload


def place(
    number: int, type_name: str, row_kind: str, row: bytes, payload: bytes, **other: Any
) -> dict[str, Any]:
    """One vector without its blob; keys and nonces come from the number."""
    vector = {
        "root": hashlib.sha256(b"root %d" % number).hexdigest(),
        "key_id": number,
        "type": type_name,
        "row_kind": row_kind,
        "tenant": "",
        "table": "profile",
        "column": "value",
        "subject": "",
        "row": row.hex(),
        "payload": payload.hex(),
    } | other
    vector["blob"] = seal(vector, hashlib.sha256(b"nonce %d" % number).digest()[:24]).hex()
    return vector


def vectors() -> list[dict[str, Any]]:
    """What ``field_envelope.json`` holds."""
    nine = struct.pack(">q", 9)
    uid = bytes(range(16))
    return [
        place(1, "str", "str", b"42", b"+41 44 668 18 00", column="phone"),
        place(2, "str", "int", nine, "Zo\u00eb \U0001f511".encode(), tenant="t1"),
        place(3, "str", "uuid", uid, b"", table="account", column="email"),
        place(4, "str", "none", b"", b"not bound to a row"),
        place(5, "str", "tuple", lp(b"s" + b"ab") + lp(b"i" + nine), b"two-part row id"),
        place(6, "bytes", "str", b"1", b"\x00\x80\x00", key_id=2**32 - 1),
        place(7, "int", "int", struct.pack(">q", -1), struct.pack(">q", -5)),
        place(8, "int", "str", b"1", (1 << 90).to_bytes(12, "big", signed=True)),
        place(9, "bool", "str", b"1", b"\x01"),
        place(10, "float", "str", b"1", struct.pack(">d", -0.0)),
        place(11, "decimal", "str", b"1", b"1.500"),
        place(12, "date", "str", b"1", (739_580).to_bytes(4, "big")),
        place(13, "datetime", "str", b"1", struct.pack(">qi", 1_764_000_000_123_456, 18_000)),
        place(14, "time", "str", b"1", struct.pack(">qi", 45_296_000_007, 0x7FFFFFFF)),
        place(15, "uuid", "str", b"1", uid),
        place(16, "json", "str", b"1", b'{"a":[1,null,"\xc3\xa9"],"b":false}'),
        place(17, "str?", "str", b"1", b"\x00"),
        place(18, "str?", "str", b"1", b"\x01there"),
        place(19, "str", "str", "r\u00fcbe".encode(), b"x" * 31),
        place(20, "str", "str", b"1", b"x" * 32),
        place(21, "str", "str", b"1", b"y" * 1000, tenant="a", table="b", column="c"),
        place(22, "bytes", "str", b"1", bytes(5000)),
    ]


def subject_vectors() -> list[dict[str, Any]]:
    """What ``field_envelope_subjects.json`` holds: a person's label, and a person's data key too."""
    return [
        place(31, "str", "str", b"42", b"for one person", subject=b"person-7".hex()),
        place(
            32,
            "str",
            "str",
            b"42",
            b"until they are forgotten",
            subject=b"person-7".hex(),
            data_key=hashlib.sha256(b"data key").hexdigest(),
        ),
        place(
            33, "int", "int", struct.pack(">q", 1), struct.pack(">q", 1), subject="ff00", data_key="22" * 32
        ),
        # The personal part of an event of account 42, as docs/specs/audit-log.md has it.
        place(
            34,
            "str",
            "str",
            b"01J000000000000000000000A1",
            b'{"device":"Firefox on Linux","network":"192.0.2.0/24"}',
            table="event",
            column="personal",
            subject=b"42".hex(),
            data_key=hashlib.sha256(b"data key of account 42").hexdigest(),
        ),
    ]


ROOTS = ("fields", "index", "kek", "tokens", "pepper", "audit", "csrf")


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def fixed(label: str, length: int = 32) -> bytes:
    """Bytes that look random and are always the same."""
    return hashlib.shake_128(label.encode()).digest(length)


def keyring_file(passphrase: bytes | None) -> dict[str, Any]:
    """A keyring file from ``docs/specs/keyring.md``: every state, wrapped by a passphrase or not."""
    ring_id, file_key = fixed("ring", 16), fixed("file key")
    states = {
        "fields": ["destroyed", "disabled", "decrypt-only", "primary", "pending"],
        **{root: ["primary"] for root in ROOTS[1:]},
    }
    roots: dict[str, Any] = {}
    materials = []
    for root in ROOTS:
        roots[root] = []
        for key_id, state in enumerate(states[root], start=1):
            entry: dict[str, Any] = {
                "id": key_id,
                "state": state,
                "created": 1_800_000_000,
                "changed": 1_800_000_060,
            }
            material = fixed(f"{root} {key_id}")
            stored = material
            if passphrase is not None:
                place = lp(ring_id) + lp(root.encode()) + lp(struct.pack(">I", key_id))
                nonce = fixed(f"nonce {root} {key_id}", 12)
                sealer = AESGCM(hkdf_expand(file_key, b"secureacct/keyring/v1/materials", 32))
                stored = nonce + sealer.encrypt(nonce, material, place)
            gone = state == "destroyed"
            prk = hkdf_extract(f"secureacct/{root}/v1".encode(), material)
            check = hkdf_expand(prk, lp(b"check") + lp(struct.pack(">I", key_id)), 16)
            entry["check"], entry["material"] = (None, None) if gone else (b64(check), b64(stored))
            roots[root].append(entry)
            materials += [] if gone else [material]
    document: dict[str, Any] = {
        "format": "secureacct-keyring/1",
        "id": b64(ring_id),
        "revision": 7,
        "wrap": None,
        "roots": roots,
    }
    mac_from = hkdf_extract(b"secureacct/keyring/v1", b"".join(map(lp, materials)))
    if passphrase is not None:
        mac_from = file_key
        document["wrap"] = {
            "provider": "passphrase",
            "key_id": "passphrase",
            "key": b64(wrapped_by(passphrase, file_key, ring_id)),
        }
    key = hkdf_expand(mac_from, b"secureacct/keyring/v1/mac", 32)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    document["mac"] = b64(hmac.new(key, canonical, hashlib.sha256).digest())
    return document


def wrapped_by(passphrase: bytes, file_key: bytes, ring_id: bytes) -> bytes:
    """The file key under Argon2id, with the smallest parameters a reader takes."""
    head = b"\x01" + struct.pack(">II", 19456, 2) + b"\x01" + fixed("salt", 16)
    both = Argon2id(salt=head[10:], length=64, iterations=2, lanes=1, memory_cost=19456).derive(passphrase)
    head += both[32:]
    pairs = [("keyring", ring_id.hex()), ("purpose", "secureacct-keyring")]
    context = b"".join(lp(part.encode()) for pair in pairs for part in pair)
    nonce = fixed("wrap nonce", 12)
    return head + nonce + AESGCM(both[:32]).encrypt(nonce, file_key, head + context)


def keyring_vectors() -> list[dict[str, Any]]:
    """What ``keyring.json`` holds: files, and keys that must come out of them."""
    derived = [
        {
            "root": root,
            "key_id": key_id,
            "purpose": "a purpose",
            "key": hkdf_expand(
                hkdf_extract(f"secureacct/{root}/v1".encode(), fixed(f"{root} {key_id}")), b"a purpose", 40
            ).hex(),
        }
        for root, key_id in (*((root, 1) for root in ROOTS[1:]), ("fields", 3), ("fields", 4), ("fields", 5))
    ]
    return [
        {"passphrase": None, "file": keyring_file(None), "derived": derived},
        {
            "passphrase": "Zo\u00eb's passphrase",
            "file": keyring_file("Zo\u00eb's passphrase".encode()),
            "derived": derived,
        },
    ]


def main() -> None:
    """Write the files."""
    (FOLDER / "keyring.json").write_text(json.dumps(keyring_vectors(), indent=1) + "\n", encoding="ascii")
    for name, made in (("field_envelope", vectors()), ("field_envelope_subjects", subject_vectors())):
        (FOLDER / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
