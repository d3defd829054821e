"""The promises, checked on the library as it is installed: each piece is asked to break its promise.

Rules of this file: everything happens in memory, with keys made for it; a check tries what a thief, a
careless colleague or a broken disk would try, and says what refused it.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from secureacct._faces import run_inline
from secureacct.commitments import backup
from secureacct.commitments.contact import SecurityTxt, problems
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.evidence import Checks
from secureacct.commitments.list_matching import match_list
from secureacct.commitments.retention import RetentionParts
from secureacct.commitments.retention import run as retention_run
from secureacct.doctor.promises.lab import ADA, BASE, DAY_S, Lab, refused
from secureacct.doctor.promises.rehearsal import need
from secureacct.fields import BlindIndex, FieldCipher, FieldError, PurposeRequired
from secureacct.fields.purposes import PurposeBound
from secureacct.keys import PassphraseProvider
from secureacct.mail.lint import problems as mail_problems
from secureacct.passwords import PasswordHasher
from secureacct.records.accounts import ClaimIdentifier
from secureacct.records.mail import Message
from secureacct.redirects import safe_next
from secureacct.statistics import Counter, StatisticParts, Statistics

checks: Checks[Lab] = Checks()


@checks("C01", "a stolen hash")
def stolen_hash(_lab: Lab) -> str:
    """A stored hash is Argon2id, says nothing of the password, and is no password itself."""
    hasher = PasswordHasher()
    encoded = hasher.hash("a canary pass phrase")
    need(encoded.startswith("$argon2id$") or "argon2id" in encoded, "passwords are not hashed with Argon2id")
    need("canary" not in encoded, "the hash shows the password")
    need(hasher.verify("a canary pass phrase", encoded), "the right password is refused")
    need(not hasher.verify(encoded, encoded), "the stored hash works as a password")
    cost = encoded.split("$")[3] if encoded.count("$") > 3 else "its default cost"
    return f"hashed with Argon2id ({cost}); the hash shows nothing of the password, and signs nobody in"


@checks("C02", "swapped and altered values")
def swapped_values(lab: Lab) -> str:
    """A value moved to another row or column, or changed by a bit, does not open."""
    phone = FieldCipher(lab.keys, table="profile", column="phone", type=str)
    card = FieldCipher(lab.keys, table="profile", column="card", type=str)
    blob = phone.encrypt("+41 44 668 18 00", row="1")
    need(b"668" not in blob, "the value stands in the ciphertext")
    refused(FieldError, lambda: phone.decrypt(blob, row="2"), "a value opens in another row")
    refused(FieldError, lambda: card.decrypt(blob, row="1"), "a value opens in another column")
    for place in (0, len(blob) // 2, len(blob) - 1):
        altered = bytes(byte ^ (index == place) for index, byte in enumerate(blob))
        refused(FieldError, lambda b=altered: phone.decrypt(b, row="1"), "an altered value opens")
    refused(FieldError, lambda: phone.decrypt(blob[:-1], row="1"), "a cut value opens")
    return "other row, other column, three bits and a cut: all refused"


@checks("C05", "mails that must not be sent")
def wrong_mails(_lab: Lab) -> str:
    """A mail that asks for a password or leads to another site is refused by the linter."""
    wrong = (
        Message(to=ADA, subject="Shop", text="Please reply with your password. Shop", html=""),
        Message(to=ADA, subject="Shop", text="Sign in at https://shop-example.evil/ Shop", html=""),
        Message(to=ADA, subject="Hello", text="No name of any site here.", html=""),
    )
    for mail in wrong:
        need(
            mail_problems(mail, base_url=BASE, site="Shop"), "a mail that must not be sent passes the linter"
        )
    return f"{len(wrong)} mails refused"


@checks("C12", "small groups and identifiers")
def small_groups(lab: Lab) -> str:
    """A small group is withheld with another; no identifier outlives its day."""
    store = lab.store()
    counter = Counter(name="visits", by="browser", groups=("Firefox", "Lynx", "Chrome"), period_days=1)
    statistics = Statistics(StatisticParts(store=store, counters=[counter], clock=lab.clock))
    for number in range(45):
        group = "Lynx" if number < 2 else ("Firefox" if number < 20 else "Chrome")
        statistics.count_once("visits", f"visitor-{number}", group)
    day = int(lab.at) // DAY_S
    lab.at += 2 * DAY_S
    shown = statistics.publish("visits", day=day)
    need("Lynx" not in shown.counts and len(shown.withheld) > 1, "a group of two can be worked out")
    statistics.forget_days()
    need(run_inline(store.day_secret(day)) is None, "a day's secret outlives the day")
    told = ", ".join(f"{name} {count}" for name, count in shown.counts.items())
    return f"of three groups, one of two people, shown: {told}; withheld: {', '.join(shown.withheld)}"


@checks("C13", "records past their time")
def past_their_time(lab: Lab) -> str:
    """A retention run deletes what is past its time, a dry run nothing."""
    store = lab.store()
    Correspondence(LetterParts(store=store, keys=lab.keys, clock=lab.clock)).receive(
        address=ADA, subject="s", text="t"
    )
    lab.at += 3000 * DAY_S
    parts = RetentionParts(store=store, clock=lab.clock)
    dry = run_inline(retention_run(parts, dry_run=True))
    wet = run_inline(retention_run(parts, dry_run=False))
    need(sum(one.found for one in dry) == 1 and not any(one.deleted for one in dry), "a dry run is not dry")
    need(sum(one.deleted for one in wet) == 1, "a record outlives its time")
    need(all(one.rule.why for one in wet), "a rule has no reason")
    return f"{len(wet)} rules with reasons; one old record found, then deleted"


@checks("C14", "an outside list")
def outside_list(lab: Lab) -> str:
    """The right account is found, however the address is spelled, and nothing else."""
    store = lab.store()
    index = BlindIndex(lab.keys, table="account", column="email", normalise="email", unique=True)
    run_inline(store.commit([ClaimIdentifier(tokens=(index.of(ADA),), account_id="42", now=0)]))
    found = list(match_list(store, index, [ADA.upper(), "nobody@example.org", "no address"]))
    need(found == ["42"], f"found {len(found)} accounts instead of one")
    return "one match of three lines, by keyed hash"


@checks("C15", "reading without a purpose")
def without_purpose(lab: Lab) -> str:
    """A purpose-bound field opens for declared purposes only, and each reading is on record."""
    readings: list[Any] = []
    card = PurposeBound(
        FieldCipher(lab.keys, table="profile", column="card", type=str),
        purposes=["payment"],
        on_read=readings.append,
    )
    blob = card.encrypt("4111111111111111", row="1")
    refused(PurposeRequired, lambda: card.reveal(blob, row="1", purpose="curiosity"), "it opens for anything")
    need("4111" not in str(card.guard(blob, row="1")), "the value shows without a purpose")
    need(
        card.reveal(blob, row="1", purpose="payment") == "4111111111111111",
        "it does not open for its purpose",
    )
    need(len(readings) == 1, "a reading is not on record")
    return "refused without the purpose, masked, one reading on record"


@checks("C16", "a copied and a damaged backup")
def copied_backup(lab: Lab) -> str:
    """A backup opens with its passphrase only, and not with a flipped bit or a missing end."""
    cheap = {
        "memory_kib": 19_456,
        "passes": 1,
        "lanes": 1,
    }  # the least the keyring accepts: this is a rehearsal
    owner, thief = PassphraseProvider("right", **cheap), PassphraseProvider("wrong", **cheap)
    sink = io.BytesIO()
    backup.seal_stream(io.BytesIO(b"canary" * 9000), sink, provider=owner, holds="data", made_at=int(lab.at))
    archive = sink.getvalue()
    need(b"canary" not in archive, "the backup can be read")

    def opens(data: bytes, provider: PassphraseProvider) -> None:
        backup.open_stream(io.BytesIO(data), io.BytesIO(), provider=provider)

    opens(archive, owner)
    refused(backup.BackupLocked, lambda: opens(archive, thief), "it opens with another passphrase")
    flipped = archive[:-1] + bytes([archive[-1] ^ 1])
    for wrong in (flipped, archive[:-1], archive + b"\0"):
        refused(backup.BackupAltered, lambda w=wrong: opens(w, owner), "a damaged backup opens")
    return "another passphrase, a flipped bit, a cut and an addition: all refused"


@checks("C19", "addresses from outside")
def addresses_from_outside(_lab: Lab) -> str:
    """No address of another site passes as one of ours."""
    tried = (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aX: y",
    )
    for wrong in tried:
        need(safe_next(wrong, BASE) is None, f"{wrong!r} passes as ours")
    need(safe_next("/orders?page=2", BASE) == "/orders?page=2", "our own pages are refused")
    return f"{len(tried)} addresses of other sites refused, our own page accepted"


@checks("C21", "an expired security.txt")
def expired_contact(lab: Lab) -> str:
    """A contact that expired is reported."""
    now = datetime.fromtimestamp(lab.at, UTC)
    served = SecurityTxt(contact=("mailto:security@shop.example",), expires=now - timedelta(days=1))
    need(problems(served, now=now), "an expired contact passes")
    return "a contact that expired yesterday is reported"
