"""A message as it goes over the wire: one MIME mail with a text and an HTML part.

Rules of this file: pure but for what is handed in (time, id); every header is checked before it is made; an
address beyond ASCII keeps its local part and gets its domain in ASCII, for that is what servers look up.

RFC 5322, RFC 2046 section 5.1.4, RFC 5891 (domains), RFC 6531 (local parts).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, getaddresses

from secureacct.errors import ConfigurationError
from secureacct.mail.address import parse_address
from secureacct.mail.headers import MailRefused, header, is_one_line
from secureacct.records.mail import Message

MAX_LINE_CHARS = 998  # octets of a line without its end, RFC 5322 2.1.1
FOLDABLE_CHARS = 75  # characters of a word that still fits a folded line, RFC 2047 section 2
OURS = frozenset({"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "bcc", "cc"})


class _Policy(EmailPolicy):
    """The standard policy, but for one thing: a header in ASCII with a word too long to fold, such as a link,
    stays as it is. The library would encode it, and mail programs do not undo that in List-Unsubscribe."""

    def fold(self, name: str, value: str) -> str:
        """The header as text."""
        line = f"{name}: {value}"
        unfoldable = any(len(word) > FOLDABLE_CHARS for word in line.split(" "))
        if unfoldable and line.isascii() and line.isprintable() and len(line) <= MAX_LINE_CHARS:
            return f"{line}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        """The header as bytes."""
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii", "surrogateescape")


_POLICY = _Policy(linesep="\r\n")


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom account mails are from."""

    name: str
    address: str

    @classmethod
    def of(cls, text: str) -> Sender:
        """Read ``address`` or ``Name <address>``.

        :raises ConfigurationError: neither.
        """
        read = getaddresses([text])
        name, address = read[0] if len(read) == 1 else ("", "")
        found = parse_address(address)
        if found is None or not found.isascii() or not is_one_line(text):
            raise ConfigurationError("a sender is an address, or a name and an address in <>")
        return cls(name, found)

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.address.rpartition("@")[2]


def build(message: Message, *, sender: Sender, now: float, message_id: str) -> EmailMessage:
    """The mail; pure.

    :param now: seconds since the epoch, for the Date header.
    :param message_id: what stands before the @ of Message-ID.
    :raises MailRefused: a header breaks out of its line, is one of ours, or the address is none.
    """
    to = wire_address(message.to)
    mail = EmailMessage(policy=_POLICY)
    local, _, domain = to.rpartition("@")
    try:
        mail["From"] = Address(sender.name, addr_spec=sender.address)
        mail["To"] = Address(username=local, domain=domain)
        mail["Subject"] = header("Subject", message.subject)[1]
        mail["Date"] = format_datetime(datetime.fromtimestamp(int(now), UTC))
        mail["Message-ID"] = f"<{message_id}@{sender.domain}>"
        for name, value in message.headers:
            if name.lower() in OURS:
                raise MailRefused("broken_header")
            mail[header(name, value)[0]] = value
        mail.set_content(message.text, cte="quoted-printable")
        if message.html:
            mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    except (ValueError, UnicodeError, IndexError):
        raise MailRefused("broken_header") from None
    return mail


def wire_address(address: str) -> str:
    """The address as servers take it: its domain in ASCII; pure.

    :raises MailRefused: it is no address.
    """
    found = parse_address(address)
    if found is None:
        raise MailRefused("broken_header")
    local, _, domain = found.rpartition("@")
    if domain.isascii():
        return found
    try:
        import idna  # comes with email-validator, without which no such address is taken

        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except (ModuleNotFoundError, UnicodeError):
        raise MailRefused("broken_header") from None
