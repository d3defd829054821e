"""What a browser sends back, read strictly and believed in nothing.

Rules of this file: bytes travel as canonical base64url; a value of the wrong type, an unknown
spelling or too much of it is :class:`MalformedResponse`; whatever is named ``claimed`` is what the
sender says, worth nothing until it is verified.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from secureacct._bytes import b64url_strict
from secureacct.passkeys.errors import (
    CrossOriginRefused,
    MalformedResponse,
    WrongCeremony,
    WrongChallenge,
    WrongCredential,
    WrongOrigin,
)
from secureacct.passkeys.relying_party import RelyingParty

MAX_RESPONSE_CHARS = 65_536  # of one response, ours; attestation with certificates stays below 16,000
MAX_CREDENTIAL_ID_BYTES = 1023  # WebAuthn L3 section 4, "credential id"
MIN_CREDENTIAL_ID_BYTES = 16  # WebAuthn L3 section 4, "credential id"
MAX_USER_HANDLE_BYTES = 64  # WebAuthn L3 section 5.4.3
TRANSPORTS = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})  # WebAuthn L3 section 5.8.4

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientData:
    """What the browser says about the page, signed over by the authenticator."""

    type: str
    challenge: bytes = field(repr=False)
    origin: str
    framed: bool  # crossOrigin true, or a topOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationResponse:
    """A well-formed answer to ``navigator.credentials.create()``. Nothing in it is verified yet."""

    claimed_credential_id: bytes
    client_data: ClientData
    client_data_json: bytes = field(repr=False)
    attestation_object: bytes = field(repr=False)
    transports: tuple[str, ...]

    @property
    def claimed_challenge(self) -> bytes:
        """What it says it answers: to find and claim the open challenge by."""
        return self.client_data.challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationResponse:
    """A well-formed answer to ``navigator.credentials.get()``. Nothing in it is verified yet."""

    claimed_credential_id: bytes
    client_data: ClientData
    client_data_json: bytes = field(repr=False)
    authenticator_data: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    claimed_user_handle: bytes | None = field(repr=False)

    @property
    def claimed_challenge(self) -> bytes:
        """What it says it answers: to find and claim the open challenge by."""
        return self.client_data.challenge


def read_registration(sent: Json | str | bytes) -> RegistrationResponse:
    """Read what the browser sent after registering: ``PublicKeyCredential.toJSON()``.

    :raises MalformedResponse: it is not that.
    :raises WrongCredential: ``id`` and ``rawId`` differ.
    """
    whole = _object(sent)
    credential_id = _credential_id(whole)
    response = _member(whole, "response")
    client_data_json = _bytes(response, "clientDataJSON")
    return RegistrationResponse(
        claimed_credential_id=credential_id,
        client_data=_client_data(client_data_json),
        client_data_json=client_data_json,
        attestation_object=_bytes(response, "attestationObject"),
        transports=_transports(response.get("transports")),
    )


def read_authentication(sent: Json | str | bytes) -> AuthenticationResponse:
    """Read what the browser sent after signing in: ``PublicKeyCredential.toJSON()``.

    :raises MalformedResponse: it is not that.
    :raises WrongCredential: ``id`` and ``rawId`` differ.
    """
    whole = _object(sent)
    credential_id = _credential_id(whole)
    response = _member(whole, "response")
    client_data_json = _bytes(response, "clientDataJSON")
    handle = None if response.get("userHandle") is None else _bytes(response, "userHandle")
    if handle is not None and len(handle) > MAX_USER_HANDLE_BYTES:
        raise MalformedResponse("the user handle is too long")
    return AuthenticationResponse(
        claimed_credential_id=credential_id,
        client_data=_client_data(client_data_json),
        client_data_json=client_data_json,
        authenticator_data=_bytes(response, "authenticatorData"),
        signature=_bytes(response, "signature"),
        claimed_user_handle=handle or None,  # some authenticators send an empty one
    )


def check_client_data(
    data: ClientData, *, expected_type: str, expected_challenge: bytes, expected_rp: RelyingParty
) -> None:
    """Compare what the browser says with what must be true.

    :raises WrongCeremony: another ``type``.
    :raises WrongChallenge: another challenge.
    :raises WrongOrigin: an origin that is not exactly one of ours.
    :raises CrossOriginRefused: in a frame of another site.
    """
    if data.type != expected_type:
        raise WrongCeremony(f"the client data is not of type {expected_type}")
    if data.challenge != expected_challenge:
        raise WrongChallenge("the client data answers another challenge")
    if data.origin not in expected_rp.accepted_origins:
        raise WrongOrigin("the client data was made on another origin")
    if data.framed:
        raise CrossOriginRefused("the client data was made inside a frame of another site")


def _object(sent: Json | str | bytes) -> Json:
    if isinstance(sent, Mapping):
        return sent
    if len(sent) > MAX_RESPONSE_CHARS:
        raise MalformedResponse("the response is too long")
    return _json_object(sent)


def _json_object(text: str | bytes) -> Json:
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        whole = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedResponse("the response is not JSON") from None
    if not isinstance(whole, dict):
        raise MalformedResponse("the response is not a JSON object")
    return whole


def _member(whole: Json, name: str) -> Json:
    value = whole.get(name)
    if not isinstance(value, Mapping):
        raise MalformedResponse(f"{name} is not an object")
    return value


def _text(whole: Json, name: str) -> str:
    value = whole.get(name)
    if not isinstance(value, str) or len(value) > MAX_RESPONSE_CHARS:
        raise MalformedResponse(f"{name} is not a text of reasonable length")
    return value


def _bytes(whole: Json, name: str) -> bytes:
    value = b64url_strict(_text(whole, name))
    if value is None:
        raise MalformedResponse(f"{name} is not base64url")
    return value


def _credential_id(whole: Json) -> bytes:
    if whole.get("type") != "public-key":
        raise MalformedResponse("type is not public-key")
    raw = _bytes(whole, "rawId")
    if _text(whole, "id") != whole["rawId"]:
        raise WrongCredential("id and rawId are not the same")
    if not MIN_CREDENTIAL_ID_BYTES <= len(raw) <= MAX_CREDENTIAL_ID_BYTES:
        raise MalformedResponse(
            f"a credential id has {MIN_CREDENTIAL_ID_BYTES} to {MAX_CREDENTIAL_ID_BYTES} bytes"
        )
    return raw


def _transports(sent: object) -> tuple[str, ...]:
    if not isinstance(sent, list | tuple):
        return ()
    return tuple(sorted({one for one in sent if isinstance(one, str)} & TRANSPORTS))


def _client_data(raw: bytes) -> ClientData:
    data = _json_object(raw)
    # Absent means false (browsers before Level 3); anything but a plain false is treated as framed.
    framed = data.get("crossOrigin", False) is not False or "topOrigin" in data
    return ClientData(
        type=_text(data, "type"),
        challenge=_bytes(data, "challenge"),
        origin=_text(data, "origin"),
        framed=framed,
    )
