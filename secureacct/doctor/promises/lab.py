"""The bench of the library's checks: keys, a clock, and stores that are nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secureacct.commitments.evidence import Broken
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.mailings import MailingList, MailingParts
from secureacct.keys import Keyring
from secureacct.mail.lint import lint
from secureacct.records.mail import Message
from secureacct.stores.memory import MemoryStore

START = 1_795_600_000.0  # seconds since the epoch; any moment does
DAY_S = 86_400
BASE = "https://shop.example"
ADA = "ada.canary@example.org"


@dataclass
class Lab:
    """A bench with nothing of anybody's on it."""

    keys: Keyring = field(default_factory=Keyring.generate)
    at: float = START

    def store(self) -> MemoryStore:
        """A new store."""
        return MemoryStore()

    def clock(self) -> float:
        """The time on the bench."""
        return self.at

    def mailings(self, store: MemoryStore) -> Mailings:
        """One list, with mails nobody has to open."""
        lists = [MailingList(id="news", title="News", words="What is new, monthly.")]
        return Mailings(
            MailingParts(
                store=store, keys=self.keys, lists=lists, base_url=BASE, clock=self.clock,
                seal_mail=lambda message, *, mail_id: f"{mail_id} {message.subject}".encode(),
                check=lambda message: lint(message, base_url=BASE, site="Shop"),
            )
        )  # fmt: skip


NEWS = Message(to="", subject="News of Shop", text="What is new at Shop.", html="<p>What is new at Shop.</p>")


def refused(error: type[Exception] | tuple[type[Exception], ...], act: Any, otherwise: str) -> None:
    """Say that a promise is broken unless this is refused.

    :raises Broken: it was not.
    """
    try:
        act()
    except error:
        return
    raise Broken(otherwise)
