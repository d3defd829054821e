"""The privacy of one site: what its app declares, and the parts made of it.

Rules of this file: an app that declares nothing still offers export and deletion; what is shown to people is
what was declared, word for word; nothing here does I/O, except that policy texts are registered once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from secureacct.accounts.parts import AccountParts, Visit
from secureacct.accounts.recording import happened
from secureacct.commitments.contact import SecurityTxt
from secureacct.commitments.erasure import ErasureParts, nothing_more, suppress_erased
from secureacct.commitments.errors import BadPromise
from secureacct.commitments.export import ExportParts
from secureacct.commitments.holdings import Holding
from secureacct.commitments.mailings import MailingList, MailingParts
from secureacct.commitments.partners import Partner, PartnerParts, Partners
from secureacct.commitments.policy_versions import PolicyParts, PolicyRules, register
from secureacct.commitments.privacy_mails import tells_owner
from secureacct.commitments.retention import RetentionParts, RetentionRule, with_rules
from secureacct.commitments.whole_account import account_holdings
from secureacct.consent import OUR_COOKIES, ConsentParts, Declarations, DeclaredCookie, Purpose
from secureacct.consent.steps import NotesChoices
from secureacct.fields.loaded_keys import LoadedKeys
from secureacct.mail.lint import lint
from secureacct.records.events import Event
from secureacct.records.mail import Message
from secureacct.records.policies import PolicyVersion

CONTACT_AHEAD = timedelta(days=90)  # from the start to security.txt's end, unless somebody says when; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyChoices:
    """What an app promises its people, said once in code. Everything may be left out."""

    purposes: Sequence[Purpose] = ()  # what people may agree to, with the optional cookies of each
    necessary: Sequence[DeclaredCookie] = ()  # the app's own cookies that it cannot do without
    lists: Sequence[MailingList] = ()
    partners: Sequence[Partner] = ()
    policies: Sequence[PolicyVersion] = ()  # every version there ever was; of one policy or of several
    policy_rules: PolicyRules = field(default_factory=PolicyRules)
    accepted_by_sign_up: bool = False  # the sign-up page says so, and the account's first answer is a yes
    holdings: Sequence[Holding] = ()  # the app's own tables about people: exported and erased with ours
    retention: Sequence[RetentionRule] = ()  # other times than ours
    grace: timedelta = timedelta(days=14)  # between asking for deletion and deletion; ours
    keep_copies: timedelta = timedelta(days=7)  # how long an export waits to be fetched; ours
    security_contact: Sequence[str] = ()  # URIs for security.txt; the site's contact if empty
    security_until: datetime | None = None  # when security.txt expires; None: SECUREACCT_CONTACT_UNTIL
    data_keys: LoadedKeys | None = None  # Subjects.loaded, where the app has keys for each person

    def __post_init__(self) -> None:
        """:raises BadPromise: a time below zero, or nothing to accept."""
        if self.grace < timedelta(0) or self.keep_copies <= timedelta(0):
            raise BadPromise("grace and keep_copies are times of zero or more")
        if self.accepted_by_sign_up and not self.policies:
            raise BadPromise("accepted_by_sign_up needs policies to accept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Everything the privacy pages work with. ``noted`` gives the same with a visit's own notes."""

    account: AccountParts
    declared: PrivacyChoices
    declarations: Declarations
    consents: ConsentParts
    policies: PolicyParts
    mailings: MailingParts
    partners: PartnerParts
    exports: ExportParts
    erasure: ErasureParts
    retention: RetentionParts
    erases_people: bool = True  # the people are ours, or the app said how to erase its own

    @property
    def policy_names(self) -> tuple[str, ...]:
        """The policies, in the order they were declared."""
        return tuple(dict.fromkeys(one.policy for one in self.declared.policies))

    def noted(self, visit: Visit, session_id: str | None) -> Privacy:
        """The same, whose notes in the account's log say from which device and session."""
        notes = notes_for(self.account, visit, session_id)
        return replace(
            self,
            consents=replace(self.consents, events=notes),
            policies=replace(self.policies, events=notes),
            partners=replace(self.partners, events=notes),
            mailings=replace(self.mailings, events=notes),
            exports=replace(self.exports, events=notes),
            erasure=replace(self.erasure, events=notes),
        )


def notes_for(parts: AccountParts, visit: Visit, session_id: str | None = None) -> NotesChoices:
    """Writes choices, exports and deletions into the account's own security log."""

    def note(name: str, /, *, account_id: str | None, reason: str) -> Sequence[Event]:
        event = happened(
            parts,
            name,
            outcome="ok",
            reason=reason,
            account=account_id,
            session=session_id,
            visit=visit,
            now=parts.now(),
        )
        return (event,)

    return note


def declarations_of(declared: PrivacyChoices, *, session_cookie: str) -> Declarations:
    """All purposes and cookies, ours under the names they have here. No I/O.

    :param session_cookie: the session cookie's whole name.
    :raises BadDeclaration: a name or text is missing, doubled or not allowed.
    """
    ours = [
        replace(one, name=session_cookie) if one.name == "__Host-Http-session" else one for one in OUR_COOKIES
    ]
    return Declarations(declared.purposes, necessary=(*ours, *declared.necessary))


def privacy_of(
    parts: AccountParts,
    declared: PrivacyChoices,
    *,
    declarations: Declarations | None = None,
    erases_people: bool = True,
) -> Privacy:
    """The parts of one site.

    :param declarations: see :func:`declarations_of`.
    :param erases_people: the people are ours, so erasing our tables erases them.
    :raises BadPromise, BadDeclaration: something was declared wrongly.
    """
    store: Any = parts.store  # every store that keeps accounts keeps their privacy too
    keys, clock, random = parts.vault.keys, parts.clock, parts.random
    notes = notes_for(parts, Visit())
    tell = tells_owner(parts, keep_copies=declared.keep_copies)
    holdings = account_holdings(parts)
    for one in declared.holdings:
        holdings.add(one)
    mailings = MailingParts(
        store=store,
        keys=keys,
        lists=tuple(declared.lists),
        base_url=parts.site.base_url,
        prefix=parts.site.prefix,
        seal_mail=parts.vault.seal_mail,
        check=_checks(parts),
        clock=clock,
        random=random,
        events=notes,
    )

    async def address_of(account_id: str) -> str | None:
        known = await parts.people.by_id(account_id)
        return known.email if known is not None else None

    by_address = (
        suppress_erased(mailings.tokens, [one.id for one in declared.lists])
        if declared.lists
        else nothing_more
    )
    common: dict[str, Any] = {"store": store, "keys": keys, "clock": clock, "events": notes}
    drawn = {**common, "random": random}
    return Privacy(
        account=parts,
        declared=declared,
        declarations=declarations or Declarations(declared.purposes),
        consents=ConsentParts(
            **drawn,
            declarations=declarations or Declarations(declared.purposes),
        ),
        policies=PolicyParts(**common, rules=declared.policy_rules),
        mailings=mailings,
        partners=PartnerParts(**drawn, partners=Partners(declared.partners)),
        exports=ExportParts(
            **drawn,
            holdings=holdings,
            site=parts.site.name,
            keep=declared.keep_copies,
            tell=tell,
        ),
        erasure=ErasureParts(
            **drawn,
            holdings=holdings,
            address_of=address_of,
            by_address=by_address,
            data_keys=declared.data_keys or LoadedKeys(),
            grace=declared.grace,
            tell=tell,
        ),
        retention=RetentionParts(
            store=store,
            rules=with_rules(*declared.retention),
            clock=clock,
        ),
        erases_people=erases_people or bool(declared.holdings),
    )


def _checks(parts: AccountParts) -> Callable[[Message], object]:
    def check(message: Message) -> None:
        lint(message, base_url=parts.site.base_url, site=parts.site.name)

    return check


async def register_policies(privacy: Privacy) -> None:
    """Register every declared version. Once at start; the same again changes nothing.

    :raises PolicyAltered: a version that was registered before has another text now.
    """
    for one in privacy.declared.policies:
        await register(privacy.policies, one)


def security_txt(
    declared: PrivacyChoices,
    *,
    contact: str,
    base_url: str,
    started: float,
    until: datetime | None = None,
) -> SecurityTxt | None:
    """What ``/.well-known/security.txt`` says; None without a contact. RFC 9116 section 2.5.5 wants a date
    after which nobody relies on it; where nobody gave one, a site that nobody starts again goes stale.

    :param contact: the site's contact, an address or a URL.
    :param started: when this process began, in seconds since the epoch.
    :param until: when the contact expires, unless ``security_until`` says so.
    """
    given = tuple(declared.security_contact) or ((contact,) if contact else ())
    uris = tuple(f"mailto:{one}" if "@" in one and ":" not in one else one for one in given)
    uris = tuple(one for one in uris if one.startswith(("https:", "mailto:", "tel:")))
    if not uris:
        return None
    today = datetime.fromtimestamp(started - started % 86_400, UTC)
    here = f"{base_url}/.well-known/security.txt"
    return SecurityTxt(
        contact=uris,
        expires=declared.security_until or until or today + CONTACT_AHEAD,
        canonical=(here,) if here.startswith("https:") else (),
    )
