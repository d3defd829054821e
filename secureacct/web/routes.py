"""The map: which view answers which path. Another journey adds rows.

Rules of this file: a GET changes nothing; ``{link}`` is the secret of a mailed link, which a GET moves out of
the address bar into a cookie first; ``{id}`` is a public id.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views import (
    confirm,
    email,
    factors,
    mailings,
    own_data,
    passkeys,
    password,
    policy,
    privacy,
    profile,
    recovery,
    registration,
    sign_in,
    sign_out,
    well_known,
)

View = Callable[[Knock], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One path. ``link``: the cookie of a link (by the path it belongs to) may stand for its secret."""

    path: str
    get: View | None = None
    post: View | None = None
    link: bool = False
    json_only: bool = False
    csrf: bool = True  # False for the one-click unsubscribe alone (RFC 8058), which reads its own body
    waits: bool = False  # it waits until the policy in force is accepted; what is one's own never does
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[A-Za-z0-9_-]{1,512})", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(pattern + r"\Z"))

    @property
    def without_link(self) -> str:
        """The path that a link's GET is redirected to."""
        return self.path.removesuffix("/{link}")


ROUTES: list[Route] = [
    Route("/", get=profile.index, waits=True),
    Route("/session", get=sign_in.who, json_only=True),
    Route("/sign-up", get=registration.sign_up_form, post=registration.sign_up),
    Route("/verify", get=registration.again_form, post=registration.again, link=True),
    Route("/verify/{link}", get=registration.verify_form, post=registration.verify),
    Route("/sign-in", get=sign_in.form, post=sign_in.sign_in),
    Route("/sign-in/code", get=sign_in.code_form, post=sign_in.code),
    Route("/sign-in/passkey/options", post=passkeys.sign_in_options, json_only=True),
    Route("/sign-in/passkey", post=passkeys.sign_in, json_only=True),
    Route("/sign-out", post=sign_out.sign_out),
    Route("/devices", get=sign_out.devices_page, post=sign_out.end_devices),
    Route("/password", get=password.form, post=password.change),
    Route("/reset", get=password.reset_form, post=password.reset, link=True),
    Route("/reset/{link}", get=password.new_password_form, post=password.new_password),
    Route("/email", get=email.form, post=email.change, waits=True),
    Route("/email/confirm", get=email.confirm_form, post=email.confirm, link=True),
    Route("/email/confirm/{link}", get=email.confirm_form, post=email.confirm),
    Route("/email/undo", get=email.undo_form, post=email.undo, link=True),
    Route("/email/undo/{link}", get=email.undo_form, post=email.undo),
    Route("/not-me", get=recovery.not_me_form, post=recovery.not_me, link=True),
    Route("/not-me/{link}", get=recovery.not_me_form, post=recovery.not_me),
    Route("/recover", get=recovery.form, post=recovery.ask, link=True),
    Route("/recover/{link}", get=recovery.link_form, post=recovery.go_on),
    Route("/recover/cancel", get=recovery.cancel_form, post=recovery.cancel, link=True),
    Route("/recover/cancel/{link}", get=recovery.cancel_form, post=recovery.cancel),
    Route("/profile", get=profile.form, post=profile.save),
    Route("/two-step", get=factors.form, post=factors.begin, waits=True),
    Route("/two-step/confirm", get=factors.confirm_form, post=factors.confirm, waits=True),
    Route("/two-step/off", get=factors.off_form, post=factors.off),
    Route("/recovery-codes", get=factors.codes_form, post=factors.codes, waits=True),
    Route("/passkeys", get=passkeys.listing, post=passkeys.add, waits=True),
    Route("/passkeys/{id}/remove", post=passkeys.remove),
    Route("/passkeys/{id}/rename", post=passkeys.rename),
    Route("/confirm", get=confirm.form, post=confirm.confirm),
    Route("/activity", get=profile.activity),
    Route("/privacy", get=privacy.form, post=privacy.choose),
    Route("/privacy/export", get=own_data.export_form, post=own_data.export),
    Route("/privacy/export/download", get=own_data.download_form, post=own_data.download, link=True),
    Route("/privacy/export/download/{link}", get=own_data.download_form, post=own_data.download),
    Route("/privacy/delete", get=own_data.delete_form, post=own_data.delete),
    Route("/privacy/keep", get=own_data.keep_form, post=own_data.keep, link=True),
    Route("/privacy/keep/{link}", get=own_data.keep_form, post=own_data.keep),
    Route("/unsubscribe/{token}", get=mailings.form, post=mailings.end, csrf=False),
    Route("/policy", get=policy.form, post=policy.answer),
    Route("/our-mail", get=privacy.our_mail),
]

WELL_KNOWN: Mapping[str, View] = {
    "change-password": well_known.change_password,
    "passkey-endpoints": well_known.passkey_endpoints,
    "security.txt": well_known.security_txt,
    "webauthn": well_known.webauthn,
}


def find(path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path below the prefix, and its variable parts. Fixed paths go first."""
    fixed = next((route for route in ROUTES if route.path == path), None)
    if fixed is not None:
        return fixed, {}
    for route in ROUTES:
        match = route.pattern.match(path)
        if match is not None:
            return route, match.groupdict()
    return None
