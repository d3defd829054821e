"""The keyring file, version 1 (the specification is ``docs/specs/keyring.md``).

Rules of this file: bytes in, snapshot out, and back; no disk. Everything in the file is under the
MAC; nothing that does not fit exactly is accepted; a file says by itself how it was wrapped, and a
reader that expects a wrapped file never takes one that is not.
"""

from __future__ import annotations

import binascii
import hmac
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from secureacct._bytes import b64url, b64url_strict, lp_join
from secureacct.keys.errors import KeyringAltered, KeyringSealed
from secureacct.keys.providers import KeyProvider
from secureacct.keys.states import LAST_ID, MATERIAL_BYTES, ROOTS, Entry, Snapshot, State

FORMAT = "secureacct-keyring/1"
CHECK_BYTES = 16  # per entry: tells which key was damaged; 128 bits, derived, reveals nothing
RING_ID_BYTES = 16  # random: two keyrings never share one

_SHA256 = hashes.SHA256()
_TOP = {"format", "id", "revision", "roots", "wrap", "mac"}
_ENTRY = {"id", "state", "created", "changed", "check", "material"}
_WRAP = {"provider", "key_id", "key"}


class _Twice(ValueError):
    """A name that stands twice in one JSON object."""


def prk(root: str, material: bytes) -> bytes:
    """HKDF-Extract of a root key (RFC 5869), salted with the root's name: roots cannot be confused."""
    return HKDF.extract(_SHA256, f"secureacct/{root}/v1".encode("ascii"), material)


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand-SHA256 (RFC 5869)."""
    return HKDFExpand(_SHA256, length, info).derive(key)


def encode(snapshot: Snapshot, *, provider: KeyProvider | None) -> bytes:
    """The file for a snapshot, wrapped by ``provider`` if there is one.

    :raises KmsUnavailable: the provider did not answer.
    """
    file_key = os.urandom(32)
    wrap: dict[str, str] | None = None
    if provider is not None:
        wrapped = provider.wrap(file_key, context=_context(snapshot.ring_id))
        wrap = {"provider": provider.name, "key_id": provider.key_id, "key": b64url(wrapped)}
    document: dict[str, Any] = {
        "format": FORMAT,
        "id": b64url(snapshot.ring_id),
        "revision": snapshot.revision,
        "wrap": wrap,
        "roots": {
            root: [_entry_out(snapshot.ring_id, entry, file_key if wrap else None) for entry in known]
            for root, known in snapshot.roots.items()
        },
    }
    key = _mac_key(snapshot, file_key if wrap else None)
    document["mac"] = b64url(_mac(key, document))
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii") + b"\n"


def decode(data: bytes, *, provider: KeyProvider | None, name: str) -> Snapshot:
    """The snapshot in a file, if every bit of it is as it was written.

    :param name: how the file is called in messages.
    :raises KeyringAltered: damaged, edited, or no keyring.
    :raises KeyringSealed: wrapped and no fitting provider was given, or not wrapped and one was.
    :raises KmsUnavailable: the provider did not answer.
    """
    document = _parse(data, name)
    file_key = _file_key(document, provider, name)
    ring_id = _bytes(document["id"], RING_ID_BYTES, name)
    roots: dict[str, tuple[Entry, ...]] = {}
    if not isinstance(document["roots"], dict) or set(document["roots"]) != set(ROOTS):
        raise _altered(name)
    for root in ROOTS:
        listed = document["roots"][root]
        if not isinstance(listed, list):
            raise _altered(name)
        roots[root] = tuple(_entry_in(ring_id, root, one, file_key, name) for one in listed)
        ids = [entry.id for entry in roots[root]]
        primaries = sum(entry.state is State.PRIMARY for entry in roots[root])
        if ids != sorted(set(ids)) or primaries > 1:
            raise _altered(name)
    snapshot = Snapshot(ring_id=ring_id, revision=_number(document["revision"], name), roots=roots)
    claimed = _bytes(document.pop("mac"), 32, name)
    if not hmac.compare_digest(claimed, _mac(_mac_key(snapshot, file_key), document)):
        raise _altered(name)
    return snapshot


def _parse(data: bytes, name: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _Twice
        return found

    try:
        document = json.loads(data.decode("ascii"), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise _altered(name) from None
    if not isinstance(document, dict) or set(document) != _TOP or document["format"] != FORMAT:
        raise _altered(name)
    return document


def _file_key(document: dict[str, Any], provider: KeyProvider | None, name: str) -> bytes | None:
    wrap = document["wrap"]
    if wrap is None:
        if provider is not None:
            raise KeyringSealed(
                f"{name} is not wrapped, though a {provider.name} was given; load it without, save it with"
            )
        return None
    if not isinstance(wrap, dict) or set(wrap) != _WRAP:
        raise _altered(name)
    if provider is None:
        raise KeyringSealed(f"{name} is wrapped by a {wrap['provider']}; give it to load()")
    if wrap["provider"] != provider.name:
        raise KeyringSealed(f"{name} is wrapped by a {wrap['provider']}, and a {provider.name} was given")
    wrapped = b64url_strict(wrap["key"]) if isinstance(wrap["key"], str) else None
    if wrapped is None:
        raise _altered(name)
    try:
        file_key = provider.unwrap(wrapped, context=_context(_bytes(document["id"], RING_ID_BYTES, name)))
    except KeyringSealed as refused:
        raise KeyringSealed(f"{name} stays closed: {refused}") from None
    if len(file_key) != 32:
        raise _altered(name)
    return file_key


def _entry_out(ring_id: bytes, entry: Entry, file_key: bytes | None) -> dict[str, Any]:
    material = entry.material
    if material is not None and file_key is not None:
        nonce = os.urandom(12)
        sealer = AESGCM(expand(file_key, b"secureacct/keyring/v1/materials", 32))
        material = nonce + sealer.encrypt(nonce, material, _place(ring_id, entry.root, entry.id))
    return {
        "id": entry.id,
        "state": entry.state.value,
        "created": entry.created,
        "changed": entry.changed,
        "check": None if entry.material is None else b64url(_check(entry.root, entry.id, entry.material)),
        "material": None if material is None else b64url(material),
    }


def _entry_in(ring_id: bytes, root: str, found: Any, file_key: bytes | None, name: str) -> Entry:
    if not isinstance(found, dict) or set(found) != _ENTRY:
        raise _altered(name)
    key_id = _number(found["id"], name)
    try:
        state = State(found["state"])
    except ValueError:
        raise _altered(name) from None
    material: bytes | None = None
    if (state is State.DESTROYED) != (found["material"] is None):
        raise _altered(name)
    if found["material"] is not None:
        stored = b64url_strict(found["material"]) if isinstance(found["material"], str) else None
        if stored is None:
            raise _altered(name)
        if file_key is not None:
            opener = AESGCM(expand(file_key, b"secureacct/keyring/v1/materials", 32))
            try:
                stored = opener.decrypt(stored[:12], stored[12:], _place(ring_id, root, key_id))
            except (InvalidTag, ValueError):
                raise _altered(name) from None
        if len(stored) != MATERIAL_BYTES:
            raise _altered(name)
        material = stored
        check = _bytes(found["check"], CHECK_BYTES, name)
        if not hmac.compare_digest(check, _check(root, key_id, material)):
            raise KeyringAltered(
                f"{name}: key {key_id} of root {root!r} is damaged; restore it from a backup"
            )
    elif found["check"] is not None:
        raise _altered(name)
    return Entry(
        root, key_id, state, _number(found["created"], name), _number(found["changed"], name), material
    )


def _check(root: str, key_id: int, material: bytes) -> bytes:
    return expand(prk(root, material), lp_join((b"check", key_id.to_bytes(4, "big"))), CHECK_BYTES)


def _place(ring_id: bytes, root: str, key_id: int) -> bytes:
    return lp_join((ring_id, root.encode("ascii"), key_id.to_bytes(4, "big")))


def _mac_key(snapshot: Snapshot, file_key: bytes | None) -> bytes:
    if file_key is not None:
        return expand(file_key, b"secureacct/keyring/v1/mac", 32)
    materials = lp_join(
        entry.material for root in ROOTS for entry in snapshot.roots[root] if entry.material is not None
    )
    return expand(
        HKDF.extract(_SHA256, b"secureacct/keyring/v1", materials), b"secureacct/keyring/v1/mac", 32
    )


def _mac(key: bytes, document: dict[str, Any]) -> bytes:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(key, canonical.encode("ascii"), "sha256")


def _context(ring_id: bytes) -> dict[str, str]:
    return {"purpose": "secureacct-keyring", "keyring": binascii.hexlify(ring_id).decode("ascii")}


def _bytes(value: Any, length: int, name: str) -> bytes:
    data = b64url_strict(value) if isinstance(value, str) else None
    if data is None or len(data) != length:
        raise _altered(name)
    return data


def _number(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= max(LAST_ID, 2**53):
        raise _altered(name)
    return value


def _altered(name: str) -> KeyringAltered:
    return KeyringAltered(
        f"{name} is damaged, was edited by hand, or is no keyring; restore it from a backup"
    )
