"""Mails over SMTP (RFC 5321), from the standard library.

Rules of this file: the connection is encrypted and the server's certificate checked before anything of a
mail is said, except to this machine's own server; every trouble becomes ``MailTrouble`` with a word for the
log, never the address, the password or what the server wrote; a mail that was taken counts as taken even if
the goodbye fails.

RFC 8314 (implicit TLS), RFC 3207 (STARTTLS, required here); OWASP ASVS 5 12.3.1.
"""

from __future__ import annotations

import secrets
import smtplib
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Literal

from secureacct.errors import ConfigurationError
from secureacct.mailers.mime import Sender, build, wire_address
from secureacct.ports.mailer import MailTrouble
from secureacct.records.mail import Message

TIMEOUT_S = 10.0  # seconds for each step of the conversation; our own limit
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})  # the only servers spoken to without TLS


class SmtpMailer:
    """Hands each mail to one SMTP server, in one connection.

    ``send`` never suspends; in an event loop wrap it: ``InThreads(SmtpMailer(...))``.

    :param host: the server.
    :param port: 465 with ``implicit_tls``, else mostly 587.
    :param sender: ``address`` or ``Name <address>``.
    :param user: for a server that wants a login; None if it does not.
    :param password: goes with ``user``.
    :param implicit_tls: TLS from the first byte; otherwise STARTTLS, without which nothing is sent.
    :param timeout_s: seconds for each step of the conversation.
    :param tls_context: instead of the system's certificate authorities.
    :param clock: seconds since the epoch, for the Date header.
    :raises ConfigurationError: an unusable sender, port or login.
    """

    kind: Literal["blocking"] = "blocking"

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        user: str | None = None,
        password: str | None = None,
        implicit_tls: bool = False,
        timeout_s: float = TIMEOUT_S,
        tls_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not host or not 0 < port < 65536 or timeout_s <= 0:
            raise ConfigurationError("an SMTP server has a host, a port from 1 to 65535 and a timeout")
        if (user is None) != (password is None):
            raise ConfigurationError("an SMTP login is a user and a password, or neither")
        self._host, self._port = host, port
        self._sender = Sender.of(sender)
        self._login = None if user is None or password is None else (user, password)
        self._implicit_tls = implicit_tls
        self._timeout_s = timeout_s
        self._tls = tls_context
        self._clock = clock

    async def send(self, message: Message) -> None:
        """Hand one mail over.

        :raises MailTrouble: the server did not take it.
        :raises MailRefused: it cannot be a mail.
        """
        mail = build(message, sender=self._sender, now=self._clock(), message_id=secrets.token_hex(16))
        to = wire_address(message.to)
        server = self._connected()
        try:
            _hand_over(server, mail, sender=self._sender.address, to=to)
        finally:
            _goodbye(server)

    def _connected(self) -> smtplib.SMTP:
        server: smtplib.SMTP | None = None
        try:
            if self._implicit_tls:
                server = smtplib.SMTP_SSL(
                    self._host,
                    self._port,
                    local_hostname=self._sender.domain,
                    timeout=self._timeout_s,
                    context=self._context(),
                )
            else:
                server = smtplib.SMTP(
                    self._host, self._port, local_hostname=self._sender.domain, timeout=self._timeout_s
                )
                self._encrypt(server)
            if self._login is not None:
                server.login(*self._login)
        except BaseException as error:
            if server is not None:
                server.close()
            trouble = _trouble_of_connecting(error)
            if trouble is None:
                raise
            raise trouble from None
        return server

    def _encrypt(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        if server.has_extn("starttls"):
            server.starttls(context=self._context())
        elif self._host not in LOCAL_HOSTS:
            raise ssl.SSLError("the server offers no STARTTLS")

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def __repr__(self) -> str:
        return f"<SmtpMailer {self._host}:{self._port}>"


def _trouble_of_connecting(error: BaseException) -> MailTrouble | None:
    if isinstance(error, ssl.SSLError):
        return MailTrouble("insecure")
    if isinstance(error, (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError)):
        return MailTrouble("login")
    if isinstance(error, (smtplib.SMTPException, OSError, UnicodeError)):
        return MailTrouble("unreachable")
    return None


def _hand_over(server: smtplib.SMTP, mail: EmailMessage, *, sender: str, to: str) -> None:
    try:
        server.send_message(mail, from_addr=sender, to_addrs=[to])
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [code for code, _ in refused.recipients.values()]
        raise MailTrouble("refused", permanent=all(code >= 500 for code in codes)) from None
    except smtplib.SMTPNotSupportedError:
        raise MailTrouble("unsupported", permanent=True) from None
    except smtplib.SMTPDataError as refused:
        raise MailTrouble("refused", permanent=refused.smtp_code >= 500) from None
    except (
        smtplib.SMTPResponseException
    ):  # the sender is not liked: a mistake in the settings, not in the mail
        raise MailTrouble("refused") from None
    except (smtplib.SMTPException, OSError):
        raise MailTrouble("unreachable") from None


def _goodbye(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()
