"""Whatever bytes a browser sends, a ceremony ends with facts or with one of our own refusals."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("webauthn")

from secureacct import passkeys as pk
from secureacct._bytes import b64url, b64url_strict
from tests.passkey_kit import CHALLENGE, RP_RS256, create_options, device, get_options, kept

DEVICE = device(algorithms=(-7,))
PASSKEY = kept(DEVICE)
CREATED = device().create(create_options())
SIGNED_IN = DEVICE.get(get_options())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def _register(sent: Any) -> None:
    try:
        pk.verify_registration(
            pk.read_registration(sent),
            expected_challenge=CHALLENGE,
            expected_rp=RP_RS256,
            require_user_verification=False,
        )
    except pk.PasskeyError:
        pass


def _sign_in(sent: Any) -> pk.PasskeyProof | None:
    try:
        return pk.verify_authentication(
            pk.read_authentication(sent),
            passkey=PASSKEY,
            expected_account_id=None,
            expected_challenge=CHALLENGE,
            expected_rp=RP_RS256,
            require_user_verification=False,
        )
    except pk.PasskeyError:
        return None


def _damaged(whole: dict[str, Any], part: str, at: int, new: bytes, cut: int) -> dict[str, Any]:
    """``whole`` with some bytes of one part of its response replaced, inserted or cut off."""
    made = copy.deepcopy(whole)
    raw = b64url_strict(made["response"][part]) or b""
    at %= len(raw) + 1
    made["response"][part] = b64url(raw[:at] + new + raw[at + cut :])
    return made


damage = {"at": st.integers(0, 2000), "new": st.binary(max_size=12), "cut": st.integers(0, 200)}


@settings(max_examples=400)
@given(part=st.sampled_from(["clientDataJSON", "attestationObject"]), **damage)
def test_a_damaged_registration_never_raises_anything_foreign(
    part: str, at: int, new: bytes, cut: int
) -> None:
    """Any damage to any part gives facts or a PasskeyError."""
    _register(_damaged(CREATED, part, at, new, cut))


@settings(max_examples=400)
@given(part=st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]), **damage)
def test_a_damaged_sign_in_is_refused(part: str, at: int, new: bytes, cut: int) -> None:
    """Any damage to what was signed, or to the signature, is refused by one of our errors."""
    damaged = _damaged(SIGNED_IN, part, at, new, cut)
    proof = _sign_in(damaged)
    assert proof is None or damaged == SIGNED_IN


@given(sent=json_values)
def test_any_json_is_read_or_refused(sent: object) -> None:
    """Any JSON value at the top, or as the response, gives a PasskeyError."""
    for whole in (sent, {**CREATED, "response": sent}, {**SIGNED_IN, "response": sent}):
        if isinstance(whole, dict):
            _register(whole)
            assert _sign_in(whole) is None


@given(raw=st.binary(max_size=300))
def test_any_bytes_as_attestation_object_are_refused(raw: bytes) -> None:
    """Random bytes where CBOR is expected give a PasskeyError."""
    made = copy.deepcopy(CREATED)
    made["response"]["attestationObject"] = b64url(raw)
    _register(made)
