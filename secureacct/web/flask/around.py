"""What the templates of the app's own pages can show: who is signed in, the token of a form, the cookie
question, links that leave.

In a template of the app:  {% include "secureacct/cookie_notice.html" %}  anywhere in the body, and
{% include "secureacct/privacy_links.html" %}  in the footer.
"""

from __future__ import annotations

import flask
from markupsafe import Markup

from secureacct._faces import run_inline
from secureacct.commitments.contact import external_link
from secureacct.consent import CookieStanding
from secureacct.errors import StoreUnavailable
from secureacct.web.around import Around, around, bare
from secureacct.web.flask.forms import csrf_field
from secureacct.web.flask.guards import get_account, knock
from secureacct.web.flask.shell import shell_of


def cookie_choice() -> CookieStanding:
    """What this browser agreed to: ask ``cookie_choice().serves("visits")`` before a count, pixel or script.

    No I/O: it stands in the request.
    """
    shell = shell_of()
    return shell.site.cookie_standing(shell.request_facts())


def app_around() -> Around:
    """What the templates of the notice and the footer show on a page of the app's own."""
    known_facts: Around | None = flask.g.get("secureacct_around")
    if known_facts is not None:
        return known_facts
    site = shell_of().site
    try:
        known = knock()
        here = flask.request.full_path.rstrip("?") if flask.request.method in ("GET", "HEAD") else ""
        found = run_inline(around(known, here=here))
    except StoreUnavailable:
        return bare(site)
    if known.set_cookies:  # a form is tied to this browser
        flask.g.secureacct_cookies = (*flask.g.get("secureacct_cookies", ()), *known.set_cookies)
        known.set_cookies.clear()
    flask.g.secureacct_around = found
    return found


def external(url: str, text: str, note: str = "another site") -> Markup:
    """A link that leaves the site, says so, and tells the other one nothing.

    :raises BadPromise: not an http or https address.
    """
    return Markup(external_link(url, text, note=note))  # noqa: S704 - every part is escaped there


def register(app: flask.Flask) -> None:
    """The names that templates use."""
    app.context_processor(lambda: {"secureacct_around": app_around})
    app.add_template_global(get_account, "secureacct_account")
    app.add_template_global(csrf_field, "secureacct_csrf_field")
    app.add_template_global(external, "secureacct_external")
