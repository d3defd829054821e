"""The extension: one object, any number of apps, no I/O until the first request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Final, TypedDict, Unpack

import flask

from secureacct.accounts.parts import Lifetimes
from secureacct.accounts.vault import ProfileField
from secureacct.assembly import Assembly, Choices
from secureacct.commitments.privacy import PrivacyChoices
from secureacct.errors import ConfigurationError, SecureAcctError
from secureacct.keys import Keyring
from secureacct.keys.providers import KeyProvider
from secureacct.password_rules import PasswordRules
from secureacct.passwords import PasswordHasher
from secureacct.ports.accounts import Directory, PasswordStore
from secureacct.ports.mailer import Mailer
from secureacct.sessions import SessionPolicy
from secureacct.settings import Settings
from secureacct.throttle import ThrottlePolicy
from secureacct.web.flask import around, commands, guards
from secureacct.web.flask.cookie_guard import CookieGuard
from secureacct.web.flask.shell import EXTENSION, Shell, shell_of
from secureacct.web.site import WebSite


class ChoiceNames(TypedDict, total=False):
    """The keywords of :class:`SecureAcct`, for editors and type checkers: the fields of
    :class:`secureacct.assembly.Choices`."""

    profile: Sequence[ProfileField]
    sessions: SessionPolicy | None
    rules: PasswordRules | None
    throttle: ThrottlePolicy | None
    lifetimes: Lifetimes | None
    rp_id: str
    related_origins: tuple[str, ...]
    compat_rs256: bool
    hasher: PasswordHasher | None
    keys: Keyring | None
    key_provider: KeyProvider | None
    store: Any
    mailer: Mailer | None
    clock: Callable[[], float]
    directory: Directory | None
    password_store: PasswordStore | None
    seal_every_s: int
    privacy: PrivacyChoices | None


class SecureAcct:
    """Accounts for a Flask app.

    :param settings: instead of ``SECUREACCT_*`` in ``app.config``; the object wins.
    :param ui: False registers no pages, as ``SECUREACCT_PAGES=off`` does: the guards and the parts only.
    :param choices: everything that is said in code, as keywords: see :class:`secureacct.assembly.Choices`
        (``profile``, ``sessions``, ``rules``, ``throttle``, ``mailer``, ``directory``, ...).
    :raises ConfigurationError: an unknown choice, or one of another type.
    """

    def __init__(
        self, settings: Settings | None = None, *, ui: bool = True, **choices: Unpack[ChoiceNames]
    ) -> None:
        if settings is not None and not isinstance(settings, Settings):
            raise ConfigurationError("an app is given to init_app: SecureAcct().init_app(app)")
        self._settings = settings
        self._ui = ui
        self._choices = _checked(choices)

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


_TYPES: Final[dict[str, type[Any]]] = {
    "sessions": SessionPolicy,
    "rules": PasswordRules,
    "throttle": ThrottlePolicy,
    "lifetimes": Lifetimes,
    "hasher": PasswordHasher,
    "keys": Keyring,
    "privacy": PrivacyChoices,
}


def _checked(choices: ChoiceNames) -> Choices:
    """The choices, or one sentence about the first that cannot be one."""
    known = [one.name for one in fields(Choices)]
    for name, value in choices.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"SecureAcct knows no choice {name!r}{hint}")
        wanted = _TYPES.get(name)
        if wanted is not None and value is not None and not isinstance(value, wanted):
            raise ConfigurationError(f"{name} is a {wanted.__name__}, not a {type(value).__name__}")
    if not all(isinstance(one, ProfileField) for one in choices.get("profile", ())):
        raise ConfigurationError("profile is a list of ProfileField(name=..., label=...)")
    return Choices(**choices)
