"""Whatever a client sends: a clear refusal, never a failure, and no hash computed for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.journeys.kit import ADA, PASSWORD, Shop

FIELDS = {
    "/account/sign-up": ("email", "password"),
    "/account/sign-in": ("email", "password"),
    "/account/sign-in/code": ("code",),
    "/account/verify": ("email",),
    "/account/reset": ("email",),
    "/account/recover": ("email", "password"),
    "/account/password": ("current_password", "new_password"),
    "/account/email": ("password", "new_email"),
    "/account/profile": ("password", "phone"),
    "/account/two-step": ("password", "name"),
    "/account/two-step/confirm": ("code",),
    "/account/two-step/off": ("password", "id"),
    "/account/recovery-codes": ("password",),
    "/account/confirm": ("password", "code"),
    "/account/devices": ("id",),
    "/account/passkeys/AAAA/remove": ("password",),
    "/account/passkeys/AAAA/rename": ("name",),
}
PLAIN = {"email": ADA, "new_email": "x@example.org", "code": "123456"}
BAD: dict[str, Any] = {
    "number": 7,
    "list": ["a"],
    "object": {"a": "b"},
    "nothing": None,
    "empty": "",
    "nul": "a\x00b@example.org",
    "newline": "a@example.org\r\nBcc: b@example.org",
    "surrogate": "a\ud800@example.org",
    "long": "a" * 60_000,
    "not-an-address": "ada",
    "control": "\x1b[31m@example.org",
    "bidi": "\u202egro.elpmaxe@ada",
}
CLEAR = {400, 401, 404, 410, 413, 422, 429}


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_takes_anything(shop: Shop, path: str) -> None:
    """Each bad value in each field of each form: never a 500, as JSON and (for texts) as a form."""
    ada = shop.member()
    for field in FIELDS[path]:
        for name, value in BAD.items():
            fields = {one: PLAIN.get(one, "some words that are wrong") for one in FIELDS[path]}
            fields[field] = value
            answer = ada.post(path, fields)
            assert answer.status_code in CLEAR | {200, 202}, (field, name, answer.status_code, answer.json)
            if answer.status_code >= 400:
                assert answer.content_type == "application/problem+json", (field, name)
                assert answer.json["code"]  # type: ignore[index]
            if isinstance(value, str) and "\ud800" not in value:
                answer = ada.submit(path, fields)
                assert answer.status_code in CLEAR | {200, 202, 303}, (field, name, answer.status_code)
                assert "text/html" in answer.content_type or answer.status_code == 303


@pytest.mark.parametrize("path", ["/account/sign-up", "/account/sign-in", "/account/recover"])
@pytest.mark.parametrize(
    ("field", "name"),
    [
        *[("email", name) for name in BAD if name not in ("nothing", "empty")],
        *[("password", name) for name in ("number", "list", "object", "surrogate", "long")],
    ],
)
def test_no_hash_for_what_cannot_be_right(shop: Shop, path: str, field: str, name: str) -> None:
    """Wrong type, NUL, CR/LF, lone surrogates, huge: refused with 400, 413 or 422 before any work."""
    browser = shop.browser()
    before = shop.hasher.worked
    answer = browser.post(path, {"email": ADA, "password": PASSWORD, field: BAD[name]})
    of_form = field == "email" or name in ("number", "list", "object", "surrogate")
    allowed = {400, 413, 422} if of_form else {401, 422}
    if field == "password" and path == "/account/recover":
        allowed |= {202}  # the same answer for every password
    assert answer.status_code in allowed, answer.json
    assert shop.hasher.worked == before


@pytest.mark.parametrize("path", ["/account/sign-up", "/account/sign-in"])
@pytest.mark.parametrize("missing", ["email", "password"])
def test_a_missing_field(shop: Shop, path: str, missing: str) -> None:
    """A field that is not there is refused without work."""
    browser = shop.browser()
    before = shop.hasher.worked
    fields = {"email": ADA, "password": PASSWORD}
    del fields[missing]
    answer = browser.post(path, fields)
    assert answer.status_code in (401, 422)
    assert shop.hasher.worked == before


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"email": NaN, "a": Infinity}', "application/json", 422),
        (b'{"a":' * 40_000, "application/json", 413),
        (b"[" * 60_000, "application/json", 400),
        (b'{"a":1' + b"0" * 5000 + b"}", "application/json", 400),
        (b'{"\\ud800": "x"}', "application/json", 400),
        (b"email=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"email=a&email=b", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % n for n in range(200)), "application/x-www-form-urlencoded", 400),
        (b"<xml/>", "application/xml", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
        (b"x" * 1_000_000, "application/x-www-form-urlencoded", 413),
        (json.dumps({"email": ADA, "password": "x" * 1_000_000}).encode(), "application/json", 413),
    ],
    ids=range(16),
)
def test_a_garbage_body(shop: Shop, body: bytes, kind: str, status: int) -> None:
    """What cannot be read at all is said so, with the right header token too."""
    browser = shop.browser()
    before = shop.hasher.worked
    headers = {"Content-Type": kind, "X-CSRF-Token": browser.csrf()}
    answer = browser.request("POST", "/account/sign-in", body=body, headers=headers)
    assert answer.status_code == status, answer.json
    assert answer.content_type == "application/problem+json"
    assert shop.hasher.worked == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods(shop: Shop, method: str) -> None:
    """Pages take GET, HEAD and POST; everything else is 405 and does nothing."""
    ada = shop.member()
    for path in ("/account/sign-out", "/account/profile", "/account/devices"):
        answer = ada.request(method, path)
        assert answer.status_code in (400, 405, 501), (path, answer.status_code)
    assert ada.is_signed_in()


@pytest.mark.parametrize(
    "path",
    [
        "/account/nothing",
        "/account/verify/%00",
        "/account/verify/" + "A" * 3000,
        "/account/reset/../profile",
        "/account//sign-in",
        "/account/%ff",
        "/account/passkeys/%0d%0a/remove",
        "/account/static/../../settings.py",
    ],
)
def test_odd_paths(shop: Shop, path: str) -> None:
    """A path that is none of ours is 404, for people and for programs."""
    browser = shop.member()
    assert browser.get(path).status_code in (404, 405)
    assert browser.get(path, html=True).status_code in (404, 405)


@pytest.mark.parametrize(
    "query", ["next=%00", "next=" + "A" * 5000, "done=%ff", "a&" * 200, "resume=%0d%0a", "%"]
)
def test_odd_queries(shop: Shop, query: str) -> None:
    """Whatever the query holds, a page comes."""
    ada = shop.member()
    for path in ("/account/sign-in", "/account/confirm", "/account/activity", "/account/profile"):
        assert ada.get(f"{path}?{query}", html=True).status_code in (200, 303)
        assert ada.get(f"{path}?before=%00&{query}").status_code in (200, 422)


@pytest.mark.parametrize(
    "cookie",
    [
        "__Host-Http-session=x",
        "__Host-Http-session=" + "A" * 5000,
        "__Host-Http-session=\x7f",
        "__host-http-session=abc",
        "__Host-Http-session =abc",
        "__Host-Http-link=reset:zzz; __Host-Http-pending=zzz; __Host-Http-device=zzz",
        "__Host-Http-device=" + "A" * 4000,
        "=; ;;; =x",
    ],
)
def test_odd_cookies(shop: Shop, cookie: str) -> None:
    """A cookie that is not ours is no cookie."""
    browser = shop.browser()
    for path in ("/account/session", "/account/reset", "/account/sign-in/code", "/"):
        answer = browser.get(path, headers={"Cookie": cookie})
        assert answer.status_code in (200, 401, 410)
    assert browser.get("/account/session", headers={"Cookie": cookie}).json["account"] is None  # type: ignore[index]


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "text/html", "application/json", "application/json;q=0", "a" * 9000, "x;q=\x80", ",,,;;"],
)
def test_odd_accept_headers(shop: Shop, accept: str) -> None:
    """An answer comes for any Accept; ``*/*`` is HTML, JSON where it is preferred."""
    answer = shop.browser().get("/account/sign-in", headers={"Accept": accept})
    assert answer.status_code == 200
    assert (answer.content_type == "application/json") is (accept == "application/json")


def test_the_profile_takes_declared_fields_only(shop: Shop) -> None:
    """An undeclared field is refused, a long one too, and nothing is saved then."""
    ada = shop.member()
    for fields in ({"nickname": "x"}, {"phone": "1" * 201}, {"phone": "a\x00"}, {"is_admin": "1"}):
        answer = ada.post("/account/profile", {"password": PASSWORD, "name": "Ada", **fields})
        assert answer.status_code == 422
    assert ada.get("/account/profile").json["profile"]["name"] is None  # type: ignore[index]


def test_a_refused_form_keeps_what_was_typed(shop: Shop) -> None:
    """The address stays in the form, passwords never do, and markup in it stays text."""
    typed = '"><script>alert(1)</script>@example.org'
    answer = shop.browser().submit("/account/sign-up", {"email": typed, "password": PASSWORD})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert PASSWORD not in answer.text
