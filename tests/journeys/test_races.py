"""Real requests at the same moment: whatever is used once is used once.

Threads send their requests through the WSGI app together, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from secureacct.records.sessions import StartSession
from secureacct.totp import Totp
from tests.journeys.kit import ADA, MALLORY, NEW_PASSWORD, PASSWORD, Browser, Shop

AT_ONCE = 4
ROUNDS = 3


@pytest.fixture(params=["sqlite", "postgres"])
def raced(request: pytest.FixtureRequest, folder: Path) -> Iterator[Shop]:
    """A shop on each database in turn."""
    url = request.getfixturevalue("pg_database") if request.param == "postgres" else ""
    shop = Shop(folder, database_url=url)
    yield shop
    shop.close()


def together(requests: list[Callable[[], Any]]) -> list[Any]:
    """Send all at the same moment; their answers."""
    meet = threading.Barrier(len(requests), timeout=60)
    answers: list[Any] = [None] * len(requests)

    def send(number: int) -> None:
        meet.wait()
        answers[number] = requests[number]()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(answer is not None for answer in answers)
    return answers


def one_won(answers: list[Any]) -> bool:
    """One is let in; the others are refused, or have to wait because so many were wrong."""
    seen = statuses(answers)
    return seen[0] == 200 and set(seen[1:]) <= {401, 429}


def statuses(answers: list[Any]) -> list[int]:
    """Their statuses, in order of size."""
    return sorted(answer.status_code for answer in answers)


def prepared(browser: Browser, path: str, fields: dict[str, Any]) -> Callable[[], Any]:
    """A POST with its token fetched beforehand."""
    body = {"csrf_token": browser.csrf(), **fields}
    return lambda: browser.request("POST", path, json=body)


def between(shop: Shop) -> Browser:
    """A browser between password and code."""
    browser = shop.browser()
    browser.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    return browser


def test_one_code_signs_in_once(raced: Shop) -> None:
    """The same code in several browsers at once: one gets in."""
    ada = raced.member()
    ada.switch_on_two_step()
    for _ in range(ROUNDS):
        raced.clock.forward(3600)
        code = ada.code()
        sent = [prepared(between(raced), "/account/sign-in/code", {"code": code}) for _ in range(AT_ONCE)]
        assert one_won(together(sent))


def test_one_recovery_code_signs_in_once(raced: Shop) -> None:
    """The same recovery code in several browsers at once: one gets in."""
    codes = raced.member().switch_on_two_step()
    for number in range(ROUNDS):
        raced.clock.forward(3600)
        code = {"code": codes[number]}
        sent = [prepared(between(raced), "/account/sign-in/code", code) for _ in range(AT_ONCE)]
        assert one_won(together(sent))


def test_one_pending_step_is_finished_once(raced: Shop) -> None:
    """One pending sign-in, several right codes at once: one session begins."""
    ada = raced.member()
    codes = ada.switch_on_two_step()
    browser = between(raced)
    copies = [browser.stolen() for _ in range(AT_ONCE)]
    sent = [
        prepared(copy, "/account/sign-in/code", {"code": code})
        for copy, code in zip(copies, codes, strict=False)
    ]
    assert one_won(together(sent))
    assert len(ada.get("/account/devices").json["devices"]) == 2  # type: ignore[index]


def test_a_lost_race_uses_no_code_up(raced: Shop) -> None:
    """Who loses the pending step keeps the recovery code: nothing is half done."""
    ada = raced.member()
    codes = ada.switch_on_two_step()
    browser = between(raced)
    copies = [browser.stolen() for _ in range(2)]
    together(
        [
            prepared(copy, "/account/sign-in/code", {"code": code})
            for copy, code in zip(copies, codes, strict=False)
        ]
    )
    left = ada.get("/account/recovery-codes").json["left"]  # type: ignore[index]
    assert left == len(codes) - 1


def test_one_reset_link_sets_one_password(raced: Shop) -> None:
    """Two tabs, one link: one password is set, and it is the winner's."""
    raced.member()
    for round in range(2):
        raced.clock.forward(3700)
        raced.browser().post("/account/reset", {"email": ADA})
        link = raced.link(ADA, "/reset/")
        words = [f"{NEW_PASSWORD} {round} {number}" for number in range(AT_ONCE)]
        sent = [prepared(raced.browser(), link, {"new_password": word}) for word in words]
        answers = together(sent)
        assert statuses(answers) == [200] + [410] * (AT_ONCE - 1)
        won = words[[answer.status_code for answer in answers].index(200)]
        assert raced.browser().sign_in(password=won).status_code == 200


def test_two_reset_links_set_one_password(raced: Shop) -> None:
    """Two links of two mails used at once: the first one ends the other."""
    raced.member()
    links = []
    for _ in range(2):
        raced.browser().post("/account/reset", {"email": ADA})
        links.append(raced.link(ADA, "/reset/"))
    sent = [prepared(raced.browser(), link, {"new_password": NEW_PASSWORD + link[-4:]}) for link in links]
    assert statuses(together(sent)) == [200, 410]


def test_one_confirmation_opens_one_account(raced: Shop) -> None:
    """Two attempts for one address confirmed at once: one account, whose password is the winner's."""
    browsers = [raced.browser() for _ in range(3)]
    links = []
    for number, browser in enumerate(browsers):
        browser.sign_up(ADA, f"{PASSWORD} {number}")
        links.append(raced.link(ADA, "/verify/"))
    sent = [prepared(browser, link, {}) for browser, link in zip(browsers, links, strict=True)]
    answers = together(sent)
    assert statuses(answers) == [200, 410, 410]
    won = [answer.status_code for answer in answers].index(200)
    seen = [
        raced.browser().sign_in(password=f"{PASSWORD} {number}").status_code == 200 for number in range(3)
    ]
    assert seen == [number == won for number in range(3)]


def test_one_address_goes_to_one_account(raced: Shop) -> None:
    """A change of address and a sign-up confirmed at once: one of them gets it."""
    mallory = raced.member(MALLORY)
    mallory.post("/account/email", {"password": PASSWORD, "new_email": ADA})
    change = raced.link(ADA, "/email/confirm/")
    ada = raced.browser()
    ada.sign_up()
    verify = raced.link(ADA, "/verify/")
    answers = together([prepared(raced.browser(), change, {}), prepared(ada, verify, {})])
    assert statuses(answers) == [200, 410]


def test_undo_and_a_later_change(raced: Shop) -> None:
    """The owner's undo against the thief's next confirmation: the owner has the account in the end."""
    thief = raced.member()
    thief.post("/account/email", {"password": PASSWORD, "new_email": MALLORY})
    thief.post(raced.link(MALLORY, "/email/confirm/"))
    thief.post("/account/email", {"password": PASSWORD, "new_email": "second@example.net"})
    undo, confirm = raced.link(ADA, "/email/undo/"), raced.link("second@example.net", "/email/confirm/")
    owner = raced.browser()
    together([prepared(owner, undo, {}), prepared(raced.browser(), confirm, {})])
    answer = raced.browser().post(undo)  # if the thief's was first, the undo works now
    assert answer.status_code in (200, 410)
    assert raced.browser().sign_in(ADA).status_code == 200
    assert not thief.is_signed_in()


def test_an_interrupted_post_goes_on_once(raced: Shop) -> None:
    """The kept POST is taken up once, also by two tabs at once."""
    ada = raced.member()
    codes = ada.switch_on_two_step()
    raced.clock.forward(601)
    answer = ada.submit("/account/profile", {"password": PASSWORD, "phone": "first"})
    resume = answer.headers["Location"].partition("=")[2]
    tabs = [ada.stolen() for _ in range(2)]
    sent = [
        prepared(tab, "/account/confirm", {"code": code, "resume": resume})
        for tab, code in zip(tabs, codes, strict=False)
    ]
    answers = together(sent)
    said = [answer.json.get("status") for answer in answers]
    assert said.count("saved") == 1


def test_sign_out_everywhere_against_sign_in(raced: Shop) -> None:
    """A sign-in at the same moment is before or after: it lives or it does not, and a copy never does."""
    raced.member()
    for _ in range(ROUNDS):
        ada = raced.browser()
        ada.sign_in()
        copy, other = ada.stolen(), raced.browser()
        together(
            [
                prepared(ada, "/account/devices", {"all": True}),
                prepared(other, "/account/sign-in", {"email": ADA, "password": PASSWORD}),
            ]
        )
        assert not copy.is_signed_in()


def test_parallel_guesses_are_counted(raced: Shop) -> None:
    """Guesses sent together are counted together: no more get through than one after the other."""
    raced.member()
    sent = [
        prepared(raced.browser(), "/account/sign-in", {"email": ADA, "password": f"guess {number}"})
        for number in range(12)
    ]
    assert statuses(together(sent)).count(401) <= 5


def test_a_password_alone_is_too_late_for_an_account_with_a_second_step(
    raced: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner switches the second step on while a thief's sign-in is between its look and its session."""
    ada = raced.member()
    secret = ada.post("/account/two-step", {"password": PASSWORD}).json["secret"]  # type: ignore[index]
    ada.totp = Totp.from_secret(secret, issuer="Shop", account="x")
    store = raced.parts.store
    commit = store.commit
    overtaken: list[int] = []

    async def overtake(changes: Any, **more: Any) -> Any:
        if any(isinstance(one, StartSession) for one in changes) and not overtaken:
            overtaken.append(ada.post("/account/two-step/confirm", {"code": ada.code()}).status_code)
        return await commit(changes, **more)

    monkeypatch.setattr(store, "commit", overtake)
    thief = raced.browser()
    assert thief.sign_in().status_code == 401
    assert overtaken == [200]
    assert not thief.is_signed_in()
    assert ada.is_signed_in()
