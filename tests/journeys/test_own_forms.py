"""Forms on the app's own pages: who may send them, and how they go on after a proof."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, render_template_string, request

from secureacct.flask import check_csrf, require, sign_in_required
from tests.journeys.kit import Browser, Shop, csrf_of

CROSS = ({"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"})


def with_forms(shop: Shop) -> list[dict[str, list[str]]]:
    """The shop, with three forms of its own; what reached them is in the list."""
    sent: list[dict[str, list[str]]] = []
    app: Flask = shop.app

    @app.get("/letter")
    def letter() -> str:
        return render_template_string(
            "{% set person = secureacct_account() %}{{ person.email if person else 'nobody' }}"
            "{{ secureacct_csrf_field() }}"
        )

    @app.post("/letter")
    def write() -> str:
        check_csrf()
        sent.append(request.form.to_dict(flat=False))
        return "written"

    @app.post("/orders/forget")
    @sign_in_required
    def forget() -> str:
        sent.append(request.form.to_dict(flat=False))
        return "forgotten"

    @app.post("/orders/burn")
    @require(max_age=timedelta(minutes=5))
    def burn() -> str:
        check_csrf()
        sent.append(request.form.to_dict(flat=False))
        return "burned"

    return sent


def _stale(shop: Shop) -> Browser:
    """A member whose proof is too old for ``/orders/burn``."""
    ada = shop.member()
    shop.clock.forward(301)
    return ada


def test_a_form_of_the_apps_own(shop: Shop) -> None:
    """The field that the template made lets the form through, signed in or not; nothing else does."""
    sent = with_forms(shop)
    for browser in (shop.browser(), shop.member()):
        token = csrf_of(browser.get("/letter", html=True).text)
        assert browser.request("POST", "/letter", form={"csrf_token": token}, html=True).text == "written"
        by_script = browser.request("POST", "/letter", json={"a": 1}, headers={"X-CSRF-Token": token})
        assert by_script.text == "written"
        answer = browser.request("POST", "/letter", form={})
        assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")  # type: ignore[index]
        assert browser.request("POST", "/letter", form={}, html=True).status_code == 403
        other = csrf_of(shop.browser().get("/letter", html=True).text)
        assert browser.request("POST", "/letter", form={"csrf_token": other}).status_code == 403
    assert len(sent) == 4


def test_the_template_knows_who_is_signed_in(shop: Shop) -> None:
    """A template asks without a guard, and gets nobody or a person."""
    with_forms(shop)
    assert shop.browser().get("/letter", html=True).text.startswith("nobody")
    assert shop.member().get("/letter", html=True).text.startswith("Ada.Lovelace@example.org")


@pytest.mark.parametrize("headers", CROSS)
@pytest.mark.parametrize("path", ["/letter", "/orders/forget", "/orders/burn"])
def test_another_site_sends_nothing(shop: Shop, path: str, headers: dict[str, str]) -> None:
    """Checked or only guarded, a form that another site sent is refused, and not kept for after a proof."""
    sent = with_forms(shop)
    ada = _stale(shop)
    form = {"csrf_token": ada.csrf()}
    answer = ada.request("POST", path, form=form, headers=headers, html=True)
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert sent == []


def test_over_plain_http_nothing_is_sent(shop: Shop) -> None:
    """Whoever can read the connection could take the token: it is not looked at."""
    sent = with_forms(shop)
    ada = shop.member()
    token = ada.csrf()
    ada.base = "http://shop.example"
    answer = ada.request("POST", "/letter", form={"csrf_token": token})
    assert (answer.status_code, answer.json["code"]) == (403, "plain_http")  # type: ignore[index]
    assert sent == []


def test_for_every_form_at_once(shop: Shop) -> None:
    """Before every request it asks the app's own forms, and leaves our pages, GET and one-click mails."""
    sent = with_forms(shop)
    shop.app.before_request(check_csrf)
    ada = shop.member()
    assert ada.request("POST", "/orders/forget", form={"order": "1"}).status_code == 403
    assert ada.submit("/orders/forget", {"order": "2"}).text == "forgotten"
    assert ada.get("/").status_code == 200
    one_click = {"List-Unsubscribe": "One-Click"}
    answer = shop.browser().request("POST", "/account/unsubscribe/x", form=one_click)
    assert answer.status_code != 403
    assert [one["order"] for one in sent] == [["2"]]


def test_a_checked_form_goes_on_after_the_proof(shop: Shop) -> None:
    """The token that came with an interrupted form is still good when it goes on, and it is asked for."""
    sent = with_forms(shop)
    ada = _stale(shop)
    for token, answered in ((ada.csrf(), 200), ("", 403)):
        answer = ada.request("POST", "/orders/burn", form={"csrf_token": token, "order": "7"}, html=True)
        resume = answer.headers["Location"].partition("?resume=")[2]
        assert resume
        answer = ada.submit("/account/confirm", {"password": "seven lively walnut teapots", "resume": resume})
        assert answer.status_code == answered
        shop.clock.forward(301)
    assert [one["order"] for one in sent] == [["7"]]


def test_a_form_that_cannot_be_kept_whole_is_not_kept(shop: Shop) -> None:
    """Several values of one name, or a file: after the proof the person sends it again, and never a part."""
    sent = with_forms(shop)
    ada = _stale(shop)
    token = ada.csrf()
    several = f"csrf_token={token}&order=1&order=2".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ada.request("POST", "/orders/burn", body=several, headers=kind, html=True)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/confirm")
    with_file = {"csrf_token": token, "scan": (io.BytesIO(b"x"), "scan.png")}
    answer = ada.request("POST", "/orders/burn", form=with_file, html=True)  # type: ignore[arg-type]
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/confirm")
    assert sent == []


def test_an_async_view(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard goes around an ``async def``, which the app runs as it runs its others."""

    def run(view: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        return lambda *args, **kwargs: asyncio.run(view(*args, **kwargs))

    monkeypatch.setattr(shop.app, "async_to_sync", run)

    @shop.app.get("/later/<name>")
    @sign_in_required
    async def later(name: str) -> str:
        await asyncio.sleep(0)
        return f"hello {name}"

    @shop.app.get("/proved")
    @require(level=1)
    async def proved() -> str:
        return "proved"

    ada = shop.member()
    assert ada.get("/later/ada").text == "hello ada"
    assert ada.get("/proved").text == "proved"
    assert shop.browser().get("/later/ada").status_code == 401
