"""Answers of a browser that are no answers: always a typed refusal, never anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("webauthn")

from secureacct import passkeys as pk
from secureacct.passkeys.responses import MAX_RESPONSE_CHARS
from tests.passkey_kit import (
    CHALLENGE,
    RP,
    create_options,
    device,
    get_options,
    kept,
    register,
)

# Malformed answers


def _signed_in() -> dict[str, Any]:
    on = device()
    register(on)
    return on.get(get_options())


GOOD = device().create(create_options())
GOOD_SIGN_IN = _signed_in()
JUNK: list[object] = [
    None,
    1,
    True,
    "",
    "é",
    "a",
    "====",
    "+/",
    "AA==",
    [],
    {},
    "A" * (MAX_RESPONSE_CHARS + 1),
    "\x00",
]


@pytest.mark.parametrize(
    "path", ["id", "rawId", "type", "response", "response.clientDataJSON", "response.attestationObject"]
)
@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:20])
def test_a_registration_with_junk_in_it_is_malformed(path: str, junk: object) -> None:
    """Any part replaced by junk, or absent, gives one of our refusals and nothing else."""
    with pytest.raises(pk.PasskeyError):
        _register_sent(_with(GOOD, path, junk))


@pytest.mark.parametrize(
    "path",
    [
        "id",
        "rawId",
        "type",
        "response",
        "response.clientDataJSON",
        "response.authenticatorData",
        "response.signature",
    ],
)
@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:20])
def test_a_sign_in_with_junk_in_it_is_malformed(path: str, junk: object) -> None:
    """Any part replaced by junk, or absent, gives one of our refusals and nothing else."""
    with pytest.raises(pk.PasskeyError):
        _sign_in_sent(_with(GOOD_SIGN_IN, path, junk))


@pytest.mark.parametrize("junk", [1, True, "é", "a", [], {}, "A" * 2000])
def test_a_user_handle_of_junk_is_malformed(junk: object) -> None:
    """A user handle is absent, empty, or at most 64 bytes of base64url."""
    with pytest.raises(pk.MalformedResponse):
        pk.read_authentication(_with(GOOD_SIGN_IN, "response.userHandle", junk))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", '"x"', "{", "[" * 50_000, "\x00", b"\xff", "x" * 70_000]
)
def test_text_that_is_no_json_object_is_malformed(text: str | bytes) -> None:
    """Not JSON, too deep, too long or no object: a typed refusal with status 422."""
    for read in (pk.read_registration, pk.read_authentication):
        with pytest.raises(pk.MalformedResponse) as caught:
            read(text)
        assert caught.value.http_status_hint == 422


@pytest.mark.parametrize("transports", [None, 1, "usb", [1, None, {}], ["<script>"], [["usb"]]])
def test_unknown_transports_are_left_out(transports: object) -> None:
    """Transports are a hint: what we do not know is dropped, and nothing fails."""
    assert pk.read_registration(_with(GOOD, "response.transports", transports)).transports == ()


def _with(whole: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    copy = json.loads(json.dumps(whole))
    *parents, name = path.split(".")
    target = copy
    for parent in parents:
        target = target[parent]
    target[name] = value
    return copy


def _register_sent(sent: dict[str, Any]) -> object:
    return pk.verify_registration(
        pk.read_registration(sent),
        expected_challenge=CHALLENGE,
        expected_rp=RP,
        require_user_verification=True,
    )


def _sign_in_sent(sent: dict[str, Any]) -> object:
    return pk.verify_authentication(
        pk.read_authentication(sent),
        passkey=kept(device()),
        expected_account_id="42",
        expected_challenge=CHALLENGE,
        expected_rp=RP,
        require_user_verification=True,
    )
