"""One site on the web: its parts, its cookies, and what is known about each request.

Rules of this file: a session cookie counts only over TLS, or from this very machine to http://localhost;
a POST is looked at only after it was shown to come from our own pages; the session is asked once per
request; nothing is opened before the first request.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from typing import Any, Final

from secureacct import csrf, logs, origin
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.assembly import Assembly
from secureacct.client_address import EXPLANATIONS, Client, SharedAddressWatch, client, coarse
from secureacct.commitments.policy_gate import PolicyGate
from secureacct.commitments.privacy import Privacy
from secureacct.consent import CookieStanding, cookie_standing
from secureacct.consent.cookie_choice import ASK_AGAIN_AFTER
from secureacct.cookies import SecureCookie, account_cookies
from secureacct.headers import HeaderSet, SecurityHeaders, security_headers
from secureacct.records.sessions import Session
from secureacct.sessions import steps as sessions
from secureacct.sessions.devices import Device, name_of
from secureacct.sessions.parts import Notices, SessionParts, parts_of
from secureacct.web.http import Answer, Request
from secureacct.web.negotiation import EMPTY, Form, wants_json

log: Final = logs.logger("web")


class WebSite:
    """What every view of one site shares."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.settings: Final = assembly.settings
        self.prefix: Final = assembly.settings.url_prefix
        self.cookies: Final = account_cookies(assembly.settings.cookie_name)
        self.choice_cookie: Final = SecureCookie("choice", max_age=ASK_AGAIN_AFTER)
        self.headers: SecurityHeaders = security_headers(assembly.settings.base_url)
        self.has_passkeys: Final = _importable("webauthn")
        self._watch = SharedAddressWatch()
        self._lock = threading.Lock()
        self._csrf: csrf.CsrfTokens | None = None
        self._sessions: SessionParts | None = None
        self._gate: PolicyGate | None = None
        self._noticed = False

    @property
    def parts(self) -> AccountParts:
        """The parts of the journeys."""
        return self.assembly.parts

    @property
    def privacy(self) -> Privacy:
        """What the privacy pages work with."""
        return self.assembly.privacy

    @property
    def gate(self) -> PolicyGate:
        """Whether people may go on under the policies in force."""
        if self._gate is None:
            self._gate = PolicyGate(self.privacy)
        return self._gate

    def cookie_standing(self, request: Request) -> CookieStanding:
        """What may be set in the browser that sent this request. No I/O."""
        return cookie_standing(
            self.assembly.declarations,
            cookie=self.choice_cookie.read(request.cookies),
            gpc=request.header("sec-gpc"),
            now=int(self.assembly.choices.clock()),
        )

    @property
    def csrf(self) -> csrf.CsrfTokens:
        """The tokens of our forms."""
        if self._csrf is None:
            self._csrf = csrf.CsrfTokens(self.parts.vault.keys)
        return self._csrf

    @property
    def sessions(self) -> SessionParts:
        """The hot path."""
        if self._sessions is None:
            parts = self.parts
            with self._lock:
                self._sessions = parts_of(
                    parts.store,
                    parts.sessions,
                    keys=parts.vault.keys,
                    clock=parts.clock,
                    random=parts.random,
                    meter=None,
                    tell_reuse=self._tell_reuse,
                )
        return self._sessions

    def _tell_reuse(self, *about: Any, **more: Any) -> Notices:
        self._noticed = True
        return self.assembly.tell_reuse(*about, **more)

    def noticed(self) -> bool:
        """Whether looking at a request wrote a mail, since this was asked last: it can be handed over."""
        noticed, self._noticed = self._noticed, False
        return noticed

    def header_set(self, kind: str) -> HeaderSet:
        """The security headers of one kind of answer."""
        found: HeaderSet = getattr(self.headers, kind)
        return found

    def url(self, path: str) -> str:
        """Our own path, with the prefix."""
        return f"{self.prefix}{path}"

    def client_of(self, request: Request) -> Client:
        """Who is asking, by the client-address rule."""
        return client(
            peer=request.peer, https=request.https, headers=request.headers, proxies=self.assembly.proxies
        )

    def carries_credentials(self, request: Request, who: Client) -> bool:
        """Whether cookies and passwords may be believed on this connection."""
        return origin.carries_credentials(
            scheme="https" if who.https else "http", peer=request.peer, base_url=self.settings.base_url
        )

    def _watch_address(self, client_id: str, address: str | None) -> None:
        shared = None if self.settings.is_local else self._watch.seen(client_id=client_id, address=address)
        if shared is not None:
            logs.event(
                log,
                "client.shared_address",
                level="warning",
                network=coarse(shared),
                hint="most sessions come from one address: is a proxy missing in SECUREACCT_TRUSTED_PROXIES?",
            )

    async def knock(self, request: Request) -> Knock:
        """Everything that is known about a request before a view looks at it.

        :raises StoreUnavailable: the store did not answer.
        """
        who = self.client_of(request)
        if who.alarm is not None:
            logs.event_at_most(
                log,
                "client.alarm",
                every_s=60,
                now=self.assembly.choices.clock(),
                level="warning",
                alarm=who.alarm,
                hint=EXPLANATIONS[who.alarm],
            )
        safe = self.carries_credentials(request, who)
        cookies = request.cookies if safe else ""
        token = self.cookies.session.read(cookies) if cookies else None
        seen = functools.partial(_device, request, who)
        session = await sessions.load(self.sessions, token, seen=seen) if token else None
        presession = self.cookies.presession.read(cookies) if cookies else None
        if session is not None:
            self._watch_address(session.id, who.address)
        return Knock(
            site=self,
            request=request,
            client=who,
            safe=safe,
            cookie_header=cookies,
            session=session,
            token=token if session is not None else None,
            presession=presession if csrf.is_presession(presession) else None,
            json=wants_json(request),
        )


@dataclass(slots=True, kw_only=True)
class Knock:
    """One request with what is known about it. ``set_cookies`` collects what the answer will set."""

    site: WebSite
    request: Request
    client: Client
    safe: bool  # credentials may be believed on this connection
    cookie_header: str = field(repr=False)
    session: Session | None
    token: str | None = field(repr=False)
    presession: str | None = field(repr=False)
    json: bool
    form: Form = EMPTY
    link_token: str = field(default="", repr=False)  # from the path or the link cookie
    arguments: tuple[str, ...] = field(default=(), repr=False)  # the variable parts of the path
    resumed: object = None  # a secureacct.accounts.fresh_proof.Resumed, after /confirm
    set_cookies: list[str] = field(default_factory=list, repr=False)

    @property
    def parts(self) -> AccountParts:
        """The parts of the journeys."""
        return self.site.parts

    @property
    def visit(self) -> Visit:
        """What a journey is told about who knocks."""
        return Visit(
            device=name_of(self.request.header("user-agent")),
            network=self.client.address,
            device_mark=self.site.cookies.device.read(self.cookie_header) if self.cookie_header else None,
            correlation_id=(self.request.header("x-request-id") or "")[:64],
        )

    @property
    def binding(self) -> csrf.Binding | None:
        """What this browser's forms are tied to."""
        if self.session is not None:
            return csrf.to_session(self.session.id)
        return csrf.to_presession(self.presession) if self.presession else None

    def csrf_token(self) -> str:
        """A token for a form in this answer; sets the presession cookie where nothing is there to tie to."""
        if self.binding is None:
            self.presession = csrf.presession_value(self.parts.random(csrf.PRESESSION_BYTES))
            self.set_cookies.append(self.site.cookies.presession.set(self.presession))
        binding = self.binding
        if binding is None:  # pragma: no cover - just set
            raise csrf.CsrfFailed
        return self.site.csrf.issue(binding)

    def check_origin(self) -> None:
        """:raises CrossSite: a header says that the request came from another site."""
        origin.refuse_cross_site(
            sec_fetch_site=self.request.header("sec-fetch-site"),
            origin=self.request.header("origin"),
            base_url=self.site.settings.base_url,
        )

    def check_csrf(self) -> None:
        """:raises CsrfFailed: the token is missing, or not this browser's."""
        token = self.form.given("csrf_token") or self.request.header("x-csrf-token")
        self.site.csrf.check(token, self.binding)

    def signed_in_as(self, token: str, *, max_age_s: int | None) -> None:
        """The answer sets the session cookie."""
        self.set_cookies.append(self.site.cookies.session.set(token, max_age=max_age_s))


def _device(request: Request, who: Client) -> Device:
    return Device(name_of(request.header("user-agent")), who.address)


def redirect(location: str, **more: object) -> Answer:
    """303 to one of our own paths."""
    return Answer(status=303, location=location, **more)  # type: ignore[arg-type]


def _importable(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None
