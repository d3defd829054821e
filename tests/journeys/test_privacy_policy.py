"""Policies: a version in force is answered before the rest goes on; one's own data stays open always."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secureacct.commitments.policy_versions import PolicyRules
from tests.journeys.privacy_shop import PrivacyShop, policy

FIRST = policy("2025-01", "We keep little.\n\nLogs stay for a year.")
SOON = datetime.now(UTC) + timedelta(days=10)
SECOND = policy("next", "We keep little.\n\nLogs stay for a month.", since=SOON, summary="Logs go sooner.")


@pytest.fixture
def shop(folder: Path) -> Iterator[PrivacyShop]:
    """A shop whose second version comes into force in ten days, with five more days to answer."""
    made = PrivacyShop(folder, policies=(FIRST, SECOND), policy_rules=PolicyRules(grace=timedelta(days=5)))
    yield made
    made.close()


def accepted(shop: PrivacyShop):
    """Somebody who accepted the first version."""
    member = shop.member()
    assert member.post("/account/policy", {"accept": True}).json == {"status": "saved"}
    return member


def test_who_never_answered_is_led_to_it(shop):
    """Programs are told, people are led there and back; their own data stays open."""
    member = shop.member()
    refused = member.get("/")
    assert (refused.status_code, refused.json["code"]) == (403, "policy_not_accepted")
    led = member.get("/", html=True)
    assert (led.status_code, led.location) == (303, "/account/policy?policy=privacy&next=/")
    assert member.get("/account/two-step").status_code == 403
    for path in ("privacy", "privacy/export", "privacy/delete", "profile", "devices", "activity", "password"):
        assert member.get(f"/account/{path}").status_code == 200, path
    page = member.get(led.location, html=True).text
    assert "Logs stay for a year." in page
    shown = FIRST.hash.hex()
    done = member.submit("/account/policy", {"accept": "1", "shown": shown, "policy": "privacy", "next": "/"})
    assert (done.status_code, done.location) == (303, "/")
    assert member.get("/").status_code == 200


def test_a_new_version_is_shown_with_what_changed_and_asked_for(shop):
    """In its grace it is a notice, after it nothing else goes; the page shows both lines of the change."""
    member = accepted(shop)
    shop.forward(days=11)
    member.sign_in()
    assert member.get("/").status_code == 200
    assert "Our policy has changed" in member.get("/account/", html=True).text
    seen = member.get("/account/policy").json
    assert (seen["standing"], seen["before"], seen["version"]) == ("due", "2025-01", "next")
    assert {(one["change"], one["line"]) for one in seen["changes"]} == {
        ("removed", "Logs stay for a year."),
        ("added", "Logs stay for a month."),
    }
    page = member.get("/account/policy", html=True).text
    assert "<del>Logs stay for a year.</del>" in page
    assert "<ins>Logs stay for a month.</ins>" in page
    shop.forward(days=5)
    member.sign_in()
    assert member.get("/").json["code"] == "policy_not_accepted"
    member.post("/account/policy", {"accept": True})
    assert member.get("/").status_code == 200


def test_a_text_that_changed_meanwhile_is_not_accepted(shop):
    """The form names what was read; an answer to another version is refused."""
    member = accepted(shop)
    shop.forward(days=16)
    member.sign_in()
    stale = member.post("/account/policy", {"accept": True, "shown": FIRST.hash.hex()})
    assert (stale.status_code, stale.json["code"]) == (409, "not_in_force")
    assert member.post("/account/policy", {"accept": True, "shown": "zz"}).status_code == 409
    assert member.get("/").status_code == 403


def test_who_refuses_keeps_their_own_data(shop):
    """The shop is closed to them, their data is not, and they may still say yes."""
    member = accepted(shop)
    shop.forward(days=11)
    member.sign_in()
    assert member.post("/account/policy", {"accept": False}).json == {"status": "saved"}
    assert member.get("/").status_code == 403
    assert member.get("/account/policy").get_json()["standing"] == "refused"
    assert member.get("/account/privacy/export").status_code == 200
    member.post("/account/policy", {"accept": True})
    assert member.get("/").status_code == 200


def test_a_refusal_may_sign_out(folder):
    """Where the app says so, no is good-bye until a yes."""
    shop = PrivacyShop(folder, policies=(FIRST,), policy_rules=PolicyRules(on_refusal="sign_out"))
    member = shop.member()
    thief = member.stolen()
    assert member.post("/account/policy", {"accept": False}).json == {"status": "signed_out"}
    assert thief.get("/").status_code == 401
    shop.close()


def test_signing_up_can_be_the_first_yes(folder):
    """Where the sign-up page says so, nobody is asked twice, and the ledger names how it was said."""
    shop = PrivacyShop(folder, policies=(FIRST,), accepted_by_sign_up=True)
    assert "you accept" in shop.browser().get("/account/sign-up", html=True).text
    member = shop.member()
    assert member.get("/").status_code == 200
    assert member.get("/account/policy").get_json()["standing"] == "accepted"
    shop.close()


def test_the_policy_is_there_for_everybody(shop):
    """Without signing in too, with the contact; an answer needs the sign-in; no policy means no page."""
    stranger = shop.browser()
    seen = stranger.get("/account/policy").json
    assert (seen["standing"], seen["version"]) == ("anonymous", "2025-01")
    assert stranger.post("/account/policy", {"accept": True}).status_code == 401
    assert "I accept" not in stranger.get("/account/policy", html=True).text
    assert stranger.get("/account/policy?policy=nothing").json["version"] == "2025-01"
    assert shop.member().post("/account/policy", {}).status_code == 422


def test_a_site_without_policies_has_no_such_page(folder):
    """Nothing is declared, nothing is asked."""
    shop = PrivacyShop(folder)
    member = shop.member()
    assert member.get("/account/policy").status_code == 404
    assert member.get("/").status_code == 200
    shop.close()
