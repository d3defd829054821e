"""The promises about consent, mailings, partners, letters, policies and leaving, checked on the library.

Rules of this file: those of ``library_checks``.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from secureacct._faces import run_inline
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.erasure import Erasure, ErasureParts, suppress_erased
from secureacct.commitments.errors import (
    DisclosureRefused,
    LetterGone,
    NotAllowedToMail,
    TestimonialRefused,
)
from secureacct.commitments.evidence import Checks
from secureacct.commitments.holdings import Holding, Holdings, held
from secureacct.commitments.mailing_stops import unsubscribe_link
from secureacct.commitments.partners import (
    DisclosurePurpose,
    Disclosures,
    Partner,
    PartnerParts,
    Partners,
)
from secureacct.commitments.policy_versions import (
    AcceptanceDue,
    Policies,
    PolicyParts,
    UpToDate,
    policy_version,
)
from secureacct.consent import ConsentParts, Consents, Declarations, DeclaredCookie, Purpose, UndeclaredCookie
from secureacct.doctor.promises.lab import ADA, DAY_S, NEWS, Lab, refused
from secureacct.doctor.promises.rehearsal import need
from secureacct.errors import SecureAcctError

checks: Checks[Lab] = Checks()


@checks("C09", "Reject, the signal, and cookies nobody was told of")
def declined_cookies(lab: Lab) -> str:
    """No answer, Reject and Sec-GPC all mean no; what was not declared cannot be set."""
    purpose = Purpose(
        id="visits", title="Visits", words="We count.", cookies=(DeclaredCookie(name="v", words="Counts."),)
    )
    consents = Consents(
        ConsentParts(store=lab.store(), keys=lab.keys, declarations=Declarations([purpose]), clock=lab.clock)
    )
    given = consents.choose_cookies(agree=["visits"]).to_cookie()
    taken_back = consents.choose_cookies(agree=[], cookie=given).to_cookie()
    for cookie, gpc in ((None, None), (taken_back, None), (given, "1")):
        need(not consents.cookie_standing(cookie=cookie, gpc=gpc).may_set("v"), "an optional cookie was set")
    need(consents.cookie_standing(cookie=given, gpc=None).may_set("v"), "Accept does not hold")
    standing = consents.cookie_standing(cookie=given, gpc=None)
    refused(UndeclaredCookie, lambda: standing.may_set("tracker"), "an undeclared cookie was set")
    return "no answer, Reject and Sec-GPC refuse; undeclared cookies are refused after Accept too"


@checks("C10", "a stop, a scanner, a stranger")
def stopped_mailings(lab: Lab) -> str:
    """Nothing is sent to who never asked or said stop; reading the link changes nothing."""
    store = lab.store()
    mailings = lab.mailings(store)
    need(mailings.send_mailing("news", NEWS) == (0, 0), "a mailing went to somebody who never asked")
    mailings.subscribe("news", ADA, address_is_proven=True, account_id="42")
    token = unsubscribe_link(mailings.parts, "news", mailings.parts.tokens(ADA)[0]).rpartition("/")[2]
    mailings.read_unsubscribe(token)
    need(mailings.send_mailing("news", NEWS) == (1, 0), "reading the link ended the mailings")
    subscriber = mailings.subscribers("news")[0]
    mailings.unsubscribe(token)
    need(
        not run_inline(store.due_mails(now=int(lab.at), limit=9, lease_s=0)),
        "a queued mail outlives the stop",
    )
    refused(
        NotAllowedToMail, lambda: mailings.queue_mailing("news", subscriber, NEWS), "a stop does not hold"
    )
    refused(SecureAcctError, lambda: mailings.confirm(token), "a stop link begins mailings")
    return "no opt-in, no mail; one click ends; the queue is emptied; the link begins nothing"


@checks("C11", "who said no")
def partner_choice(lab: Lab) -> str:
    """After a no nothing is disclosed; each disclosure leaves a record without values."""
    then = datetime.fromtimestamp(lab.at - 1, UTC)
    purpose = DisclosurePurpose(
        id="delivery", words="To deliver.", fields=frozenset({"name"}), without_choice="allow"
    )
    partner = Partner(
        id="carrier", name="Carrier", terms="Delivery only.", agreed_on=then, purposes=(purpose,)
    )
    disclosures = Disclosures(
        PartnerParts(store=lab.store(), keys=lab.keys, partners=Partners([partner]), clock=lab.clock)
    )
    disclosures.disclose("42", "carrier", "delivery", {"name": "Canary"})
    disclosures.choose("42", "carrier", "delivery", allow=False)
    refused(
        DisclosureRefused,
        lambda: disclosures.disclose("42", "carrier", "delivery", {"name": "Canary"}),
        "a no does not hold",
    )
    records = disclosures.disclosures_of("42")
    need(len(records) == 1 and "Canary" not in repr(records), "the record is missing, or holds the value")
    return "refused after the no; one record, names of fields only"


@checks("C17", "letters past their time, and quoted")
def letters(lab: Lab) -> str:
    """A letter cannot be quoted without the yes, nor read past its time, nor does it begin a mailing."""
    store = lab.store()
    kept = Correspondence(LetterParts(store=store, keys=lab.keys, clock=lab.clock))
    letter = kept.receive(address=ADA, subject="Thanks", text="Lovely")
    refused(TestimonialRefused, lambda: kept.quote(letter), "a letter is quoted without its writer's yes")
    need(lab.mailings(store).send_mailing("news", NEWS) == (0, 0), "writing to us began a mailing")
    lab.at += 731 * DAY_S
    refused(
        LetterGone, lambda: kept.read(letter, by="7", purpose="answer"), "a letter past its time is readable"
    )
    return "not quoted, not mailed, gone after its time"


@checks("C18", "a new version, and an altered ledger")
def new_version(lab: Lab) -> str:
    """A new version must be accepted; the ledger says when it was altered."""
    store = lab.store()
    policies = Policies(PolicyParts(store=store, keys=lab.keys, clock=lab.clock))
    first, second = (
        policy_version(
            policy="privacy", version=f"{number}", text=f"Version {number}",
            in_force=datetime.fromtimestamp(lab.at, UTC) + timedelta(days=number * 10 - 10),
        )
        for number in (1, 2)
    )  # fmt: skip
    policies.register(first)
    policies.register(second)
    policies.answer("42", "privacy", shown=first.hash, accept=True)
    need(isinstance(policies.standing("42", "privacy"), UpToDate), "an acceptance does not hold")
    lab.at += 11 * DAY_S
    need(isinstance(policies.standing("42", "privacy"), AcceptanceDue), "a new version is not asked for")
    ledger = store.state.topic("ledger")
    consents = Consents(ConsentParts(store=store, keys=lab.keys, clock=lab.clock))
    need(consents.verify_history("42") == 1, "the ledger does not verify")
    ledger["account:42", 1] = _forged(ledger["account:42", 1], second.hash)
    refused(SecureAcctError, lambda: consents.verify_history("42"), "an altered ledger verifies")
    return "the new version is asked for; a forged acceptance is found"


def _forged(entry: Any, words_hash: bytes) -> Any:
    return dataclasses.replace(entry, words_hash=words_hash)


@checks("C20", "after erasure")
def after_erasure(lab: Lab) -> str:
    """Nothing of the person is left, the suppression holds, and the ledger still verifies."""
    store = lab.store()
    mailings = lab.mailings(store)
    mailings.subscribe("news", ADA, address_is_proven=True, account_id="42")
    kept = Holding(name="ledger", title="Choices", words="Proof.", kept="It names nobody.")
    lists = held(store, "subscription", title="Mailings", words="Lists.", show=dict)

    async def address_of(account_id: str) -> str | None:
        return ADA if account_id == "42" else None

    erasure = Erasure(
        ErasureParts(
            store=store, keys=lab.keys, holdings=Holdings([kept, lists]), address_of=address_of,
            by_address=suppress_erased(mailings.parts.tokens, ["news"]), clock=lab.clock,
        )
    )  # fmt: skip
    erasure.request("42")
    need(not erasure.run_due(), "there is no time to think")
    lab.at += 15 * DAY_S
    need(len(erasure.run_due()) == 1, "the account was not erased")
    need(not run_inline(store.held_rows("subscription", "42")), "rows of the person are left")
    need(run_inline(store.suppressed("news", mailings.parts.tokens(ADA))), "the suppression went as well")
    consents = Consents(ConsentParts(store=store, keys=lab.keys, clock=lab.clock))
    sound, broken = consents.verify_everyone()
    need(sound and not broken, "the ledger does not verify")
    return (
        "no row of theirs is left; their address stays among those that get no mailing, as a keyed hash; "
        f"what they agreed to still proves itself ({sound} entries)"
    )
