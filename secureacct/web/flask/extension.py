"""The extension: one object, any number of apps, no I/O until the first request."""

from __future__ import annotations

from typing import Any

import flask

from secureacct.assembly import Assembly, Choices
from secureacct.errors import ConfigurationError, SecureAcctError
from secureacct.settings import Settings
from secureacct.web.flask import around, commands, guards
from secureacct.web.flask.cookie_guard import CookieGuard
from secureacct.web.flask.shell import EXTENSION, Shell, shell_of
from secureacct.web.site import WebSite


class SecureAcct:
    """Accounts for a Flask app.

    :param settings: instead of ``SECUREACCT_*`` in ``app.config``; the object wins.
    :param ui: False registers no pages, as ``SECUREACCT_PAGES=off`` does: the guards and the parts only.
    :param choices: everything that is said in code, as keywords: see :class:`secureacct.assembly.Choices`
        (``profile``, ``sessions``, ``rules``, ``throttle``, ``mailer``, ``directory``, ...).
    """

    def __init__(self, settings: Settings | None = None, *, ui: bool = True, **choices: Any) -> None:
        self._settings = settings
        self._ui = ui
        self._choices = Choices(**choices)

    def init_app(self, app: flask.Flask) -> None:
        """Register with an app. Opens nothing.

        :raises ConfigurationError: a setting is unknown, missing or cannot work.
        """
        if EXTENSION in app.extensions:
            raise ConfigurationError("this app has secureacct already")
        settings = self._settings or Settings.from_mapping(app.config)
        site = WebSite(Assembly(settings, self._choices))
        shell = Shell(app, site, ui=self._ui and settings.pages)
        app.extensions[EXTENSION] = shell
        app.register_error_handler(SecureAcctError, guards.on_error)
        around.register(app)
        if self._choices.privacy is not None:
            app.wsgi_app = CookieGuard(app.wsgi_app, shell)  # type: ignore[method-assign]
        app.cli.add_command(commands.group(shell))

    def site(self, app: flask.Flask | None = None) -> WebSite:
        """The site of an app (of the current one unless given).

        :raises ConfigurationError: the app was not given to ``init_app``.
        """
        return shell_of(app).site
