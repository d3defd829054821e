"""What stands between one app and its site: answers become responses, mails leave after them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import flask
from werkzeug.wrappers import Response

from secureacct import logs
from secureacct._faces import run_inline
from secureacct.accounts import delivery
from secureacct.accounts.fresh_proof import Resumed
from secureacct.audit import steps as sealer
from secureacct.commitments import export
from secureacct.errors import ConfigurationError, SecureAcctError, StoreUnavailable
from secureacct.keys import KeyringError
from secureacct.web import dispatch
from secureacct.web.flask import replay
from secureacct.web.flask.requests import facts, headers_of, iso, moment, response_of
from secureacct.web.http import Answer, Request
from secureacct.web.site import Knock, WebSite

log: Final = logs.logger("flask")

EXTENSION = "secureacct"
BARE = "_secureacct_bare"


def shell_of(app: flask.Flask | None = None) -> Shell:
    """What ``init_app`` left with an app."""
    found: Shell | None = (app or flask.current_app).extensions.get(EXTENSION)
    if found is None:
        raise ConfigurationError("secureacct was not set up for this app: call SecureAcct().init_app(app)")
    return found


def stands_bare(view: Callable[..., Any]) -> None:
    """Remember that a view has a guard around it: a route that leads to the view itself has none."""
    with contextlib.suppress(AttributeError, TypeError):  # a bound method, say: nothing to remember it by
        setattr(view, BARE, True)


class Shell:
    """What stands between one app and its site."""

    def __init__(self, app: flask.Flask, site: WebSite, *, ui: bool) -> None:
        self.app = app
        self.site = site
        self._ready = False
        self._ready_lock = threading.Lock()
        self._delivering = threading.Lock()
        self._working = threading.Lock()
        self._sealing = threading.Lock()
        self._seal_at = 0.0  # seconds of time.monotonic()
        blueprint = flask.Blueprint(
            EXTENSION,
            "secureacct.web",
            template_folder="templates",
            static_folder="static",
            static_url_path="/static",
        )
        if ui:
            methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
            options: dict[str, Any] = {
                "provide_automatic_options": False,
                "methods": methods,
                "merge_slashes": False,  # a redirect of the router's would name the host of the request
                "strict_slashes": False,
            }
            blueprint.add_url_rule("/", "account", self._page, **options)
            blueprint.add_url_rule("/<path:path>", "page", self._page, **options)
            app.add_url_rule("/.well-known/<name>", "secureacct_well_known", self._well_known, **options)
            app.register_blueprint(blueprint, url_prefix=site.prefix)
            csrf = app.extensions.get("csrf")
            if csrf is not None and hasattr(csrf, "exempt"):
                csrf.exempt(blueprint)
        app.add_template_filter(iso, "secureacct_iso")
        app.add_template_filter(moment, "secureacct_moment")
        app.before_request(self._before)
        app.after_request(self._after)

    def _before(self) -> None:
        view = self.app.view_functions.get(flask.request.endpoint or "")
        if getattr(view, BARE, False):
            raise ConfigurationError(
                f"the guard of {flask.request.endpoint!r} stands above its route and guards nothing: put "
                "@sign_in_required or @require below @app.route"
            )

    def _page(self, path: str = "") -> Response:
        request = facts(self.site)
        answer = self.answer(request)
        if answer.replay is not None:
            return self._replay(answer)
        return self.respond(answer)

    def respond(self, answer: Answer) -> Response:
        """Send an answer; the mails that wait leave after it."""
        flask.g.secureacct_answered = True
        response = response_of(self.site, answer)
        if answer.works:
            response.call_on_close(self.work_soon)
        elif answer.mailed:
            response.call_on_close(self.deliver_soon)
        response.call_on_close(self.seal_soon)
        return response

    def _well_known(self, name: str) -> Response:
        flask.g.secureacct_answered = True
        answer = run_inline(dispatch.handle_well_known(self.site, facts(self.site, path=""), name))
        return response_of(self.site, answer)

    def answer(self, request: Request) -> Answer:
        """The answer to a request below the prefix."""
        try:
            self.ready()
            return run_inline(dispatch.handle(self.site, request))
        except StoreUnavailable as error:
            return dispatch.store_down(self.site, request, error)

    def ready(self) -> None:
        """Before the first answer: on localhost make what is missing, elsewhere see that it is there.

        :raises StoreUnavailable: it is not; a line in the log says what to do.
        """
        if not self._ready:
            with self._ready_lock:
                self._ready = self._set_up()

    def _set_up(self) -> bool:
        if self._ready:  # another thread was first
            return True
        assembly = self.site.assembly
        try:
            if self.site.settings.is_local:
                assembly.init()
            else:
                assembly.check()
        except (ConfigurationError, KeyringError) as error:
            logs.event_at_most(
                log,
                "site.not_ready",
                every_s=60,
                now=time.monotonic(),
                level="error",
                reason=error.code,
                hint=str(error),
            )
            raise StoreUnavailable("the site is not set up", retry_after=60) from None
        settings = self.site.settings
        if settings.is_local and not settings.mail_url and assembly.choices.mailer is None:
            logs.event(
                log,
                "mail.kept",
                level="warning",
                hint="mails stay in memory: set SECUREACCT_MAIL_URL to console: to read them here",
            )
        return True

    def _replay(self, answer: Answer) -> Response:
        """The interrupted POST of a page of the app's own, repeated inside, once."""
        resumed = answer.replay
        if not isinstance(resumed, Resumed):
            raise ConfigurationError("nothing to repeat")
        response = replay.repeat(self.app, resumed, cookies=answer.cookies)
        for cookie in answer.cookies:
            response.headers.add("Set-Cookie", cookie)
        return response

    def deliver_soon(self) -> None:
        """Hand the outbox over in the background; one at a time, and nobody waits for it."""
        if not self._delivering.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._deliver, name="secureacct-mail", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._delivering.release()

    def _deliver(self) -> None:
        try:
            self.deliver()
        except SecureAcctError as error:
            logs.event(log, "mail.not_delivered", level="warning", reason=error.code)
        finally:
            self._delivering.release()

    def work_soon(self) -> None:
        """Make the copies that wait, in the background; one at a time. What a process that ends leaves
        undone, the next call or ``flask secureacct privacy run`` begins again."""
        if not self._working.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._work, name="secureacct-export", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._working.release()

    def _work(self) -> None:
        try:
            run_inline(export.work(self.site.privacy.exports))
            self.deliver()
        except SecureAcctError as error:
            logs.event(log, "export.not_made", level="warning", reason=error.code)
        finally:
            self._working.release()

    def seal_soon(self) -> None:
        """Seal the security log in the background, when it was not looked at for a minute."""
        every = self.site.assembly.choices.seal_every_s
        if not every or time.monotonic() < self._seal_at or not self._sealing.acquire(blocking=False):
            return
        self._seal_at = time.monotonic() + every
        thread = threading.Thread(target=self._seal, name="secureacct-seal", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._sealing.release()

    def _seal(self) -> None:
        try:
            self.seal()
        except SecureAcctError as error:
            logs.event(log, "audit.not_sealed", level="warning", reason=error.code)
        finally:
            self._sealing.release()

    def seal(self, *, force: bool = False) -> int:
        """Close what is due in the security log with signed checkpoints; how many segments.

        :param force: everything, without waiting for a minute's worth.
        :raises StoreUnavailable: the store did not answer.
        """
        audit = self.site.assembly.audit
        return 0 if audit is None else len(run_inline(sealer.seal(audit, force=force)))

    def deliver(self) -> int:
        """Hand over what waits in the outbox; how many mails left.

        :raises StoreUnavailable: the store did not answer.
        """
        return run_inline(delivery.deliver(self.site.parts, self.site.assembly.mailer))

    def _after(self, response: Response) -> Response:
        if self.site.noticed():
            response.call_on_close(self.deliver_soon)
        headers = response.headers
        set_here = {cookie.partition("=")[0] for cookie in headers.getlist("Set-Cookie")}
        for cookie in flask.g.get("secureacct_cookies", ()):  # a renewed token, on answers of ours too
            if cookie.partition("=")[0] not in set_here:
                headers.add("Set-Cookie", cookie)
        if flask.g.get("secureacct_answered"):
            return response
        knock: Knock | None = flask.g.get("secureacct_knock")
        for name, value in self.site.headers.page.text:
            if name not in headers:
                headers[name] = value
        if knock is not None and knock.session is not None and "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        return response

    def request_facts(self) -> Request:
        """The facts of a request to one of the app's own pages: no body is read."""
        environ: Mapping[str, Any] = flask.request.environ
        return Request(
            method=flask.request.method,
            path="",
            headers=headers_of(dict(environ)),
            peer=environ.get("REMOTE_ADDR"),
            https=environ.get("wsgi.url_scheme") == "https",
        )
