"""Accounts in SQL and sessions in Valkey keep the same promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from secureacct._faces import run_inline
from secureacct.records.changes import Lost
from secureacct.records.sessions import EndSessions, StartSession
from tests.journeys.kit import ADA, NEW_PASSWORD, PASSWORD, Shop


@pytest.fixture
def split(tmp_path: Path, valkey_client: Redis) -> Shop:
    """A shop whose sessions are in Valkey."""
    path = valkey_client.get_connection_kwargs()["path"]
    return Shop(tmp_path, settings={"SECUREACCT_SESSION_URL": f"unix://{path}"})


def test_sign_in_and_out(split: Shop) -> None:
    """A cookie captured before sign-out opens nothing after it; the log tells attempt and success."""
    ada = split.member()
    thief = ada.stolen()
    assert thief.is_signed_in()
    events = ada.get("/account/activity").json["events"]  # type: ignore[index]
    told = sorted(one["outcome"] for one in events if one["name"] == "sign_in")
    assert told == ["attempted", "ok"]
    ada.post("/account/sign-out")
    assert not thief.is_signed_in()


def test_password_change_and_everywhere(split: Shop) -> None:
    """Other sessions end in Valkey when the password changes in SQL, and everywhere means everywhere."""
    ada = split.member()
    phone = split.browser()
    phone.sign_in()
    ada.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert ada.is_signed_in()
    assert not phone.is_signed_in()
    assert ada.post("/account/devices", {"all": True}).json == {"ended": 1}
    assert not ada.is_signed_in()


def test_a_used_code_begins_no_session(split: Shop) -> None:
    """A claim lost in SQL leaves no session in Valkey."""
    ada = split.member()
    codes = ada.switch_on_two_step()
    for expected in (200, 401):
        browser = split.browser()
        browser.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
        assert browser.post("/account/sign-in/code", {"code": codes[0]}).status_code == expected
        assert browser.is_signed_in() == (expected == 200)


def test_nothing_begins_when_the_sql_side_loses(split: Shop) -> None:
    """The session store is not asked to begin anything after a lost claim."""
    ada = split.member()
    parts = split.parts
    from secureacct.records.accounts import HoldSecurityVersion
    from secureacct.sessions.birth import begin

    account_id = ada.get("/account/session").json["account"]["id"]  # type: ignore[index]
    _, start = begin(parts.sessions, account_id=account_id, now=parts.now(), random=parts.random)
    before = len(run_inline(parts.store.sessions_of(account_id)))
    lost = run_inline(
        parts.store.commit((HoldSecurityVersion(account_id=account_id, security_version=99), start))
    )
    assert isinstance(lost, Lost)
    assert len(run_inline(parts.store.sessions_of(account_id))) == before


@pytest.mark.parametrize("moment", ["before the session begins", "after it began"])
def test_a_sign_in_that_a_reset_overtakes_leaves_no_session(
    split: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Between two steps of a thief's sign-in the owner's whole reset runs: the old password opens nothing."""
    split.member()
    owner = split.browser()
    owner.post("/account/reset", {"email": ADA})
    link = split.link(ADA, "/reset/")
    sessions = split.parts.store.sessions
    commit = sessions.commit
    overtaken: list[str] = []

    async def overtake(changes: Any, **more: Any) -> Any:
        begins = any(isinstance(one, StartSession) for one in changes) and not overtaken
        if begins:
            overtaken.append(moment)
        if begins and moment == "before the session begins":
            assert owner.post(link, {"new_password": NEW_PASSWORD}).status_code == 200
        done = await commit(changes, **more)
        if begins and moment == "after it began":
            assert owner.post(link, {"new_password": NEW_PASSWORD}).status_code == 200
        return done

    monkeypatch.setattr(sessions, "commit", overtake)
    thief = split.browser()
    assert thief.sign_in(ADA, PASSWORD).status_code == 401
    assert overtaken
    assert not thief.is_signed_in()
    account_id = owner_id(split)
    assert len(run_inline(split.parts.store.sessions_of(account_id))) == 0


def test_a_reset_that_a_sign_in_overtakes_ends_its_session(
    split: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between ending sessions and counting the version up a thief signs in: that session ends as well."""
    split.member()
    owner, thief = split.browser(), split.browser()
    owner.post("/account/reset", {"email": ADA})
    link = split.link(ADA, "/reset/")
    sessions = split.parts.store.sessions
    commit = sessions.commit
    overtaken: list[str] = []

    async def overtake(changes: Any, **more: Any) -> Any:
        done = await commit(changes, **more)
        if any(isinstance(one, EndSessions) for one in changes) and not overtaken:
            overtaken.append("reset")
            assert thief.sign_in(ADA, PASSWORD).status_code == 200
            assert thief.is_signed_in()
        return done

    monkeypatch.setattr(sessions, "commit", overtake)
    assert owner.post(link, {"new_password": NEW_PASSWORD}).json == {"status": "password_changed"}
    assert overtaken
    assert not thief.is_signed_in()
    assert owner.sign_in(ADA, NEW_PASSWORD).status_code == 200


def owner_id(shop: Shop) -> str:
    """The account of Ada."""
    known = run_inline(shop.parts.people.find(ADA))
    return str(known.id)
