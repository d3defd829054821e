"""The examples of WebAuthn Level 3 section 16, as data, through our ceremonies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secureacct._bytes import b64url
from secureacct.passkeys import (
    CrossOriginRefused,
    RelyingParty,
    read_authentication,
    read_registration,
    verify_authentication,
    verify_registration,
)
from secureacct.records.factors import Passkey

webauthn_section16 = pytest.importorskip("tests.vectors.webauthn_section16")

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "webauthn_l3.json").read_text())["vectors"]
BY_NAME = {vector["name"]: vector for vector in VECTORS}
FRAMED = ("none.ES256.crossOrigin", "none.ES256.topOrigin")
RP = RelyingParty.at("https://example.org", name="Example", compat_rs256=True)

by_vector = pytest.mark.parametrize("vector", VECTORS, ids=list(BY_NAME))


def _sent(vector: dict[str, Any], part: str) -> tuple[dict[str, Any], bytes]:
    values = {name: bytes.fromhex(value) for name, value in vector[part].items()}
    challenge = values.pop("challenge")
    raw = b64url(bytes.fromhex(vector["credential_id"]))
    response = {name: b64url(value) for name, value in values.items()}
    return {"id": raw, "rawId": raw, "type": "public-key", "response": response}, challenge


def _passkey(vector: dict[str, Any]) -> Passkey:
    return Passkey(
        id="p",
        account_id="42",
        credential_id=bytes.fromhex(vector["credential_id"]),
        user_handle=b"h" * 64,
        public_key=bytes.fromhex(vector["public_key"]),
        algorithm=-7,
        sign_count=0,
        backup_eligible=vector["backup_eligible"],
        backed_up=vector["backed_up"][0],
        user_verified=vector["user_verified"][0],
        aaguid="",
        created_at=0,
    )


@by_vector
def test_the_recorded_vectors_are_those_of_the_standard(vector: dict[str, Any]) -> None:
    """The data file is what the recipe of section 16 gives, down to the signatures that it prints."""
    name = vector["name"]
    assert webauthn_section16.work_out(name) == vector
    printed = webauthn_section16.PRINTED
    assert printed.get(name, vector["authentication"]["signature"]) == vector["authentication"]["signature"]


@by_vector
def test_registration(vector: dict[str, Any]) -> None:
    """Every example registers with the facts it was made with; the framed ones are refused."""
    sent, challenge = _sent(vector, "registration")
    response = read_registration(sent)

    def verify() -> Any:
        return verify_registration(
            response, expected_challenge=challenge, expected_rp=RP, require_user_verification=False
        )

    if vector["name"] in FRAMED:
        with pytest.raises(CrossOriginRefused):
            verify()
        return
    facts = verify()
    assert facts.credential_id.hex() == vector["credential_id"]
    assert facts.public_key.hex() == vector["public_key"]
    assert facts.aaguid.replace("-", "") == vector["aaguid"]
    assert facts.sign_count == 0
    assert (facts.user_verified, facts.backup_eligible, facts.backed_up) == (
        vector["user_verified"][0],
        vector["backup_eligible"],
        vector["backed_up"][0],
    )


@by_vector
def test_sign_in(vector: dict[str, Any]) -> None:
    """Every example signs in with the facts it was made with; the framed ones are refused."""
    sent, challenge = _sent(vector, "authentication")
    response = read_authentication(sent)

    def verify() -> Any:
        return verify_authentication(
            response,
            passkey=_passkey(vector),
            expected_account_id="42",
            expected_challenge=challenge,
            expected_rp=RP,
            require_user_verification=False,
        )

    if vector["name"] in FRAMED:
        with pytest.raises(CrossOriginRefused):
            verify()
        return
    proof = verify()
    assert proof.user_verified == vector["user_verified"][1]
    assert proof.backed_up == vector["backed_up"][1]
    assert not proof.counter_went_back
