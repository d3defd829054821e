"""The promises driven from code: each step of each privacy face, blocking and awaiting, on each SQL store."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.commitments import correspondence, erasure, export, mailing_faces, partners, policy_versions
from secureacct.commitments.errors import ExportRefused, TestimonialRefused
from secureacct.commitments.holdings import Holding, Holdings, from_rows, held
from secureacct.commitments.mailings import MailingList, MailingParts
from secureacct.consent import AsyncConsents, ConsentParts, Consents, Declarations, Purpose
from secureacct.keys import Keyring
from secureacct.records.mail import Message
from secureacct.statistics import AsyncStatistics, Counter, StatisticParts, Statistics
from secureacct.stores.sql import AsyncSqlStore, SqlStore
from tests.privacy_kit import START, Clock

ADA, EVE = "ada@example.org", "eve@example.org"
THEN = datetime.fromtimestamp(START, UTC)
POLICY = policy_versions.policy_version(
    policy="privacy", version="1", text="Little.", in_force=THEN - timedelta(days=1)
)
LETTER = Message(to="", subject="News", text="News of the month.", html="", links=(), headers=())
CARRIER = partners.Partner(
    id="carrier",
    name="Carrier",
    terms="For delivery only.",
    agreed_on=THEN - timedelta(days=1),
    ends_on=THEN + timedelta(days=100),
    purposes=(
        partners.DisclosurePurpose(
            id="delivery", words="Brings it.", fields=frozenset({"name"}), without_choice="allow"
        ),
    ),
)


class Site:
    """Every privacy face on one store, and what was told to people."""

    def __init__(self, store: Any, awaiting: bool) -> None:
        keys, self.clock = Keyring.generate(), Clock()
        common: dict[str, Any] = {"store": store, "keys": keys, "clock": self.clock}
        self.told: list[dict[str, Any]] = []
        self.sent: list[Message] = []

        def face(module: Any, name: str, parts: Any) -> Any:
            return getattr(module, f"Async{name}" if awaiting else name)(parts)

        lists = [MailingList(id="news", title="News", words="Monthly.")]
        self.mailings = face(
            mailing_faces,
            "Mailings",
            MailingParts(
                lists=lists, base_url="https://shop.example",
                seal_mail=self.seal, check=bool, **common,
            ),
        )  # fmt: skip
        declared = Declarations([Purpose(id="visits", title="Visits", words="We count.")])
        consents = ConsentParts(declarations=declared, **common)
        self.consents = (AsyncConsents if awaiting else Consents)(consents)
        self.disclosures = face(
            partners, "Disclosures", partners.PartnerParts(partners=partners.Partners([CARRIER]), **common)
        )
        self.policies = face(policy_versions, "Policies", policy_versions.PolicyParts(**common))
        self.letters = face(correspondence, "Correspondence", correspondence.LetterParts(**common))
        counters = [Counter(name="visits", by="browser", groups=("Firefox", "Lynx"))]
        statistics = StatisticParts(store=store, counters=counters, clock=self.clock)
        self.statistics = (AsyncStatistics if awaiting else Statistics)(statistics)
        holdings = Holdings(
            [
                Holding(
                    name="orders", title="Orders", words="Bought.",
                    rows=from_rows(lambda who: [{"order": 1}]), kept="The law says ten years.",
                ),
                held(store, "subscription", title="Mailings", words="Lists.", show=lambda row: {"at": 1}),
            ]
        )  # fmt: skip
        self.exports = face(
            export, "Exports", export.ExportParts(holdings=holdings, site="Shop", tell=self.tell, **common)
        )
        self.erasure = face(
            erasure,
            "Erasure",
            erasure.ErasureParts(
                holdings=holdings, address_of=self.address_of,
                by_address=lambda address, account_id, now: (), tell=self.tell, **common,
            ),
        )  # fmt: skip

    def seal(self, message: Message, *, mail_id: str) -> bytes:
        """Keep what would be mailed."""
        self.sent.append(message)
        return b"sealed"

    async def address_of(self, account_id: str) -> str | None:
        """Everybody is Ada."""
        return ADA

    async def tell(self, account_id: str, kind: str, facts: dict[str, Any]) -> tuple[()]:
        """Remember what would be mailed."""
        self.told.append({"kind": kind, **facts})
        return ()

    def token(self, kind: str) -> str:
        """The secret of the newest thing told of this kind."""
        return next(str(one["token"]) for one in reversed(self.told) if one["kind"] == kind)


async def done(result: Any) -> Any:
    """The result of a step of either face."""
    return await result if inspect.isawaitable(result) else result


async def choices(site: Site) -> None:
    """Consent, policy, partners."""
    assert not await done(site.consents.allowed("42", "visits"))
    await done(site.consents.choose("42", "visits", agree=True))
    assert await done(site.consents.allowed("42", "visits"))
    (standing,) = await done(site.consents.purposes_of("42"))
    assert standing.agreed
    await done(site.consents.choose_cookies(agree=["visits"], account_id="42"))
    entries = await done(site.consents.history("42"))
    assert await done(site.consents.words_of(entries[0])) == "Visits\nWe count."
    assert await done(site.consents.verify_history("42")) == len(entries)
    assert (await done(site.consents.verify_everyone()))[1] == ()

    assert await done(site.policies.register(POLICY))
    assert not await done(site.policies.register(POLICY))
    assert (await done(site.policies.in_force("privacy"))).version == "1"
    assert isinstance(await done(site.policies.standing("42", "privacy")), policy_versions.AcceptanceDue)
    await done(site.policies.answer("42", "privacy", shown=POLICY.hash, accept=True))
    assert isinstance(await done(site.policies.standing("42", "privacy")), policy_versions.UpToDate)
    assert len(await done(site.policies.acceptances("42", "privacy"))) == 1

    assert await done(site.disclosures.may_disclose("42", "carrier", "delivery"))
    await done(site.disclosures.disclose("42", "carrier", "delivery", {"name": "Ada"}))
    await done(site.disclosures.choose("42", "carrier", "delivery", allow=False))
    assert not await done(site.disclosures.may_disclose("42", "carrier", "delivery"))
    assert len(await done(site.disclosures.disclosures_of("42"))) == 1
    assert [one.allowed for one in await done(site.disclosures.standing("42"))] == [False]


async def mail(site: Site) -> None:
    """Mailings and letters."""
    due = await done(site.mailings.subscribe("news", EVE, address_is_proven=False))
    await done(site.mailings.confirm(due.token))
    await done(site.mailings.subscribe("news", ADA, address_is_proven=True, account_id="42"))
    assert await done(site.mailings.send_mailing("news", LETTER)) == (2, 0)
    eve, ada = sorted(
        await done(site.mailings.subscribers("news")), key=lambda one: one.account_id is not None
    )
    link = dict(next(one for one in site.sent if one.to == EVE).headers)["List-Unsubscribe"]
    await done(site.mailings.unsubscribe(link.strip("<>").rpartition("/")[2]))
    assert await done(site.mailings.send_mailing("news", LETTER)) == (1, 0)
    await done(site.mailings.stop(ADA))
    await done(site.mailings.complain(ADA))
    assert await done(site.mailings.send_mailing("news", LETTER)) == (0, 0)
    assert [one.subscribed for one in await done(site.mailings.lists_of("42"))] == [False]
    assert eve.list_id == ada.list_id == "news"

    letter = await done(site.letters.receive(address=ADA, subject="Thanks", text="Good.", account_id="42"))
    await done(site.letters.reply(letter, subject="Re", text="Gladly."))
    assert len(await done(site.letters.thread(letter))) == 2
    assert (await done(site.letters.read(letter, by="Tim", purpose="answer"))).text == "Good."
    with pytest.raises(TestimonialRefused):
        await done(site.letters.quote(letter))
    await done(site.letters.allow_testimonial(letter, words="May we quote you?", allow=True))
    assert await done(site.letters.quote(letter)) == "Good."
    assert len(await done(site.letters.letters_of(account_id="42"))) == 2


async def numbers(site: Site) -> None:
    """Statistics of a day, published when it is over."""
    day = int(site.clock()) // 86_400
    for visitor in range(20):
        await done(site.statistics.count_once("visits", str(visitor), "Firefox"))
    await done(site.statistics.count("visits", "Lynx"))
    site.clock.forward(days=14)
    assert await done(site.statistics.publish("visits", day=day))
    await done(site.statistics.forget_days())


async def leaving(site: Site) -> None:
    """A copy, once; deletion, undone; deletion."""
    await done(site.exports.request("42"))
    assert await done(site.exports.work()) == 1
    (job,) = await done(site.exports.jobs_of("42"))
    token = site.token("export_ready")
    taken = await done(site.exports.download("42", token))
    pieces = [one async for one in taken] if hasattr(taken, "__aiter__") else list(taken)
    assert b"".join(pieces)[:2] == b"PK"
    await done(site.exports.drop(job))
    with pytest.raises(ExportRefused):
        await done(site.exports.take("42", token))
    assert await done(site.exports.piece(job, 0)) is None

    await done(site.erasure.request("42"))
    assert await done(site.erasure.waiting("42")) is not None
    await done(site.erasure.undo("42"))
    assert await done(site.erasure.waiting("42")) is None
    await done(site.erasure.request("42"))
    site.clock.forward(days=60)
    assert len(await done(site.erasure.run_due())) == 1
    assert await done(site.erasure.waiting("42")) is None


STORIES = {"choices": choices, "mail": mail, "numbers": numbers, "leaving": leaving}


def _urls(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    if kind == "postgres":
        return (request.getfixturevalue("pg_database"),) * 2
    return f"sqlite:///{tmp_path / 'p.db'}", f"sqlite+aiosqlite:///{tmp_path / 'p.db'}"


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_every_step(way: str, kind: str, story: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each face does what the other does, on its own kind of store."""
    url, async_url = _urls(kind, tmp_path, request)
    store = SqlStore.from_url(url)
    request.addfinalizer(store.engine.dispose)
    store.create_schema()
    tale: Callable[[Site], Any] = STORIES[story]
    if way == "blocking":
        run_inline(tale(Site(store, awaiting=False)))
        return

    async def run() -> None:
        awaited = AsyncSqlStore.from_url(async_url)
        try:
            await tale(Site(awaited, awaiting=True))
        finally:
            await awaited.engine.dispose()

    asyncio.run(run())
