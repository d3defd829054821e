"""The promises a site makes to its people, as data: words, what keeps each, how to check it.

Rules of this file: a promise is a sentence people can hold us to; what no software can show is said in
``people``, and never counted as kept; an app adds promises of its own and changes none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from secureacct.commitments.errors import BadPromise

Kind = Literal["software", "configuration", "organisational"]
_ID = re.compile(r"[A-Z]{1,4}[0-9]{2,3}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """One promise. ``people``: the part of it that only people can keep, or nothing."""

    id: str  # "C06"
    name: str  # "sign-out"
    words: str
    kept_by: str
    check: str
    kind: Kind = "software"
    people: str = ""
    mend: str = ""  # what to do when the check finds it broken

    def __post_init__(self) -> None:
        """:raises BadPromise: a part is missing."""
        if not _ID.match(self.id) or not all((self.name, self.words, self.kept_by, self.check)):
            raise BadPromise(
                f"promise {self.id!r}: needs an id like SHOP01, a name, words, a keeper and a check"
            )
        if self.kind == "organisational" and not self.people:
            raise BadPromise(f"promise {self.id!r}: an organisational promise says what people do")


OURS: tuple[Commitment, ...] = (
    Commitment(
        id="C01",
        name="password-protection",
        words="Your data is guarded by your password, with mechanisms that are standard today.",
        kept_by="Argon2id, password rules and a breach list, bounded hashing, replacement of old hashes",
        check="A copy of the database holds no password, session, code or link that works.",
        mend="Find what wrote the secret named below, and store its hash (or nothing) instead.",
    ),
    Commitment(
        id="C02",
        name="standard-encryption",
        words="Sensitive data is protected by standard encryption.",
        kept_by="fields encrypted for one row, column and table; a keyring with rotation",
        check="A value that was swapped, altered or cut is refused, and no plain text is in the database.",
        mend="Declare the field as a profile field, or use FieldCipher for its column.",
    ),
    Commitment(
        id="C03",
        name="encrypted-transport",
        kind="configuration",
        words="Sign-in, account pages and everything you send us travel encrypted, and you can check it.",
        kept_by="cookies for TLS only, HSTS, refusal of sessions over plain HTTP, a rule for trusted proxies",
        check="A session cookie sent over plain HTTP opens nothing; answers over TLS carry HSTS.",
        mend="Set SECUREACCT_BASE_URL to https and SECUREACCT_TRUSTED_PROXIES to the proxy that ends TLS.",
    ),
    Commitment(
        id="C04",
        name="self-service",
        words="You can edit your account information at any time, with your e-mail address and password.",
        kept_by="profile, address and password changes that ask for fresh proof",
        check="A stolen session alone changes neither address, password nor profile.",
        mend="Let every change go through the account pages, or through the same journeys.",
    ),
    Commitment(
        id="C05",
        name="never-ask-password",
        words="Nobody will ever ask you for your password by phone or by mail.",
        kept_by="a linter every mail passes; links to our own host only; a page on how to know our mail",
        check="A mail that asks for a password, or leads elsewhere, is not sent.",
        people="Nobody on the phone asks for a password: that is training, not software.",
        mend="Take the sentence or link named below out of the template.",
    ),
    Commitment(
        id="C06",
        name="sign-out",
        words="Sign out when you are done, above all on a shared computer: then nothing stays behind.",
        kept_by="sessions on the server, ended at sign-out; pages that are not stored; cleared site data",
        check="A cookie copied before sign-out opens nothing afterwards.",
        mend="Sign people out through the sign-out page; keep nobody signed in by a cookie of your own.",
    ),
    Commitment(
        id="C07",
        name="close-the-window",
        words="Closing the browser ends your visit; a visit left alone ends by itself.",
        kept_by="cookies without a lifetime unless you asked to be remembered; idle and absolute limits",
        check="The session cookie has no lifetime, and the server ends idle sessions.",
        mend="Leave SessionPolicy's limits on, and do not make sessions permanent.",
    ),
    Commitment(
        id="C08",
        name="registration",
        words="Registering needs an address that is yours.",
        kept_by="confirmation before anything relies on the address; attempts that die when it is proven",
        check="An address that was not confirmed cannot sign in, and receives its confirmation only.",
        mend="Do not create accounts past the sign-up journey, or mark them confirmed by hand.",
    ),
    Commitment(
        id="C09",
        name="cookies-declinable",
        words="Cookies help us recognise you, and you may decline all that signing in does not need.",
        kept_by="declared purposes, Accept beside Reject, Sec-GPC as Reject, refusal of other cookies",
        check="A fresh browser gets no optional cookie and no foreign picture; Reject holds.",
        mend="Declare the cookie named below for a purpose, and set it through the cookie guard.",
    ),
    Commitment(
        id="C10",
        name="unsubscribe",
        words="We mail you news only after you ask, and one click in any of these mails ends them.",
        kept_by="a recorded opt-in, RFC 8058 headers, a link that can only end, a list of who said stop",
        check="After the click nothing of the list is sent; a scanner that follows the link changes nothing.",
        mend="Send mailings through queue_mailing, which asks the list of who said stop.",
    ),
    Commitment(
        id="C11",
        name="partner-opt-out",
        words="Partners get your data for the purposes listed, unless you say no.",
        kept_by="a check and a record in one statement; terms of confidentiality on file",
        check="Who said no never passes the check, and every disclosure is on record.",
        people="Partners keep to their terms: contracts and visits, not software.",
        mend="Hand data over only after disclose() returned.",
    ),
    Commitment(
        id="C12",
        name="statistics-unlinked",
        words="Statistics we show to others are never linked to you.",
        kept_by="declared counters without identifiers, a secret that changes daily, a least group size",
        check="No identifier is in the counters; small groups are withheld and cannot be worked out.",
        mend="Count with Statistics, and publish what publish() gives.",
    ),
    Commitment(
        id="C13",
        name="logs-for-security",
        words="We keep addresses and logs to protect the site and see trends, for a limited time.",
        kept_by="a sealed security log, pseudonyms for network addresses, retention rules",
        check="A visitor's network address is not in the database; what is past its time is deleted.",
        people="Nobody uses the logs for anything else: a rule for people, with their reads on record.",
        mend="Do not store network addresses yourself; run secureacct retention daily.",
    ),
    Commitment(
        id="C14",
        name="list-matching",
        words="We may compare your address with a list, without giving ours away or keeping theirs.",
        kept_by="comparison by blind index, a batch at a time",
        check="It finds what comparing in clear would find, and leaves nothing of the list behind.",
        mend="Compare with match_list.",
    ),
    Commitment(
        id="C15",
        name="necessary-use",
        words="Card numbers, delivery addresses and contact persons serve your order and nothing else.",
        kept_by="fields that open for a declared purpose only, masked otherwise",
        check="Reading without the purpose is refused.",
        people="Whoever may read for a purpose uses it for nothing else.",
        mend="Declare purposes on the field, and read it with the purpose at hand.",
    ),
    Commitment(
        id="C16",
        name="offline-protection",
        kind="configuration",
        words="Your data is protected off line too: in backups and on disks.",
        kept_by="sealed backups; a keyring under a passphrase or a key service",
        check="A copied backup is useless without its passphrase, and one flipped bit is refused.",
        people="Backups and keys lie in different places, and old backups are destroyed in time.",
        mend="Set SECUREACCT_KEYRING_PASSPHRASE_FILE, and back up with secureacct backup seal.",
    ),
    Commitment(
        id="C17",
        name="correspondence",
        words="What you write to us we may keep with our answer, for a time, and quote only if you agree.",
        kept_by="encrypted letters with an end, a recorded yes for quoting",
        check="Past its time a letter is gone; without the yes it is not quoted; writing to us is no opt-in.",
        mend="Keep letters with Correspondence, and run secureacct retention daily.",
    ),
    Commitment(
        id="C18",
        name="policy-versions",
        words="The policy may change. The version you accepted applies to you until you accept another.",
        kept_by="versions by hash, a ledger of acceptances, a page that shows what changed",
        check="Who has not accepted the version in force is led to it; an altered ledger is found.",
        mend="Register each text once, and show the policy page when standing() says so.",
    ),
    Commitment(
        id="C19",
        name="third-party-links",
        words="Other sites are not ours: we say so where a link leads away, and tell them nothing.",
        kept_by="redirects to our own pages only, Referrer-Policy, marked links",
        check="No address from outside decides where a sign-in leads; account pages send no Referer.",
        mend="Use safe_redirect for every address that came in with a request.",
    ),
    Commitment(
        id="C20",
        name="erase-and-export",
        words="You may take your data with you, and leave.",
        kept_by="an archive of everything registered; erasure at once after a time to think; a receipt",
        check="After erasure nothing of the person is left, others keep theirs, the ledger verifies.",
        people="Backups made before are not restored without erasing again.",
        mend="Register every table that holds something about a person.",
    ),
    Commitment(
        id="C21",
        name="contact",
        kind="configuration",
        words="Questions reach a named contact.",
        kept_by="/.well-known/security.txt and the contact on the policy page",
        check="Both are there and have not expired.",
        people="Somebody reads and answers.",
        mend="Set SECUREACCT_CONTACT, and SECUREACCT_CONTACT_UNTIL to a day less than a year ahead.",
    ),
)
"""The promises that this library helps to keep."""


class Catalogue:
    """All promises of a site: ours, and the app's own."""

    def __init__(self, own: Iterable[Commitment] = (), *, without: Iterable[str] = ()) -> None:
        """
        :param own: promises of the app.
        :param without: ids of ours that the site does not make.
        :raises BadPromise: an id is taken, or there is nothing to leave out.
        """
        left_out = set(without)
        if left_out - {one.id for one in OURS}:
            raise BadPromise(
                f"no promise {', '.join(sorted(left_out - {one.id for one in OURS}))} to leave out"
            )
        self._by_id: dict[str, Commitment] = {one.id: one for one in OURS if one.id not in left_out}
        for one in own:
            if one.id in self._by_id or one.id in left_out:
                raise BadPromise(f"promise {one.id!r} exists")
            self._by_id[one.id] = one

    def __iter__(self) -> Iterator[Commitment]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, commitment_id: object) -> bool:
        return commitment_id in self._by_id

    def __getitem__(self, commitment_id: str) -> Commitment:
        return self._by_id[commitment_id]
