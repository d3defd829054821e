"""Sentences that ask for a secret, or show one, in five languages.

Rules of this file: it is data and two questions about a text; a clause that says that nobody asks is taken
out before looking, and only that clause; characters that cannot be seen are taken out first, so they
hide nothing; every pattern is bounded, so no text makes it slow.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """What secrets are called, how one asks for them, how one says that nobody does, and what follows a
    secret that is being shown. Regular expressions, without case."""

    secret: str
    ask: str
    never: str
    equals: str


LANGUAGES = (
    Language(
        secret=r"pass-?\s?words?|pass-?\s?phrases?|pass-?\s?codes?|pin|pin codes?|credit card numbers?"
        r"|(?:security|verification|recovery|backup|one-time|sign-in|log-?in|authenticator) codes?",
        ask=r"send|reply|respond|answer|tell|give|provide|e-?mail|text|share|submit|supply|disclose|reveal"
        r"|confirm|verify|validate|update|enter|re-?enter|type|read out|let us (?:know|have)|need|require|ask"
        r"|request",
        never=r"(?:nobody|no one)(?:\s+[\w&.'-]{1,40}){0,8}?\s+(?:asks?|needs?)"
        r"|(?:never|nobody|no one|will not|won't|do not|don't|not|nor)"
        r"(?:\s+(?:ever|will|would|please|be|to|you"
        r"|anyone|anybody|have|need|at|of|from|our|the|team|staff))*\s+(?:ask|send|tell|give|share|enter|reply|need"
        r"|require|request|disclose|reveal)",
        equals=r"is|are",
    ),
    Language(
        secret=r"passw\w{1,3}rt\w{0,3}|kennw\w{1,3}rt\w{0,3}|passphrase|pin|(?:sicherheits|bestätigungs|wiederherstellungs)"
        r"-?codes?",
        ask=r"senden|sende|schicken|schicke|antworten|teilen|nennen|geben|bestätigen|verraten|mitteilen|eingeben"
        r"|benötigen|brauchen|fragen|bitten",
        never=r"(?:nie|niemals|niemand|nicht)(?:\s+(?:wird|werden|sie|wir|von|uns|nach|je|bitte|um))*\s+(?:ihr\w*\s+)?"
        r"(?:fragen|senden|schicken|geben|bitten|passw\w+|kennw\w+)",
        equals=r"ist|lautet",
    ),
    Language(
        secret=r"mots? de passe|code de (?:sécurité|vérification|récupération)",
        ask=r"envoy\w{1,3}|répond\w{1,3}|donn\w{1,3}|communiqu\w{1,3}|fourni\w{0,5}|confirm\w{1,3}|saisi\w{0,5}"
        r"|indiqu\w{1,3}|besoin|demand\w{1,6}",
        never=r"(?:jamais|personne|ne|n')(?:\s+(?:ne|vous|nous|pas))*\s*(?:demand\w+|communiqu\w+|donn\w+|envoy\w+)(?:\s+jamais"
        r"|\s+pas)?",
        equals=r"est",
    ),
    Language(
        secret=r"contraseñas?|clave|código de (?:seguridad|verificación|recuperación)",
        ask=r"env[ií]\w{1,4}|respond\w{1,3}|d[ée]\w{0,3}nos|comuni\w{2,6}|facilit\w{1,4}|confirm\w{1,4}|introduz\w{1,3}"
        r"|indi\w{2,5}|necesitamos|ped\w{1,6}|pid\w{1,4}",
        never=r"(?:nunca|nadie|jamás|no)(?:\s+(?:le|te|se|nos|la))*\s+(?:ped\w+|pid\w+|env\w+|comuni\w+|solicit\w+)",
        equals=r"es",
    ),
    Language(
        secret=r"password|parola d'ordine|codice di (?:sicurezza|verifica|recupero)",
        ask=r"invi\w{1,4}|rispond\w{1,4}|comunic\w{1,5}|forni\w{2,5}|conferm\w{1,4}|inseri\w{1,4}|indic\w{1,4}"
        r"|abbiamo bisogno|chied\w{1,6}",
        never=r"(?:mai|nessuno|non)(?:\s+(?:vi|ti|le|ci|la|le))*\s+(?:chied\w+|invi\w+|comunic\w+)(?:\s+mai)?",
        equals=r"è",
    ),
)

_GAP = r"(?:\W{1,5}\w{1,30}){0,9}?\W{1,5}"
_SENTENCE_END = re.compile(r"[.!?\u3002](?=\s|$)|\n\s*\n")


@dataclass(frozen=True, slots=True)
class _Patterns:
    asks: re.Pattern[str]
    never: re.Pattern[str]
    shows: re.Pattern[str]


def _compiled(words: Language) -> _Patterns:
    secret, ask = rf"\b(?:{words.secret})\b", rf"\b(?:{words.ask})\b"
    back = r"\b(?:reply|replying|send it|give it|e-?mail it|tell us|to us|an uns|nous|nosotros|a noi)\b"
    return _Patterns(
        asks=re.compile(rf"{ask}{_GAP}{secret}|{secret}{_GAP}{back}", re.IGNORECASE),
        never=re.compile(rf"\b(?:{words.never})\b[^,;:()\u2013\u2014]{{0,200}}", re.IGNORECASE),
        shows=re.compile(
            rf"{secret}[ \t]*(?:(?:{words.equals})[ \t]*)?[:=][ \t]*\S"
            rf"|{secret}[ \t]+(?:{words.equals})[ \t]+[\"'\u201c\u201e\u00ab]",
            re.IGNORECASE,
        ),
    )


_PATTERNS = tuple(_compiled(words) for words in LANGUAGES)
_BUT = re.compile(r"\b(?:but|and|so|instead|just|sondern|und|aber|mais|et|pero|sino|y|ma|e)\b", re.IGNORECASE)


_ASCII_UNSEEN = {code: None for code in (*range(32), 127) if chr(code) not in "\n\t"}


def visible(text: str) -> str:
    """Text as a reader sees it: one form of each letter, nothing that takes no room; pure."""
    if text.isascii():
        return text.translate(_ASCII_UNSEEN)
    seen = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return "".join(char for char in seen if char in "\n\t" or unicodedata.category(char) not in ("Cf", "Cc"))


def asks_for_secret(text: str) -> bool:
    """Whether a sentence asks for a password or a code; pure."""
    for sentence in _SENTENCE_END.split(visible(text)):
        flat = " ".join(sentence.split())
        if any(patterns.asks.search(_without_refusals(patterns, flat)) for patterns in _PATTERNS):
            return True
    return False


def _without_refusals(patterns: _Patterns, sentence: str) -> str:
    """The sentence without "we never ask for ...", up to where the clause ends or turns."""

    def kept(found: re.Match[str]) -> str:
        turn = _BUT.search(found.group())
        return "" if turn is None else found.group()[turn.start() :]

    return patterns.never.sub(kept, sentence)


def shows_secret(text: str) -> bool:
    """Whether a line shows a password or a code, as in "Password: x"; pure."""
    return any(patterns.shows.search(line) for line in visible(text).split("\n") for patterns in _PATTERNS)
