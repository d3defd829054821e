"""A remembered session's new token reaches the browser whatever the page answers."""

from __future__ import annotations

import flask
import pytest

from tests.journeys.kit import ADA, PASSWORD, Shop

DAY_S = 86_400


@pytest.mark.parametrize("kind", ["fine", "missing", "refused", "aborted", "broken"])
def test_the_new_token_is_set_on_errors_too(shop: Shop, kind: str) -> None:
    """A refusal, an abort or an exception in the view does not keep the new token from the browser."""
    from secureacct.flask import sign_in_required

    shop.app.config["PROPAGATE_EXCEPTIONS"] = False

    @shop.app.get("/odd/<what>")
    @sign_in_required
    def odd(what: str) -> tuple[str, int]:
        if what == "aborted":
            flask.abort(409)
        if what == "broken":
            raise RuntimeError("a mistake of the app")
        return what, {"fine": 200, "missing": 404, "refused": 422}[what]

    shop.member()
    ada = shop.browser()
    ada.post("/account/sign-in", {"email": ADA, "password": PASSWORD, "remember": "1"})
    old = ada.session_cookie
    shop.clock.forward(DAY_S + 1)
    answer = ada.get(f"/odd/{kind}")
    expected = {"fine": 200, "missing": 404, "refused": 422, "aborted": 409, "broken": 500}
    assert answer.status_code == expected[kind]
    assert ada.session_cookie != old
    assert ada.is_signed_in()


def test_the_new_token_is_set_where_more_proof_is_asked(shop: Shop) -> None:
    """A guard of ours that answers instead of the view does not keep it back either."""
    from secureacct.flask import get_account, require

    @shop.app.get("/vault")
    @require(level=2)
    def vault() -> str:
        return "gold"

    @shop.app.before_request
    def look() -> None:
        get_account()

    shop.member()
    for path in ("/vault", "/account/devices"):
        ada = shop.browser()
        ada.post("/account/sign-in", {"email": ADA, "password": PASSWORD, "remember": "1"})
        old = ada.session_cookie
        shop.clock.forward(DAY_S + 1)
        ada.get(path)
        assert ada.session_cookie != old
        assert ada.is_signed_in()
        shop.clock.forward(3600)
        assert ada.is_signed_in()
