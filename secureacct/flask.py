"""The Flask extension. See :mod:`secureacct.web.flask`."""

from __future__ import annotations

from secureacct.web.flask import (
    ProfileField,
    SecureAcct,
    csrf_token,
    current_account,
    get_account,
    require,
    require_account,
    sign_in_required,
)

__all__ = [
    "ProfileField",
    "SecureAcct",
    "csrf_token",
    "current_account",
    "get_account",
    "require",
    "require_account",
    "sign_in_required",
]
