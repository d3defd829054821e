"""The mail linter: what no mail of ours may do (commitment C05).

Rules of this file: a mail never asks for a password or code, and holds none; its links are on our own host,
and it has no pictures, unless declared; it names the site; nothing in it acts, loads or hides; its headers
stay on their lines. What is read is the mail that is about to be sent, not the template it came from. A
problem is told by a stable word, never by the text that caused it.

It finds carelessness and tampered templates, in the languages of ``lint_words``; it is no proof against an
author who hides his meaning.

    asks_for_password   a sentence asks for a password or code
    holds_password      a password or code is shown, or a secret that was given to look for is there
    foreign_link        a link leads to another host
    hidden_target       the words of a link name one host and its address another
    undeclared_picture  a picture would be fetched, and tell that the mail was opened
    remote_content      a style sheet would fetch something
    active_content      a form, script, frame, or anything else that has no place in a mail
    no_site_name        a part does not say whose mail it is
    no_text             there is no text part
    broken_header       a header would break out of its line
    too_long            a part has more than 200,000 characters
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from secureacct._urls import BaseUrl
from secureacct.mail.headers import MailRefused, header
from secureacct.mail.lint_html import MailHtml
from secureacct.mail.lint_words import asks_for_secret, shows_secret, visible
from secureacct.records.mail import Message

MAX_CHARS = 200_000  # characters of one part; our own limit, bounds the work

_URL = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}:)?//[^\s<>\"')\]]{1,4000}|\b(?:javascript|data|vbscript):\S{1,200}",
    re.IGNORECASE,
)
_BARE_HOST = re.compile(
    r"(?<![@\w.-])(?:www\.[\w.-]{1,253}|(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?=[/:?#]\S))", re.IGNORECASE
)


def lint(
    message: Message,
    *,
    base_url: str | BaseUrl,
    site: str,
    elsewhere: Collection[str] = (),
    pictures: Collection[str] = (),
    secrets: Collection[str] = (),
) -> None:
    """Return if the mail may be sent; see :func:`problems` for the arguments.

    :raises MailRefused: it may not; ``problems`` has the words.
    """
    found = problems(
        message, base_url=base_url, site=site, elsewhere=elsewhere, pictures=pictures, secrets=secrets
    )
    if found:
        raise MailRefused(*found)


def problems(
    message: Message,
    *,
    base_url: str | BaseUrl,
    site: str,
    elsewhere: Collection[str] = (),
    pictures: Collection[str] = (),
    secrets: Collection[str] = (),
) -> tuple[str, ...]:
    """What is wrong with a mail, in alphabetical order; pure.

    :param base_url: the only host links may lead to.
    :param site: the name that the mail has to give.
    :param elsewhere: other origins (``https://partner.example``) that this mail may link to.
    :param pictures: full addresses of pictures that it may show.
    :param secrets: texts that must not be in it.
    :raises ConfigurationError: an unusable base URL.
    """
    if max(len(message.text), len(message.html)) > MAX_CHARS:
        return ("too_long",)
    origins = (BaseUrl.of(base_url).origin, *elsewhere)
    html = MailHtml(message.html)
    parts = [message.text, html.words] if message.html else [message.text]
    found = set(html.problems)
    found |= _of_headers(message)
    found |= _of_words(message.subject, parts, site=site, secrets=secrets, raw=(message.text, message.html))
    found |= _of_links(message, parts, html, origins)
    if any(picture not in pictures for picture in html.pictures):
        found.add("undeclared_picture")
    return tuple(sorted(found))


def _of_headers(message: Message) -> set[str]:
    try:
        header("Subject", message.subject)
        header("To", message.to)
        for name, value in message.headers:
            header(name, value)
    except MailRefused as refused:
        return set(refused.problems)
    return set()


def _of_words(
    subject: str, parts: list[str], *, site: str, secrets: Collection[str], raw: tuple[str, str]
) -> set[str]:
    found = set()
    if not parts[0].strip():
        found.add("no_text")
    if any(" ".join(site.split()) not in " ".join(visible(part).split()) for part in parts):
        found.add("no_site_name")
    # A name may hold what ends a clause ("Corner Shop, Ltd."): it is no part of what is asked.
    said = [part.replace(site, "Shop") for part in (subject, *parts)]
    if any(asks_for_secret(part) for part in said):
        found.add("asks_for_password")
    if any(shows_secret(part) for part in said):
        found.add("holds_password")
    if any(secret and secret in part for secret in secrets for part in (subject, *parts, *raw)):
        found.add("holds_password")
    return found


def _of_links(message: Message, parts: list[str], html: MailHtml, origins: tuple[str, ...]) -> set[str]:
    found = set()
    named = [address for part in (message.subject, *parts) for address in _addresses_in(part)]
    targets = [address for address, _ in html.links]
    if not all(_origin_of(address, origins) for address in (*named, *targets, *message.links)):
        found.add("foreign_link")
    for target, words in html.links:
        shown = {_origin_of(address, origins) for address in _addresses_in(words)}
        if shown - {_origin_of(target, origins)}:
            found.add("hidden_target")
    return found


def _addresses_in(text: str) -> list[str]:
    """Everything in a text that a mail program would make a link of."""
    seen = visible(text)
    full = [found.group().rstrip(".,;:!?") for found in _URL.finditer(seen)]
    bare = [found.group().rstrip(".,;:!?") for found in _BARE_HOST.finditer(_URL.sub(" ", seen))]
    return full + bare


def _origin_of(address: str, origins: tuple[str, ...]) -> str | None:
    """Which of the origins an address belongs to, byte by byte; None if to none."""
    if "\\" in address or "@" in address.partition("?")[0].partition("#")[0][:300]:
        return None
    for origin in origins:
        if address.startswith(origin) and address[len(origin) : len(origin) + 1] in ("", "/", "?", "#"):
            return origin
        if "//" not in address and address.lower() == urlsplit(origin).netloc:
            return origin
    return None
