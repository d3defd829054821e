"""The guard that holds an app to its cookie notice: what nobody agreed to does not leave.

Rules of this file: it stands outside the app, where every cookie passes, those of its framework and
extensions too; a cookie that was never declared is dropped and named in the log; one that was refused is
dropped in silence, and removed where it is still there; no answer and Sec-GPC are a refusal. It does no I/O.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from secureacct import logs
from secureacct.consent import CookieStanding, UndeclaredCookie, cookie_standing
from secureacct.web.views.privacy import cleared, present

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from secureacct.web.flask.shell import Shell

log: Final = logs.logger("cookies")


class CookieGuard:
    """A WSGI application around the app's."""

    def __init__(self, app: WSGIApplication, shell: Shell) -> None:
        self._app = app
        self._shell = shell

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, and look at the cookies of the answer."""
        site = self._shell.site
        sent = environ.get("HTTP_COOKIE", "")
        before = cookie_standing(
            site.assembly.declarations,
            cookie=site.choice_cookie.read(sent),
            gpc=environ.get("HTTP_SEC_GPC"),
            now=int(site.assembly.choices.clock()),
        )

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
            return start_response(status, self._admitted(headers, before, sent), exc_info)

        return self._app(environ, start)

    def _admitted(
        self, headers: list[tuple[str, str]], standing: CookieStanding, sent: str
    ) -> list[tuple[str, str]]:
        kept = []
        touched = set()
        for name, value in headers:
            if name.lower() == "set-cookie":
                if not self._may_go(value, standing):
                    continue
                touched.add(value.partition("=")[0].strip())
            kept.append((name, value))
        gone = [one for one in standing.to_clear(present(sent)) if one not in touched]
        return kept + [("Set-Cookie", cleared(one)) for one in gone]

    @staticmethod
    def _may_go(value: str, standing: CookieStanding) -> bool:
        try:
            return bool(standing.admit([value]))
        except UndeclaredCookie:
            logs.event_at_most(
                log,
                "cookie.undeclared",
                every_s=60,
                now=time.monotonic(),
                level="error",
                cookie=value.partition("=")[0].strip()[:64],
                hint="it was not set: declare it in PrivacyChoices, as necessary or for a purpose",
            )
            return False
