"""From a letter, its facts and its links to a mail with text and HTML.

Rules of this file: a link is a path of ours or a full URL on our own host, never anything else; facts are
short, on one line, and shaped so that no mail program makes a link of them; what comes out has passed the
linter. A fact may have been chosen by a thief (the name of a device, of a factor): one that would make the
linter refuse the mail is hidden and the mail goes all the same, for it is the warning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from html import escape
from typing import Final

from secureacct._urls import BaseUrl
from secureacct.errors import ConfigurationError
from secureacct.mail.address import masked, parse_address
from secureacct.mail.headers import AUTO_SUBMITTED, MailRefused, is_one_line
from secureacct.mail.letters import ENGLISH, FOOTER_ENGLISH, Letter
from secureacct.mail.lint import problems
from secureacct.records.mail import Message

MAX_FACT_CHARS = 100  # characters of one fact; our own limit
RECEIPT_LINE = 64  # characters of a receipt between two spaces, so that it can break; ours
_RECEIPT = re.compile(
    r"[A-Za-z0-9_-]{1,8000}\.[A-Za-z0-9_-]{86}\Z"
)  # a signed receipt: never a name or a link
HIDDEN_FACT: Final = "(not shown)"

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # Unicode categories
_HOST_DOT = re.compile(r"(?<=\w)([.\u3002\uff0e\uff61])(?=[^\W\d])")
_NAMED = re.compile(r"\{([a-z_]+)\}")
_PAGE = (
    '<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>{subject}</title></head>\n'
    '<body style="font-family: sans-serif; line-height: 1.5; max-width: 36em">\n{body}\n</body>\n</html>\n'
)


def compose(
    kind: str,
    *,
    to: str,
    site: str,
    base_url: str | BaseUrl,
    links: Mapping[str, str] | None = None,
    facts: Mapping[str, str] | None = None,
    letters: Mapping[str, Letter] = ENGLISH,
    footer: tuple[str, ...] = FOOTER_ENGLISH,
    language: str = "en",
) -> Message:
    """One account mail; pure.

    :param kind: which letter.
    :param to: the address, in the spelling that was given.
    :param site: the site's name.
    :param base_url: where the site lives; every link is there.
    :param links: link name to a path (``/account/reset/...``) or a full URL on our own host. A link that the
        letter has and that is not given is left out.
    :param facts: what stands in braces. ``address`` is shown masked.
    :param letters: the words; a translation has the same kinds and facts.
    :param language: of the words, for the ``lang`` attribute.
    :raises ConfigurationError: no such letter, a fact that is missing, a link that is unknown or elsewhere,
        or an unusable site name.
    :raises MailRefused: the letter itself does what no mail of ours may do.
    """
    letter = letters.get(kind)
    if letter is None:
        raise ConfigurationError(f"there is no letter {kind!r}")
    base = BaseUrl.of(base_url)
    if not site or site != " ".join(site.split()) or len(site) > MAX_FACT_CHARS or not is_one_line(site):
        raise ConfigurationError("a site's name is 1 to 100 characters on one line")
    if parse_address(to) is None:
        raise MailRefused("broken_header")
    targets = _targets(letter, base, links or {})
    own = {"site": site, "home": base.origin}
    shown = {name: _shown(name, value) for name, value in (facts or {}).items()}
    message = _message(letter, to, footer, {**shown, **own}, targets, language)
    found = problems(message, base_url=base, site=site)
    if found:
        hidden = dict.fromkeys(shown, HIDDEN_FACT)
        message = _message(letter, to, footer, {**hidden, **own}, targets, language)
        found = problems(message, base_url=base, site=site)
    if found:
        raise MailRefused(*found)
    return message


def fact(text: str) -> str:
    """A fact as it may stand in a mail: short, one line, nothing invisible, and nothing that mail programs
    make a link of; pure."""
    seen = unicodedata.normalize("NFC", text[: 4 * MAX_FACT_CHARS])
    spaced = (" " if char.isspace() else char for char in seen)
    kept = "".join(char for char in spaced if unicodedata.category(char) not in _INVISIBLE)
    kept = _HOST_DOT.sub(r"\1 ", kept)  # "evil.example" becomes two words
    kept = re.sub(r"[/\\<>@]+", " ", kept)
    kept = " ".join(kept.split())
    return kept if len(kept) <= MAX_FACT_CHARS else kept[: MAX_FACT_CHARS - 1] + "\u2026"


def _shown(name: str, value: str) -> str:
    if name == "receipt" and _RECEIPT.match(value):
        return " ".join(value[start : start + RECEIPT_LINE] for start in range(0, len(value), RECEIPT_LINE))
    if name != "address":
        return fact(value) or HIDDEN_FACT
    address = parse_address(value)
    return HIDDEN_FACT if address is None else masked(address)


def _targets(letter: Letter, base: BaseUrl, links: Mapping[str, str]) -> dict[str, str]:
    unknown = links.keys() - letter.links
    if unknown:
        raise ConfigurationError(f"this letter has no link {sorted(unknown)}")
    return {name: base.at(target.removeprefix(base.origin)) for name, target in links.items()}


def _filled(text: str, facts: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in facts:
            raise ConfigurationError(f"the fact {name!r} is missing from this mail")
        return facts[name]

    return _NAMED.sub(value, text)


def _message(
    letter: Letter,
    to: str,
    footer: tuple[str, ...],
    facts: Mapping[str, str],
    targets: Mapping[str, str],
    language: str,
) -> Message:
    subject = _filled(letter.subject, facts)
    actions = [(action.words, targets[action.link]) for action in letter.actions if action.link in targets]
    before = [_filled(text, facts) for text in letter.before]
    after = [_filled(text, facts) for text in letter.after]
    below = [_filled(text, facts) for text in footer]
    text = [*before, *(f"{words}:\n{url}" for words, url in actions), *after, "-- \n" + "\n".join(below)]
    body = [
        *(f"<p>{escape(paragraph)}</p>" for paragraph in before),
        *(f'<p><a href="{escape(url)}">{escape(words)}</a></p>' for words, url in actions),
        *(f"<p>{escape(paragraph)}</p>" for paragraph in after),
        "<hr>",
        *(f"<p><small>{escape(paragraph)}</small></p>" for paragraph in below),
    ]
    return Message(
        to=to,
        subject=subject,
        text="\n\n".join(text) + "\n",
        html=_PAGE.format(language=escape(language), subject=escape(subject), body="\n".join(body)),
        links=tuple(url for _, url in actions),
        headers=(AUTO_SUBMITTED,),
    )
