"""Forms on the app's own pages: the token they carry, and the check of what was posted.

Rules of this file: the same three questions as for our own pages, in the same order (a safe connection, the
origin, the token); what changes nothing is not asked; our own pages ask for themselves.
"""

from __future__ import annotations

import flask
from markupsafe import Markup

from secureacct.origin import PlainHttp
from secureacct.web.flask.guards import SAFE_METHODS, knock
from secureacct.web.flask.shell import EXTENSION

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"


def csrf_token() -> str:
    """A token for a form on the app's own page, whether it posts to the app or to one of our pages: the
    hidden field ``csrf_token``, or the header ``X-CSRF-Token`` of a script. Different each time, so the page
    is not one to cache.

    :raises StoreUnavailable: the store did not answer.
    """
    known = knock()
    token = known.csrf_token()
    if known.set_cookies:  # nobody is signed in here yet, and the form must be tied to something
        flask.g.secureacct_cookies = (*flask.g.get("secureacct_cookies", ()), *known.set_cookies)
        known.set_cookies.clear()
    return token


def csrf_field() -> Markup:
    """The hidden input with :func:`csrf_token`; in templates ``{{ secureacct_csrf_field() }}``.

    :raises StoreUnavailable: the store did not answer.
    """
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def check_csrf() -> None:
    """Return if this request may change something, because a page of this site in this browser sent it.

    For every form of an app: ``app.before_request(check_csrf)``. For one blueprint:
    ``blueprint.before_request(check_csrf)``. For one view: call it first. GET, HEAD and OPTIONS pass, and our
    own pages, which ask for themselves (OWASP CSRF Prevention Cheat Sheet; ASVS 5 3.5.1).

    :raises PlainHttp: it came over a connection that others can read.
    :raises CrossSite: a header says that it came from another site.
    :raises CsrfFailed: the token is missing, or not this browser's.
    :raises StoreUnavailable: the store did not answer.
    """
    request = flask.request
    if request.method in SAFE_METHODS or request.blueprint == EXTENSION:
        return
    known = knock()
    if not known.safe:
        raise PlainHttp
    known.check_origin()
    token = request.form.get(FIELD) or request.headers.get(HEADER)
    known.site.csrf.check(token, known.binding)
