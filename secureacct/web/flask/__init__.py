"""Flask: the extension, and the verbs an app uses.

secureacct = SecureAcct()
secureacct.init_app(app)                 # pages under /account/

@app.get("/")
@sign_in_required
def home() -> str:
    return f"Hello {require_account().email}"
"""

from __future__ import annotations

from secureacct.errors import MissingExtra

try:
    import flask as _flask  # noqa: F401 - asked for here so that a missing extra is said in one line
except ModuleNotFoundError:
    raise MissingExtra("flask", needed_for="secureacct.flask") from None

from secureacct.accounts.vault import ProfileField
from secureacct.commitments.privacy import PrivacyChoices
from secureacct.web.flask.around import cookie_choice
from secureacct.web.flask.extension import SecureAcct
from secureacct.web.flask.forms import check_csrf, csrf_field, csrf_token
from secureacct.web.flask.guards import (
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
