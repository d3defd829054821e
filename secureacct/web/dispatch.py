"""From request to answer: the one order in which everything is asked.

1. the path and the method; 2. the connection; 3. the session; 4. for a POST: where it came from, what it
holds, whether our own page sent it; 5. the view; 6. cookies. An error anywhere ends in an answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from secureacct import logs
from secureacct.accounts.fresh_proof import Resumed
from secureacct.accounts.outcomes import FreshProofRequired, NotFound, SignInRequired
from secureacct.commitments.errors import PolicyNotAccepted
from secureacct.errors import Rejected, SecureAcctError, StoreUnavailable
from secureacct.origin import PlainHttp
from secureacct.records.sessions import HOUR_S
from secureacct.sessions import steps as sessions
from secureacct.sessions.token import key_of
from secureacct.web import answers, routes
from secureacct.web.around import Around, around, bare
from secureacct.web.http import Answer, Request
from secureacct.web.negotiation import Form, read_form, wants_json
from secureacct.web.pages import SignedOut
from secureacct.web.site import Knock, WebSite, redirect
from secureacct.web.views import confirm as confirming

log: Final = logs.logger("web")


class MethodNotAllowed(Rejected):
    """The path is ours, the method is not."""

    code = "method_not_allowed"
    http_status_hint = 405
    public_message = "This address does not take that."


async def handle(site: WebSite, request: Request) -> Answer:
    """Answer one request below the prefix. Never raises one of our errors."""
    found = routes.find(request.path)
    try:
        knock = await site.knock(request)
    except StoreUnavailable as error:
        return store_down(site, request, error)
    try:
        if found is None:
            raise NotFound
        route, parts = found
        answer = await _answer(knock, route, parts)
    except FreshProofRequired as error:
        answer = await confirming.interrupted(knock, error, path=site.url(request.path))
    except SignInRequired as error:
        answer = await _lead_to_sign_in(knock, error)
    except PolicyNotAccepted as error:
        answer = policy_first(knock, error, here=site.url(request.path))
    except SecureAcctError as error:
        answer = await _refused(knock, error)
    if answer.resume is not None:
        answer = await _resume(knock, answer.resume)
    if answer.page is not None:
        answer = replace(answer, around=await _around(knock, found))
    return replace(answer, cookies=(*answer.cookies, *knock.set_cookies))


async def handle_well_known(site: WebSite, request: Request, name: str) -> Answer:
    """Answer ``/.well-known/<name>`` for the names that are ours."""
    view = routes.WELL_KNOWN.get(name)
    if view is None or request.method not in ("GET", "HEAD"):
        return Answer(status=404, body=b"", content_type="text/plain; charset=utf-8", kind="page")
    knock = Knock(
        site=site,
        request=request,
        client=site.client_of(request),
        safe=False,
        cookie_header="",
        session=None,
        token=None,
        presession=None,
        json=True,
    )
    return await view(knock)


def policy_first(knock: Knock, error: PolicyNotAccepted, *, here: str) -> Answer:
    """People are led to the policy and then back; programs are told."""
    if knock.json:
        return answers.problem(error)
    back = f"&next={quote(here, safe='/')}" if knock.request.method in ("GET", "HEAD") else ""
    return redirect(knock.site.url(f"/policy?policy={quote(error.policy, safe='')}{back}"))


async def _around(knock: Knock, found: tuple[routes.Route, dict[str, str]] | None) -> Around:
    """What stands around the page. It never stops the page itself."""
    plain = knock.request.method in ("GET", "HEAD") and found is not None and not found[1]
    try:
        return await around(knock, here=knock.site.url(knock.request.path) if plain else "")
    except StoreUnavailable:
        return bare(knock.site)


async def _answer(knock: Knock, route: routes.Route, parts: dict[str, str]) -> Answer:
    request = knock.request
    if request.method in ("GET", "HEAD"):
        if route.get is None:
            raise MethodNotAllowed
        if route.json_only:
            knock.json = True
        if not knock.safe:
            return _to_tls(knock)
        if "link" in parts:
            return _move_link(knock, route, parts["link"])
        _read_link_cookie(knock, route)
        knock.arguments = tuple(parts.values())
        await _renew(knock)
        await _wait_for_policy(knock, route)
        return await route.get(knock)
    if request.method != "POST" or route.post is None:
        raise MethodNotAllowed
    if not knock.safe:
        raise PlainHttp
    if route.json_only:
        knock.json = True
    if route.csrf:
        knock.check_origin()
        knock.form = read_form(request)
        knock.check_csrf()
    knock.link_token = parts.get("link", "")
    _read_link_cookie(knock, route)
    knock.arguments = tuple(value for name, value in parts.items() if name != "link")
    await _wait_for_policy(knock, route)
    return await route.post(knock)


async def _wait_for_policy(knock: Knock, route: routes.Route) -> None:
    if route.waits and knock.session is not None and knock.site.assembly.promises.policies:
        await knock.site.gate.check(knock.session.account_id)


def _to_tls(knock: Knock) -> Answer:
    """People are led to https; programs are told (ASVS 4.1.2)."""
    if knock.json:
        raise PlainHttp
    base = knock.site.settings.base_url
    query = f"?{knock.request.query}" if knock.request.query else ""
    return Answer(status=308, location=f"{base}{knock.site.url(knock.request.path)}{query}", kind="link")


def _move_link(knock: Knock, route: routes.Route, token: str) -> Answer:
    """Out of the address bar, the history and the Referer; consumes nothing. The cookie names the path it
    belongs to, so a link never stands for another kind of link."""
    cookie = knock.site.cookies.link
    value = f"{route.without_link.strip('/').replace('/', '.')}:{token}"
    knock.set_cookies.append(cookie.set(value))
    return redirect(knock.site.url(route.without_link), kind="link")


def _read_link_cookie(knock: Knock, route: routes.Route) -> None:
    if not route.link or knock.link_token:
        return
    value = knock.site.cookies.link.read(knock.cookie_header) or ""
    where, _, token = value.partition(":")
    if where == route.path.strip("/").replace("/", "."):
        knock.link_token = token


async def _renew(knock: Knock) -> None:
    """A remembered session's token rotates by the clock."""
    if knock.session is None or knock.token is None or not knock.session.remember:
        return
    token = await sessions.renew(knock.site.sessions, knock.token)
    if token is not None:
        knock.signed_in_as(token, max_age_s=knock.session.cookie_max_age(now=knock.parts.now()))
        knock.session = await sessions.load(knock.site.sessions, token)
        knock.token = token


async def _resume(knock: Knock, resumed: Resumed) -> Answer:
    """Carry an interrupted POST out, once, with the proof that was just made."""
    prefix = knock.site.prefix
    knock.resumed = resumed
    knock.form = Form(dict(resumed.form))
    path = resumed.path.removeprefix(prefix) if resumed.path.startswith(prefix + "/") else ""
    found = routes.find(path) if path else None
    post = found[0].post if found is not None else None
    if found is None or post is None:
        return Answer(replay=resumed)
    parts = found[1]
    knock.arguments = tuple(parts.values())
    knock.request = replace(knock.request, path=path)
    try:
        return await post(knock)
    except SecureAcctError as error:
        return await _refused(knock, error)


async def _lead_to_sign_in(knock: Knock, error: SignInRequired) -> Answer:
    if knock.json:
        return answers.problem(error)
    path = knock.site.url(knock.request.path)
    wanted = path if knock.request.method in ("GET", "HEAD") else knock.site.url("/")
    return redirect(knock.site.url(f"/sign-in?next={wanted}"))


async def _refused(knock: Knock, error: SecureAcctError) -> Answer:
    if error.http_status_hint >= 500 and not isinstance(error, StoreUnavailable):
        page = knock.request.path.strip("/").partition("/")[0]  # what follows may be a link's secret
        logs.event(log, "web.failed", level="error", code=error.code, page=page)
    try:
        return await answers.refused(knock, error)
    except StoreUnavailable as second:
        return _plain(knock.json, second)


def store_down(site: WebSite, request: Request, error: StoreUnavailable) -> Answer:
    """Nobody can be asked who is signed in. A sign-out still clears the cookie, and says when the session is
    over at the latest."""
    json = wants_json(request)
    if request.path != "/sign-out" or request.method != "POST":
        return _plain(json, error)
    key = key_of(site.cookies.session.read(request.cookies))
    ends_at = None
    if key is not None:
        ends_at = int.from_bytes(key[:3], "big") * HOUR_S + HOUR_S + site.assembly.longest_session_s
    cleared = (site.cookies.session.clear(),)
    wait = (("Retry-After", str(error.retry_after)),)
    if json:
        body = answers.problem(error, session_ends_at=ends_at).json
        return Answer(
            status=503,
            json=body,
            content_type=answers.PROBLEM,
            cookies=cleared,
            headers=wait,
            kind="signed_out",
        )
    page = SignedOut(ended=False, ends_at=ends_at)
    return Answer(status=503, page=page, cookies=cleared, headers=wait, kind="signed_out")


def _plain(json: bool, error: StoreUnavailable) -> Answer:
    from secureacct.web.pages import Problem

    answer = answers.problem(error)
    if json:
        return answer
    page = Problem(status=503, code=error.code, message=error.public_message, wait_s=error.retry_after)
    return Answer(status=503, page=page, headers=answer.headers)
