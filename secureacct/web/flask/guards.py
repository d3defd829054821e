"""Who is signed in, and pages that ask for it.

Rules of this file: the session is asked once per request and only if somebody wants to know; a page gets
303 to sign in, a program 401; what a guard cannot find out it refuses; what may change something and came
from another site is refused before anything else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload
from urllib.parse import quote

import flask
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from secureacct import assurance
from secureacct._faces import run_inline
from secureacct.accounts.outcomes import EnrolmentRequired, FreshProofRequired, Person, SignInRequired
from secureacct.commitments.errors import PolicyNotAccepted
from secureacct.errors import ConfigurationError, SecureAcctError, StoreUnavailable, TemporarilyUnavailable
from secureacct.records.sessions import Session
from secureacct.sessions import steps as sessions
from secureacct.web import answers, dispatch
from secureacct.web.flask.shell import shell_of, stands_bare
from secureacct.web.http import Answer
from secureacct.web.site import Knock
from secureacct.web.views import confirm as confirming

P = ParamSpec("P")
R = TypeVar("R")
SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))  # change nothing, RFC 9110 section 9.2.1


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


def _signed_in() -> tuple[Knock, Session]:
    """The request and its session, unless another site started something with it: not even to be kept until
    a proof. Whoever has not answered the policy in force does that first."""
    known = knock()
    if flask.request.method not in SAFE_METHODS:
        known.check_origin()
    if known.session is None:
        raise SignInRequired
    if known.site.assembly.promises.policies:
        run_inline(known.site.gate.check(known.session.account_id))
    return known, known.session


@overload
def sign_in_required(view: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R | Response]: ...
@overload
def sign_in_required(view: Callable[P, R]) -> Callable[P, R | Response]: ...
def sign_in_required(view: Callable[P, Any]) -> Callable[P, Any]:
    """Only signed-in people see this view: others are led to sign in (303), programs get 401.

    A request that may change something is refused (403) where its headers say that another site sent it; see
    :func:`secureacct.flask.check_csrf` for the whole check.
    """

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            _signed_in()
        except (SignInRequired, PolicyNotAccepted) as error:
            return on_error(error)
        return _call(view, *args, **kwargs)

    stands_bare(view)
    return guarded


def _call(view: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
    """The view, also where it is ``async def``."""
    return flask.current_app.ensure_sync(view)(*args, **kwargs)


def _here() -> str:
    """The path at hand and its query, percent-encoded as browsers send them: whatever they hold comes back as
    it was."""
    query = flask.request.query_string.decode("latin-1")
    return quote(flask.request.path, safe="/") + (f"?{query}" if query else "")


def _sign_in_first(known: Knock) -> Response:
    if known.json:
        return _respond(answers.problem(SignInRequired()))
    wanted = _here() if flask.request.method in ("GET", "HEAD") else ""
    where = known.site.url("/sign-in") + (f"?next={quote(wanted, safe='/')}" if wanted else "")
    return _respond(Answer(status=303, location=where))


def on_error(error: SecureAcctError) -> Response:
    """What an app's own page answers when one of our errors leaves it. An error of the program's goes on."""
    if isinstance(error, StoreUnavailable):
        shell = shell_of()
        return shell.respond(dispatch.store_down(shell.site, shell.request_facts(), error))
    if error.http_status_hint >= 500 and not isinstance(error, TemporarilyUnavailable):
        raise error
    if isinstance(error, SignInRequired):
        return _sign_in_first(knock())
    if isinstance(error, PolicyNotAccepted):
        return _respond(dispatch.policy_first(knock(), error, here=_here()))
    if isinstance(error, EnrolmentRequired):
        return _enrol_first(knock(), error)
    if isinstance(error, FreshProofRequired):
        return _confirm_first(knock(), error)
    return _respond(run_inline(answers.refused(knock(), error)))


def _respond(answer: Answer) -> Response:
    return shell_of().respond(answer)


class Guard(Protocol):
    """What :func:`require` gives: a decorator for views, ``async def`` or not."""

    @overload
    def __call__(self, view: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, R | Response]: ...
    @overload
    def __call__(self, view: Callable[P, R], /) -> Callable[P, R | Response]: ...


MustEnrol: TypeAlias = Callable[[Person], bool | datetime]


def require(
    *,
    level: int | None = None,
    factors: Iterable[str] = (),
    max_age: timedelta | None = None,
    must_enrol: MustEnrol | None = None,
) -> Guard:
    """Only people who proved enough see this view. Others are led to the proof and back; programs get 401.

    :param level: 1, 2 or 3 (NIST SP 800-63B-4 section 2); None: what the account itself can reach, at most 2.
    :param factors: named ones that must be among the proofs: "password", "totp", "recovery_code", "passkey".
    :param max_age: how old a proof may be.
    :param must_enrol: whether this person must have a second factor ("admins must"), or from when on: an
        aware datetime, the end of a time of grace.
    """
    wanted = assurance.Require(level=level, factors=frozenset(factors), max_age=max_age)

    def decorate(view: Callable[P, Any], /) -> Callable[P, Any]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                _insist(wanted, must_enrol)
            except (SignInRequired, FreshProofRequired, PolicyNotAccepted) as error:
                return on_error(error)
            return _call(view, *args, **kwargs)

        stands_bare(view)
        return guarded

    return decorate


def require_proof(
    *,
    level: int | None = None,
    factors: Iterable[str] = (),
    max_age: timedelta | None = None,
    must_enrol: MustEnrol | None = None,
) -> Person:
    """The same as a plain call, for a view that asks for more in some cases only ("above 1,000 francs").

    What it raises may leave the view: whoever is there is led to the proof, and a POST goes on after it. So
    call it before anything is done.

    :param level, factors, max_age, must_enrol: see :func:`require`.
    :return: who is signed in.
    :raises SignInRequired: nobody is.
    :raises FreshProofRequired: stronger or fresher proof is needed; its kinds are in ``accepts``.
    :raises EnrolmentRequired: the account has no means to give it.
    :raises PolicyNotAccepted: the policy in force must be answered first.
    """
    _insist(assurance.Require(level=level, factors=frozenset(factors), max_age=max_age), must_enrol)
    return require_account()


def _insist(wanted: assurance.Require, must_enrol: MustEnrol | None) -> None:
    known, session = _signed_in()
    held = run_inline(known.parts.store.factors_of(session.account_id))
    now = known.parts.now()
    if must_enrol is not None and not held.any and _is_due(must_enrol(require_account()), now=now):
        raise EnrolmentRequired
    enrolled = assurance.enrolled_kinds(held, password=True)
    verdict = assurance.decide(wanted, proofs=session.proofs, enrolled=enrolled, now=now)
    if isinstance(verdict, assurance.MustEnrol):
        raise EnrolmentRequired
    if isinstance(verdict, assurance.Needs):
        raise FreshProofRequired(verdict.accepts)


def _is_due(answer: bool | datetime, *, now: int) -> bool:
    if not isinstance(answer, datetime):
        return answer
    if answer.utcoffset() is None:
        raise ConfigurationError("must_enrol gave a time without a zone: datetime(..., tzinfo=UTC)")
    return int(answer.timestamp()) <= now


def _enrol_first(known: Knock, error: EnrolmentRequired) -> Response:
    if known.json:
        return _respond(answers.problem(error))
    return _respond(Answer(status=303, location=known.site.url("/two-step?done=needed")))


def _confirm_first(known: Knock, error: FreshProofRequired) -> Response:
    from secureacct.web.negotiation import Form

    if known.json:
        return _respond(answers.problem(error))
    path = _here()
    form = flask.request.form
    known.form = Form(form.to_dict())
    whole = not flask.request.files and all(len(values) == 1 for values in form.listvalues())
    return _respond(run_inline(confirming.interrupted(known, error, path=path, keep=whole)))
