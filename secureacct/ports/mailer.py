"""What hands mails over."""

from __future__ import annotations

from typing import Protocol

from secureacct._faces import Kind
from secureacct.errors import TemporarilyUnavailable
from secureacct.records.mail import Message


class MailTrouble(TemporarilyUnavailable):
    """A mail was not handed over. Holds neither the address nor anything of the mail.

    :param reason: stable word for logs: unreachable, insecure, login, refused or unsupported.
    :param permanent: trying this mail again cannot help.
    """

    code = "mail_trouble"

    def __init__(self, reason: str, *, permanent: bool = False, retry_after: int = 30) -> None:
        super().__init__(f"a mail was not handed over: {reason}", retry_after=retry_after)
        self.reason = reason
        self.permanent = permanent


class Mailer(Protocol):
    """Hands one mail over, or says that it could not."""

    @property
    def kind(self) -> Kind:
        """Whether ``send`` may suspend; see ``_faces``."""
        ...

    async def send(self, message: Message) -> None:
        """Hand the mail over to somebody who will deliver it.

        Promises: when this returns, the mail is out of our hands; it may be sent twice after a crash,
        and is never lost silently.

        :raises MailTrouble: it was not handed over.
        :raises MailRefused: the message itself cannot be a mail: a header breaks out of its line.
        """
        ...
