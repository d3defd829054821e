"""Mailers: a mail goes over an encrypted line to one address, or the trouble has a name."""

from __future__ import annotations

import asyncio
import base64
import io
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from secureacct._faces import run_inline
from secureacct.errors import ConfigurationError
from secureacct.mail.headers import MailRefused, unsubscribe_headers
from secureacct.mailers.console import ConsoleMailer
from secureacct.mailers.in_threads import InThreads
from secureacct.mailers.mime import Sender, build, wire_address
from secureacct.mailers.outbox import OutboxMailer
from secureacct.mailers.smtp import SmtpMailer
from secureacct.ports.mailer import Mailer, MailTrouble
from secureacct.records.mail import Message

MAIL = Message(
    to="ada@example.org",
    subject="Grüße from Shop",
    text="Hello Ädä\nhttps://shop.example/" + "a" * 200 + "\n",
    html="<p>Hello Ädä</p>",
    links=("https://shop.example/",),
    headers=(("Auto-Submitted", "auto-generated"),),
)
SENDER = Sender.of("The Shop <no-reply@shop.example>")
PASSWORD = "sm7p-s3cret"


def parsed(raw: bytes) -> EmailMessage:
    """A mail as a mail program reads it."""
    return message_from_bytes(raw, policy=default)


def body_of(mail: EmailMessage, kind: str) -> str:
    """The words of one part."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


# --- a server to talk to -----------------------------------------------------------------------


class Server(socketserver.ThreadingTCPServer):
    """A small SMTP server that does what a test tells it to."""

    allow_reuse_address = True
    daemon_threads = False  # closing the server waits for its conversations
    block_on_close = True

    def __init__(self, tls: ssl.SSLContext, **ways: str | bool) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.tls, self.ways = tls, ways
        self.mails: list[bytes] = []
        self.heard: list[tuple[bool, str]] = []  # (encrypted, line)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up: nothing to print."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class Conversation(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server
    timeout = 10

    def handle(self) -> None:
        """Answer line by line."""
        ways, self.encrypted = self.server.ways, False
        if ways.get("implicit"):
            self.encrypt()
        self.say("220 hello")
        while line := self.rfile.readline().decode("utf-8").rstrip("\r\n"):
            self.server.heard.append((self.encrypted, line))
            if not self.answer(line.split(" ")[0].upper(), line):
                return

    def answer(self, verb: str, line: str) -> bool:
        """One command; False ends the connection."""
        ways = self.server.ways
        if verb == "EHLO":
            extensions = ["250-shop", "250-AUTH PLAIN"] + ["250-SMTPUTF8"] * bool(ways.get("utf8"))
            if not self.encrypted and not ways.get("no_starttls"):
                extensions.append("250-STARTTLS")
            self.say("\r\n".join([*extensions, "250 8BITMIME"]))
        elif verb == "STARTTLS":
            self.say("220 go")
            self.encrypt()
        elif verb == "AUTH":
            wanted = base64.b64encode(f"\0shop\0{PASSWORD}".encode()).decode()
            self.say("235 ok" if line.split(" ")[-1] == wanted else "535 no")
        elif verb == "DATA" and not ways.get("data"):
            self.say("354 go")
            lines = []
            while (piece := self.rfile.readline()) != b".\r\n":
                lines.append(piece[1:] if piece.startswith(b".") else piece)
            self.server.mails.append(b"".join(lines))
            self.say(str(ways.get("taken", "250 ok")))
        elif verb == "QUIT":
            self.say(str(ways.get("quit", "221 bye")))
            return False
        else:
            self.say(str(ways.get(verb.lower(), "250 ok")))
            return not ways.get(f"hang_up_after_{verb.lower()}")
        return True

    def encrypt(self) -> None:
        """Go on over TLS."""
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.encrypted = True

    def finish(self) -> None:
        """Close what ``encrypt`` opened too."""
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def say(self, text: str) -> None:
        """One answer."""
        self.connection.sendall(text.encode() + b"\r\n")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs the certificates of these tests."""
    return trustme.CA()


Start = Callable[..., Server]


@pytest.fixture
def start(authority: trustme.CA) -> Iterator[Start]:
    """Starts a server with a certificate for localhost; extra words say how it behaves."""
    servers: list[Server] = []

    def begin(*, certificate_for: str = "localhost", **ways: str | bool) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(certificate_for).configure_cert(context)
        servers.append(Server(context, **ways))
        return servers[-1]

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client that trusts that authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def mailer(server: Server, tls: ssl.SSLContext | None, **more: object) -> SmtpMailer:
    """A mailer that talks to the server."""
    given = {
        "host": "localhost",
        "port": server.port,
        "sender": "The Shop <no-reply@shop.example>",
        "timeout_s": 5,
    }
    return SmtpMailer(**{**given, "tls_context": tls, **more})  # type: ignore[arg-type]


def send(one: Mailer, message: Message = MAIL) -> None:
    """Send in place, as a blocking face does."""
    run_inline(one.send(message))


@pytest.mark.parametrize("implicit", [True, False])
def test_a_mail_arrives_over_an_encrypted_line(
    start: Start, trusting: ssl.SSLContext, implicit: bool
) -> None:
    """With TLS from the start and with STARTTLS; nothing of the mail is said before."""
    server = start(implicit=implicit)
    send(mailer(server, trusting, user="shop", password=PASSWORD, implicit_tls=implicit))
    mail = parsed(server.mails[0])
    assert (mail["To"], mail["From"]) == ("ada@example.org", "The Shop <no-reply@shop.example>")
    assert mail["Subject"] == "Grüße from Shop"
    assert body_of(mail, "plain").replace("\r\n", "\n") == MAIL.text
    assert body_of(mail, "html").strip() == MAIL.html
    in_clear = [line for encrypted, line in server.heard if not encrypted]
    assert all(line.upper().startswith(("EHLO", "STARTTLS")) for line in in_clear)
    envelope = [line for _, line in server.heard if line[:4].upper() in ("MAIL", "RCPT")]
    assert [line.split(">")[0].lower() for line in envelope] == [
        "mail from:<no-reply@shop.example",
        "rcpt to:<ada@example.org",
    ]


def test_a_server_nobody_vouches_for_hears_nothing(start: Start) -> None:
    """An unknown certificate ends the conversation before login and mail."""
    server = start()
    with pytest.raises(MailTrouble) as caught:
        send(mailer(server, None, user="shop", password=PASSWORD))
    assert caught.value.reason == "insecure"
    assert not server.mails
    assert not any("AUTH" in line.upper() for _, line in server.heard)


def test_a_certificate_of_another_name_is_refused(start: Start, trusting: ssl.SSLContext) -> None:
    """The server is who we asked for, or nobody."""
    server = start(certificate_for="other.example")
    with pytest.raises(MailTrouble) as caught:
        send(mailer(server, trusting))
    assert caught.value.reason == "insecure"


def test_without_starttls_nothing_leaves_for_another_machine(
    start: Start, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this machine's own server is spoken to in clear."""
    server = start(no_starttls=True)
    send(mailer(server, trusting))
    assert len(server.mails) == 1
    monkeypatch.setattr("secureacct.mailers.smtp.LOCAL_HOSTS", frozenset())
    with pytest.raises(MailTrouble) as caught:
        send(mailer(server, trusting, user="shop", password=PASSWORD))
    assert caught.value.reason == "insecure"
    assert len(server.mails) == 1
    assert not any("AUTH" in line.upper() for _, line in server.heard)


@pytest.mark.parametrize(
    ("ways", "reason", "permanent"),
    [
        ({"rcpt": "550 who?"}, "refused", True),
        ({"rcpt": "450 later"}, "refused", False),
        ({"mail": "550 not from you"}, "refused", False),
        ({"data": "554 no"}, "refused", True),
        ({"taken": "554 spam"}, "refused", True),
        ({"taken": "451 later"}, "refused", False),
        ({"hang_up_after_mail": True}, "unreachable", False),
    ],
)
def test_every_trouble_has_a_word(
    start: Start, trusting: ssl.SSLContext, ways: dict[str, str | bool], reason: str, permanent: bool
) -> None:
    """What the server says becomes a stable word and whether to try again, and nothing of the mail."""
    with pytest.raises(MailTrouble) as caught:
        send(mailer(start(**ways), trusting))
    assert (caught.value.reason, caught.value.permanent) == (reason, permanent)
    assert caught.value.code == "mail_trouble"
    assert "ada" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrong_login_is_told_without_the_password(start: Start, trusting: ssl.SSLContext) -> None:
    """The word is ``login``; the password is nowhere."""
    one = mailer(start(), trusting, user="shop", password="wr0ng-pw")
    with pytest.raises(MailTrouble) as caught:
        send(one)
    assert caught.value.reason == "login"
    assert "wr0ng-pw" not in str(caught.value) + repr(one) + repr(caught.value)


def test_nobody_there_is_trouble_not_a_crash(start: Start, trusting: ssl.SSLContext) -> None:
    """A closed port is ``unreachable``."""
    server = start()
    port = server.port
    server.shutdown()
    server.server_close()
    with pytest.raises(MailTrouble) as caught:
        send(mailer(server, trusting, port=port))
    assert caught.value.reason == "unreachable"


def test_a_failed_goodbye_is_no_trouble(start: Start, trusting: ssl.SSLContext) -> None:
    """The mail was taken: sending it again would be worse."""
    server = start(quit="500 what?")
    send(mailer(server, trusting))
    assert len(server.mails) == 1


def test_a_local_part_beyond_ascii_needs_a_server_that_knows_it(
    start: Start, trusting: ssl.SSLContext
) -> None:
    """With SMTPUTF8 it is sent; without, it is told for good."""
    message = Message(to="adä@example.org", subject="x", text="Shop", html="")
    server = start(utf8=True)
    send(mailer(server, trusting), message)
    assert parsed(server.mails[0])["To"] == "adä@example.org"
    with pytest.raises(MailTrouble) as caught:
        send(mailer(start(), trusting), message)
    assert (caught.value.reason, caught.value.permanent) == ("unsupported", True)


def test_an_event_loop_does_not_wait(start: Start, trusting: ssl.SSLContext) -> None:
    """In a thread the mail arrives, and trouble comes through."""
    server = start()

    async def both() -> None:
        await InThreads(mailer(server, trusting)).send(MAIL)
        with pytest.raises(MailTrouble):
            await InThreads(mailer(start(rcpt="550 no"), trusting)).send(MAIL)

    asyncio.run(both())
    assert len(server.mails) == 1
    assert InThreads(OutboxMailer()).kind == "awaiting"


@pytest.mark.parametrize(
    "more",
    [
        {"host": ""},
        {"port": 0},
        {"port": 65536},
        {"timeout_s": 0},
        {"user": "x"},
        {"password": "x"},
        {"sender": ""},
        {"sender": "The Shop"},
        {"sender": "a@b.example\r\nBcc: eve@c.example"},
        {"sender": "Shop\n <a@b.example>"},
        {"sender": "a@b.example, c@d.example"},
    ],
)
def test_a_mailer_is_set_up_right_or_not_at_all(more: dict[str, object]) -> None:
    """Half a login, no sender, or an impossible port is a mistake of the settings."""
    given: dict[str, object] = {"host": "localhost", "port": 25, "sender": "a@b.example", **more}
    with pytest.raises(ConfigurationError):
        SmtpMailer(**given)  # type: ignore[arg-type]


# --- the mail itself ---------------------------------------------------------------------------


def test_a_long_link_in_a_header_stays_whole() -> None:
    """One-click programs read the header literally; other headers are folded and encoded as they should."""
    link = "https://shop.example/account/unsubscribe/" + "A" * 380
    message = Message(
        to="ada@example.org",
        subject="Grüße " * 40,
        text="Shop",
        html="",
        headers=unsubscribe_headers(link, base_url="https://shop.example"),
    )
    raw = build(message, sender=SENDER, now=1_750_000_000, message_id="id").as_bytes()
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in raw
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert all(len(line) <= 78 for line in raw.split(b"\r\n") if b"unsubscribe/" not in line)
    assert parsed(raw)["Subject"].split() == message.subject.split()
    assert parsed(raw)["Date"] == "Sun, 15 Jun 2025 15:06:40 +0000"
    assert parsed(raw)["Message-ID"] == "<id@shop.example>"


def test_the_domain_is_what_servers_look_up() -> None:
    """A domain beyond ASCII becomes its ASCII form; ß stays what it is."""
    assert wire_address("ada@bücher.example") == "ada@xn--bcher-kva.example"
    assert wire_address("ada@straße.example") == "ada@xn--strae-oqa.example"
    assert wire_address("Ada@Example.org") == "Ada@Example.org"


@pytest.mark.parametrize(
    "bad",
    [
        {"to": "ada@example.org\r\nBcc: eve@evil.example"},
        {"to": "ada@example.org, eve@evil.example"},
        {"to": ""},
        {"subject": "x\r\nBcc: eve@evil.example"},
        {"subject": ""},
        {"headers": (("Bcc", "eve@evil.example"),)},
        {"headers": (("From", "eve@evil.example"),)},
        {"headers": (("X-A", "b\nBcc: eve@evil.example"),)},
        {"headers": (("X-A: b\r\nBcc", "eve@evil.example"),)},
        {"text": "\ud800"},
    ],
)
def test_what_cannot_be_a_mail_is_refused(bad: dict[str, object]) -> None:
    """No header begins another, none of ours is replaced, and there is one recipient."""
    message = Message(**{"to": "ada@example.org", "subject": "x", "text": "x", "html": "", **bad})  # type: ignore[arg-type]
    with pytest.raises(MailRefused):
        build(message, sender=SENDER, now=0, message_id="id")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=120), st.text(max_size=120))
def test_any_message_is_one_mail_or_refused(to: str, subject: str, text: str, html: str) -> None:
    """Whatever it holds, there is one From, one To and one Subject, or MailRefused."""
    message = Message(to=to if "@" in to else "ada@example.org", subject=subject, text=text, html=html)
    try:
        raw = build(message, sender=SENDER, now=0, message_id="id").as_bytes()
    except MailRefused:
        return
    mail = parsed(raw)
    assert [len(mail.get_all(name) or []) for name in ("From", "To", "Subject", "Bcc")] == [1, 1, 1, 0]


# --- without a server --------------------------------------------------------------------------


def test_the_outbox_keeps_the_newest() -> None:
    """Newest first, of one address or of all, and never more than it should."""
    box = OutboxMailer(keep=2)
    for number in range(3):
        send(box, Message(to=f"a{number}@example.org", subject=str(number), text="x", html=""))
    assert [mail.subject for mail in box.messages()] == ["2", "1"]
    assert [mail.subject for mail in box.messages(to="a1@example.org")] == ["1"]
    assert box.messages(to="a0@example.org") == ()
    box.clear()
    assert box.messages() == ()
    with pytest.raises(ConfigurationError):
        OutboxMailer(keep=0)


def test_many_threads_can_use_one_outbox() -> None:
    """No mail is lost when several requests send at once."""
    box = OutboxMailer()

    def send_many() -> None:
        for _ in range(50):
            send(box)

    threads = [threading.Thread(target=send_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(box.messages()) == 400


def test_the_console_shows_the_words_and_plays_no_tricks() -> None:
    """Subject and text are readable; escape sequences and bidi marks are gone."""
    stream = io.StringIO()
    text = "Hello\nhttps://shop.example/x \x1b[2J\u202eevil\r\n"
    send(
        ConsoleMailer(stream), Message(to="ada@example.org", subject="Hi\x1b]0;x\x07", text=text, html="<p>")
    )
    shown = stream.getvalue()
    assert "To: ada@example.org\nSubject: Hi" in shown
    assert "https://shop.example/x" in shown
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(shown)


def test_each_mailer_is_one() -> None:
    """All serve the same port."""
    mailers: tuple[Mailer, ...] = (
        OutboxMailer(),
        ConsoleMailer(),
        InThreads(OutboxMailer()),
        SmtpMailer(host="localhost", port=25, sender="a@b.example"),
    )
    assert [one.kind for one in mailers] == ["both", "both", "awaiting", "blocking"]
