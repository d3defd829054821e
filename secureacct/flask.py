"""The Flask extension. See :mod:`secureacct.web.flask`."""

from __future__ import annotations

from secureacct.web.flask import (
    PrivacyChoices,
    ProfileField,
    SecureAcct,
    check_csrf,
    cookie_choice,
    csrf_field,
    csrf_token,
    current_account,
    get_account,
    require,
    require_account,
    require_proof,
    sign_in_required,
)

__all__ = [
    "PrivacyChoices",
    "ProfileField",
    "SecureAcct",
    "check_csrf",
    "cookie_choice",
    "csrf_field",
    "csrf_token",
    "current_account",
    "get_account",
    "require",
    "require_account",
    "require_proof",
    "sign_in_required",
]
