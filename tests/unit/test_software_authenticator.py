"""The authenticator for tests: without a fault it behaves, and a fault changes one thing only."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("webauthn")

from secureacct._bytes import b64url_strict
from secureacct.testing.authenticator import AuthenticatorRefused, Fault, SoftwareAuthenticator
from tests.passkey_kit import HANDLE, ORIGIN, RP, create_options, device, get_options, kept, register, sign_in


def _zeros(length: int) -> bytes:
    return bytes(length)


def test_it_refuses_what_an_authenticator_refuses() -> None:
    """No algorithm in common, no PIN where one is required, no passkey of this site or on the list."""
    with pytest.raises(AuthenticatorRefused):
        device(algorithms=(-257,)).create(create_options())
    with pytest.raises(AuthenticatorRefused):
        device(can_verify=False).create(create_options())
    with pytest.raises(AuthenticatorRefused):
        device().get(get_options())
    on = device()
    register(on)
    with pytest.raises(AuthenticatorRefused):
        on.get({**get_options(), "rpId": "other.example"})
    with pytest.raises(AuthenticatorRefused):
        on.get(get_options(allow=(kept(device()),)))


def test_it_uses_the_newest_passkey_that_fits_or_the_one_it_is_told() -> None:
    """Without a choice the newest answers; the list of allowed ones and the caller can choose another."""
    on = device()
    first, second = kept(on), kept(on)
    assert _used(on.get(get_options())) == second.credential_id
    assert _used(on.get(get_options(allow=(first,)))) == first.credential_id
    assert _used(on.get(get_options(), credential=on.credentials[0])) == first.credential_id


def _used(answer: dict[str, Any]) -> bytes | None:
    return b64url_strict(answer["rawId"])


def test_a_device_bound_key_counts_and_a_synced_one_does_not() -> None:
    """BE=0 counts every use; BE=1 reports zero always, and is told apart by its flags."""
    bound, synced = device(backup_eligible=False), device()
    bound_key, synced_key = kept(bound), kept(synced)
    assert [sign_in(bound, bound_key).sign_count for _ in range(3)] == [1, 2, 3]
    assert [sign_in(synced, synced_key).sign_count for _ in range(2)] == [0, 0]
    assert not sign_in(synced, synced_key).device_bound


def test_fixed_randomness_gives_fixed_answers() -> None:
    """With the same bytes as randomness, two devices answer the same, signature included."""
    made = [SoftwareAuthenticator(origin=ORIGIN, algorithms=(-7,), random=_zeros) for _ in range(2)]
    assert made[0].create(create_options()) == made[1].create(create_options())
    assert made[0].get(get_options()) == made[1].get(get_options())


def test_a_fault_changes_one_thing() -> None:
    """Beside the origin, the client data of a faulty answer is that of a good one."""
    on = device()
    register(on)

    def said(fault: Fault) -> dict[str, Any]:
        raw = b64url_strict(on.get(get_options(), fault=fault)["response"]["clientDataJSON"])
        read: dict[str, Any] = json.loads(raw or b"")
        return read

    good, bad = said(Fault()), said(Fault(origin="https://evil.example"))
    assert {name for name in good if good[name] != bad[name]} == {"origin"}


def test_it_keeps_the_user_it_was_registered_for() -> None:
    """The user handle and name of the options are on the credential, and the handle comes back."""
    on = device()
    register(on)
    (credential,) = on.credentials
    assert (credential.user_handle, credential.user_name, credential.rp_id) == (
        HANDLE,
        "ada@example.org",
        RP.id,
    )
    assert b64url_strict(on.get(get_options())["response"]["userHandle"]) == HANDLE
