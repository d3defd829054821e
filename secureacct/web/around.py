"""What stands around the content of every page: the cookie question, notices, the links of the footer.

Rules of this file: it is the same on our pages and on the app's; a question is asked only where there is one;
nothing is read from the store for somebody who is not signed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from secureacct.commitments.erasure import waiting
from secureacct.commitments.policy_gate import PolicyPlace
from secureacct.consent import Purpose
from secureacct.web.site import Knock, WebSite


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieQuestion:
    """The question about optional cookies, with a form that needs no script."""

    purposes: Sequence[Purpose]
    next: str  # where the person is now, to come back to


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The facts. ``csrf_token`` is empty where no form is shown."""

    site_name: str
    choose: str  # where choices are posted
    csrf_token: str = field(default="", repr=False)
    question: CookieQuestion | None = None
    deletion_due_at: int | None = None  # seconds since the epoch
    keep: str  # where "keep my account" is posted
    policy_until: int | None = None  # a new version waits for an answer until then
    policy: str  # the policy page; empty: none is declared
    agrees_by_sign_up: bool = False
    privacy: str
    our_mail: str


def bare(site: WebSite) -> Around:
    """The links alone: for pages that say that nothing can be asked now."""
    has_policy = bool(site.assembly.promises.policies)
    return Around(
        site_name=site.settings.site_name,
        choose=site.url("/privacy"),
        keep=site.url("/privacy/keep"),
        policy=site.url("/policy") if has_policy else "",
        agrees_by_sign_up=site.assembly.promises.accepted_by_sign_up,
        privacy=site.url("/privacy"),
        our_mail=site.url("/our-mail"),
    )


async def around(knock: Knock, *, here: str) -> Around:
    """The facts for one request. Collects cookies of its form in ``knock.set_cookies``.

    :param here: the path the person is at, to come back to; empty where that is nobody's business.
    :raises StoreUnavailable: the store did not answer.
    """
    from dataclasses import replace

    site = knock.site
    found = bare(site)
    standing = site.cookie_standing(knock.request)
    if standing.ask:
        asked = tuple(one for one in standing.declarations.purposes if one.cookies)
        found = replace(found, question=CookieQuestion(purposes=asked, next=here))
    if knock.session is not None:
        account_id = knock.session.account_id
        leaving = await waiting(site.privacy.erasure, account_id)
        places = await site.gate.places(account_id) if found.policy else ()
        found = replace(
            found,
            deletion_due_at=leaving.due_at if leaving is not None else None,
            policy_until=_until(places),
        )
    if found.question is not None or found.deletion_due_at is not None:
        found = replace(found, csrf_token=knock.csrf_token())
    return found


def _until(places: Sequence[PolicyPlace]) -> int | None:
    moments = [getattr(one.standing, "until", None) for one in places if not one.blocks]
    return min((one for one in moments if one is not None), default=None)
