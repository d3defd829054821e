"""Passkeys through the app: added, used alone, as second step and as fresh proof, removed; and misused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from secureacct.commitments.privacy import PrivacyChoices
from secureacct.testing.authenticator import NO_FAULT, RS256, Fault, SoftwareAuthenticator
from secureacct.throttle import ThrottlePolicy
from tests.journeys.kit import ADA, BASE, NEW_PASSWORD, PASSWORD, Browser, Shop
from tests.journeys.privacy_shop import VISITS


def what(fault: Fault) -> str:
    """What is wrong, for the test's name."""
    return (
        "-".join(one.name for one in fields(fault) if getattr(fault, one.name) not in (None, False))
        or "nothing"
    )


def device(**options: Any) -> SoftwareAuthenticator:
    """A device on the shop's page."""
    return SoftwareAuthenticator(origin=BASE, **options)


def bound(**options: Any) -> SoftwareAuthenticator:
    """A device whose key cannot leave it, and which counts."""
    return device(backup_eligible=False, **options)


def add(
    browser: Browser, on: SoftwareAuthenticator, *, fault: Fault = NO_FAULT, name: str = ""
) -> TestResponse:
    """Add a passkey."""
    answer = browser.post("/account/passkeys", {"password": PASSWORD})
    assert answer.status_code == 200, answer.json
    made = on.create(answer.json["options"], fault=fault)  # type: ignore[index]
    return browser.post("/account/passkeys", {"credential": made, "name": name})


def enter(
    browser: Browser, on: SoftwareAuthenticator, *, fault: Fault = NO_FAULT, **more: Any
) -> TestResponse:
    """Sign in with a passkey: alone, or after the password."""
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    return browser.post("/account/sign-in/passkey", {"credential": on.get(options, fault=fault), **more})


def signed_in_with(answer: TestResponse) -> bool:
    """Whether that was a sign-in."""
    return answer.status_code == 200 and answer.json["status"] == "signed_in"  # type: ignore[index]


def test_added_and_used_alone(shop: Shop) -> None:
    """A passkey that verifies its holder opens the account by itself; the password alone no longer does."""
    ada, phone = shop.member(), device()
    answer = add(ada, phone, name="Phone")
    assert answer.json["status"] == "enabled"  # type: ignore[index]
    assert answer.json["accepted_credentials"]["rpId"] == "shop.example"  # type: ignore[index]
    assert any("was added" in message.subject for message in shop.mails(ADA))
    elsewhere = shop.browser()
    assert signed_in_with(enter(elsewhere, phone))
    assert elsewhere.get("/").text == f"Hello {ADA}"
    by_password = shop.browser().sign_in()
    assert by_password.json == {"status": "second_factor", "factors": ["passkey"]}


def test_adding_ends_other_sessions_and_rotates(shop: Shop) -> None:
    """Whoever was in before, and every copy of the old cookie, is out."""
    ada = shop.member()
    other, copy = shop.browser(), ada.stolen()
    other.sign_in()
    add(ada, device())
    assert ada.is_signed_in()
    assert not other.is_signed_in()
    assert not copy.is_signed_in()


def test_as_second_step(shop: Shop) -> None:
    """After the password, any of the account's passkeys is the second step, also one that verifies nobody."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    browser = shop.browser()
    browser.sign_in()
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    assert len(options["allowCredentials"]) == 1
    answer = browser.post(
        "/account/sign-in/passkey",
        {"credential": phone.get(options, fault=Fault(user_verified=False))},
    )
    assert signed_in_with(answer)
    assert "__Host-Http-pending" not in browser.cookies


def test_goes_on_while_the_password_is_paused_by_guesses(shop: Shop) -> None:
    """A hundred wrong passwords shut the password for strangers; passkey and reset open all the same."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    for number in range(100):
        shop.clock.forward(3600 if number >= 20 else 1)
        thief = shop.browser()
        thief.address = f"198.51.100.{number}"
        assert thief.sign_in(ADA, "a guess that is wrong").status_code == 401
    shop.clock.forward(7200)
    paused = shop.browser().sign_in(ADA, PASSWORD)
    assert paused.json is not None
    assert (paused.status_code, paused.json["code"]) == (429, "authenticator_paused")
    assert "passkey" in paused.json["detail"]
    elsewhere = shop.browser()
    elsewhere.address = "203.0.113.9"
    assert signed_in_with(enter(elsewhere, phone))
    shop.browser().post("/account/reset", {"email": ADA})
    link = shop.link(ADA, "/reset/")
    assert shop.browser().post(link, {"new_password": NEW_PASSWORD}).status_code == 200
    again = shop.browser()
    assert again.sign_in(ADA, NEW_PASSWORD).json == {"status": "second_factor", "factors": ["passkey"]}
    assert signed_in_with(enter(again, phone))


def test_goes_on_while_the_password_is_paused_by_its_owner(shop: Shop) -> None:
    """After "this was not me" the right password opens nothing until it is reset; the passkey does, unless
    it was added since the mail."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    shop.clock.forward(60)
    assert signed_in_with(enter(shop.browser(), phone))
    assert shop.browser().post(shop.link(ADA, "/not-me/")).status_code == 200
    assert not ada.is_signed_in()
    assert shop.browser().sign_in(ADA, PASSWORD).status_code == 401
    assert signed_in_with(enter(shop.browser(), phone))


def test_another_accounts_passkey_is_no_second_step(shop: Shop) -> None:
    """Mallory's passkey does not finish Ada's sign-in, nor turn it into Mallory's."""
    mallory, hers = shop.member("mallory@example.net"), device()
    add(mallory, hers)
    add(shop.member(), device())
    browser = shop.browser()
    browser.sign_in()
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    answer = hers.get(options, credential=hers.credentials[0])
    assert browser.post("/account/sign-in/passkey", {"credential": answer}).status_code == 401
    assert not browser.is_signed_in()


def test_as_fresh_proof(shop: Shop) -> None:
    """A passkey is fresh proof for a change, and another account's is not."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    shop.clock.forward(601)
    wanted = {"password": PASSWORD, "phone": "1"}
    refused = ada.post("/account/profile", wanted)
    assert refused.json["accepts"] == ["passkey"]  # type: ignore[index]
    options = ada.post("/account/confirm", {"passkey": "options"}).json["options"]  # type: ignore[index]
    answer = ada.post("/account/confirm", {"credential": phone.get(options)})
    assert answer.json["status"] == "confirmed"  # type: ignore[index]
    assert ada.post("/account/profile", wanted).json == {"status": "saved"}


def test_another_accounts_passkey_is_no_fresh_proof(shop: Shop) -> None:
    """What Mallory can show makes nothing of Ada's fresh."""
    mallory, hers = shop.member("mallory@example.net"), device()
    add(mallory, hers)
    ada = shop.member()
    add(ada, device())
    thief = ada.stolen()
    shop.clock.forward(601)
    options = thief.post("/account/confirm", {"passkey": "options"}).json["options"]  # type: ignore[index]
    answer = hers.get(options, credential=hers.credentials[0])
    assert thief.post("/account/confirm", {"credential": answer}).status_code == 401
    assert thief.post("/account/profile", {"password": PASSWORD, "phone": "1"}).status_code == 401


@pytest.mark.parametrize(
    "fault",
    [
        Fault(origin="https://evil.example"),
        Fault(origin="https://shop.example.evil.example"),
        Fault(origin="http://shop.example"),
        Fault(cross_origin=True),
        Fault(top_origin="https://evil.example"),
        Fault(rp_id="evil.example"),
        Fault(challenge=bytes(32)),
        Fault(type="webauthn.create"),
        Fault(user_present=False),
        Fault(user_verified=False),
        Fault(backup_eligible=False, backed_up=False),
        Fault(no_user_handle=True),
        Fault(user_handle=bytes(64)),
        Fault(credential_id=bytes(32)),
        Fault(id="AAAA"),
    ],
    ids=what,
)
def test_one_thing_wrong(shop: Shop, fault: Fault) -> None:
    """With one thing wrong nobody is signed in, and the answer does not say which."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    thief = shop.browser()
    answer = enter(thief, phone, fault=fault)
    assert answer.status_code in (401, 422)
    assert answer.json["code"] in ("sign_in_rejected", "passkey_malformed")  # type: ignore[index]
    assert not thief.is_signed_in()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(origin="https://evil.example"),
        Fault(cross_origin=True),
        Fault(rp_id="evil.example"),
        Fault(challenge=bytes(32)),
        Fault(type="webauthn.get"),
        Fault(user_verified=False),
        Fault(algorithm=RS256),
    ],
    ids=what,
)
def test_one_thing_wrong_while_adding(shop: Shop, fault: Fault) -> None:
    """Nothing is added, no session moves, and the next try works."""
    ada, phone = shop.member(), device()
    assert add(ada, phone, fault=fault).status_code in (401, 409, 422)
    assert ada.get("/account/passkeys").json["passkeys"] == []  # type: ignore[index]
    assert shop.browser().sign_in().json == {"status": "signed_in"}
    assert add(ada, phone).status_code == 200


def test_a_challenge_is_one_attempt(shop: Shop) -> None:
    """The same answer a second time, or another answer to the same options, opens nothing."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    browser = shop.browser()
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    bad = phone.get(options, fault=Fault(user_verified=False))
    assert browser.post("/account/sign-in/passkey", {"credential": bad}).status_code == 401
    good = phone.get(options)
    assert browser.post("/account/sign-in/passkey", {"credential": good}).status_code == 401
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    good = phone.get(options)
    assert signed_in_with(browser.post("/account/sign-in/passkey", {"credential": good}))
    assert shop.browser().post("/account/sign-in/passkey", {"credential": good}).status_code == 401


def test_a_challenge_belongs_to_its_browser_and_purpose(shop: Shop) -> None:
    """An answer carried to another browser, or to another ceremony, is worth nothing."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    victim, thief = shop.browser(), shop.browser()
    options = victim.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    taken = phone.get(options)
    assert thief.post("/account/sign-in/passkey", {"credential": taken}).status_code == 401
    assert not thief.is_signed_in()
    confirm = ada.post("/account/confirm", {"passkey": "options"}).json["options"]  # type: ignore[index]
    assert victim.post("/account/sign-in/passkey", {"credential": phone.get(confirm)}).status_code == 401
    options = victim.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    assert ada.post("/account/confirm", {"credential": phone.get(options)}).status_code == 401


def test_a_challenge_gets_old(shop: Shop) -> None:
    """After five minutes the options are dead."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    browser = shop.browser()
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    shop.clock.forward(301)
    answer = browser.post("/account/sign-in/passkey", {"credential": phone.get(options)})
    assert answer.status_code == 401


def test_the_options_say_nothing_about_anybody(shop: Shop) -> None:
    """Before the password everybody gets the same options."""
    add(shop.member(), device())
    options = shop.browser().post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"


def test_removed(shop: Shop) -> None:
    """Removal needs the password and fresh proof; then the passkey opens nothing and the browser is told."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    id = ada.get("/account/passkeys").json["passkeys"][0]["id"]  # type: ignore[index]
    thief = ada.stolen()
    assert thief.post(f"/account/passkeys/{id}/remove").status_code == 401
    answer = ada.post(f"/account/passkeys/{id}/remove", {"password": PASSWORD})
    assert answer.json["status"] == "removed"  # type: ignore[index]
    assert answer.json["accepted_credentials"]["allAcceptedCredentialIds"] == []  # type: ignore[index]
    refused = enter(shop.browser(), phone)
    assert refused.status_code == 401
    assert refused.json["unknown_credential"]["rpId"] == "shop.example"  # type: ignore[index]
    assert shop.browser().sign_in().json == {"status": "signed_in"}
    assert any("was removed" in message.subject for message in shop.mails(ADA))


def test_somebody_elses_passkey_cannot_be_touched(shop: Shop) -> None:
    """Removing or renaming another account's passkey and one that does not exist: the same 404."""
    ada, mallory = shop.member(), shop.member("mallory@example.net")
    add(ada, device())
    add(mallory, device())
    id = ada.get("/account/passkeys").json["passkeys"][0]["id"]  # type: ignore[index]
    for action, sent in (("remove", {"password": PASSWORD}), ("rename", {"name": "Mine"})):
        answers = [mallory.post(f"/account/passkeys/{one}/{action}", sent) for one in (id, "A" * 20)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].data == answers[1].data
    assert len(ada.get("/account/passkeys").json["passkeys"]) == 1  # type: ignore[index]


def test_renamed(shop: Shop) -> None:
    """A passkey gets the name its owner gives it, and no other kind of name."""
    ada = shop.member()
    add(ada, device())
    id = ada.get("/account/passkeys").json["passkeys"][0]["id"]  # type: ignore[index]
    assert ada.post(f"/account/passkeys/{id}/rename", {"name": "Kitchen tablet"}).json == {"status": "saved"}
    assert ada.get("/account/passkeys").json["passkeys"][0]["name"] == "Kitchen tablet"  # type: ignore[index]
    for bad in ("", " ", "x" * 61, "a\nb", "a\x00b"):
        assert ada.post(f"/account/passkeys/{id}/rename", {"name": bad}).status_code == 422


def test_the_same_device_twice(shop: Shop) -> None:
    """The browser is told what is there already, and a credential id is kept once."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    options = ada.post("/account/passkeys", {"password": PASSWORD}).json["options"]  # type: ignore[index]
    assert len(options["excludeCredentials"]) == 1
    made = phone.create({**options, "excludeCredentials": []})
    taken = made | {}
    assert ada.post("/account/passkeys", {"credential": taken}).status_code == 200
    assert ada.post("/account/passkeys", {"credential": taken}).status_code == 409


def test_a_copied_security_key_is_refused_and_told(shop: Shop) -> None:
    """The counter of a device-bound key went back: no sign-in, an entry in the log, and a mail."""
    ada, key = shop.member(), bound()
    add(ada, key)
    assert signed_in_with(enter(shop.browser(), key))
    thief = shop.browser()
    assert enter(thief, key, fault=Fault(sign_count=1)).status_code == 401
    assert not thief.is_signed_in()
    assert any("may have been copied" in message.subject for message in shop.mails(ADA))
    events = ada.get("/account/activity").json["events"]  # type: ignore[index]
    assert [(one["name"], one["outcome"]) for one in events if one["name"] == "passkey_suspect"] == [
        ("passkey_suspect", "refused")
    ]


def test_a_strangers_signature_tells_nobody(shop: Shop) -> None:
    """Only whoever has the key can make that warning; otherwise anybody could flood the owner with it."""
    ada, key = shop.member(), bound()
    add(ada, key)
    forger = bound()
    options = shop.browser().post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    forger.create({**ada.post("/account/passkeys", {"password": PASSWORD}).json["options"]})  # type: ignore[index]
    browser = shop.browser()
    options = browser.post("/account/sign-in/passkey/options").json["options"]  # type: ignore[index]
    forged = key.get(options, fault=Fault(sign_count=0, signed_by=forger.credentials[0].key))
    assert browser.post("/account/sign-in/passkey", {"credential": forged}).status_code == 401
    assert not any("copied" in message.subject for message in shop.mails(ADA))


def test_a_synced_passkey_that_counts_backwards_warns_only(shop: Shop) -> None:
    """Copies are the point of a synced passkey: it signs in, and the owner is told once it looks odd."""
    ada, phone = shop.member(), device()
    add(ada, phone, fault=Fault(sign_count=9))
    elsewhere = shop.browser()
    assert signed_in_with(enter(elsewhere, phone, fault=Fault(sign_count=5)))
    assert any("may have been copied" in message.subject for message in shop.mails(ADA))
    shop.clock.forward(601)
    options = elsewhere.post("/account/confirm", {"passkey": "options"}).json["options"]  # type: ignore[index]
    answer = elsewhere.post("/account/confirm", {"credential": phone.get(options, fault=Fault(sign_count=4))})
    assert answer.json["status"] == "confirmed"  # type: ignore[index]
    events = elsewhere.get("/account/activity").json["events"]  # type: ignore[index]
    assert [one["outcome"] for one in events if one["name"] == "passkey_suspect"] == ["ok", "ok"]


def test_a_passkey_account_resets_without_losing_it(shop: Shop) -> None:
    """A reset changes the password and keeps the passkey."""
    ada, phone = shop.member(), device()
    add(ada, phone)
    ada.post("/account/reset", {"email": ADA})
    link = shop.link(ADA, "/reset/")
    ada.post(link, {"new_password": "nine quiet orange lanterns"})
    assert signed_in_with(enter(shop.browser(), phone))


@pytest.mark.parametrize(
    "credential",
    [None, 1, "x", [], {}, {"id": 1}, {"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}],
    ids=str,
)
@pytest.mark.parametrize("path", ["/account/sign-in/passkey", "/account/passkeys", "/account/confirm"])
def test_garbage_is_told_so(shop: Shop, path: str, credential: object) -> None:
    """Whatever stands in place of a credential: a clear refusal, never a failure."""
    ada = shop.member()
    answer = ada.post(path, {"credential": credential})
    assert answer.status_code in (400, 401, 422), answer.json


def test_rs256_is_a_choice(folder: Any) -> None:
    """Old TPMs are let in only where the site said so."""
    shop = Shop(folder, choices={"compat_rs256": True})
    old = device(algorithms=(RS256,))
    assert add(shop.member(), old).status_code == 200
    assert signed_in_with(enter(shop.browser(), old))
    shop.close()


def test_related_origins(folder: Any) -> None:
    """Sites named as related may use the passkeys, and are listed where browsers look; else nothing is."""
    shop = Shop(folder, choices={"related_origins": ("https://shop.example.net",)})
    answer = shop.browser().get("/.well-known/webauthn")
    assert answer.json == {"origins": ["https://shop.example", "https://shop.example.net"]}
    assert answer.content_type == "application/json"
    phone = device()
    add(shop.member(), phone)
    assert signed_in_with(enter(shop.browser(), phone, fault=Fault(origin="https://shop.example.net")))
    assert enter(shop.browser(), phone, fault=Fault(origin="https://other.example.net")).status_code == 401
    shop.close()


def test_no_related_origins(shop: Shop) -> None:
    """Where none are named there is nothing at the address."""
    assert shop.browser().get("/.well-known/webauthn").status_code == 404


def test_the_related_site_itself(folder: Any) -> None:
    """A site on another host takes the passkeys of the host it names."""
    shop = Shop(folder, choices={"rp_id": "home.example"})
    phone = SoftwareAuthenticator(origin=BASE)
    answer = add(shop.member(), phone)
    assert answer.json["accepted_credentials"]["rpId"] == "home.example"  # type: ignore[index]
    assert signed_in_with(enter(shop.browser(), phone))
    shop.close()


def test_well_known_addresses(shop: Shop) -> None:
    """Password managers find where to change the password and where passkeys are."""
    stranger = shop.browser()
    assert stranger.get("/.well-known/change-password").headers["Location"] == "/account/password"
    where = f"{BASE}/account/passkeys"
    assert stranger.get("/.well-known/passkey-endpoints").json == {"enroll": where, "manage": where}
    assert stranger.get("/.well-known/nothing").status_code == 404
    assert stranger.post("/.well-known/change-password").status_code == 404


def test_what_expired_is_pruned(shop: Shop) -> None:
    """``flask secureacct prune`` removes old challenges, sign-ups, sessions and links, and nothing alive."""
    ada = shop.member()
    shop.browser().sign_up("late@example.org")
    shop.browser().post("/account/sign-in/passkey/options")
    runner = shop.app.test_cli_runner()
    assert runner.invoke(args=["secureacct", "prune"]).output == "0 rows removed\n"
    assert ada.is_signed_in()
    shop.clock.forward(60 * 86_400)
    done = runner.invoke(args=["secureacct", "prune"])
    assert done.exit_code == 0, done.output
    removed = int(done.output.split()[0])
    assert removed >= 4
    assert runner.invoke(args=["secureacct", "prune"]).output == "0 rows removed\n"
    assert shop.browser().sign_in().status_code == 200


def test_what_writes_before_anything_is_typed_has_an_end(tmp_path: Path) -> None:
    """One network cannot fill the store with challenges or cookie choices; it is told when to come back."""
    narrow = ThrottlePolicy().with_network_budget(per_hour=1)
    asking = PrivacyChoices(purposes=(VISITS,))
    shop = Shop(tmp_path, choices={"throttle": narrow, "privacy": asking})
    stranger = shop.browser()
    for path, body in (
        ("/account/sign-in/passkey/options", {}),
        ("/account/privacy", {"cookies": "accept"}),
    ):
        codes = [stranger.post(path, body).status_code for _ in range(13)]
        assert codes == [200] * 12 + [429], path
    shop.close()
