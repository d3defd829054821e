"""The primitives under fields, keys and indexes, called as we call them, against public vectors.

``tests/vectors/wycheproof.json`` says where its vectors come from: valid ones, and those that an
implementation must refuse. HMAC is tested by RFC 4231 and, through HKDF, by those of Wycheproof.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from secureacct.fields.tokens import _SHA256
from secureacct.keys.file_format import expand

VECTORS = Path(__file__).parents[1] / "vectors"
WYCHEPROOF = json.loads((VECTORS / "wycheproof.json").read_text())
RFC_4231 = json.loads((VECTORS / "hmac_sha256.json").read_text())


def rows(table: dict[str, Any]) -> list[Any]:
    """Its rows by column, named by their number."""
    found = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    return [pytest.param(row, id=str(row.get("tcId", number))) for number, row in enumerate(found, 1)]


def test_the_vectors_are_all_there() -> None:
    """No table was cut short: valid and invalid cases of each primitive are as many as were taken."""
    counts = {
        name: (len(table["rows"]), sum(row[-1] == "invalid" for row in table["rows"]))
        for name, table in WYCHEPROOF.items()
        if isinstance(table, dict)
    }
    assert counts == {"aes_256_gcm": (66, 27), "aes_256_cmac": (102, 81), "hkdf_sha256": (84, 3)}


@pytest.mark.parametrize("case", rows(WYCHEPROOF["aes_256_gcm"]))
def test_aes_256_gcm(case: dict[str, Any]) -> None:
    """A valid case encrypts to its ciphertext and back; an invalid one never decrypts."""
    key, nonce, aad, plain = (bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg"))
    sealed = bytes.fromhex(case["ct"] + case["tag"])
    if case["result"] == "valid":
        assert AESGCM(key).encrypt(nonce, plain, aad) == sealed
        assert AESGCM(key).decrypt(nonce, sealed, aad) == plain
    else:
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(nonce, sealed, aad)


@pytest.mark.parametrize("case", rows(WYCHEPROOF["aes_256_cmac"]))
def test_aes_256_cmac(case: dict[str, Any]) -> None:
    """A copy of the keyed object gives the tag of a valid case, and never that of an invalid one."""
    base = CMAC(algorithms.AES256(bytes.fromhex(case["key"])))
    for _ in range(2):  # the object that is copied stays as it is
        mac = base.copy()
        mac.update(bytes.fromhex(case["msg"]))
        same = hmac.compare_digest(mac.finalize(), bytes.fromhex(case["tag"]))
        assert same == (case["result"] == "valid")


@pytest.mark.parametrize("case", rows(WYCHEPROOF["hkdf_sha256"]))
def test_hkdf_sha256(case: dict[str, Any]) -> None:
    """Extract and expand, called apart, give the case's key; more than 8,160 bytes are refused."""
    ikm, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
    prk = HKDF.extract(_SHA256, salt, ikm)
    if case["result"] == "valid":
        assert expand(prk, info, case["size"]) == bytes.fromhex(case["okm"])
    else:
        with pytest.raises(ValueError, match="derive"):
            expand(prk, info, case["size"])


@pytest.mark.parametrize("case", rows(RFC_4231))
def test_hmac_sha256(case: dict[str, Any]) -> None:
    """Both ways in which we compute it: at once, and from a copy of the keyed object."""
    key, message, mac = (bytes.fromhex(case[name]) for name in ("key", "msg", "mac"))
    assert hmac.digest(key, message, "sha256") == mac
    base = HMAC(key, _SHA256)
    for _ in range(2):
        copy = base.copy()
        copy.update(message)
        assert copy.finalize() == mac
