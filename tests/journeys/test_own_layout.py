"""Our pages in an app's own layout, and where people go when nothing else was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from tests.journeys.kit import ADA, PASSWORD, Shop


def _with(shop: Shop, **templates: str) -> None:
    """Put templates of the app's own in front."""
    ours = shop.app.jinja_loader
    assert ours is not None
    named = {name.replace("__", "/") + ".html": text for name, text in templates.items()}
    shop.app.jinja_loader = jinja2.ChoiceLoader([jinja2.DictLoader(named), ours])


@pytest.fixture
def framed(tmp_path: Path) -> Iterator[Shop]:
    """A shop with a layout and a start page of its own."""
    shop = Shop(
        tmp_path,
        settings={"SECUREACCT_BASE_TEMPLATE": "frame.html", "SECUREACCT_AFTER_SIGN_IN": "/start"},
    )
    yield shop
    shop.close()


def test_our_pages_fill_the_apps_layout(framed: Shop) -> None:
    """Every page stands in the app's frame, the error pages too, and forms still work in it."""
    _with(framed, frame="<header>My shop</header>{% block content %}{% endblock %}")
    ada = framed.member()
    assert ada.is_signed_in()
    inside = ("", "/profile", "/devices", "/two-step", "/passkeys", "/activity", "/privacy")
    for browser, path in (
        *((ada, one) for one in inside),
        *((framed.browser(), one) for one in ("/sign-in", "/sign-up", "/reset", "/recover")),
    ):
        text = browser.get(f"/account{path}", html=True).text
        assert text.startswith("<header>My shop</header>"), path
        assert "<h1" in text, path
    lost = framed.browser().get("/account/reset/nothing", html=True)
    assert lost.status_code == 303
    wrong = framed.browser().submit("/account/sign-in", {"email": ADA, "password": "not the right one"})
    assert wrong.status_code == 401
    assert wrong.text.startswith("<header>My shop</header>")


def test_one_page_is_replaced(framed: Shop) -> None:
    """A template of our name in the app's folder is used instead; the others stay."""
    _with(
        framed,
        frame="{% block content %}{% endblock %}",
        secureacct__sign_in="<form method=post>{{ page.csrf_token }}</form>",
    )
    assert framed.browser().get("/account/sign-in", html=True).text.startswith("<form method=post>AQ")
    assert "<h1" in framed.browser().get("/account/sign-up", html=True).text


def test_where_people_go(framed: Shop) -> None:
    """To the start page of the settings, unless a page of this site asked for them."""
    _with(framed, frame="{% block content %}{% endblock %}")
    framed.member()
    fields = {"email": ADA, "password": PASSWORD}
    plain = framed.browser().submit("/account/sign-in", fields)
    assert (plain.status_code, plain.headers["Location"]) == (303, "/start")
    asked = framed.browser().submit("/account/sign-in", {**fields, "next": "/orders?page=2"})
    assert asked.headers["Location"] == "/orders?page=2"
    elsewhere = framed.browser().submit("/account/sign-in", {**fields, "next": "//evil.example/"})
    assert elsewhere.headers["Location"] == "/start"
