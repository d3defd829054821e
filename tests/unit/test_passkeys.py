"""Passkey ceremonies: what is accepted, and every way to be refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

pytest.importorskip("webauthn")

from secureacct import passkeys as pk
from secureacct._bytes import b64url, b64url_strict
from secureacct.errors import ConfigurationError, InvalidInput, MissingExtra, SecureAcctError
from secureacct.passkeys.responses import MAX_CREDENTIAL_ID_BYTES
from secureacct.testing.authenticator import (
    ES384,
    RS256,
    AuthenticatorRefused,
    Fault,
    SoftwareAuthenticator,
)
from tests.passkey_kit import (
    CHALLENGE,
    HANDLE,
    NOW,
    ORIGIN,
    OTHER_CHALLENGE,
    RP,
    RP_RS256,
    create_options,
    device,
    get_options,
    kept,
    register,
    sign_in,
)

# What is accepted


@pytest.mark.parametrize("algorithm", [-7, -8, -257])
def test_register_and_sign_in(algorithm: int) -> None:
    """A key of each offered kind registers, signs in and yields the facts the authenticator told."""
    on = device(algorithms=(algorithm,))
    passkey = kept(on, rp=RP_RS256)
    assert passkey.algorithm == algorithm
    assert (passkey.backup_eligible, passkey.backed_up, passkey.user_verified) == (True, True, True)
    proof = sign_in(on, passkey, rp=RP_RS256)
    assert (proof.account_id, proof.passkey_id) == ("42", "p1")
    assert proof.user_verified
    assert not proof.device_bound
    assert not proof.counter_went_back


def test_user_verification_is_a_fact_and_not_assumed() -> None:
    """A key without PIN or biometric gives a proof that says so."""
    on = device(can_verify=False, backup_eligible=False)
    passkey = kept(on, verified=False)
    assert not passkey.user_verified
    proof = sign_in(on, passkey, verified=False, account_id="42")
    assert not proof.user_verified
    assert proof.device_bound


def test_a_related_origin_is_accepted_and_a_stranger_is_not() -> None:
    """A ceremony on a related origin counts; the document for browsers names exactly the accepted ones."""
    rp = pk.RelyingParty(
        id="example.org", name="Example", origins=(ORIGIN,), related_origins=("https://example.ch",)
    )
    on = SoftwareAuthenticator(origin="https://example.ch")
    assert register(on, rp=rp).user_verified
    assert rp.related_origins_document() == {"origins": [ORIGIN, "https://example.ch"]}
    with pytest.raises(pk.WrongOrigin):
        register(SoftwareAuthenticator(origin="https://example.li"), rp=rp)


def test_the_answer_may_come_as_text_or_object() -> None:
    """JSON text, bytes and the parsed object read the same."""
    answer = device().create(create_options())
    read = pk.read_registration(answer)
    assert (
        pk.read_registration(json.dumps(answer)) == read == pk.read_registration(json.dumps(answer).encode())
    )


def test_an_empty_user_handle_counts_as_none() -> None:
    """Security keys that send an empty user handle can be a second factor."""
    on = device()
    passkey = kept(on)
    answer = on.get(get_options())
    answer["response"]["userHandle"] = ""
    response = pk.read_authentication(answer)
    assert response.claimed_user_handle is None
    assert response.claimed_challenge == CHALLENGE
    assert response.claimed_credential_id == passkey.credential_id


# Every refusal, one fault at a time

KEY = device(algorithms=(-7,))
register(KEY)
FOREIGN_KEY = KEY.credentials[0].key

BOTH = [
    (Fault(origin="https://example.org.evil.example"), pk.WrongOrigin),
    (Fault(origin="https://evil.example.org"), pk.WrongOrigin),
    (Fault(origin="http://example.org"), pk.WrongOrigin),
    (Fault(origin="https://example.org:8443"), pk.WrongOrigin),
    (Fault(origin="https://example.org/"), pk.WrongOrigin),
    (Fault(origin="https://EXAMPLE.org"), pk.WrongOrigin),
    (Fault(origin="null"), pk.WrongOrigin),
    (Fault(cross_origin=True), pk.CrossOriginRefused),
    (Fault(cross_origin="false"), pk.CrossOriginRefused),
    (Fault(cross_origin=0), pk.CrossOriginRefused),
    (Fault(top_origin="https://evil.example"), pk.CrossOriginRefused),
    (Fault(top_origin=ORIGIN), pk.CrossOriginRefused),
    (Fault(rp_id="evil.example"), pk.WrongRelyingParty),
    (Fault(challenge=OTHER_CHALLENGE), pk.WrongChallenge),
    (Fault(challenge=b""), pk.WrongChallenge),
    (Fault(type="payment.get"), pk.WrongCeremony),
    (Fault(user_present=False), pk.UserNotPresent),
    (Fault(user_verified=False), pk.UserNotVerified),
    (Fault(backup_eligible=False, backed_up=True), pk.BackupFlagsChanged),
    (Fault(id=b64url(b"other" * 8)), pk.WrongCredential),
    (Fault(credential_id=b"other" * 8), pk.WrongCredential),
    (Fault(credential_id=b"x" * (MAX_CREDENTIAL_ID_BYTES + 1)), pk.MalformedResponse),
    (Fault(credential_id=b"short"), pk.MalformedResponse),
    (Fault(client_data=b"{}"), pk.MalformedResponse),
    (Fault(client_data=b"\xff\xfe"), pk.MalformedResponse),
    (Fault(client_data=b"[" * 50_000), pk.MalformedResponse),
    (Fault(client_data=b'{"type":1,"challenge":"","origin":""}'), pk.MalformedResponse),
    (Fault(authenticator_data=b""), pk.MalformedResponse),
    (Fault(authenticator_data=b"\x00" * 36), pk.MalformedResponse),
    (Fault(authenticator_data=b"\x00" * 37), pk.WrongRelyingParty),
]

REGISTRATION = [
    (Fault(type="webauthn.get"), pk.WrongCeremony),
    (Fault(algorithm=RS256), pk.AlgorithmNotOffered),
    (Fault(algorithm=ES384), pk.AlgorithmNotOffered),
    (Fault(attestation_object=b""), pk.MalformedResponse),
    (Fault(attestation_object=b"\xa0"), pk.MalformedResponse),
    (Fault(attestation_object=b"\x81" * 5000), pk.MalformedResponse),
    (Fault(attestation_object=b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), pk.MalformedResponse),
    (Fault(attestation_object=b"\xa3cfmtdnonegattStmt\xa0hauthData\x01"), pk.MalformedResponse),
]

SIGN_IN = [
    (Fault(type="webauthn.create"), pk.WrongCeremony),
    (Fault(signed_by=FOREIGN_KEY), pk.BadSignature),
    (Fault(user_handle=b"\x08" * 64), pk.WrongUserHandle),
    (Fault(no_user_handle=True), pk.WrongUserHandle),
    (Fault(backup_eligible=False, backed_up=False), pk.BackupFlagsChanged),
]


def _name(fault: Fault) -> str:
    told = {f.name: getattr(fault, f.name) for f in dataclasses.fields(fault) if f.name != "signed_by"}
    return ",".join(f"{name}={str(value)[:30]}" for name, value in told.items() if value not in (None, False))


@pytest.mark.parametrize(
    ("fault", "error"),
    BOTH + REGISTRATION,
    ids=lambda value: _name(value) if isinstance(value, Fault) else "",
)
def test_a_registration_with_one_thing_wrong_is_refused(fault: Fault, error: type[pk.PasskeyError]) -> None:
    """Each fault alone is enough, and has its own error."""
    with pytest.raises(error) as caught:
        register(device(algorithms=(-7, -8)), fault=fault)
    assert type(caught.value) is error
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("fault", "error"), BOTH + SIGN_IN, ids=lambda value: _name(value) if isinstance(value, Fault) else ""
)
def test_a_sign_in_with_one_thing_wrong_is_refused(fault: Fault, error: type[pk.PasskeyError]) -> None:
    """Each fault alone is enough, and has its own error."""
    on = device(algorithms=(-7,))
    passkey = kept(on)
    with pytest.raises(error) as caught:
        sign_in(on, passkey, fault=fault)
    assert type(caught.value) is error


def test_a_replayed_answer_does_not_fit_the_next_challenge() -> None:
    """What answered one challenge is refused for another."""
    on = device()
    passkey = kept(on)
    with pytest.raises(pk.WrongChallenge):
        sign_in(on, passkey, challenge=OTHER_CHALLENGE)


@pytest.mark.parametrize("challenge", [b"", b"short", b"x" * 31, b"x" * 33, b"x" * 4000])
def test_a_challenge_of_another_length_is_refused_even_if_it_is_looked_up_by_itself(challenge: bytes) -> None:
    """Who expects what the sender claims still gets a refusal and no error of the program."""
    on = device()
    passkey = kept(on)
    with pytest.raises(pk.WrongChallenge):
        sign_in(on, passkey, challenge=challenge, fault=Fault(challenge=challenge))
    with pytest.raises(pk.WrongChallenge):
        register(device(), challenge=challenge, fault=Fault(challenge=challenge))


def test_a_changed_byte_breaks_the_signature() -> None:
    """Client data that still says the right things, but is not what was signed, is refused."""
    on = device()
    passkey = kept(on)
    answer = on.get(get_options())
    client_data = b64url_strict(answer["response"]["clientDataJSON"]) or b""
    answer["response"]["clientDataJSON"] = b64url(client_data[:-1] + b',"extra":1}')
    with pytest.raises(pk.BadSignature):
        pk.verify_authentication(
            pk.read_authentication(answer),
            passkey=passkey,
            expected_account_id="42",
            expected_challenge=CHALLENGE,
            expected_rp=RP,
            require_user_verification=True,
        )


def test_a_passkey_of_another_account_is_no_second_factor() -> None:
    """A good answer with somebody else's passkey is refused where the account is known."""
    on = device()
    with pytest.raises(pk.WrongUserHandle):
        sign_in(on, kept(on), account_id="43")


def test_an_algorithm_that_is_no_longer_offered_no_longer_signs_in() -> None:
    """Turning RS256 off also ends the passkeys that use it."""
    on = device(algorithms=(RS256,))
    passkey = kept(on, rp=RP_RS256)
    with pytest.raises(pk.AlgorithmNotOffered):
        sign_in(on, passkey, rp=RP)


def test_a_key_that_is_no_point_of_the_curve_is_refused_when_registering() -> None:
    """A broken public key never gets as far as being kept."""
    on = device(algorithms=(-7,))
    answer = on.create(create_options())
    attestation = b64url_strict(answer["response"]["attestationObject"]) or b""
    answer["response"]["attestationObject"] = b64url(attestation[:-32] + b"\x01" * 32)
    with pytest.raises(pk.MalformedResponse):
        pk.verify_registration(
            pk.read_registration(answer),
            expected_challenge=CHALLENGE,
            expected_rp=RP,
            require_user_verification=True,
        )


# The counter and backup rules


def test_a_device_bound_counter_must_go_up() -> None:
    """BE=0: the same or a lower count is refused, since a copy of the key may exist."""
    on = device(backup_eligible=False)
    passkey = dataclasses.replace(kept(on), sign_count=5)
    for count in (5, 4, 0):
        with pytest.raises(pk.SignCountRegression):
            sign_in(on, passkey, fault=Fault(sign_count=count))
    assert sign_in(on, passkey, fault=Fault(sign_count=6)).used(now=NOW).allow_regression is False


def test_a_synced_counter_only_warns() -> None:
    """BE=1: a count that went back is told, and the use is kept all the same."""
    on = device()
    passkey = dataclasses.replace(kept(on), sign_count=5)
    proof = sign_in(on, passkey, fault=Fault(sign_count=3))
    assert proof.counter_went_back
    change = proof.used(now=NOW)
    assert (change.sign_count, change.allow_regression, change.at) == (3, True, NOW)


def test_counters_that_stay_zero_are_fine() -> None:
    """Authenticators without a counter report zero always."""
    on = device(backup_eligible=False)
    passkey = kept(on)
    assert not sign_in(on, passkey, fault=Fault(sign_count=0)).counter_went_back


def test_backed_up_may_change_and_eligible_may_not() -> None:
    """BS is reported as it is now; BE flipping either way is refused."""
    on = device()
    passkey = kept(on)
    assert sign_in(on, passkey, fault=Fault(backed_up=False)).backed_up is False
    bound = device(backup_eligible=False)
    with pytest.raises(pk.BackupFlagsChanged):
        sign_in(bound, kept(bound), fault=Fault(backup_eligible=True))


# Options


def test_registration_options_ask_for_what_is_verified() -> None:
    """Discoverable, verified, no attestation, our algorithms in order, and not twice on one device."""
    on = device()
    passkey = kept(on)
    options = create_options(exclude=[passkey])
    assert options["rp"] == {"id": "example.org", "name": "Example"}
    assert options["user"]["id"] == b64url(HANDLE)
    assert options["challenge"] == b64url(CHALLENGE)
    assert [param["alg"] for param in options["pubKeyCredParams"]] == [-8, -7]
    assert options["timeout"] == 300_000
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert options["excludeCredentials"] == [
        {"type": "public-key", "id": b64url(passkey.credential_id), "transports": ["internal"]}
    ]
    with pytest.raises(AuthenticatorRefused):
        on.create(options)
    assert [param["alg"] for param in create_options(RP_RS256)["pubKeyCredParams"]] == [-8, -7, -257]


def test_sign_in_options_tell_nothing_about_any_account() -> None:
    """Without ``allow`` the options are the same for everybody but for the challenge."""
    assert get_options() == {
        "challenge": b64url(CHALLENGE),
        "timeout": 300_000,
        "rpId": "example.org",
        "allowCredentials": [],
        "userVerification": "required",
    }


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_challenge_has_32_bytes(size: int) -> None:
    """Another size is a mistake of the program, and says so."""
    with pytest.raises(ConfigurationError):
        pk.authentication_options(RP, challenge=bytes(size), require_user_verification=True)


@pytest.mark.parametrize("handle", [b"", b"short", b"x" * 65])
def test_a_user_handle_has_a_fitting_size(handle: bytes) -> None:
    """Too short could be guessed or collide; more than 64 bytes no browser takes."""
    with pytest.raises(ConfigurationError):
        pk.registration_options(
            RP,
            challenge=CHALLENGE,
            user_handle=handle,
            user_name="a",
            display_name="",
            require_user_verification=True,
        )


# Around it


def test_signals_name_the_credential_and_the_account_by_their_bytes() -> None:
    """The three signals have the members that browsers ask for."""
    passkey = kept(device())
    credential = b64url(passkey.credential_id)
    assert pk.unknown_credential(RP, credential_id=passkey.credential_id) == {
        "rpId": "example.org",
        "credentialId": credential,
    }
    assert pk.all_accepted_credentials(RP, user_handle=HANDLE, passkeys=[passkey]) == {
        "rpId": "example.org",
        "userId": b64url(HANDLE),
        "allAcceptedCredentialIds": [credential],
    }
    assert (
        pk.current_user_details(RP, user_handle=HANDLE, user_name="a@b.ch", display_name="")["name"]
        == "a@b.ch"
    )
    assert pk.passkey_endpoints(enroll="a", manage="b") == {"enroll": "a", "manage": "b"}


def test_models_have_names_and_the_rest_is_a_passkey() -> None:
    """A known AAGUID gives a name to suggest, and an unknown one never fails."""
    assert (
        register(
            device(aaguid=bytes.fromhex("fbfc300715 4e4ecc8c0b6e020557d7bd".replace(" ", "")))
        ).model_name
        == "iCloud Keychain"
    )
    assert register(device()).model_name == "Passkey"


def test_every_refusal_is_ours_and_says_the_same_to_strangers() -> None:
    """One root, a code of its own for each leaf, and one public sentence for all but malformed ones."""
    leaves = pk.PasskeyError.__subclasses__()
    assert len({leaf.code for leaf in leaves}) == len(leaves) == 14
    said = {leaf.public_message for leaf in leaves if leaf is not pk.MalformedResponse}
    assert said == {pk.PasskeyError.public_message}
    assert issubclass(pk.PasskeyError, SecureAcctError)
    assert not issubclass(pk.PasskeyError, InvalidInput)


def test_no_secret_is_shown() -> None:
    """Neither the facts nor the record print keys, handles or names."""
    on = device()
    facts = register(on)
    passkey = facts.record(id="p", account_id="42", user_handle=HANDLE, name="Adas Laptop", now=NOW)
    shown = (
        repr(facts)
        + repr(passkey)
        + repr(on.credentials)
        + repr(pk.read_authentication(on.get(get_options())))
    )
    assert repr(HANDLE)[2:20] not in shown
    assert "Adas" not in shown
    assert repr(passkey.public_key)[2:20] not in shown


def test_the_webauthn_package_is_loaded_when_it_is_used() -> None:
    """Importing the piece costs nothing of it, so an app without passkeys does not pay for them."""
    program = "import sys, secureacct.passkeys; sys.exit('webauthn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_the_webauthn_package_the_command_to_install_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A missing extra is said to be missing, and is no malformed response."""
    answer = pk.read_registration(device().create(create_options()))
    for name in [name for name in sys.modules if name.partition(".")[0] == "webauthn"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match="secureacct\\[passkeys\\]"):
        pk.verify_registration(
            answer, expected_challenge=CHALLENGE, expected_rp=RP, require_user_verification=True
        )
