"""Who is signed in, and pages that ask for it.

Rules of this file: the session is asked once per request and only if somebody wants to know; a page gets
303 to sign in, a program 401; what a guard cannot find out it refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final, ParamSpec, TypeVar, cast
from urllib.parse import quote

import flask
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from secureacct import assurance
from secureacct._faces import run_inline
from secureacct.accounts.outcomes import FreshProofRequired, Person, SignInRequired
from secureacct.commitments.errors import PolicyNotAccepted
from secureacct.errors import SecureAcctError, StoreUnavailable, TemporarilyUnavailable
from secureacct.sessions import steps as sessions
from secureacct.web import answers, dispatch
from secureacct.web.flask.shell import shell_of
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views import confirm as confirming

P = ParamSpec("P")
R = TypeVar("R")


def knock() -> Knock:
    """What is known about the request at hand.

    :raises StoreUnavailable: the store did not answer.
    """
    known: Knock | None = flask.g.get("secureacct_knock")
    if known is None:
        shell = shell_of()
        shell.ready()
        known = run_inline(shell.site.knock(shell.request_facts()))
        flask.g.secureacct_knock = known
        if known.session is not None and known.session.remember:
            _renew(known)
    return known


def _renew(known: Knock) -> None:
    site = known.site
    if known.token is None or known.session is None:
        return
    token = run_inline(sessions.renew(site.sessions, known.token))
    if token is not None:
        max_age = known.session.cookie_max_age(now=site.parts.now())
        flask.g.secureacct_cookies = (site.cookies.session.set(token, max_age=max_age),)


def csrf_token() -> str:
    """A token for a form on the app's own page that posts to one of ours, such as a sign-out button: the
    hidden field ``csrf_token``. Different each time, so the page is not one to cache.

    :raises StoreUnavailable: the store did not answer.
    """
    known = knock()
    token = known.csrf_token()
    if known.set_cookies:  # nobody is signed in here yet, and the form must be tied to something
        flask.g.secureacct_cookies = (*flask.g.get("secureacct_cookies", ()), *known.set_cookies)
        known.set_cookies.clear()
    return token


def get_account() -> Person | None:
    """Who is signed in, or None.

    :raises StoreUnavailable: the store did not answer.
    """
    if "secureacct_person" not in flask.g:
        flask.g.secureacct_person = _person(knock())
    person: Person | None = flask.g.secureacct_person
    return person


def _person(known: Knock) -> Person | None:
    session = known.session
    if session is None:
        return None
    found = run_inline(known.parts.people.by_id(session.account_id))
    if found is None or not found.active:
        return None
    return Person(
        id=found.id,
        email=found.email,
        email_verified=found.email_verified,
        session_id=session.id,
        proofs=session.proofs,
    )


def require_account() -> Person:
    """Who is signed in.

    :raises SignInRequired: nobody is.
    """
    person = get_account()
    if person is None:
        raise SignInRequired
    return person


current_account: Final = cast(Person, LocalProxy(require_account))
"""The signed-in person, as a proxy: ``current_account.email``. Raises SignInRequired where nobody is."""


def sign_in_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Only signed-in people see this view: others are led to sign in (303), programs get 401."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        known = knock()
        if known.session is None:
            return _sign_in_first(known)
        policy = _policy_first(known)
        return policy if policy is not None else view(*args, **kwargs)

    return guarded


def _sign_in_first(known: Knock) -> Response:
    if known.json:
        return _respond(answers.problem(SignInRequired()))
    wanted = flask.request.full_path.rstrip("?") if flask.request.method in ("GET", "HEAD") else ""
    where = known.site.url("/sign-in") + (f"?next={quote(wanted, safe='/')}" if wanted else "")
    return _respond(Answer(status=303, location=where))


def _policy_first(known: Knock) -> Response | None:
    """Whoever has not answered the policy in force is led to it."""
    if known.session is None or not known.site.assembly.promises.policies:
        return None
    try:
        run_inline(known.site.gate.check(known.session.account_id))
    except PolicyNotAccepted as error:
        here = flask.request.full_path.rstrip("?")
        return _respond(dispatch.policy_first(known, error, here=here))
    return None


def on_error(error: SecureAcctError) -> Response:
    """What an app's own page answers when one of our errors leaves it. An error of the program's goes on."""
    if isinstance(error, StoreUnavailable):
        shell = shell_of()
        return shell.respond(dispatch.store_down(shell.site, shell.request_facts(), error))
    if error.http_status_hint >= 500 and not isinstance(error, TemporarilyUnavailable):
        raise error
    if isinstance(error, SignInRequired):
        return _sign_in_first(knock())
    if isinstance(error, FreshProofRequired):
        return _confirm_first(knock(), error.accepts)
    return _respond(run_inline(answers.refused(knock(), error)))


def _respond(answer: Answer) -> Response:
    return shell_of().respond(answer)


def require(
    *,
    level: int | None = None,
    factors: Iterable[str] = (),
    max_age: timedelta | None = None,
    must_enrol: Callable[[Person], bool] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Only people who proved enough see this view.

    :param level: 1, 2 or 3 (NIST SP 800-63B-4 section 2); None: what the account itself can reach, at most 2.
    :param factors: named ones that must be among the proofs: "password", "totp", "recovery_code", "passkey".
    :param max_age: how old a proof may be.
    :param must_enrol: whether this person must have a second factor ("admins must").
    """
    wanted = assurance.Require(level=level, factors=frozenset(factors), max_age=max_age)

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            known = knock()
            if known.session is None:
                return _sign_in_first(known)
            refusal = _policy_first(known) or _not_enough(known, wanted, must_enrol)
            return refusal if refusal is not None else view(*args, **kwargs)

        return guarded

    return decorate


def _not_enough(
    known: Knock, wanted: assurance.Require, must_enrol: Callable[[Person], bool] | None
) -> Response | None:
    session = known.session
    if session is None:
        return _sign_in_first(known)
    held = run_inline(known.parts.store.factors_of(session.account_id))
    if must_enrol is not None and not held.any and must_enrol(require_account()):
        return _enrol_first(known)
    verdict = assurance.decide(
        wanted,
        proofs=session.proofs,
        enrolled=assurance.enrolled_kinds(held, password=True),
        now=known.parts.now(),
    )
    if isinstance(verdict, assurance.Satisfied):
        return None
    if isinstance(verdict, assurance.MustEnrol):
        return _enrol_first(known)
    return _confirm_first(known, verdict.accepts)


def _enrol_first(known: Knock) -> Response:
    if known.json:
        return _respond(answers.problem(FreshProofRequired(("enrol",))))
    return _respond(Answer(status=303, location=known.site.url("/two-step")))


def _confirm_first(known: Knock, accepts: Iterable[str]) -> Response:
    from secureacct.web.negotiation import Form

    error = FreshProofRequired(tuple(accepts))
    if known.json:
        return _respond(answers.problem(error))
    path = flask.request.full_path.rstrip("?")
    if flask.request.method == "POST":
        form: dict[str, Any] = flask.request.form.to_dict()
        known.form = Form(form)
    return _respond(run_inline(confirming.interrupted(known, error, path=path)))
